package images

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
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
	if p.Rules[0].Repository != "registry.example.org/app" || p.Rules[0].Roots[0] != rootB || p.Rules[0].Roots[1] != "key:"+rootA || !p.Rules[1].Wants(policy.SystemContentTrust) {
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
	table, err := policy.Parse([]byte(text))
	if err != nil || len(table.Images) != 2 || table.Images[0].Roots[1] != "key:"+rootA {
		t.Fatalf("%v\n%s", err, text)
	}
	b, notes, err := DaemonJSON(table.Images)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "cert-ids") {
		t.Fatalf("%s, %q, %v", b, notes, err)
	}
	again, err := ReadPins(b, "daemon.json")
	if err != nil || !reflect.DeepEqual(again.Rules, p.Rules) || len(again.Left) != 0 {
		t.Errorf("%+v, %v", again, err)
	}
}

// Ids of certificates and ids of keys do not change places on the way, in either form: an engine that
// finds one where the other belongs refuses every image.
func TestKindsOfRoots(t *testing.T) {
	rules := []policy.ImageRule{
		{Repository: "a.example/x", By: []policy.System{policy.SystemContentTrust}, Roots: []string{rootA}},
		{Repository: "a.example/team/*", By: []policy.System{policy.SystemContentTrust}, Roots: []string{"key:" + rootB}},
		{Repository: "a.example/y", By: []policy.System{policy.SystemCosign}},
	}
	b, notes, err := DaemonJSON(rules)
	want := `{"content-trust":{"mode":"enforced","trust-pinning":{"cert-ids":{"a.example/x":["` + rootA + `"]},"root-keys":{"a.example/team/*":["` + rootB + `"]}}}}`
	if err != nil || len(notes) != 0 || compact(t, b) != want {
		t.Errorf("%s, %q, %v", b, notes, err)
	}
	b, notes, err = NotaryConfig(rules)
	want = `{"trust_pinning":{"certs":{"a.example/x":["` + rootA + `"]},"disable_tofu":true}}`
	if err != nil || len(notes) != 1 || compact(t, b) != want {
		t.Errorf("%s, %q, %v", b, notes, err)
	}
	if b, _, err := NotaryConfig(rules[1:2]); err == nil {
		t.Errorf("a key as a certificate: %s", b)
	}
	rules[1].Roots = []string{rootB}
	if _, notes, err = DaemonJSON(rules); err != nil || len(notes) != 1 {
		t.Errorf("a pattern of certificates: %q, %v", notes, err)
	}
}

func compact(t *testing.T, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
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
	if _, _, err := DaemonJSON([]policy.ImageRule{{Repository: "a/b", By: []policy.System{policy.SystemCosign}}}); err == nil {
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
