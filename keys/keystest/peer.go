// Package keystest helps tests to call the foreign tools that judge bulla's signatures.
package keystest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// RequirePeers is the environment variable that turns a missing peer from a skip into a
// failure. The project's CI sets it to 1.
const RequirePeers = "BULLA_REQUIRE_PEERS"

// Peer finds a foreign program. If it is missing the test is skipped, or fails where RequirePeers
// is set.
func Peer(t testing.TB, name string) string {
	t.Helper()
	p, ok := LookPeer(name)
	if !ok {
		Missing(t, "peer not installed: "+name)
	}
	return p
}

// LookPeer finds a foreign program: in the folder named by BULLA_PEERS first, then in PATH.
func LookPeer(name string) (path string, ok bool) {
	if dir := os.Getenv("BULLA_PEERS"); dir != "" {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, true
		}
	}
	p, err := exec.LookPath(name)
	return p, err == nil
}

// Missing skips the test with the reason, or fails it where RequirePeers is set.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(RequirePeers) != "" {
		t.Fatalf("%s (%s is set)", reason, RequirePeers)
	}
	t.Skip(reason)
}

// GnuPGHome makes an empty GnuPG home with a path short enough for the agent's socket, and
// stops the agent when the test ends.
func GnuPGHome(t testing.TB) string {
	t.Helper()
	Peer(t, "gpg")
	home, err := os.MkdirTemp("", "bg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	return home
}

// GPG runs gpg --batch in home with stdin and returns stdout and stderr. It does not fail the
// test: the caller judges the error.
func GPG(t testing.TB, home string, stdin []byte, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return Run(t, stdin, []string{"GNUPGHOME=" + home, "LC_ALL=C"}, Peer(t, "gpg"), append([]string{"--batch", "--no-tty", "--homedir", home}, args...)...)
}

// GPGStatus runs gpg --verify and returns its status lines, without the "[GNUPG:] " prefix. gpg
// exits 0 for signatures by expired and revoked keys, so tests judge by these words.
func GPGStatus(t testing.TB, home string, args ...string) []string {
	t.Helper()
	out, _, _ := GPG(t, home, nil, append([]string{"--status-fd", "1", "--verify"}, args...)...)
	var lines []string
	for l := range strings.SplitSeq(out, "\n") {
		if s, ok := strings.CutPrefix(l, "[GNUPG:] "); ok {
			lines = append(lines, s)
		}
	}
	return lines
}

// HasStatus reports whether one of the status lines begins with word.
func HasStatus(lines []string, word string) bool {
	for _, l := range lines {
		if l == word || strings.HasPrefix(l, word+" ") {
			return true
		}
	}
	return false
}

// Run runs a program for at most two minutes with env added to the test's environment.
func Run(t testing.TB, stdin []byte, env []string, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	c.Stdin = bytes.NewReader(stdin)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err = c.Run()
	return o.String(), e.String(), err
}
