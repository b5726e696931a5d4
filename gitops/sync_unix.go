//go:build unix

package gitops

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder makes a rename in dir survive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// isNotDir reports whether a path failed because part of it is a file.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
