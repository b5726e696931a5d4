package artifacts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A dry run asks this of every folder, and a dry run changes nothing: the time of the folder too
// is as it was.
func TestCheckWritableLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	then := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(dir, then, then); err != nil {
		t.Fatal(err)
	}
	if err := CheckWritable(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !info.ModTime().Equal(then) && os.PathSeparator == '/' {
		t.Errorf("the folder was changed at %v", info.ModTime())
	}
}

func TestCheckWritableRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := CheckWritable(filepath.Join(dir, "gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := CheckWritable(file); err == nil {
		t.Error("a file is no folder")
	}
}
