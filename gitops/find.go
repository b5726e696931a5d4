package gitops

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bulla/keys/limits"
)

// location says where the parts of a repository are; all paths are absolute.
type location struct {
	root      string // top of the working tree, "" in a bare repository
	gitDir    string // HEAD, index: one for each working tree
	commonDir string // refs, objects, config: shared between working trees
}

// dir is the folder in which the git program finds exactly this repository.
func (l location) dir() string {
	if l.root != "" {
		return l.root
	}
	return l.gitDir
}

// find looks for a repository in dir and the folders above it, as git does.
func find(dir string) (location, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return location{}, err
	}
	if info, err := os.Stat(dir); err != nil {
		return location{}, err
	} else if !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	for at := dir; ; {
		loc, ok, err := lookIn(at)
		if ok || err != nil {
			return loc, err
		}
		up := filepath.Dir(at)
		if up == at {
			return location{}, fmt.Errorf("%s: %w", dir, ErrNotRepository)
		}
		at = up
	}
}

// lookIn looks at one folder: a working tree with .git in it, or a repository itself.
func lookIn(dir string) (location, bool, error) {
	dotGit := filepath.Join(dir, ".git")
	switch info, err := os.Stat(dotGit); {
	case err == nil && info.IsDir():
		if loc, ok := gitDirAt(dotGit); ok {
			loc.root = dir
			return loc, true, nil
		}
		if _, err := os.Lstat(filepath.Join(dotGit, "HEAD")); errors.Is(err, fs.ErrPermission) {
			return location{}, false, err // not somebody else's repository further up
		}
	case err == nil && info.Mode().IsRegular():
		target, err := readPointer(dotGit, "gitdir: ")
		if err != nil {
			return location{}, false, err
		}
		loc, ok := gitDirAt(resolveFrom(dir, target))
		if !ok {
			return location{}, false, fmt.Errorf("%s points at %s: %w", dotGit, target, ErrNotRepository)
		}
		loc.root = dir
		return loc, true, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return location{}, false, err
	}
	loc, ok := gitDirAt(dir)
	if ok && filepath.Base(dir) == ".git" {
		loc.root = filepath.Dir(dir) // called from within .git
	}
	return loc, ok, nil
}

// gitDirAt reports whether dir has what makes a git directory: HEAD, objects and refs, the last
// two perhaps elsewhere.
func gitDirAt(dir string) (location, bool) {
	loc := location{gitDir: dir, commonDir: dir}
	if _, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil {
		return location{}, false
	}
	if common, err := readPointer(filepath.Join(dir, "commondir"), ""); err == nil && common != "" {
		loc.commonDir = resolveFrom(dir, common)
	}
	for _, sub := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(loc.commonDir, sub)); err != nil || !info.IsDir() {
			return location{}, false
		}
	}
	return loc, true
}

func resolveFrom(dir, path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// readPointer reads a one-line file that names a folder.
func readPointer(path, prefix string) (string, error) {
	data, err := limits.ReadFile(path, 8192)
	if err != nil {
		return "", err
	}
	line, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), prefix)
	if !ok {
		return "", fmt.Errorf("%s: no line %q: %w", path, prefix, ErrNotRepository)
	}
	return line, nil
}
