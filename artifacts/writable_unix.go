//go:build unix

package artifacts

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// mayCreate asks for the effective user, as creating a file would; a file system mounted
// read-only answers EROFS.
func mayCreate(dir string) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if err != nil {
		return &fs.PathError{Op: "access", Path: dir, Err: err}
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "access", Path: dir, Err: unix.ENOTDIR}
	}
	return err
}
