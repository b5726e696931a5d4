package atomicfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestFree(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := Create(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "new"): nil, there: fs.ErrExist, dir: fs.ErrExist,
		filepath.Join(dir, "none", "new"): fs.ErrNotExist,
	} {
		if err := Free(path); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := Free(filepath.Join(there, "new")); err == nil {
		t.Error("a file is no folder")
	}
}
