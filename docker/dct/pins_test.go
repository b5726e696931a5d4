package dct

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/keys"
)

const (
	idA = "9430d6e31e3b3e240957a1b62bbc2d436aafa33726d0fcb50addbf7e2dfa2168"
	idB = "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"
)

func mustGUN(t *testing.T, s string) GUN {
	t.Helper()
	g, err := ParseGUN(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The forms that users have: notary's configuration and Mirantis' daemon.json.
func TestParsePins(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]Trust
	}{
		"notary": {
			`{"remote_server":{"url":"https://x"},"trust_pinning":{"certs":{"r.example/a":["` + idA + `"],"r.example/team/*":"` + idB + `"},"ca":{"r.example/":"ca.pem","r.example/deep/":"/deep.pem"},"disable_tofu":true}}`,
			map[string]Trust{
				"r.example/a": {Certificates: []string{idA}}, "r.example/team/app": {Certificates: []string{idB}},
				"r.example/deep/app": {CA: "/deep.pem"}, "r.example/b": {CA: "/etc/ca.pem"}, "alpine": {},
			},
		},
		"daemon.json": {
			`{"debug":true,"content-trust":{"mode":"enforced","trust-pinning":{"official-library-images":true,"root-keys":{"r.example/*":["` + idB + `"]},"cert-ids":{"r.example/a":["` + idA + `"]}}}}`,
			map[string]Trust{"r.example/a": {Certificates: []string{idA}}, "r.example/b": {RootKeys: []string{idB}}, "alpine": {}},
		},
		"neither": {`{"debug":true}`, map[string]Trust{"r.example/a": {}}},
	} {
		p, err := ParsePins([]byte(c.text), "/etc/config.json")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for gun, want := range c.want {
			if got := p.For(mustGUN(t, gun)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s: %+v, want %+v", name, gun, got, want)
			}
		}
		if p.Official != (name == "daemon.json") {
			t.Errorf("%s: official %v", name, p.Official)
		}
		path := filepath.Join(t.TempDir(), "pins.json")
		if err := WritePins(path, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again, err := ReadPins(path); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%s: written and read: %+v, %v", name, again, err)
		}
	}
	for name, text := range map[string]string{
		"a short id": `{"trust_pinning":{"certs":{"a":["fd51"]}}}`,
		"none":       `{"content-trust":{"trust-pinning":{"root-keys":{"a":[]}}}}`,
		"a number":   `{"trust_pinning":{"certs":{"a":3}}}`,
		"no JSON":    `trust_pinning:`,
		"too long":   strings.Repeat(" ", maxPins+1),
	} {
		var e *PinsError
		if p, err := ParsePins([]byte(text), "x"); !errors.As(err, &e) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzParsePins(f *testing.F) {
	f.Add([]byte(`{"trust_pinning":{"certs":{"a":["` + idA + `"]},"ca":{"b":"c"}},"content-trust":{"trust-pinning":{"root-keys":{"*":["` + idB + `"]}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePins(b, "/x/y")
		if err != nil {
			return
		}
		text, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParsePins(text, "/x/y"); err != nil || len(again.Certificates) != len(p.Certificates) || len(again.RootKeys) != len(p.RootKeys) || len(again.CAs) != len(p.CAs) {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}

// Pins by the root key serve every repository that it made, from its first root on; the notary
// command reads the file that bulla writes, and refuses what it does not name.
func TestPins(t *testing.T) {
	w := newWorld(t)
	img := w.push("team/app:1")
	r, trust := w.initialized("team/app")
	s := mustSign(t, r, img, trust).State
	byKey := Trust{RootKeys: []string{s.Root.Certificates[0].KeyID}}
	wrongKey := Trust{RootKeys: []string{idB}}
	_, c := w.person(w.server.URL)
	theirs := c.Repository(r.GUN())
	for range 2 { // without a memory, and with one
		if vs, s, err := theirs.Verify(t.Context(), img, byKey); err != nil || vs[0].Status != keys.StatusGood || s.Rotated {
			t.Errorf("%+v, %v", vs, err)
		}
		_, _, err := theirs.Verify(t.Context(), img, wrongKey)
		wantProblem(t, err, ProblemRoot)
	}
	if _, err := r.RotateRoot(t.Context(), rootKey(t, w.client), trust, answer); err != nil {
		t.Fatal(err)
	}
	_, late := w.person(w.server.URL)
	either := func(id string) Trust { return Trust{Certificates: []string{id}, RootKeys: []string{id}} }
	for _, trust := range []Trust{byKey, trust, either(byKey.RootKeys[0]), either(trust.Certificates[0])} {
		if vs, s, err := late.Repository(r.GUN()).Verify(t.Context(), img, trust); err != nil || vs[0].Status != keys.StatusGood || !s.Rotated {
			t.Errorf("%+v, %v", vs, err)
		}
	}
	if err := c.Pin(r.GUN(), certificateIDs(mustRead(t, r, trust))); err != nil {
		t.Fatal(err)
	}
	p, err := c.Pins()
	if err != nil {
		t.Fatal(err)
	}
	if _, s, err := theirs.Verify(t.Context(), img, p.For(r.GUN())); err != nil || s.Rotated {
		t.Errorf("%v", err)
	}
	w.notaryWith(img, c.PinsPath(), true)
	if err := c.Pin(r.GUN(), []string{idA}); err != nil {
		t.Fatal(err)
	}
	w.notaryWith(img, c.PinsPath(), false)
}

// notaryWith runs the notary command with a file of pins as its configuration.
func (w *world) notaryWith(img docker.Image, pins string, ok bool) {
	w.t.Helper()
	_, n := w.strangers()
	out, err := n.Run("-c", pins, "lookup", GUNOf(img.Reference).String(), img.Reference.Tag())
	if (err == nil) != ok {
		w.t.Errorf("notary: %s, %v", out, err)
	}
}

// Unpin takes away what is pinned by the repository's own name, and leaves what is for others too.
func TestUnpin(t *testing.T) {
	c := NewClient(Options{StateDir: t.TempDir(), DockerDir: t.TempDir()})
	defer c.Close()
	app := mustGUN(t, "r.example/team/app")
	if had, err := c.Unpin(app); had || err != nil {
		t.Errorf("nothing there: %v, %v", had, err)
	}
	err := WritePins(c.PinsPath(), Pins{
		Certificates: map[string][]string{"r.example/team/app": {idA}, "r.example/team/*": {idB}}, RootKeys: map[string][]string{"r.example/team/app": {idB}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if had, err := c.Unpin(app); !had || err != nil {
		t.Fatalf("%v, %v", had, err)
	}
	p, err := c.Pins()
	if err != nil || !reflect.DeepEqual(p.For(app), Trust{Certificates: []string{idB}}) {
		t.Errorf("left: %+v, %v", p.For(app), err)
	}
	if had, err := c.Unpin(app); had || err != nil {
		t.Errorf("by a pattern: %v, %v", had, err)
	}
}
