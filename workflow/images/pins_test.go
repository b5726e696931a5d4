package images

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"bulla/docker/cosign"
	"bulla/docker/loopback"
	"bulla/workflow/policy"
)

const (
	rootA = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
	rootB = "70eb123c834fd4d2a591fc9a50f4a6d26598fb64a2f37a845296ebbcceae5e24"
)

func TestReadDaemonPins(t *testing.T) {
	p, err := ReadPins([]byte(`{"debug":true,"content-trust":{"mode":"permissive","allow-expired-cached-trust-data":true,"trust-pinning":{
		"official-library-images":true,"root-keys":{"registry.example.org/app":["`+rootA+`"],"registry.example.org/team/*":["`+rootB+`"],"*":["`+rootB+`"],"registry.example.org/te*":["`+rootB+`"]},"cert-ids":{"registry.example.org/app":["`+rootB+`"]}}}}`), "daemon.json")
	if err != nil || len(p.Rules) != 2 || len(p.Rules[0].Roots) != 2 {
		t.Fatalf("got %+v, %v", p, err)
	}
	if p.Rules[0].Repository != "registry.example.org/app" || p.Rules[0].Roots[1] != rootA || !p.Rules[1].Wants(policy.SystemContentTrust) {
		t.Errorf("got %+v", p.Rules)
	}
	left := strings.Join(p.Left, "\n")
	for _, want := range []string{"official-library-images", "permissive", "expired", "*:", "te*:"} {
		if !strings.Contains(left, want) {
			t.Errorf("nothing is said of %s:\n%s", want, left)
		}
	}
	// What they print is a policy, and comes back.
	var text string
	for _, r := range p.Rules {
		text += r.TOML()
	}
	if _, err := policy.Parse([]byte(text)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	for name, form := range map[string]func([]policy.ImageRule) ([]byte, error){"daemon.json": DaemonJSON, "notary": NotaryConfig} {
		b, err := form(p.Rules)
		if err != nil || !json.Valid(b) {
			t.Fatalf("%s, %v", b, err)
		}
		again, err := ReadPins(b, name)
		if err != nil || len(again.Rules) != 2 || again.Rules[1].Roots[0] != rootB || len(again.Left) != 0 {
			t.Errorf("%s: %+v, %v", name, again, err)
		}
	}
}

func TestReadNotaryPins(t *testing.T) {
	p, err := ReadPins([]byte(`{"trust_dir":"~/.docker/trust","trust_pinning":{"ca":{"docker.com/x":"root.crt"},"certs":{"registry.example.org/app":["`+rootA+`"]}}}`), "config.json")
	if err != nil || len(p.Rules) != 1 || len(p.Left) != 2 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestNoPins(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON": "x", "nothing": `{}`, "a short id": `{"content-trust":{"trust-pinning":{"root-keys":{"a/b":["abcd"]}}}}`, "wrong type": `{"trust_pinning":{"certs":[1]}}`, "too long": strings.Repeat(" ", 1<<20+1),
	} {
		var pins *PinsError
		if p, err := ReadPins([]byte(text), name); !errors.As(err, &pins) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := DaemonJSON([]policy.ImageRule{{Repository: "a/b", By: []policy.System{policy.SystemCosign}}}); err == nil {
		t.Error("a table of nothing")
	}
}

func FuzzReadPins(f *testing.F) {
	f.Add([]byte(`{"content-trust":{"trust-pinning":{"root-keys":{"a/b":["` + rootA + `"]}}}}`))
	f.Add([]byte(`{"trust_pinning":{"certs":{"a/*":["` + rootA + `"]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ReadPins(data, "x")
		if err != nil || len(p.Rules) == 0 {
			return
		}
		var text string
		for _, r := range p.Rules {
			text += r.TOML()
		}
		if _, err := policy.Parse([]byte(text)); err != nil && !strings.Contains(err.Error(), "two rules") && !strings.Contains(err.Error(), "more than") {
			t.Errorf("%v\n%s", err, text)
		}
	})
}

func TestAdmissionRefuses(t *testing.T) {
	pub := newPlace(t, loopback.Start).signer().Public()
	for name, c := range map[string]struct {
		controller Controller
		repository string
		pub        cosign.PublicKey
	}{
		"another controller": {"gatekeeper", "a/b", pub},
		"a tag":              {ControllerKyverno, "a/b:1", pub},
		"YAML":               {ControllerKyverno, "a/b\"]\n- x", pub},
		"no key":             {ControllerKyverno, "a/b", cosign.PublicKey{}},
	} {
		var admission *AdmissionError
		if text, err := Admission(c.controller, c.repository, c.pub); !errors.As(err, &admission) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}
