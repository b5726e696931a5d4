package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulla/keys/keystest"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/record"
	"bulla/workflow/sandbox"
)

// job is a check in CI: a clone that another user made, no terminal, no configuration of git or
// GnuPG, a home that cannot be written to. Where the tests are root's, it is nobody's.
type job struct {
	t                          *testing.T
	program, dir, home, traces string
}

func newJob(t *testing.T) *job {
	t.Helper()
	// t.TempDir is closed to other users.
	top, err := os.MkdirTemp("", "bulla-job-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	j := &job{t: t, program: filepath.Join(top, "bulla"), dir: filepath.Join(top, "lantern"), home: filepath.Join(top, "home"), traces: filepath.Join(top, "traces")}
	if out, err := exec.Command("go", "build", "-o", j.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, v := range []string{"HOME", "XDG_CONFIG_HOME", "GNUPGHOME"} {
		t.Setenv(v, filepath.Join(t.TempDir(), "nothing"))
	}
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	ctx := context.Background()
	b, err := sandbox.New(ctx, sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() }) // the registry with the release's image
	res, err := b.Release(ctx, b.Choices(), func(workflow.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if out, _, err := keystest.Run(t, nil, nil, keystest.Peer(t, "git"), "clone", "-q", "--no-local", b.Dir(), j.dir); err != nil {
		t.Fatal(err, out)
	}
	public, err := os.ReadFile(b.PublicKeyFile())
	if err = errors.Join(err, os.WriteFile(filepath.Join(top, "KEYS"), public, 0o644),
		os.CopyFS(filepath.Join(j.dir, "dist"), os.DirFS(filepath.Dir(res.Record))),
		os.CopyFS(filepath.Join(j.dir, "changed"), os.DirFS(filepath.Dir(res.Record))),
		os.WriteFile(filepath.Join(j.dir, "changed", res.Files[0].Base()), []byte("evil"), 0o644),
		os.Mkdir(j.home, 0o555), os.Mkdir(j.traces, 0o700), os.Chmod(top, 0o755)); err != nil {
		t.Fatal(err)
	}
	return j
}

// run runs the program under strace, which writes down every connection that is tried.
func (j *job) run(args ...string) (code int, said string, connections []string) {
	j.t.Helper()
	trace := filepath.Join(j.traces, "connect")
	watch := []string{"-f", "-qq", "-e", "trace=connect,sendto", "-o", trace}
	if os.Geteuid() == 0 {
		watch = append(watch, "-u", "nobody")
	}
	cmd := exec.Command(keystest.Peer(j.t, "strace"), append(append(watch, j.program), args...)...)
	cmd.Dir = j.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + j.home}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no controlling terminal
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		j.t.Fatal(err)
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		j.t.Fatalf("strace wrote nothing: %v\n%s", err, out)
	}
	_ = os.Remove(trace)
	for l := range strings.Lines(string(data)) {
		if strings.Contains(l, "AF_INET") {
			connections = append(connections, l)
		}
	}
	if entries, err := os.ReadDir(j.home); err != nil || len(entries) > 0 {
		j.t.Errorf("bulla %v wrote to the home: %v, %v", args, entries, err)
	}
	return cmd.ProcessState.ExitCode(), string(out), connections
}

// TestUnattended: the check in CI needs nothing but the program, the clone and the keys, asks nobody
// on the network, and ends with a code that tells good, bad and missing apart.
func TestUnattended(t *testing.T) {
	j := newJob(t)
	record, changed := filepath.Join("dist", record.Name), filepath.Join("changed", record.Name)
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
		asks bool // the registry of the image that the record binds
	}{
		{"a release", []string{"verify", "--keys", "../KEYS", "--only-keys", record}, explain.CodeOK, "all pass", true},
		{"with every key that might be there", []string{"verify", "--keys", "../KEYS", "v1.0.0", "dist"}, explain.CodeOK, "all pass", true},
		{"offline", []string{"verify", "--keys", "../KEYS", "--offline", record}, explain.CodeUnchecked, "6 good, 1 not-checked", false},
		{"a policy is looked for in a repository of another user", []string{"verify", "--keys", "../KEYS", "--commits", "v1.0.0..v1.0.0"}, explain.CodeUnchecked, "no commits", false},
		{"the history", []string{"log", "--keys", "../KEYS"}, explain.CodeOK, "v1.0.0", false},
		{"a missing key", []string{"verify", record}, explain.CodeUnchecked, "hint: the public key", false},
		{"a changed file", []string{"verify", "--keys", "../KEYS", changed}, explain.CodeFailed, "bad ", true},
		{"both", []string{"verify", changed}, explain.CodeFailed, "unknown-key", false},
		{"an unsigned commit", []string{"verify", "--keys", "../KEYS", "commit:HEAD"}, explain.CodeFailed, "unsigned", false},
		{"nothing of that name", []string{"verify", "v9.9.9"}, explain.CodeUsage, "no file, tag, commit", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			j.t = t
			code, said, connections := j.run(c.args...)
			if code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit %d, want %d and %q\n%s", code, c.code, c.says, said)
			}
			onLoopback(t, connections)
			if (len(connections) > 0) != c.asks {
				t.Errorf("it asked %q", connections)
			}
		})
	}
	t.Run("asked for", func(t *testing.T) { // the watch sees what there is to see
		j.t = t
		code, said, connections := j.run("verify", "image:127.0.0.1:1/lantern:1.0.0")
		if code != explain.CodeUnchecked || len(connections) == 0 {
			t.Errorf("exit %d, connections %v\n%s", code, connections, said)
		}
		onLoopback(t, connections)
	})
}

func onLoopback(t *testing.T, connections []string) {
	t.Helper()
	for _, l := range connections {
		if !strings.Contains(l, `inet_addr("127.`) && !strings.Contains(l, `"::1"`) {
			t.Errorf("it asked somebody else: %s", l)
		}
	}
}
