package keydesk

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/store"
	"bulla/workflow/policy"
	"bulla/workflow/project"
)

// succeeded is a repository with a policy, its keyring and a KEYS file, and a key that gave way to
// another.
func succeeded(t *testing.T) (w *Places, home, dir, public string, done Succession) {
	t.Helper()
	ctx := context.Background()
	w, home = gnupgWorld(t)
	for _, name := range []string{"old", "new"} {
		if _, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: name + "@example.org", Algorithm: store.AlgorithmEd25519, Lifetime: 800 * 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	dir = t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := w.Store.ExportPublic(ctx, keys.ParseSelector("old@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	done, err = w.Succeed(ctx, SucceedParams{Old: keys.ParseSelector("old@example.org"), New: keys.ParseSelector("new@example.org"), Retire: 90 * 24 * time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w, home, dir, string(data), done
}

// TestSuccessionFiles: the policy, its keyring and KEYS get the new key, the rest of each file stays
// to the byte, gpg reads the files, a second time nothing is to be done, and what was changed
// meanwhile is left alone.
func TestSuccessionFiles(t *testing.T) {
	ctx := context.Background()
	w, home, dir, public, done := succeeded(t)
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(path string) string {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	config := "# ours\n[release]\ntag = \"v{version}\"\n\n[policy]\nkeyring = \".bulla/keys.asc\"\n\n[[policy.signer]]\nname = \"Ada\"\nkeys = [\"" + string(done.Old.Fingerprint) + "\"]\nsigns = [\"tag\", \"image\"]\n"
	prose := "The keys of this project.\n\n"
	toml, ring, file := write(project.ConfigName, config), write(".bulla/keys.asc", public), write("KEYS", prose+public)
	changes, err := w.SuccessionFiles(ctx, filepath.Join(dir, ".bulla"), done)
	if err != nil || len(changes) != 3 {
		t.Fatal(changes, err)
	}
	if read(toml) != config || read(file) != prose+public {
		t.Error("something was written before it was asked for")
	}
	write("KEYS", prose+"Changed meanwhile.\n"+public)
	var changed *ChangedFileError
	if n, err := w.WriteChanges(ctx, changes); n != 2 || !errors.As(err, &changed) || changed.Path != file {
		t.Errorf("%d written, %v", n, err)
	}
	if changes, err = w.SuccessionFiles(ctx, dir, done); err != nil || len(changes) != 1 {
		t.Fatal(changes, err)
	}
	if n, err := w.WriteChanges(ctx, changes); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	got := read(toml)
	if !strings.HasPrefix(got, config) {
		t.Errorf("what was there changed:\n%s", got)
	}
	p, err := policy.Parse([]byte(got))
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Signers[len(p.Signers)-1]; len(p.Signers) != 2 || s.Keys[0] != done.New.Fingerprint || len(s.Signs) != 2 || s.Signs[1] != keys.KindImage || s.From.IsZero() {
		t.Errorf("%+v", p.Signers)
	}
	if info, err := os.Stat(toml); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if !strings.HasPrefix(read(file), prose+"Changed meanwhile.\n") {
		t.Error(read(file))
	}
	for _, path := range []string{ring, file} {
		out, errOut, err := keystest.GPG(t, home, []byte(read(path)), "--with-colons", "--show-keys")
		if err != nil || strings.Count("\n"+out, "\npub:") != 2 {
			t.Errorf("gpg reads of %s: %v\n%s%s", path, err, out, errOut)
		}
		k, err := keys.ReadKeyring([]byte(read(path)), keys.SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		if old, _ := k.Describe(done.Old.Fingerprint, w.Now()); !old.Expires.Equal(done.Old.Expires) {
			t.Errorf("%s: the old key expires %v, not %v", path, old.Expires, done.Old.Expires)
		}
		if bytes.Contains([]byte(read(path)), []byte("PRIVATE")) {
			t.Error("a secret key was written")
		}
	}
	if changes, err := w.SuccessionFiles(ctx, dir, done); err != nil || len(changes) != 0 {
		t.Errorf("again: %v, %v", changes, err)
	}
	if changes, err := w.SuccessionFiles(ctx, t.TempDir(), done); err != nil || len(changes) != 0 {
		t.Errorf("outside of a repository: %v, %v", changes, err)
	}
}
