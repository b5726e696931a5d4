package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Free reports beforehand why Create would fail: the file is there (fs.ErrExist), or its folder is
// not (fs.ErrNotExist). It touches nothing, and a file may still appear afterwards.
func Free(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	info, err := os.Stat(filepath.Dir(path))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.IsDir():
		return &fs.PathError{Op: "open", Path: filepath.Dir(path), Err: fs.ErrNotExist}
	}
	return err
}
