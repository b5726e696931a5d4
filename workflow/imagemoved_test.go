package workflow

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// A registry with a list of referrers shows no signature of a digest that no tag names: there the
// record of the release tells that a tag has moved, and by whom it was signed. Without a record that
// may be believed it is said that nobody can know.
func TestMovedByTheRecord(t *testing.T) {
	b := newBench(t)
	reg, key := b.registry()
	repo, err := docker.ParseRepository(reg.Host() + "/demo/app")
	if err != nil {
		t.Fatal(err)
	}
	push := func(tag string) string {
		t.Helper()
		digest, err := reg.PushRandom(t.Context(), "demo/app", tag, 30, false)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	old := push("v1")
	push("other")
	c := b.choices()
	c.Images, c.ImageKey = []string{repo.String() + ":v1"}, key.Path
	record := b.release(c).Record
	now := push("v1")
	tag, err := repo.WithTag("v1")
	if err != nil {
		t.Fatal(err)
	}
	survey := func() map[string]images.Tag {
		t.Helper()
		v, err := NewVerifier(t.Context(), b.world, verify.Options{Dir: b.repo})
		if err != nil {
			t.Fatal(err)
		}
		s, err := images.Open(t.Context(), v, repo, images.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]images.Tag{}
		if err := s.Judge(t.Context(), func(_ int, x images.Tag) { got[x.Reference.Tag()] = x }); err != nil {
			t.Fatal(err)
		}
		one, err := images.Look(t.Context(), v, tag, images.Options{})
		if err != nil || one.Blind != got["v1"].Blind || len(one.Moved) != len(got["v1"].Moved) {
			t.Errorf("one look: %+v, %v", one, err)
		}
		return got
	}
	got := survey()
	if x := got["v1"]; x.Blind || len(x.Moved) != 1 || x.Moved[0].From != old || x.Moved[0].System != policy.SystemCosign || x.Image.Digest != now {
		t.Errorf("the record tells: %+v", x)
	}
	if x := got["other"]; !x.Blind || len(x.Moved) != 0 {
		t.Errorf("nothing tells: %+v", x)
	}
	// The walk of a release says so before it is signed.
	warned := func() (told []string) {
		t.Helper()
		next := c
		next.Version, next.Replace = "1.1.0", true
		b.write("dist/widget-1.1.0.tar.gz", "the next one")
		plan, err := b.session().Plan(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range plan.Findings {
			if f.Rule == RuleImageMoved && f.Severity == finding.Warning && f.Step == StepImage {
				told = append(told, f.Message)
			}
		}
		return told
	}
	if got := warned(); len(got) != 1 || !strings.Contains(got[0], ":v1: It has moved: "+old+" was signed") || !strings.Contains(got[0], now) {
		t.Errorf("preflight tells %q", got)
	}
	// The signature is gone from the registry: the record alone says what was released.
	b.forgetSignatures(repo, old)
	if x := survey()["v1"]; x.Blind || len(x.Moved) != 1 || x.Moved[0].From != old || x.Moved[0].Release != "v1.0.0" || x.Moved[0].System != "" {
		t.Errorf("the record alone: %+v", x)
	}
	if got := warned(); len(got) != 1 || !strings.Contains(got[0], "record of release v1.0.0 names "+old) {
		t.Errorf("preflight tells by the record alone %q", got)
	}
	// A record that somebody has changed says nothing.
	data, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, []byte(strings.ReplaceAll(string(data), old, "sha256:"+strings.Repeat("a", 64))), 0o600); err != nil {
		t.Fatal(err)
	}
	if x := survey()["v1"]; !x.Blind || len(x.Moved) != 0 {
		t.Errorf("a forged record: %+v", x)
	}
	if got := warned(); len(got) != 0 {
		t.Errorf("preflight tells by a forged record %q", got)
	}
}

// forgetSignatures deletes the signatures of a digest from a registry.
func (b *bench) forgetSignatures(repo docker.Repository, digest string) {
	b.t.Helper()
	r, err := cosign.Inspect(b.t.Context(), b.world.Registry.In(repo), digest, nil)
	if err != nil || len(r.Signatures) == 0 {
		b.t.Fatal(r, err)
	}
	for _, s := range r.Signatures {
		req, err := http.NewRequestWithContext(b.t.Context(), http.MethodDelete, "http://"+repo.Registry()+"/v2/"+repo.Path()+"/manifests/"+s.Manifest, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode >= 300 {
			b.t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	}
}
