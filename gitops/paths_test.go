package gitops

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPathIDs(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			ctx := context.Background()
			w := newWorld(t)
			w.plain("r", "--object-format="+format)
			first, second := w.git("r", "rev-parse", "HEAD~1"), w.git("r", "rev-parse", "HEAD")
			w.write("r/new name.txt", "new")
			w.git("r", "add", ".")
			w.git("r", "commit", "-qm", "Third")
			third := w.git("r", "rev-parse", "HEAD")
			all := []string{first, second, third}
			both(t, func(t *testing.T, withGit bool) {
				if !withGit && format == "sha256" {
					return // go-git reads no SHA-256 objects: that it says so is tested elsewhere
				}
				r := w.open("r", withGit)
				for _, path := range []string{"a.txt", "sub/dir/b.txt", "sub", "new name.txt", "none", "a.txt/deeper"} {
					var want []string
					for _, c := range all {
						id, err := w.try("r", nil, "rev-parse", "-q", "--verify", c+":"+path)
						if err != nil {
							id = ""
						}
						want = append(want, strings.TrimSpace(id))
					}
					if got, err := r.PathIDs(ctx, all, path); err != nil || !slices.Equal(got, want) {
						t.Errorf("%s: %q, %v; git says %q", path, got, err, want)
					}
				}
				tree := w.git("r", "rev-parse", "HEAD^{tree}")
				for _, bad := range []struct {
					commit, path string
				}{{tree, "a.txt"}, {strings.Repeat("1", len(first)), "a.txt"}, {"HEAD", "a.txt"}, {first, "../a.txt"}, {first, "a\nb"}, {first, ""}} {
					if ids, err := r.PathIDs(ctx, []string{bad.commit}, bad.path); !errors.Is(err, ErrNotFound) {
						t.Errorf("%s:%q: %v, %v", bad.commit, bad.path, ids, err)
					}
				}
			})
		})
	}
}

// TestPathIDsWithoutATree: what cannot be looked into must not read as empty. Whoever follows a policy
// through history would take it for gone, or for unchanged.
func TestPathIDsWithoutATree(t *testing.T) {
	for _, folder := range []string{"HEAD^{tree}", "HEAD:sub", "HEAD:sub/dir"} {
		t.Run(folder, func(t *testing.T) {
			w := newWorld(t)
			w.plain("r")
			head, tree := w.git("r", "rev-parse", "HEAD"), w.git("r", "rev-parse", folder)
			if err := os.Remove(w.path(filepath.Join("r", ".git", "objects", tree[:2], tree[2:]))); err != nil {
				t.Fatal(err)
			}
			both(t, func(t *testing.T, withGit bool) {
				r := w.open("r", withGit)
				if ids, err := r.PathIDs(context.Background(), []string{head}, "sub/dir/b.txt"); err == nil {
					t.Errorf("got %q", ids)
				}
			})
		})
	}
}
