package workflow

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// A source archive among the artifacts is held against the tag; a difference is told and stops
// nothing.
func TestWalkComparesSourceArchives(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(b *bench, path string)
		words string
	}{
		{"the same", func(b *bench, path string) { b.git("-C", b.repo, "archive", "--prefix=w/", "-o", path, "HEAD") }, "widget-1.0.0.tar.gz holds what the tag holds"},
		{"another", func(b *bench, path string) {
			extra := b.write("dist/evil.m4", "evil")
			b.git("-C", b.repo, "archive", "--prefix=w/", "--add-file="+extra, "-o", path, "HEAD")
		}, "note: widget-1.0.0.tar.gz differs from the tag in 1 place"},
		{"none", func(*bench, string) {}, "widget-1.0.0.tar.gz was not compared with the tag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.make(b, filepath.Join(b.repo, "dist", "widget-1.0.0.tar.gz"))
			s := b.session()
			plan, err := s.Plan(context.Background(), b.choices())
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			res, err := s.Run(context.Background(), plan, Face{Ask: answer, Emit: func(e Event) {
				if done, ok := e.(StepDone); ok && done.Step == StepCheck {
					said = done.Text
				}
			}})
			if err != nil || !res.Good() || !strings.Contains(said, c.words) {
				t.Errorf("%q, want %q; %v", said, c.words, err)
			}
		})
	}
}

func TestIsSourceArchive(t *testing.T) {
	for name, want := range map[string]bool{
		"widget-1.0.tar.gz": true, "widget-1.0.zip": true, "widget-1.0-src.tar.xz": true, "widget-1.0.tar": true,
		"widget-1.0-linux-amd64.tar.gz": false, "widget-1.0.1.tar.gz": false, "other-1.0.tar.gz": false, "widget-1.0.tar.gz.sha256": false, "widget-1.0.deb": false,
	} {
		if got := isSourceArchive(name, "acme/widget", "1.0"); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
