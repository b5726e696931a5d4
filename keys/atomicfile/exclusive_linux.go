package atomicfile

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// renameExclusive publishes from as to without replacing to: one call and never two names for
// one file, where the file system knows RENAME_NOREPLACE (renameat2(2): NFS and some others answer
// EINVAL, kernels before 3.15 ENOSYS).
func renameExclusive(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return linkExclusive(from, to)
}
