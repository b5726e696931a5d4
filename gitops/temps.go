package gitops

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// removeTempIn removes the half-written object that an error of go-git names, which leaves it where it
// is.
func removeTempIn(err error) error {
	path := ""
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		path = e.Path
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		path = e.Old
	}
	if !strings.HasPrefix(filepath.Base(path), tempPrefix) {
		return nil
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

const tempPrefix = "tmp_obj_" // of go-git

// RemoveTemps removes the half-written objects that a killed process left. Only go-git puts them
// beside the packs (git's own lie elsewhere), and only while it writes a loose object: call it while
// no other process of this program can be writing a tag.
func (r *Repo) RemoveTemps() error {
	dir := filepath.Join(r.loc.commonDir, "objects", "pack")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), tempPrefix) {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
