package gitops

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxChanged bounds State.Changed: enough to show, and git status need not go on.
const maxChanged = 50

// State is the repository as a release finds it.
type State struct {
	Root      string // top of the working tree; "" in a bare repository
	GitDir    string // this working tree's own git directory
	CommonDir string // shared by linked working trees: refs and objects
	Bare      bool
	Unborn    bool // HEAD names a branch without commits
	Detached  bool
	Branch    string // "main"; "" if detached
	Head      Commit // zero if unborn
	// Changed are tracked files that differ from HEAD or the index, at most 50: slash paths
	// from Root. Untracked files do not count.
	Changed      []string
	ObjectFormat string // sha1 or sha256
	ThroughGit   bool   // go-git cannot work with the repository; the git program does
	Shallow      bool   // history is cut off
}

// State reads the repository's state.
func (r *Repo) State(ctx context.Context) (State, error) {
	s := State{
		Root: r.loc.root, GitDir: r.loc.gitDir, CommonDir: r.loc.commonDir, Bare: r.loc.root == "",
		ObjectFormat: r.format, ThroughGit: r.throughGit,
	}
	if info, err := os.Stat(filepath.Join(r.loc.commonDir, "shallow")); err == nil && info.Size() > 0 {
		s.Shallow = true
	}
	h, err := r.own.head(ctx)
	if err != nil {
		return State{}, err
	}
	s.Branch = strings.TrimPrefix(h.ref, "refs/heads/")
	s.Detached = h.ref == ""
	s.Unborn = h.id == ""
	if !s.Unborn {
		if s.Head, err = r.commit(ctx, h.id); err != nil {
			return State{}, fmt.Errorf("%w: %w", ErrUnreadableHead, err)
		}
	}
	if s.Changed, err = r.bulk.changed(ctx, maxChanged); err != nil {
		return State{}, err
	}
	return s, nil
}
