package artifacts

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// File is a regular file that is or will be signed.
type File struct {
	// Path is absolute.
	Path string `json:"path"`
	// Name is the slash-separated path relative to the root it was searched from, or the name
	// as it was given if the file lies elsewhere. Raw text: clean it before showing it.
	Name string `json:"name"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// ModTime is the time of the last change when the file was found. Where it is set, Sign
	// refuses a file that has changed since.
	ModTime time.Time `json:"modified"`
}

// isAsFound reports whether a file is still what it was when it was found, as far as that is known.
func (f File) isAsFound(now fs.FileInfo) bool {
	return f.ModTime.IsZero() || now.ModTime().Equal(f.ModTime) && now.Size() == f.Size
}

// Base is the last element of the path, the name people download.
func (f File) Base() string { return filepath.Base(f.Path) }

// SignaturePath is where the file's detached signature belongs.
func (f File) SignaturePath() string { return f.Path + ".asc" }

// CommonDir is the deepest folder that holds all the files, or "" for no files or files without
// a common folder (two drives of Windows).
func CommonDir(files []File) string {
	if len(files) == 0 {
		return ""
	}
	dir := filepath.Dir(files[0].Path)
	for _, f := range files[1:] {
		for !within(dir, f.Path) {
			up := filepath.Dir(dir)
			if up == dir {
				return ""
			}
			dir = up
		}
	}
	return dir
}

// within reports whether path lies in dir or below it. Both are clean and absolute.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// statRegular looks at path through symbolic links and refuses what is no regular file.
func statRegular(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &NotRegularError{Path: path, Mode: info.Mode()}
	}
	return info, nil
}
