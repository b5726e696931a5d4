package line

import "golang.org/x/sys/unix"

const (
	ioctlGetTermios = unix.TCGETS
	ioctlSetTermios = unix.TCSETS
	noCharacter     = 0 // _POSIX_VDISABLE
	// maxLine is how many bytes of one line the terminal passes on, without its end: n_tty drops
	// what comes after (N_TTY_BUF_SIZE in the kernel).
	maxLine = 4095
)
