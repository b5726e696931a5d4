package dct

import (
	"errors"
	"os"
	"testing"

	"bulla/docker"
	"bulla/keys"
)

// A repository from its first day: no root without a tried backup, a tag signed and judged, moved
// and refused, taken back.
func TestLifeOfARepository(t *testing.T) {
	w := newWorld(t)
	img := w.push("team/app:1")
	r := w.client.Repository(w.gun("team/app"))
	var none *NotInitializedError
	if _, _, err := r.Verify(t.Context(), img, Trust{FirstUse: true}); !errors.As(err, &none) || none.Known {
		t.Fatalf("nothing is there: %v", err)
	}
	if _, err := r.Sign(t.Context(), img, Trust{FirstUse: true}, answer); !errors.As(err, &none) {
		t.Fatalf("signing made a repository: %v", err)
	}
	k, _, err := w.client.Keys().Generate(t.Context(), "root", answer)
	if err != nil {
		t.Fatal(err)
	}
	var custody *CustodyError
	if _, err := r.Initialize(t.Context(), "", Trust{}, answer); !errors.As(err, &custody) || custody.KeyID != k.ID {
		t.Fatalf("a root without a backup: %v", err)
	}
	root := rootKey(t, w.client)
	s, err := r.Initialize(t.Context(), root, Trust{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	trust := pinOf(s)
	if c := s.Root.Certificates[0]; c.KeyID != root || c.Name != r.GUN().String() {
		t.Errorf("root certificate %+v", c)
	}
	var already *InitializedError
	if _, err := r.Initialize(t.Context(), root, Trust{}, answer); !errors.As(err, &already) {
		t.Errorf("initialised twice: %v", err)
	}
	if got := mustSign(t, r, img, trust); got.Existing || !got.Released || got.Tag.Digest != img.Digest || len(got.Roles) != 1 {
		t.Errorf("signed: %+v", got)
	}
	if got := mustSign(t, r, img, trust); !got.Existing {
		t.Errorf("signed again: %+v", got)
	}
	vs, s, err := r.Verify(t.Context(), img, trust)
	if err != nil || len(vs) != 1 || vs[0].Status != keys.StatusGood || s.Offline || s.Rotated {
		t.Fatalf("%+v, %v", vs, err)
	}
	wantSigners(t, s, "1", "the repository key")
	moved := w.push("team/app:1")
	if vs, _, err := r.Verify(t.Context(), moved, trust); err != nil || vs[0].Status != keys.StatusBad {
		t.Errorf("a moved tag: %+v, %v", vs, err)
	}
	if vs, _, err := r.Verify(t.Context(), w.push("team/app:2"), trust); err != nil || vs[0].Status != keys.StatusUnsigned {
		t.Errorf("an unsigned tag: %+v, %v", vs, err)
	}
	if got, err := r.Revoke(t.Context(), "1", trust, answer); err != nil || got.Left != nil {
		t.Errorf("%+v, %v", got, err)
	}
	var unsigned *NotSignedError
	if _, err := r.Revoke(t.Context(), "1", trust, answer); !errors.As(err, &unsigned) {
		t.Errorf("taken back twice: %v", err)
	}
	if vs, _, err := r.Verify(t.Context(), moved, trust); err != nil || vs[0].Status != keys.StatusUnsigned {
		t.Errorf("taken back: %+v, %v", vs, err)
	}
}

// Only tags are signed: an image named by its digest is refused before anything is asked.
func TestNoTagNoSignature(t *testing.T) {
	ref, err := docker.ParseReference("registry.example/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	if err != nil {
		t.Fatal(err)
	}
	r := NewClient(Options{Server: "https://localhost:1"}).Repository(GUNOf(ref))
	var refused *docker.ReferenceError
	img := docker.Image{Reference: ref, Digest: ref.Digest()}
	if _, err := r.Sign(t.Context(), img, Trust{FirstUse: true}, answer); !errors.As(err, &refused) {
		t.Error(err)
	}
	if _, _, err := r.Verify(t.Context(), img, Trust{FirstUse: true}); !errors.As(err, &refused) {
		t.Error(err)
	}
}

func TestGUN(t *testing.T) {
	for in, want := range map[string][2]string{
		"alpine":                     {"docker.io/library/alpine", "https://notary.docker.io"},
		"docker.io/team/app":         {"docker.io/team/app", "https://notary.docker.io"},
		"index.docker.io/team/app":   {"docker.io/team/app", "https://notary.docker.io"},
		"localhost:5000/a/b":         {"localhost:5000/a/b", "https://localhost:5000"},
		"registry.example/app":       {"registry.example/app", "https://registry.example"},
		"registry.example:443/a/b/c": {"registry.example:443/a/b/c", "https://registry.example:443"},
	} {
		g, err := ParseGUN(in)
		if err != nil || g.String() != want[0] || g.Server() != want[1] {
			t.Errorf("%s: %s, %s, %v", in, g, g.Server(), err)
		}
		ref, err := docker.ParseReference(in + ":v1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
		if err != nil || GUNOf(ref).String() != want[0] {
			t.Errorf("%s: %s, %v", in, GUNOf(ref), err)
		}
	}
	for _, in := range []string{"", "app:1", "UPPER/app", "a@b", "https://x/y"} {
		if g, err := ParseGUN(in); err == nil {
			t.Errorf("%q: accepted as %s", in, g)
		}
	}
}

func TestEndings(t *testing.T) {
	if e, ok := EndOf("https://notary.docker.io"); !ok || e.Day.Format("2006-01-02") != "2026-12-08" {
		t.Error(e, ok)
	}
	if e, ok := EndOf("https://team.azurecr.io"); !ok || e.Day.Year() != 2028 {
		t.Error(e, ok)
	}
	if _, ok := EndOf("https://trust.example"); ok {
		t.Error("a private server has an end")
	}
}

// Nothing is ever trusted for being the first: without a pin the error shows what could be
// pinned, and what was trusted on first use once must stay the same.
func TestNoTrustOnFirstUse(t *testing.T) {
	w := newWorld(t)
	img := w.push("team/app:1")
	r, trust := w.initialized("team/app")
	mustSign(t, r, img, trust)
	_, stranger := w.person(w.server.URL)
	theirs := stranger.Repository(r.GUN())
	var unpinned *UnpinnedError
	if _, _, err := theirs.Verify(t.Context(), img, Trust{}); !errors.As(err, &unpinned) {
		t.Fatalf("trusted whatever came: %v", err)
	}
	if len(unpinned.Shown) != 1 || unpinned.Shown[0].ID != trust.Certificates[0] {
		t.Errorf("shown: %+v", unpinned)
	}
	if e, err := os.ReadDir(stranger.stateDir); err != nil || len(e) != 0 {
		t.Errorf("what nobody trusts was remembered: %v, %v", e, err)
	}
	vs, _, err := theirs.Verify(t.Context(), img, Trust{FirstUse: true})
	if err != nil || vs[0].Status != keys.StatusGood {
		t.Errorf("%+v, %v", vs, err)
	}
	wrong := Trust{Certificates: []string{"fd5100000000000000000000000000000000000000000000000000000000dead"}}
	_, _, err = theirs.Verify(t.Context(), img, wrong)
	wantProblem(t, err, ProblemRoot)
}
