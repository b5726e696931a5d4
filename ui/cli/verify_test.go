package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/record"
	"bulla/workflow/sandbox"
)

// project is a practice project with one release, as a CI job finds it: a clone without the
// maintainer's keys, an empty home that cannot be written to, no terminal.
type releasedProject struct {
	t    *testing.T
	dir  string // of the repository
	home string // empty
	keys string // file with the maintainer's public key
	dist string // folder with the files of the release
	git  func(args ...string) string
}

// newProject clones the practice project, so that nothing of the maintainer's is in reach.
func newProject(t *testing.T) *releasedProject {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &releasedProject{t: t, dir: filepath.Join(top, "lantern"), home: filepath.Join(top, "home"), keys: filepath.Join(top, "KEYS"), dist: filepath.Join(top, "dist")}
	t.Setenv("HOME", p.home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(p.home, "config"))
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("GNUPGHOME", filepath.Join(p.home, "gnupg"))
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	p.git = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=Eve", "-c", "user.email=eve@example.org"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	ctx := context.Background()
	b, err := sandbox.New(ctx, sandbox.Options{Now: time.Now, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c := b.Choices()
	c.ImageKey = ""
	res, err := b.Release(ctx, c, func(workflow.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	p.git("clone", "-q", "--no-local", b.Dir(), p.dir)
	p.copy(b.PublicKeyFile(), p.keys)
	if err := os.CopyFS(p.dist, os.DirFS(filepath.Dir(res.Record))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(p.home, 0o555); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *releasedProject) copy(from, to string) {
	p.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// run is bulla in the project, with /dev/null for a terminal. Whatever it does, the home stays
// empty.
func (p *releasedProject) run(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		p.t.Fatal(err)
	}
	defer null.Close()
	var out, errs bytes.Buffer
	code = Run(context.Background(), Env{Args: args, Stdin: null, Stdout: &out, Stderr: &errs, Getenv: os.Getenv, Environ: os.Environ(), Dir: p.dir, Now: time.Now, Rand: rand.Reader})
	entries, err := os.ReadDir(p.home)
	if err != nil || len(entries) > 0 {
		p.t.Errorf("bulla %v wrote to the home: %v, %v", args, entries, err)
	}
	return code, out.String(), errs.String()
}

func (p *releasedProject) verify(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	return p.run(append([]string{"verify", "--keys", p.keys, "--only-keys", "--offline"}, args...)...)
}

func (p *releasedProject) path(name string) string { return filepath.Join(p.dist, name) }

// artifact is the name of one released file.
func (p *releasedProject) artifact() string {
	p.t.Helper()
	var found string
	err := filepath.WalkDir(p.dist, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".tar.gz") {
			found, _ = filepath.Rel(p.dist, path)
		}
		return err
	})
	if err != nil || found == "" {
		p.t.Fatalf("no artifact in %s: %v", p.dist, err)
	}
	return found
}

// In CI: the exit code says whether all is good, something is bad, or a key is missing; bad
// beats missing.
func TestVerifyInCI(t *testing.T) {
	p := newProject(t)
	tar := p.path(p.artifact())
	stranger := filepath.Join(filepath.Dir(p.keys), "stranger")
	p.copy(tar, stranger)
	if err := os.WriteFile(stranger+".asc", []byte(strangersSignature), 0o644); err != nil {
		t.Fatal(err)
	}
	tampered := filepath.Join(filepath.Dir(p.keys), "tampered")
	p.copy(tar, tampered)
	p.copy(tar+".asc", tampered+".asc")
	f, err := os.OpenFile(tampered, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("evil"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string // on one of the two
	}{
		{"a tag", []string{"v1.0.0"}, explain.CodeOK, "good         tag      v1.0.0"},
		{"a folder", []string{p.dist}, explain.CodeUnchecked, "network was not to be used"},
		{"several targets", []string{"v0.9.0", "v1.0.0", p.path("SHA256SUMS"), tar}, explain.CodeOK, "checksum"},
		{"the newest release", nil, explain.CodeOK, "v1.0.0"},
		{"a missing key", []string{stranger}, explain.CodeUnchecked, "--keys FILE adds it"},
		{"a bad signature", []string{tampered}, explain.CodeFailed, "hint: bad: do not use it"},
		{"both", []string{stranger, tampered, "v1.0.0"}, explain.CodeFailed, "unknown-key"},
		{"unsigned commits", []string{"--commits", "v0.9.0..HEAD"}, explain.CodeFailed, "unsigned     commit"},
		{"no commits", []string{"--commits", "HEAD..HEAD"}, explain.CodeUnchecked, "no commits in"},
		{"a target that is nothing", []string{"v9.9.9"}, explain.CodeUsage, "no file, tag, commit"},
		{"an unknown format", []string{"--format", "yaml", "v1.0.0"}, explain.CodeUsage, "no format"},
		{"two formats", []string{"--json", "--format", "junit", "v1.0.0"}, explain.CodeUsage, "exclude"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := p.verify(c.args...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, c.code, c.says, out, errs)
			}
		})
	}
	t.Run("without any key", func(t *testing.T) {
		if code, out, errs := p.run("verify", "v1.0.0"); code != explain.CodeUnchecked {
			t.Errorf("exit %d\n%s%s", code, out, errs)
		}
	})
	t.Run("what to do is said once", func(t *testing.T) {
		if _, _, errs := p.verify(tampered, tampered); strings.Count(errs, "hint: bad: ") != 1 {
			t.Error(errs)
		}
	})
	t.Run("quiet", func(t *testing.T) {
		if code, out, errs := p.verify("--quiet", "v1.0.0"); code != 0 || out+errs != "" {
			t.Errorf("exit %d\n%s%s", code, out, errs)
		}
		if _, out, _ := p.verify("--quiet", "v1.0.0", tampered); strings.Contains(out, "v1.0.0") || !strings.Contains(out, "tampered") {
			t.Errorf("quiet says\n%s", out)
		}
	})
}

// strangersSignature is by a key that nobody here has, over something else.
const strangersSignature = `-----BEGIN PGP SIGNATURE-----

iHUEABYKAB0WIQSMpSFY2QBlC63yNG53oVPpATb4+wUCZ1ZZZgAKCRB3oVPpATb4
+1AAAP9mR1kzK0Gm3nKqgPZz0h5kQ1M6o0x2C5vVx0l7mJ8uBgEA0mYk1l8mXb5H
0h0xk1u2P9bq0Kp3x8m5lq3qVbqZ9wM=
-----END PGP SIGNATURE-----
`

func TestVerifyFormats(t *testing.T) {
	p := newProject(t)
	tar := p.path(p.artifact())
	if err := os.WriteFile(tar, []byte("evil"), 0o644); err != nil {
		t.Fatal(err)
	}
	targets := []string{"v1.0.0", "v0.9.0", tar}
	for _, flag := range [][]string{{"--json"}, {"--format", "json"}} {
		code, out, _ := p.verify(append(flag, targets...)...)
		d := json.NewDecoder(strings.NewReader(out))
		n := 0
		for d.More() {
			var v struct{ Target, Kind, Status string }
			if err := d.Decode(&v); err != nil || v.Status == "" {
				t.Fatalf("%v in %s", err, out)
			}
			n++
		}
		if n != 3 || code != explain.CodeFailed {
			t.Errorf("%v: %d objects, exit %d", flag, n, code)
		}
	}
	code, out, _ := p.verify(append([]string{"--format", "junit"}, targets...)...)
	var suites junitSuites
	if err := xml.Unmarshal([]byte(out), &suites); err != nil || code != explain.CodeFailed {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	if s := suites.Suites[0]; s.Tests != 3 || s.Failures != 1 || s.Errors != 0 || len(s.Cases) != 3 || s.Cases[2].Failure == nil || s.Cases[2].Failure.Type != "bad" {
		t.Errorf("junit: %s", out)
	}
	code, out, _ = p.verify(append([]string{"--format", "github"}, targets...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != explain.CodeFailed || len(lines) != 3 || !strings.HasPrefix(lines[0], "good         2 tags  by ") || lines[2] != "3 checked, 1 failed: 2 good, 1 bad" || !strings.HasPrefix(lines[1], "::error file="+githubProperty(tar)+",title=bulla%3A bad artifact::") {
		t.Errorf("github, exit %d:\n%s", code, out)
	}
	// What a record names is annotated where it lies.
	_, out, _ = p.verify("--format", "github", p.path(record.Name))
	if !strings.Contains(out, "::error file="+githubProperty(tar)+",title=bulla%3A bad artifact::"+filepath.Base(tar)+": ") {
		t.Errorf("github, of a record:\n%s", out)
	}
}

// Text from outside can neither begin a workflow command nor end one early, nor break the XML.
func TestReportIsNotInjected(t *testing.T) {
	evil := "x\n::error::all is well%0A::set-output name=a::b ##[set-env name=PATH]/evil \x1b[2J]]>&<\x00\xff"
	no := false
	r := &report{}
	r.verdicts([]keys.Verdict{
		{Target: evil, Kind: keys.KindArtifact, Status: keys.StatusBad, Reason: evil},
		{Target: evil + "2", Kind: keys.KindArtifact, Status: keys.StatusGood, Reason: evil, Signer: &keys.Signatory{UserIDs: []string{evil}}},
		{Target: "t", Kind: keys.KindTag, Status: keys.StatusGood, Trusted: &no, PolicyReason: evil},
	})
	var out bytes.Buffer
	if err := r.github(&out); err != nil {
		t.Fatal(err)
	}
	if l := defuse("  ::error::x ##[y]"); strings.HasPrefix(strings.TrimSpace(l), "::") || strings.Contains(l, "##[") {
		t.Errorf("a line of text commands: %q", l)
	}
	commands := 0
	for l := range strings.Lines(out.String()) {
		if strings.HasPrefix(strings.TrimSpace(l), "::") {
			commands++
			if !strings.HasPrefix(l, "::error ") || strings.Contains(l, "%0A") {
				t.Errorf("command %q", l)
			}
		}
		if strings.Contains(l, "##[") || strings.ContainsAny(l, "\x1b\x00") {
			t.Errorf("line %q", l)
		}
	}
	if commands != 2 {
		t.Errorf("%d commands in\n%s", commands, out.String())
	}
	out.Reset()
	if err := r.junit(&out); err != nil {
		t.Fatal(err)
	}
	var s junitSuites
	if err := xml.Unmarshal(out.Bytes(), &s); err != nil || len(s.Suites[0].Cases) != 3 || s.Suites[0].Failures != 2 {
		t.Errorf("%v in\n%s", err, out.String())
	}
}

// One good signature carries an image; the report says of the others what they are, and passes.
func TestReportImages(t *testing.T) {
	good := keys.Verdict{Target: "i", Kind: keys.KindImage, Status: keys.StatusGood}
	unknown := keys.Verdict{Target: "i", Kind: keys.KindImage, Status: keys.StatusUnknownKey}
	bad := keys.Verdict{Target: "i", Kind: keys.KindImage, Status: keys.StatusBad}
	for _, c := range []struct {
		list []keys.Verdict
		code int
	}{
		{[]keys.Verdict{unknown, good}, 0}, {[]keys.Verdict{bad, good}, 0}, {[]keys.Verdict{unknown}, 3}, {[]keys.Verdict{unknown, bad}, 1},
	} {
		r := &report{}
		r.verdicts(c.list)
		if r.code() != c.code || r.code() != codeOf(c.list, false) {
			t.Errorf("%v: exit %d, want %d", c.list, r.code(), c.code)
		}
	}
}
