//go:build unix && !linux

package line

import "golang.org/x/sys/unix"

const (
	ioctlGetTermios = unix.TIOCGETA
	ioctlSetTermios = unix.TIOCSETA
	noCharacter     = 0xff // _POSIX_VDISABLE
	// maxLine is how many bytes of one line the terminal passes on at least, without its end:
	// MAX_CANON is 1024 on macOS, 255 elsewhere, and more is dropped.
	maxLine = 1023
)
