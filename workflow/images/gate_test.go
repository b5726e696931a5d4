package images

import (
	"errors"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/workflow/policy"
)

var both = []policy.System{policy.SystemCosign, policy.SystemContentTrust}

func TestGate(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	signed, plain := p.push("signed", false), p.push("plain", false)
	p.sign(signed, s)
	trust := trustServer{tags: map[string]string{"signed": signed.Digest, "plain": plain.Digest}}
	root := []string{strings.Repeat("ab", 32)}
	dct := []policy.System{policy.SystemContentTrust}
	for name, c := range map[string]struct {
		img  docker.Image
		o    Options
		want Outcome
	}{
		"cosign":                           {signed, Options{}, Allowed},
		"unsigned":                         {plain, Options{}, Refused},
		"content trust":                    {plain, Options{By: dct, Trust: trust, Roots: root}, Allowed},
		"content trust, first use":         {plain, Options{By: dct, Trust: trust, FirstUse: true}, Allowed},
		"content trust without a root":     {plain, Options{By: dct, Trust: trust}, Unchecked},
		"content trust and nobody to ask":  {plain, Options{By: dct, Roots: root}, Unchecked},
		"not in the trust data":            {plain, Options{By: dct, Roots: root, Trust: trustServer{tags: map[string]string{"other": plain.Digest}}}, Refused},
		"no trust data":                    {plain, Options{By: dct, Roots: root, Trust: trustServer{}}, Refused},
		"moved":                            {plain, Options{By: dct, Roots: root, Trust: trustServer{tags: map[string]string{"plain": signed.Digest}}}, Refused},
		"the trust server is dead":         {signed, Options{By: dct, Roots: root, Trust: trustServer{err: errors.New("no answer")}}, Unchecked},
		"the trust data is bad":            {signed, Options{By: dct, Roots: root, Trust: trustServer{err: &UntrustedError{errors.New("rollback")}}}, Refused},
		"both":                             {signed, Options{By: both, Roots: root, Trust: trust}, Allowed},
		"both, one is missing":             {plain, Options{By: both, Roots: root, Trust: trust}, Refused},
		"both, the trust server is dead":   {signed, Options{By: both, Roots: root, Trust: trustServer{err: errors.New("no answer")}}, Unchecked},
		"a dead trust server nobody needs": {signed, Options{Roots: root, Trust: trustServer{err: errors.New("no answer")}}, Allowed},
	} {
		d, err := Gate(t.Context(), p.verifier(), c.img.Reference, c.o, false)
		if err != nil || d.Outcome != c.want {
			t.Errorf("%s: %v, %v\n%+v", name, d.Outcome, err, d.Verdicts())
			continue
		}
		if (d.Pull.Digest() == c.img.Digest) != (c.want == Allowed) || d.Pull.Tag() != "" || len(d.Verdicts()) == 0 {
			t.Errorf("%s: pull %s, %+v", name, d.Pull, d.Verdicts())
		}
	}
}

// A refusal tells of a system that signs the image and was not asked for.
func TestGateElsewhere(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	signed, plain := p.push("signed", false), p.push("plain", false)
	p.sign(signed, s)
	trust := trustServer{tags: map[string]string{"plain": plain.Digest}}
	root, dct := []string{strings.Repeat("ab", 32)}, []policy.System{policy.SystemContentTrust}
	for _, c := range []struct {
		img  docker.Image
		by   []policy.System
		want policy.System
	}{{plain, nil, policy.SystemContentTrust}, {plain, dct, ""}, {signed, nil, ""}, {signed, dct, policy.SystemCosign}} {
		d, err := Gate(t.Context(), p.verifier(), c.img.Reference, Options{By: c.by, Roots: root, Trust: trust}, false)
		if err != nil || d.Elsewhere() != c.want {
			t.Errorf("%s by %s: %q, want %q, %v", c.img.Reference.Tag(), c.by, d.Elsewhere(), c.want, err)
		}
	}
}

// Content Trust signs names: a digest alone it cannot vouch for.
func TestGateByDigest(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	img := p.push("signed", false)
	p.sign(img, s)
	ref, err := img.Reference.WithDigest(img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	trust := trustServer{tags: map[string]string{"signed": img.Digest}}
	for _, c := range []struct {
		by   []policy.System
		want Outcome
	}{{nil, Allowed}, {both, Refused}} {
		if d, err := Gate(t.Context(), p.verifier(), ref, Options{By: c.by, Trust: trust, FirstUse: true}, false); err != nil || d.Outcome != c.want {
			t.Errorf("%v: %v, %v", c.by, d.Outcome, err)
		}
	}
}

// Whoever may push puts a forged signature beside a good one: it is told and changes nothing.
func TestGateBesideAForgery(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	img := p.push("signed", false)
	p.sign(img, s)
	p.sign(img, p.signer())
	p.keys = p.keys[:1]
	d, err := Gate(t.Context(), p.verifier(), img.Reference, Options{}, false)
	if err != nil || d.Outcome != Allowed || len(d.Verdicts()) != 2 || d.Verdicts()[1].Status != keys.StatusUnknownKey {
		t.Errorf("%v, %v\n%+v", d.Outcome, err, d.Verdicts())
	}
}
