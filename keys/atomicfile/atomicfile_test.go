package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// writer is what one call and a batch have in common.
type writer struct {
	write, create func(path string, data []byte, perm fs.FileMode) error
}

func writers(t *testing.T) map[string]writer {
	t.Helper()
	var b Batch
	t.Cleanup(func() {
		if err := b.Sync(); err != nil {
			t.Error(err)
		}
	})
	return map[string]writer{"alone": {Write, Create}, "batch": {b.Write, b.Create}}
}

func TestCreateReplacesNothing(t *testing.T) {
	for name, w := range writers(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := w.create(path, []byte("first"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := w.create(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
				t.Errorf("second Create: %v", err)
			}
			holds(t, path, "first")
			alone(t, path)
		})
	}
}

func TestWriteReplaces(t *testing.T) {
	for name, w := range writers(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			for _, text := range []string{"first", "second, longer", "3"} {
				if err := w.write(path, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
				holds(t, path, text)
			}
			if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o666 {
				t.Errorf("mode %v, %v; want 0666 whatever the umask", info.Mode(), err)
			}
			alone(t, path)
		})
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Create("file", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	holds(t, "file", "x")
}

// TestFailureLeavesNothing: the name is taken by a folder that is not empty.
func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("x"), 0o600); err == nil {
		t.Error("Write replaced a folder")
	}
	alone(t, path)
	if err := Create(filepath.Join(dir, "absent", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create in a folder that is not there: %v", err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

// alone reports what stands beside path.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside %s: %v, %v", path, entries, err)
	}
}

// TestLinkExclusive is the way of systems and file systems that cannot rename so.
func TestLinkExclusive(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, text := range []string{"first", "second"} {
		if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := linkExclusive(from, to); errors.Is(err, fs.ErrExist) != (text == "second") {
			t.Errorf("%s: %v", text, err)
		}
	}
	holds(t, from, "second")
	holds(t, to, "first")
}

// A name as long as the file system takes is no obstacle, and its leftovers are found.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	for _, base := range []string{strings.Repeat("a", 255), strings.Repeat("ä", 127), strings.Repeat("a", maxStem+1)} {
		path := filepath.Join(dir, base)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Skip("the file system takes no such name: ", err)
		}
		if err := Write(path, []byte("new"), 0o600); err != nil {
			t.Errorf("%d bytes: %v", len(base), err)
		}
		if data, err := os.ReadFile(path); string(data) != "new" {
			t.Errorf("%d bytes: %q, %v", len(base), data, err)
		}
		f, err := createTemp(path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := RemoveTempsOf(dir, strings.Repeat("a", 254)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(f.Name()); err != nil {
			t.Errorf("it is another file's: %v", err)
		}
		if err := RemoveTempsOf(dir, base); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(f.Name()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left: %v", err)
		}
	}
}

// The leftovers of many files go in one look at the folder; those of others stay.
func TestRemoveTempsOfMany(t *testing.T) {
	dir := t.TempDir()
	temp := func(base string) string {
		f, err := createTemp(filepath.Join(dir, base), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		return f.Name()
	}
	mine := []string{temp("a"), temp("a"), temp("b-1")}
	others := []string{temp("b"), temp("a-b"), temp("c"), filepath.Join(dir, "a")}
	if err := os.WriteFile(others[3], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := RemoveTempsOf(dir, "a", "b-1", "z"); err != nil {
		t.Fatal(err)
	}
	for _, path := range mine {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s stayed: %v", filepath.Base(path), err)
		}
	}
	for _, path := range others {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s went: %v", filepath.Base(path), err)
		}
	}
}

// What a resumed release of many files does first, beside their signatures.
func BenchmarkRemoveTempsOf(b *testing.B) {
	dir := b.TempDir()
	var bases []string
	for i := range 5000 {
		bases = append(bases, "file"+strconv.Itoa(i)+".asc")
		if err := os.WriteFile(filepath.Join(dir, bases[i]), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := RemoveTempsOf(dir, bases...); err != nil {
			b.Fatal(err)
		}
	}
}
