package artifacts

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Find lists the files that the globs match, sorted by path.
//
// A glob that is the name of something that exists names just that, even if it holds
// metacharacters: shells hand over names they have expanded. Other globs follow doublestar's
// rules ("**" crosses folders) relative to root, or are absolute. As in a shell, wildcards
// do not match names that begin with a dot.
//
// Wildcards pass over what belongs to a release without being an artifact: signatures,
// SHA256SUMS and the record. Folders are refused, except under a pattern with "**", which
// matches folders by its nature. What cannot be looked at is an error, never left out in
// silence.
//
// Errors: *NoMatchError, *NotRegularError, *DuplicateNameError, *fs.PathError.
func Find(ctx context.Context, root string, globs []string) ([]File, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	found := map[string]File{}
	for _, glob := range globs {
		files, err := findGlob(ctx, root, glob)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, &NoMatchError{Glob: glob}
		}
		for _, f := range files {
			found[f.Path] = f
		}
	}
	files := make([]File, 0, len(found))
	for _, f := range found {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	if err := distinctBases(files); err != nil {
		return nil, err
	}
	return files, nil
}

func findGlob(ctx context.Context, root, glob string) ([]File, error) {
	if glob == "" {
		return nil, nil
	}
	literal := glob
	if !filepath.IsAbs(literal) {
		literal = filepath.Join(root, glob)
	}
	if _, err := os.Lstat(literal); err == nil {
		f, err := fileAt(root, filepath.Clean(literal), glob)
		return []File{f}, err
	}
	base, pattern := doublestar.SplitPattern(filepath.ToSlash(glob))
	base = filepath.FromSlash(base)
	if !filepath.IsAbs(base) {
		base = filepath.Join(root, base)
	}
	var files []File
	visit := func(p string, _ fs.DirEntry) error {
		if isCompanion(path.Base(p)) {
			return nil
		}
		full := filepath.Join(base, filepath.FromSlash(p))
		info, err := os.Stat(full)
		if err != nil {
			return err
		}
		if info.IsDir() && strings.Contains(pattern, "**") {
			return nil
		}
		f, err := fileAt(root, full, full)
		files = append(files, f)
		return err
	}
	opts := []doublestar.GlobOption{doublestar.WithNoHidden(), doublestar.WithFailOnIOErrors()}
	if strings.Contains(pattern, "**") {
		opts = append(opts, doublestar.WithNoFollow()) // a link to a parent folder would go round in circles
	}
	err := doublestar.GlobWalk(cancelFS{ctx, os.DirFS(base)}, pattern, visit, opts...)
	if err != nil {
		return nil, fmt.Errorf("artifacts %q: %w", glob, fullPath(err, base))
	}
	return files, nil
}

// fileAt describes the regular file at the absolute path full; given is its name if it lies
// outside root.
func fileAt(root, full, given string) (File, error) {
	info, err := statRegular(full)
	if err != nil {
		return File{}, err
	}
	name := filepath.ToSlash(given)
	if within(root, full) {
		rel, err := filepath.Rel(root, full)
		if err != nil {
			return File{}, err
		}
		name = filepath.ToSlash(rel)
	}
	return File{Path: full, Name: name, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// isCompanion reports whether a file of this name goes with the artifacts of a release instead
// of being one: bulla makes it.
func isCompanion(base string) bool {
	switch base {
	case SHA256Name, SHA512Name, "bulla-release.json":
		return true
	}
	return strings.HasSuffix(base, ".asc") || strings.HasSuffix(base, ".sig")
}

func distinctBases(files []File) error {
	seen := make(map[string]File, len(files))
	for _, f := range files {
		if other, ok := seen[f.Base()]; ok {
			return &DuplicateNameError{Base: f.Base(), A: other.Name, B: f.Name}
		}
		seen[f.Base()] = f
	}
	return nil
}

// cancelFS ends a walk when the context does. doublestar asks only for these two operations.
type cancelFS struct {
	ctx context.Context
	fs.FS
}

func (c cancelFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	return fs.ReadDir(c.FS, name)
}

func (c cancelFS) Stat(name string) (fs.FileInfo, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	return fs.Stat(c.FS, name)
}

// fullPath makes an error of os.DirFS, which knows paths relative to its base, name the whole
// path.
func fullPath(err error, base string) error {
	if pe, ok := err.(*fs.PathError); ok && !filepath.IsAbs(pe.Path) {
		return &fs.PathError{Op: pe.Op, Path: filepath.Join(base, filepath.FromSlash(pe.Path)), Err: pe.Err}
	}
	return err
}
