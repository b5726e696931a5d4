//go:build unix

package gitops

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestReadOnlyOfAnother: what git refuses because another user owns it is read in process where it
// is only read, and is refused still where more may be asked of it.
func TestReadOnlyOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	w := newWorld(t)
	w.plain("r")
	head := w.git("r", "rev-parse", "HEAD")
	err := filepath.WalkDir(w.path("r"), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 65534, 65534))
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	open := func(readOnly bool, more ...string) (*Repo, error) {
		return OpenWith(ctx, w.path("r"), Options{ReadOnly: readOnly, Environ: append(w.env, more...)})
	}
	r, err := open(true)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.Commit(ctx, "HEAD"); err != nil || c.ID != head {
		t.Errorf("%+v, %v", c, err)
	}
	if data, err := r.ReadFile(ctx, "HEAD", "a.txt"); err != nil || len(data) == 0 {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := r.Tags(ctx); err != nil {
		t.Error(err)
	}
	if r, err = open(false); err != nil {
		t.Fatal(err)
	}
	var owner *OwnershipError
	if _, err := r.Commit(ctx, "HEAD"); !errors.As(err, &owner) {
		t.Errorf("to be written to: %v", err)
	}
	// Where the person allowed it, git reads.
	if r, err = open(true, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"); err != nil || r.git == nil {
		t.Errorf("allowed: %v", err)
	}
}
