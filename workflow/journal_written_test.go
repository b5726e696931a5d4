package workflow

import (
	"slices"
	"testing"
	"time"
)

// The digests of what was written grow with the journal, and go with it.
func TestJournalWritten(t *testing.T) {
	j, err := lockJournal(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	check := func(path string, want ...string) {
		t.Helper()
		if got := j.written()[path]; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if err := j.begin(&Plan{Tag: "v1"}, nil); err != nil {
		t.Fatal(err)
	}
	check("a")
	for _, digest := range []string{"1", "2"} {
		if err := j.writing("a", digest); err != nil {
			t.Fatal(err)
		}
		check("b")
	}
	check("a", "1", "2")
	if err := j.archive(entryComplete, ""); err != nil {
		t.Fatal(err)
	}
	check("a")
}

// What taking back a release of many files asks for each of them.
func BenchmarkJournalWritten(b *testing.B) {
	j := &journal{}
	for range 10_000 {
		j.entries = append(j.entries, entry{Type: entryWriting, Path: "dist/file", SHA256: "1"})
	}
	for b.Loop() {
		j.written()
	}
}
