package gitops

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

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
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), "tmp_obj_") {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
