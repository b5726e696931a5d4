package images

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/docker/cosign"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/workflow"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// released makes a git repository with the release of demo/app:v1 in it, and returns its folder and
// the record's path.
func (p *place) released() (dir, record string) {
	p.t.Helper()
	p.t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	dir = filepath.Join(p.t.TempDir(), "app")
	for _, args := range [][]string{{"init", "-q", "-b", "main", dir}, {"-C", dir, "config", "user.name", "Rhea"}, {"-C", dir, "config", "user.email", "rhea@example.org"},
		{"-C", dir, "commit", "-q", "--allow-empty", "-m", "Begin"}} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			p.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "dist"), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dist", "app.tar"), []byte("app"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	pass := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte("correct")), nil
	}
	g, err := p.world.Store.Generate(p.t.Context(), store.GenerateParams{Name: "Rhea", Email: "rhea@example.org", Algorithm: "ed25519", Lifetime: 1000 * time.Hour, Passphrase: keys.NewSecret([]byte("correct"))})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.world.GenerateImageKey(p.t.Context(), "release", keys.NewSecret([]byte("correct"))); err != nil {
		p.t.Fatal(err)
	}
	s, err := workflow.Open(p.t.Context(), p.world, dir)
	if err != nil {
		p.t.Fatal(err)
	}
	plan, err := s.Plan(p.t.Context(), workflow.Choices{Version: "1.0.0", Key: string(g.Key.Fingerprint), Artifacts: []string{"dist/*"}, Images: []string{p.host + "/demo/app:v1"}})
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := s.Run(p.t.Context(), plan, workflow.Face{Ask: pass})
	if err != nil || !res.Good() {
		p.t.Fatal(err)
	}
	return dir, res.Record
}

// A registry with a list of referrers shows no signature of a digest that no tag names: there the
// record of the release tells that a tag has moved, and by whom it was signed. Without a record that
// may be believed it is said that nobody can know.
func TestMovedByTheRecord(t *testing.T) {
	p := newPlace(t, loopback.Start)
	old := p.push("v1", false)
	p.push("other", false)
	dir, record := p.released()
	now := p.push("v1", false)
	survey := func() map[string]Tag {
		t.Helper()
		v, err := workflow.NewVerifier(t.Context(), p.world, verify.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), v, p.repository(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Tag{}
		if err := s.Judge(t.Context(), func(_ int, x Tag) { got[x.Reference.Tag()] = x }); err != nil {
			t.Fatal(err)
		}
		one, err := Look(t.Context(), v, now.Reference, Options{})
		if err != nil || one.Blind != got["v1"].Blind || len(one.Moved) != len(got["v1"].Moved) {
			t.Errorf("one look: %+v, %v", one, err)
		}
		return got
	}
	got := survey()
	if x := got["v1"]; x.Blind || len(x.Moved) != 1 || x.Moved[0].From != old.Digest || x.Moved[0].System != policy.SystemCosign || x.Image.Digest != now.Digest {
		t.Errorf("the record tells: %+v", x)
	}
	if x := got["other"]; !x.Blind || len(x.Moved) != 0 {
		t.Errorf("nothing tells: %+v", x)
	}
	// The signature is gone from the registry: the record alone says what was released.
	p.forget(old.Digest)
	if x := survey()["v1"]; x.Blind || len(x.Moved) != 1 || x.Moved[0].From != old.Digest || x.Moved[0].Release != "v1.0.0" || x.Moved[0].System != "" {
		t.Errorf("the record alone: %+v", x)
	}
	// A record that somebody has changed says nothing.
	data, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, []byte(strings.ReplaceAll(string(data), old.Digest, "sha256:"+strings.Repeat("a", 64))), 0o600); err != nil {
		t.Fatal(err)
	}
	if x := survey()["v1"]; !x.Blind || len(x.Moved) != 0 {
		t.Errorf("a forged record: %+v", x)
	}
}

// forget deletes the signatures of a digest.
func (p *place) forget(digest string) {
	p.t.Helper()
	r, err := cosign.Inspect(p.t.Context(), p.world.Registry.In(p.repository()), digest, nil)
	if err != nil || len(r.Signatures) == 0 {
		p.t.Fatal(r, err)
	}
	for _, s := range r.Signatures {
		req, err := http.NewRequestWithContext(p.t.Context(), http.MethodDelete, "http://"+p.host+"/v2/demo/app/manifests/"+s.Manifest, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode >= 300 {
			p.t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	}
}
