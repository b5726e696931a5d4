package cli

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
	"bulla/ui/explain"
)

// TestSucceedAndGit: git signs with the new key only with --git; without it the command says which key
// git goes on with.
func TestSucceedAndGit(t *testing.T) {
	keystest.Peer(t, "git")
	home, dir := t.TempDir(), t.TempDir()
	config := filepath.Join(home, ".gitconfig")
	run := func(args ...string) string {
		t.Helper()
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		var o, e bytes.Buffer
		env := map[string]string{"BULLA_HOME": home, "GNUPGHOME": dir + "/none", "HOME": home, "PATH": os.Getenv("PATH")}
		var environ []string
		for k, v := range env {
			environ = append(environ, k+"="+v)
		}
		if code := Run(t.Context(), Env{
			Args: args, Stdin: null, Stdout: &o, Stderr: &e, Getenv: func(n string) string { return env[n] },
			Environ: environ, Dir: dir, Now: time.Now, Rand: rand.Reader,
		}); code != explain.CodeOK {
			t.Fatalf("%q: %d\n%s", args, code, e.String())
		}
		return e.String()
	}
	for _, name := range []string{"old", "new"} {
		run("keys", "generate", "--name", "Ada", "--email", name+"@example.org", "--no-passphrase")
	}
	if err := os.WriteFile(config, []byte("[user]\n\tsigningKey = old@example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run("keys", "succeed", "old@example.org", "new@example.org", "-o", filepath.Join(dir, "one")); !strings.Contains(out, "git still signs with the old key: git config --global user.signingKey ") {
		t.Errorf("said\n%s", out)
	}
	if data, err := os.ReadFile(config); err != nil || !strings.Contains(string(data), "= old@example.org") {
		t.Errorf("changed unasked: %s, %v", data, err)
	}
	if out := run("keys", "succeed", "old@example.org", "new@example.org", "--git", "-o", filepath.Join(dir, "two")); !strings.Contains(out, "git config --global user.signingKey old@example.org puts back") {
		t.Errorf("said\n%s", out)
	}
	if data, err := os.ReadFile(config); err != nil || strings.Contains(string(data), "old@example.org") {
		t.Errorf("not changed: %s, %v", data, err)
	}
}
