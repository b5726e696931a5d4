//go:build unix

package vault

import (
	"errors"

	"golang.org/x/sys/unix"
)

// checkFD refuses what no shell hands over. A number that was not inherited may belong to the
// Go runtime's poller, and closing that would end the process.
func checkFD(fd int) error {
	if fd < 0 {
		return errors.New("not a file descriptor")
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return errors.New("not open (did the shell redirect it?)")
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO, unix.S_IFREG, unix.S_IFCHR, unix.S_IFSOCK:
		return nil
	}
	return errors.New("neither a pipe nor a file (did the shell redirect it?)")
}
