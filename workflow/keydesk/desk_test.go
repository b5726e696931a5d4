package keydesk

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/workflow/finding"
)

// surveyed is what a page knows after a survey.
func surveyed(t *testing.T, d *Desk) map[keys.Fingerprint]*State {
	t.Helper()
	all := map[keys.Fingerprint]*State{}
	for _, err := range d.Survey(context.Background(), func(n News) {
		if all[n.Fingerprint] == nil {
			all[n.Fingerprint] = &State{}
		}
		n.Apply(all[n.Fingerprint])
	}) {
		t.Error(err)
	}
	return all
}

func rulesOf(s *State) (out []finding.Rule) {
	for _, f := range s.Findings {
		out = append(out, f.Rule)
	}
	return out
}

// TestKeyDeskSurvey: a key in both places is one, a public key of GnuPG's is seen, copies that
// differ are told apart, and so is what was published before a change.
func TestKeyDeskSurvey(t *testing.T) {
	ctx := context.Background()
	w, home := gnupgWorld(t)
	d := New(w)
	if all := surveyed(t, d); len(all) != 0 {
		t.Fatal(all)
	}
	g, err := d.Generate(ctx, store.GenerateParams{Name: "Ours", Email: "ours@example.org", Algorithm: store.AlgorithmEd25519, Lifetime: 365 * 24 * time.Hour, Passphrase: keys.NewSecret([]byte(testPassphrase))})
	if err != nil {
		t.Fatal(err)
	}
	ours, sel := g.Key.Fingerprint, keys.ParseSelector(string(g.Key.Fingerprint))
	glimpses, err := d.Glimpse(ctx)
	if err != nil || len(glimpses) != 1 || !slices.Equal(glimpses[0].Claims, []string{"Ours <ours@example.org>"}) || !glimpses[0].Secret || glimpses[0].Read {
		t.Fatal(glimpses, err)
	}
	if _, err := d.ToGnuPG(ctx, sel, answer); err != nil {
		t.Fatal(err)
	}
	stranger := keystest.GnuPGHome(t)
	if _, errOut, err := keystest.GPG(t, stranger, nil, "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "Stranger <s@example.org>", "ed25519", "sign", "1y"); err != nil {
		t.Fatal(errOut)
	}
	theirs, _, err := keystest.GPG(t, stranger, nil, "--export")
	if err != nil {
		t.Fatal(err)
	}
	if _, errOut, err := keystest.GPG(t, home, []byte(theirs), "--import"); err != nil {
		t.Fatal(errOut)
	}
	all := surveyed(t, d)
	if len(all) != 2 {
		t.Fatal(all)
	}
	s := all[ours]
	if !s.Read || !s.InStore || !s.InGnuPG || !s.Secret || !s.AgentAsked || len(s.Parts) != 2 || !s.Parts[0].Protected || s.Key.Source != keys.SourceStore || !s.PlacesKnown {
		t.Errorf("%+v", s)
	}
	if r := rulesOf(s); !slices.Contains(r, RuleNotBackedUp) || !slices.Contains(r, RuleNotPublished) || slices.Contains(r, RuleCopiesDiffer) {
		t.Error(r)
	}
	for f, s := range all {
		if f != ours && (s.InStore || !s.InGnuPG || s.Secret || len(s.Parts) != 0 || s.UserID() != "Stranger <s@example.org>" || slices.Contains(rulesOf(s), RuleNotPublished)) {
			t.Errorf("%+v", s)
		}
		if data, err := d.ExportPublicWith(ctx, keys.ParseSelector(string(f)), store.PublicParams{}); err != nil || !bytes.Contains(data, []byte("BEGIN PGP PUBLIC")) {
			t.Errorf("export of %s: %v", f, err)
		}
	}
	file := publish.Target{Kind: publish.KindFile, Where: filepath.Join(t.TempDir(), "KEYS")}
	plan, err := d.PlanPublish(ctx, sel, []publish.Target{file}, publish.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	if rs, err := d.Publish(ctx, plan, PublishFace{}); err != nil || !rs[0].Done() {
		t.Fatal(rs, err)
	}
	if s = surveyed(t, d)[ours]; len(s.Places) != 1 || len(s.Stale) != 0 || slices.Contains(rulesOf(s), RuleNotPublished) {
		t.Errorf("%+v", s)
	}
	if slices.Contains(rulesOf(s), RuleUnshared) {
		t.Error("a file that is in no repository waits for a commit")
	}
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", filepath.Dir(file.Where), "-c", "user.name=A", "-c", "user.email=a@example.org"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	if s = surveyed(t, d)[ours]; !slices.Contains(rulesOf(s), RuleUnshared) || len(s.Unshared) != 1 {
		t.Errorf("in the working tree alone: %v, %+v", rulesOf(s), s.Unshared)
	}
	git("add", "KEYS")
	git("commit", "-qm", "Add the key")
	if s = surveyed(t, d)[ours]; slices.Contains(rulesOf(s), RuleUnshared) || s.Unshared != nil {
		t.Errorf("committed, without a remote: %v", rulesOf(s))
	}
	if _, err := d.Extend(ctx, sel, store.ExtendParams{Lifetime: 800 * 24 * time.Hour}, answer); err != nil {
		t.Fatal(err)
	}
	news, here := d.Look(ctx, ours)
	for _, n := range news {
		n.Apply(s)
	}
	if r := rulesOf(s); !here || !s.Changed || len(s.Stale) != 1 || !slices.Contains(r, RuleStale) || !slices.Contains(r, RuleCopiesDiffer) {
		t.Errorf("here %v, %+v", here, s)
	}
	if s = surveyed(t, d)[ours]; !slices.Contains(rulesOf(s), RuleStale) || !slices.Contains(rulesOf(s), RuleCopiesDiffer) {
		t.Error(rulesOf(s))
	}
	if err := os.WriteFile(filepath.Join(w.Home, "keys", string(ours), "public.pgp"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s = surveyed(t, d)[ours]; s.Err == nil || !s.InStore {
		t.Errorf("%+v", s)
	}
	if err := os.RemoveAll(filepath.Join(w.Home, "keys", string(ours))); err != nil {
		t.Fatal(err)
	}
	if _, here := d.Look(ctx, ours); here {
		t.Error("a key that is gone is said to be here")
	}
}
