package keydesk

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/store"
)

// TestCommandsOfSuccessionWork: what is told after a succession is typed as it stands, where GnuPG was never
// used. git then has one more commit, signed with the old key, that holds all that was written.
func TestCommandsOfSuccessionWork(t *testing.T) {
	ctx := context.Background()
	keystest.Peer(t, "git")
	gnupg := filepath.Join(keystest.GnuPGHome(t), "h")
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", gnupg, "--kill", "all").Run() })
	home, dir := t.TempDir(), t.TempDir()
	environ := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "GNUPGHOME="+gnupg)
	w, err := Open(ctx, Options{
		Home: filepath.Join(t.TempDir(), "home"), NoKeychain: true,
		Env: func(string) string { return "" }, Environ: environ, Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	sh := func(command string) string {
		t.Helper()
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir, cmd.Env = dir, environ
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for _, name := range []string{"old", "new"} {
		if _, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: name + "@example.org", Algorithm: store.AlgorithmEd25519}); err != nil {
			t.Fatal(err)
		}
	}
	public, err := w.Store.ExportPublic(ctx, keys.ParseSelector("old@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "KEYS"), public, 0o600); err != nil {
		t.Fatal(err)
	}
	sh("git init -q . && git config user.name Ada && git config user.email ada@example.org && git add KEYS && git commit -qm one && mkdir sub")
	p := SucceedParams{Old: keys.ParseSelector("old@example.org"), New: keys.ParseSelector("new@example.org"), StatementFile: filepath.Join(dir, "a statement.txt")}
	done, err := w.CarryOutSuccession(ctx, filepath.Join(dir, "sub"), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	to, ok := strings.CutPrefix(done.Commit[0], "bulla keys to-gnupg ")
	if !ok || len(done.Commit) != 3 {
		t.Fatalf("%q", done.Commit)
	}
	if _, err := w.ToGnuPG(ctx, keys.ParseSelector(to), nil); err != nil {
		t.Fatal(err)
	}
	sh(strings.Join(done.Commit[1:], " && "))
	if got := sh("git status --porcelain"); got != "" {
		t.Errorf("not committed: %s", got)
	}
	if got, want := sh("git log -1 --format=%GP --name-only"), string(done.Old.Fingerprint)+"\n\nKEYS\na statement.txt\na statement.txt.asc"; got != want {
		t.Errorf("committed\n%s\nwant\n%s", got, want)
	}

	p.StatementFile, p.Old, p.New = filepath.Join(t.TempDir(), "s"), p.New, p.Old
	if done, err = w.CarryOutSuccession(ctx, "", p, nil); err != nil || done.Commit != nil {
		t.Errorf("outside of a repository: %q, %v", done.Commit, err)
	}
}
