package cli

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/ui/explain"
)

// A source archive is held against the tag, whose own signature counts first.
func TestVerifySource(t *testing.T) {
	p := newProject(t)
	archive := filepath.Join(filepath.Dir(p.keys), "lantern-1.0.0.tar")
	p.git("-C", p.dir, "archive", "--prefix=lantern-1.0.0/", "-o", archive, "v1.0.0")
	code, out, errs := p.verify("--source", archive, "v1.0.0")
	if code != 0 || !strings.HasPrefix(out, "good         tag      v1.0.0") || !strings.Contains(out, "same         source") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	// Without the key the archive is still the tag's, but nobody knows whose the tag is.
	if code, out, _ := p.run("verify", "--source", archive, "v1.0.0"); code != explain.CodeUnchecked || !strings.Contains(out, "same  ") {
		t.Errorf("exit %d\n%s", code, out)
	}
	// Another release is no match.
	if code, out, _ := p.verify("--source", archive, "v0.9.0"); code != explain.CodeFailed || !strings.Contains(out, "differs") {
		t.Errorf("exit %d\n%s", code, out)
	}
	extra := filepath.Join(p.dir, "m4", "evil.m4")
	if err := os.MkdirAll(filepath.Dir(extra), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(extra, []byte("evil"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.git("-C", p.dir, "archive", "--prefix=lantern-1.0.0/", "--add-file="+extra, "-o", archive, "v1.0.0")
	code, out, _ = p.verify("--json", "--source", archive, "v1.0.0")
	var statuses []string
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		var o struct{ Kind, Status, Target string }
		if err := d.Decode(&o); err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, o.Kind+" "+o.Status+" "+filepath.Base(o.Target))
	}
	if got := strings.Join(statuses, ", "); code != explain.CodeFailed || got != "tag good v1.0.0, source added evil.m4, source differs lantern-1.0.0.tar" {
		t.Errorf("exit %d: %s", code, got)
	}
	if code, out, _ := p.verify("--source", archive, "--allow", "*.m4", "v1.0.0"); code != 0 || !strings.Contains(out, "(generated)") {
		t.Errorf("allowed: exit %d\n%s", code, out)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "bulla.toml"), []byte("[release]\ngenerated = [\"evil.*\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := p.verify("--source", archive, "tag:v1.0.0"); code != explain.CodeFailed {
		t.Errorf("allowed by a file that nobody signed: exit %d\n%s%s", code, out, errs)
	}
	// What the tag itself says counts.
	config := filepath.Join(p.dir, "bulla.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	p.git("-C", p.dir, "add", "bulla.toml")
	p.git("-C", p.dir, "commit", "-q", "-m", "What is generated")
	p.git("-C", p.dir, "tag", "v1.0.1")
	later := filepath.Join(filepath.Dir(archive), "lantern-1.0.1.tar")
	p.git("-C", p.dir, "archive", "--prefix=lantern-1.0.1/", "--add-file="+extra, "-o", later, "v1.0.1")
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if _, out, errs := p.verify("--source", later, "v1.0.1"); !strings.Contains(out, "(generated)") {
		t.Errorf("allowed by the tag:\n%s%s", out, errs)
	}
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	_, out, _ = p.verify("--format", "junit", "--source", archive, "v0.9.0")
	var suites junitSuites
	if err := xml.Unmarshal([]byte(out), &suites); err != nil || suites.Suites[0].Failures < 2 || suites.Suites[0].Cases[0].Failure != nil {
		t.Errorf("%v\n%s", err, out)
	}
	lzip := filepath.Join(filepath.Dir(p.keys), "a.tar.lz")
	if err := os.WriteFile(lzip, []byte("LZIP\x01..."), 0o644); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"lzip":          {"--source", lzip, "v1.0.0"},
		"no such tag":   {"--source", archive, "v9"},
		"one archive":   {"--source", archive},
		"is no pattern": {"--source", archive, "--allow", "[", "v1.0.0"},
	} {
		if code, _, errs := p.verify(args...); code != explain.CodeUsage || !strings.Contains(errs, says) {
			t.Errorf("%v: exit %d\n%s", args, code, errs)
		}
	}
}
