//go:build unix

package gitops

import (
	"os"
	"syscall"
)

// foreign reports whether another user owns one of the folders.
func foreign(dirs ...string) bool {
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue // "" among them
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
			return true
		}
	}
	return false
}
