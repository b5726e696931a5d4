package gitops

import (
	"os"
	"path/filepath"
)

// WorkTreeAround finds the working tree that a file lies in, or would lie in: the nearest folder above
// it with a .git. It looks at names alone and reads no repository. The folders need not exist.
func WorkTreeAround(path string) (root string, ok bool) {
	for at := filepath.Dir(path); ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, true
		}
		if at == filepath.Dir(at) {
			return "", false
		}
	}
}
