package keydesk

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/workflow/project"
)

// TestSuccessionKeepsUserIDsBack: nothing that a succession writes has a user id that was never
// published, of the old key or of the new one, or an address that hides another; the plan names what is
// written and what is not, and afterwards the copies in the files count as current.
func TestSuccessionKeepsUserIDsBack(t *testing.T) {
	ctx := context.Background()
	w, home := gnupgWorld(t)
	make := func(email string, also ...string) keys.Key {
		t.Helper()
		g, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: email, Algorithm: store.AlgorithmEd25519, Lifetime: 800 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range also {
			if g.Key, err = w.Store.AddUserID(ctx, keys.ParseSelector(string(g.Key.Fingerprint)), store.AddUserIDParams{Name: "Ada", Email: a}, nil); err != nil {
				t.Fatal(err)
			}
		}
		return g.Key
	}
	old := make("old@example.org", "secret-old@example.org")
	hidden := "77+ada@users.noreply.github.com"
	next := make(hidden, "new@example.org")
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config := "[policy]\nkeyring = \"KEYS\"\n\n[[policy.signer]]\nname = \"Ada\"\nkeys = [\"" + string(old.Fingerprint) + "\"]\nsigns = [\"tag\"]\n"
	file := filepath.Join(dir, "KEYS")
	for path, text := range map[string]string{file: "Keys.\n", filepath.Join(dir, project.ConfigName): config} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sel := func(k keys.Key) keys.Selector { return keys.ParseSelector(string(k.Fingerprint)) }
	plan, err := w.PlanPublish(ctx, sel(old), []publish.Target{{Kind: publish.KindFile, Where: file}}, publish.Choice{UserIDs: []string{"old@example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Publish(ctx, plan, PublishFace{}); err != nil {
		t.Fatal(err)
	}
	p := SucceedParams{Old: sel(old), New: sel(next), Retire: 90 * 24 * time.Hour, StatementFile: filepath.Join(dir, "to packagers.txt")}
	shown, err := w.PlanSuccession(ctx, dir, p)
	if err != nil {
		t.Fatal(err)
	}
	var ring *FileChange
	for i, f := range shown.Files {
		if f.Path == file {
			ring = &shown.Files[i]
		}
	}
	if len(shown.Files) != 2 || ring == nil || len(ring.Keys) != 2 {
		t.Fatalf("%+v", shown.Files)
	}
	want := [2][2][]string{{{"Ada <old@example.org>"}, {"Ada <secret-old@example.org>"}}, {{"Ada <new@example.org>"}, {"Ada <" + hidden + ">"}}}
	for i, k := range ring.Keys {
		if !slices.Equal(k.UserIDs, want[i][0]) || !slices.Equal(k.Kept, want[i][1]) {
			t.Errorf("planned: %q, kept back %q", k.UserIDs, k.Kept)
		}
	}
	done, err := w.CarryOutSuccession(ctx, dir, p, nil)
	if err != nil || len(done.Written) != 4 {
		t.Fatal(done.Written, err)
	}
	for _, path := range done.Written {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out, _, _ := keystest.GPG(t, home, data, "--list-packets"); strings.Contains(string(data)+out, "secret-old@") || strings.Contains(string(data)+out, "noreply") {
			t.Errorf("%s has a user id that was kept back:\n%s\n%s", path, data, out)
		}
	}
	data, _ := os.ReadFile(file)
	out, errs, err := keystest.GPG(t, home, data, "--with-colons", "--show-keys")
	if err != nil || strings.Count("\n"+out, "\npub:") != 2 || strings.Count("\n"+out, "\nuid:") != 2 || !strings.Contains(out, "new@example.org") {
		t.Errorf("gpg reads %v\n%s%s", err, out, errs)
	}
	if !strings.Contains(string(done.Statement), "gpg --verify './to packagers.txt.asc' './to packagers.txt'") {
		t.Errorf("the statement names another file:\n%s", done.Statement)
	}
	for _, k := range []keys.Key{old, next} {
		r, err := w.Published.Read(k.Fingerprint)
		if err != nil || len(r.Entries) != 1 || r.Entries[0].Target != "file:"+file || r.Entries[0].Stage != publish.StageFingerprint {
			t.Fatalf("%+v, %v", r, err)
		}
		if stale, err := w.StalePlaces(ctx, r); err != nil || len(stale) != 0 {
			t.Errorf("%s: the copy that was just written is old: %+v, %v", k.UserID(), stale, err)
		}
	}
}

// TestPublicUserIDs: what was published counts; else what hides nothing, and one at least.
func TestPublicUserIDs(t *testing.T) {
	w, _ := gnupgWorld(t)
	for _, c := range []struct{ all, want []string }{
		{nil, nil},
		{[]string{"A <a@example.org>", "B <b@example.org>"}, []string{"A <a@example.org>", "B <b@example.org>"}},
		{[]string{"A <a@noreply.codeberg.org>", "B <b@example.org>"}, []string{"B <b@example.org>"}},
		{[]string{"A <a@noreply.codeberg.org>", "A <a@users.noreply.github.com>"}, []string{"A <a@noreply.codeberg.org>"}},
	} {
		got, err := w.publicUserIDs(keys.Key{Fingerprint: keys.Fingerprint(strings.Repeat("A", 40)), UserIDs: c.all})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("of %q: %q, %v", c.all, got, err)
		}
	}
}
