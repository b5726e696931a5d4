package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
)

// logRepository is a repository with three tags of three kinds, a day apart.
func logRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git := func(day int, args ...string) {
		t.Helper()
		cmd := exec.Command(keystest.Peer(t, "git"), append([]string{"-C", dir}, args...)...)
		date := fmt.Sprintf("2026-01-%02dT12:00:00Z", day)
		cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org",
			"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git(1, "init", "-q")
	git(1, "commit", "-q", "--allow-empty", "-m", "Begin")
	git(1, "tag", "oldest")
	git(2, "tag", "-m", "not signed", "middle")
	git(3, "commit", "-q", "--allow-empty", "-m", "Go on")
	git(3, "tag", "-m", "not signed either\n\n\x1b[2Jgpg: Good signature", "newest")
	return dir
}

func runLog(t *testing.T, dir, home string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"BULLA_HOME": home, "HOME": home, "GNUPGHOME": filepath.Join(home, "none"), "PATH": os.Getenv("PATH")}
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	code = Run(context.Background(), Env{
		Args: append([]string{"log"}, args...), Stdout: &out, Stderr: &errs, Dir: dir, Environ: environ,
		Getenv: func(name string) string { return env[name] }, Now: time.Now, Rand: rand.Reader, Version: "test",
	})
	return out.String(), errs.String(), code
}

// TestLog prints a line for each tag, newest first, twice the same, and exits 0 whatever the
// verdicts are.
func TestLog(t *testing.T) {
	home := t.TempDir()
	t.Setenv("GNUPGHOME", filepath.Join(home, "none"))
	dir := logRepository(t)
	first := ""
	for range 2 {
		out, errs, code := runLog(t, dir, home, "--json")
		if code != 0 || errs != "" {
			t.Fatalf("exit %d: %s", code, errs)
		}
		var order []string
		for l := range strings.Lines(out) {
			var v verdictJSON
			if err := json.Unmarshal([]byte(l), &v); err != nil {
				t.Fatal(err)
			}
			order = append(order, v.Target+" "+string(v.Kind)+" "+string(v.Status))
		}
		if got := strings.Join(order, ", "); got != "newest tag unsigned, middle tag unsigned, oldest tag unsigned" {
			t.Errorf("%s", got)
		}
		if first == "" {
			first = out
		}
		if out != first {
			t.Errorf("another answer the second time:\n%s", out)
		}
	}
	out, _, code := runLog(t, dir, home, "--all")
	if code != 0 || strings.Count(out, "unsigned     commit ") != 3 || strings.ContainsRune(out, 0x1b) {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestLogRefuses(t *testing.T) {
	home := t.TempDir()
	t.Setenv("GNUPGHOME", filepath.Join(home, "none"))
	if _, errs, code := runLog(t, home, home); code != 2 || !strings.Contains(errs, "not a git repository") {
		t.Errorf("outside of a repository: exit %d: %s", code, errs)
	}
}
