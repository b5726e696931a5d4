package keydesk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/store"
	"bulla/workflow/finding"
	"bulla/workflow/project"
)

// TestPlanSuccession: what the plan shows is what is written, to the byte where that can be known,
// and nothing is made before; a file that is there is not replaced, and says so before anything is
// certified.
func TestPlanSuccession(t *testing.T) {
	ctx := context.Background()
	w, _ := gnupgWorld(t)
	for _, name := range []string{"old", "new"} {
		if _, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: name + "@example.org", Algorithm: store.AlgorithmEd25519, Lifetime: 800 * 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	keystest.Peer(t, "git")
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	public, err := w.Store.ExportPublic(ctx, keys.ParseSelector("old@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.ownKey(ctx, keys.ParseSelector("old@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	config := "[policy]\nkeyring = \"keys.asc\"\n\n[[policy.signer]]\nname = \"Ada\"\nkeys = [\"" + string(old.Fingerprint) + "\"]\nsigns = [\"tag\"]\n"
	for name, text := range map[string]string{project.ConfigName: config, "keys.asc": string(public), "KEYS": string(public)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := SucceedParams{Old: keys.ParseSelector("old@example.org"), New: keys.ParseSelector("new@example.org"), Retire: 90 * 24 * time.Hour, StatementFile: filepath.Join(t.TempDir(), "statement.txt")}
	d := New(w)
	d.Dir = dir
	plan, err := d.PlanSuccession(ctx, p)
	if err != nil || len(plan.Files) != 3 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if after, err := w.ownKey(ctx, p.Old); err != nil || !after.Expires.Equal(old.Expires) || after.Successor != "" {
		t.Errorf("the plan changed the key: %+v, %v", after, err)
	}

	statement := p.StatementFile
	if err := os.WriteFile(statement+".asc", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if done, err := d.CarryOutSuccession(ctx, p, nil); !errors.Is(err, fs.ErrExist) || done.New.Fingerprint != "" {
		t.Errorf("%+v, %v", done, err)
	}
	if err := os.Remove(statement + ".asc"); err != nil {
		t.Fatal(err)
	}
	done, err := d.CarryOutSuccession(ctx, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{statement, statement + ".asc"}
	for _, f := range plan.Files {
		want = append(want, f.Path)
	}
	if !slices.Equal(done.Written, want) {
		t.Errorf("wrote %q, planned %q", done.Written, want)
	}
	if data, err := os.ReadFile(statement); err != nil || string(data) != string(plan.Statement) {
		t.Errorf("planned\n%s\nwrote\n%s", plan.Statement, data)
	}
	data, err := os.ReadFile(filepath.Join(dir, project.ConfigName))
	if added := planned(plan, project.ConfigName); err != nil || string(data) != config+"\n"+string(added) {
		t.Errorf("planned to add\n%s\nwrote\n%s", added, data)
	}
	if end := done.Old.Expires; end.Sub(plan.Ends).Abs() > time.Minute {
		t.Errorf("ends %s, planned %s", end, plan.Ends)
	}
}

func planned(plan SuccessionPlan, name string) []byte {
	for _, f := range plan.Files {
		if filepath.Base(f.Path) == name {
			return f.Added
		}
	}
	return nil
}

// TestPlanSuccessionRefuses: a key that follows itself, is revoked or expired.
func TestPlanSuccessionRefuses(t *testing.T) {
	ctx := context.Background()
	w, _ := gnupgWorld(t)
	for _, name := range []string{"old", "new"} {
		if _, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: name + "@example.org", Algorithm: store.AlgorithmEd25519, Lifetime: 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	sel := keys.ParseSelector
	var change *store.ChangeError
	if _, err := w.PlanSuccession(ctx, "", SucceedParams{Old: sel("old@example.org"), New: sel("old@example.org")}); !errors.As(err, &change) {
		t.Errorf("itself: %v", err)
	}
	var unusable *keys.UnusableError
	if _, err := w.Store.Revoke(ctx, sel("new@example.org"), store.RevokeParams{Reason: store.ReasonRetired}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.PlanSuccession(ctx, "", SucceedParams{Old: sel("old@example.org"), New: sel("new@example.org")}); !errors.As(err, &unusable) {
		t.Errorf("a revoked one: %v", err)
	}
	var unknown *keys.NotFoundError
	if _, err := w.PlanSuccession(ctx, "", SucceedParams{Old: sel("old@example.org"), New: sel("nobody@example.org")}); !errors.As(err, &unknown) {
		t.Errorf("nobody: %v", err)
	}
}

// TestRetirement: after the day on which a key ends for another, the health check, the list and the
// desk remind of it, with the revocation as what is left to do, and no longer with the advice to extend
// it. Once it is revoked nothing is left.
func TestRetirement(t *testing.T) {
	ctx := context.Background()
	w, _, _, _, done := succeeded(t)
	start := w.Now()
	at := start
	w.Now = func() time.Time { return at }
	w.Store = store.Open(store.Options{Dir: filepath.Join(w.Home, "keys"), Now: func() time.Time { return at }})
	old := string(done.Old.Fingerprint)
	look := func() (found []Finding, rules []finding.Rule, reminded int) {
		t.Helper()
		found, err := w.CheckKeys(ctx, []string{old}, CheckOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			rules = append(rules, f.Rule)
		}
		list, err := w.Store.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return found, rules, len(w.Retired(list))
	}
	if _, rules, n := look(); !slices.Contains(rules, RuleRetiring) || slices.Contains(rules, RuleRetired) || n != 0 {
		t.Errorf("before: %v, %d reminders", rules, n)
	}
	at = start.Add(80 * 24 * time.Hour)
	if _, rules, n := look(); !slices.Contains(rules, RuleRetiring) || slices.Contains(rules, finding.Rule(keys.HealthExpiring)) || n != 0 {
		t.Errorf("shortly before: %v, %d reminders", rules, n)
	}
	at = start.Add(91 * 24 * time.Hour)
	found, rules, n := look()
	if !slices.Contains(rules, RuleRetired) || slices.Contains(rules, finding.Rule(keys.HealthExpired)) || n != 1 {
		t.Errorf("after: %v, %d reminders", rules, n)
	}
	for _, f := range found {
		if f.Rule == RuleRetired && (f.Severity != finding.Warning || !strings.Contains(f.Action, "revoke "+old+" --reason superseded")) {
			t.Errorf("%+v", f)
		}
	}
	if _, err := w.Store.Extend(ctx, keys.ParseSelector(old), store.ExtendParams{Lifetime: 100 * 24 * time.Hour}, nil); err != nil {
		t.Fatal(err)
	}
	found, _, n = look()
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Rule == RuleRetired })
	if i < 0 || n != 1 || !strings.Contains(found[i].Message, "valid still") || !strings.Contains(found[i].Action, "bulla keys extend "+old) {
		t.Errorf("extended since: %+v", found)
	}
	if _, err := w.Store.Revoke(ctx, keys.ParseSelector(old), store.RevokeParams{Reason: store.ReasonSuperseded}, nil); err != nil {
		t.Fatal(err)
	}
	if _, rules, n := look(); slices.Contains(rules, RuleRetired) || n != 0 {
		t.Errorf("revoked: %v, %d reminders", rules, n)
	}
}
