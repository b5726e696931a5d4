//go:build unix

package line

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// hideEcho switches the terminal's echo off until the returned function is called. Lines are still
// edited by the terminal, and Ctrl+C is still a signal. Ctrl+\ is none meanwhile: it would end the
// program and leave the terminal dumb.
func hideEcho(tty *os.File) (restore func() error, err error) {
	before, err := termios(tty, nil)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	hidden.Cc[unix.VQUIT] = noCharacter
	if _, err := termios(tty, &hidden); err != nil {
		return nil, err
	}
	return func() error { _, err := termios(tty, before); return err }, nil
}

// termios sets the terminal's modes, or reads them where set is nil. It does not use Fd, which would
// take away the file's deadlines.
func termios(tty *os.File, set *unix.Termios) (now *unix.Termios, err error) {
	raw, err := tty.SyscallConn()
	if err != nil {
		return nil, err
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		if set != nil {
			inner = unix.IoctlSetTermios(int(fd), ioctlSetTermios, set)
		} else {
			now, inner = unix.IoctlGetTermios(int(fd), ioctlGetTermios)
		}
	})
	return now, errors.Join(err, inner)
}

func readTerminal(tty *os.File, buf []byte) (int, error) { return tty.Read(buf) }
