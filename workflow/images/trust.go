package images

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/workflow/policy"
)

// ContentTrust reads the trust data of repositories: Docker Content Trust.
type ContentTrust interface {
	// Read gives what is signed in a repository, verified from one of the roots on; without roots
	// from one that is pinned in another way, or from the first one that is shown where firstUse
	// allows that, else it is ErrNoRoot. nil without an error says that the server has no trust
	// data for the repository.
	Read(ctx context.Context, repo docker.Repository, roots []string, server string, firstUse bool) (TrustData, error)
}

// TrustData is what is signed in one repository.
type TrustData interface {
	// Digest is what a tag was signed over.
	Digest(tag string) (digest string, ok bool)
	// Tags are the tags that are signed.
	Tags() []string
	// Judge judges the tag that an image was resolved from: one verdict for each signer, or one
	// that is not good.
	Judge(docker.Image) []keys.Verdict
}

// UntrustedError is what a ContentTrust ends in where trust data is there and must not be trusted:
// it is expired, older than what was seen before, badly signed, or under another root. Every other
// error says that it could not be checked.
type UntrustedError struct{ Err error }

// Error says what is wrong with the trust data, in words that follow a colon.
func (e *UntrustedError) Error() string {
	var bad *dct.MetadataError
	if errors.As(e.Err, &bad) {
		return bad.Why()
	}
	return e.Err.Error()
}

// Unwrap gives the error of the trust data.
func (e *UntrustedError) Unwrap() error { return e.Err }

// Options say what is asked besides the registry.
type Options struct {
	// Trust is asked for Content Trust's signatures, where there is a root to begin with; nil asks
	// nobody.
	Trust ContentTrust
	// By, Roots and TrustServer go before the policy's rule where they are given.
	By          []policy.System
	Roots       []string
	TrustServer string
	// FirstUse trusts whatever root the trust server shows first. No policy allows that.
	FirstUse bool
}

// readTrust asks the trust server, where there is a root to begin with.
func (s *Survey) readTrust(ctx context.Context) {
	o, wanted := s.options, s.rule.Wants(policy.SystemContentTrust)
	switch {
	case o.Trust != nil:
		s.trust, s.trustErr = o.Trust.Read(ctx, s.repository, s.rule.Roots, s.rule.TrustServer, o.FirstUse)
	case len(s.rule.Roots) == 0 && !o.FirstUse:
		s.trustErr = ErrNoRoot
	default:
		s.trustErr = errNotAsked
	}
	if !wanted && (errors.Is(s.trustErr, ErrNoRoot) || errors.Is(s.trustErr, errNotAsked)) {
		s.trustErr = nil // nobody asked for it
	}
}

// ErrNoRoot says that Content Trust is to vouch and no root is named by which it could.
var ErrNoRoot = errors.New("no root is named that the trust data must be signed by")

var errNotAsked = errors.New("the trust server was not asked")

// judgeCosign turns what lies beside an image into verdicts, and lets the policy decide on them.
func (s *Survey) judgeCosign(t *Tag) {
	target := t.Reference.String()
	if t.Err != nil {
		t.cosign = []keys.Verdict{keys.NotChecked(keys.KindImage, target, reason(t.Err))}
		return
	}
	t.cosign = s.decideCosign(t.Cosign.Verdicts(target), t.Image.Digest)
}

// judge turns what was found about a tag into verdicts, and lets the policy decide on them. Where a
// trust server was asked in vain, what nothing else vouches for is not known to be unsigned.
func (s *Survey) judge(t *Tag) {
	if s.judgeCosign(t); t.Err != nil {
		return
	}
	target := t.Reference.String()
	t.TrustErr = s.trustErr
	wanted := s.rule.Wants(policy.SystemContentTrust)
	switch {
	case t.Reference.Tag() == "":
		if wanted { // Content Trust signs names
			t.trust = []keys.Verdict{keys.Unsigned(keys.KindImage, target, "Content Trust signs tags, and the image is named by its digest alone.")}
		}
	case s.trustErr != nil:
		if wanted || !slices.ContainsFunc(t.cosign, func(v keys.Verdict) bool { return v.OK(false) }) {
			t.trust = []keys.Verdict{trustFailed(target, s.trustErr)}
		}
	case s.trust == nil:
		if wanted {
			t.trust = []keys.Verdict{keys.Unsigned(keys.KindImage, target, "The trust server has no data for this repository.")}
		}
	default:
		s.judgeTrust(t, wanted)
	}
}

func trustFailed(target string, err error) keys.Verdict {
	var untrusted *UntrustedError
	if errors.As(err, &untrusted) {
		return keys.Verdict{Kind: keys.KindImage, Target: target, Status: keys.StatusBad, Reason: "The trust data must not be trusted: " + err.Error() + "."}
	}
	return keys.NotChecked(keys.KindImage, target, "Content Trust could not be checked: "+err.Error()+".")
}

// judgeTrust takes over what the trust data says of a tag.
func (s *Survey) judgeTrust(t *Tag, wanted bool) {
	digest, ok := s.trust.Digest(t.Reference.Tag())
	if !ok && !wanted {
		return // nothing was promised, and nothing is there
	}
	x := &Trusted{Digest: digest, Verdicts: slices.Clone(s.trust.Judge(t.Image))}
	for i := range x.Verdicts {
		v := &x.Verdicts[i]
		v.Kind, v.Target = keys.KindImage, t.Reference.String()
		if v.Status.Sound() && s.pinned {
			yes := true
			v.Trusted, v.PolicyReason = &yes, "A root that was named beforehand stands behind it."
		}
	}
	t.Trust, t.trust = x, x.Verdicts
	if ok && digest != t.Image.Digest {
		t.Moved = append(t.Moved, Move{From: digest, System: policy.SystemContentTrust})
	}
}

// decideCosign lets the rule for the repository decide, where it names keys; else the policy.
func (s *Survey) decideCosign(vs []keys.Verdict, digest string) []keys.Verdict {
	if len(s.rule.Keys) == 0 {
		return s.verifier.DecideImage(vs, digest)
	}
	for i := range vs {
		v := &vs[i]
		if v.Signer == nil || v.Status == keys.StatusBad {
			continue
		}
		ok := slices.Contains(s.rule.Keys, v.Signer.Fingerprint)
		v.Trusted = &ok
		v.PolicyReason = fmt.Sprintf("The policy names this key for %s.", s.rule.Repository)
		if !ok {
			v.PolicyReason = fmt.Sprintf("The policy names other keys for %s.", s.rule.Repository)
		}
	}
	return vs
}
