package journal

import (
	"slices"
	"testing"
	"time"
)

// The digests of what was written grow with the journal, and go with it.
func TestWritten(t *testing.T) {
	j, err := Lock[*release](t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	check := func(path string, want ...string) {
		t.Helper()
		if got := j.Written(path); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if err := j.Begin(&release{Tag: "v1"}, nil); err != nil {
		t.Fatal(err)
	}
	check("a")
	for _, digest := range []string{"1", "2"} {
		if err := j.Writing("a", digest); err != nil {
			t.Fatal(err)
		}
		check("b")
	}
	check("a", "1", "2")
	if err := j.Archive(Complete, ""); err != nil {
		t.Fatal(err)
	}
	check("a")
}

// What taking back a release of many files asks for each of them.
func BenchmarkWritten(b *testing.B) {
	j := &Journal[*release]{}
	for range 10_000 {
		j.entries = append(j.entries, Entry[*release]{Kind: Writing, Path: "dist/file", SHA256: "1"})
	}
	for b.Loop() {
		j.Written("dist/other")
	}
}
