// Package atomicfile writes files so that a reader, a crash or a full disk sees either the old
// content or the whole new one: a temporary file in the same folder, synced, then renamed.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// TempPrefix begins the name of every temporary file made here, so that what a killed process
// left behind can be recognised and removed.
const TempPrefix = ".bulla-tmp-"

// Write puts data at path with mode perm, replacing what was there.
func Write(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, os.Rename)
}

// Create is Write for a file that must not exist yet: it fails with an error that matches
// fs.ErrExist rather than replace anything, even if the file appears while it works.
func Create(path string, data []byte, perm fs.FileMode) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return write(path, data, perm, renameExclusive)
}

func write(path string, data []byte, perm fs.FileMode, commit func(from, to string) error) (err error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, TempPrefix+base+"-") // 0600
	if err != nil {
		return describe(path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return describe(path, err)
	}
	if err = commit(f.Name(), path); err != nil {
		return describe(path, err)
	}
	return syncDir(dir)
}

// renameExclusive publishes from as to without replacing to. A hard link fails atomically if
// the name is taken; where the file system has no hard links, a check and a rename must do.
func renameExclusive(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, e := os.Lstat(to); e == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

// describe names the file the caller asked for instead of the temporary one.
func describe(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		err = le.Err
	}
	return fmt.Errorf("write %s: %w", path, err)
}

// RemoveTemps deletes the temporary files that earlier, killed processes left in dir. Call it only
// while nobody else can be writing there. A folder that is not there holds none.
func RemoveTemps(dir string) error { return removeTemps(dir, TempPrefix) }

// RemoveTempsOf is RemoveTemps for the temporary files of one file, named base: others in dir may
// be writing theirs.
func RemoveTempsOf(dir, base string) error { return removeTemps(dir, TempPrefix+base+"-") }

func removeTemps(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), prefix) {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// SyncDir makes what was created, renamed or removed in dir durable.
func SyncDir(dir string) error { return syncDir(dir) }
