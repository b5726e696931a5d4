package line

import (
	"io"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/sys/windows"
)

// maxLine is how many bytes of one line are read, without its end. The console keeps longer ones
// until they are read.
const maxLine = 4097

// hideEcho switches the console's echo off until the returned function is called. Lines are still
// edited by the console, and Ctrl+C is still a signal.
func hideEcho(tty *os.File) (restore func() error, err error) {
	h := windows.Handle(tty.Fd())
	var before uint32
	if err := windows.GetConsoleMode(h, &before); err != nil {
		return nil, err
	}
	hidden := before&^(windows.ENABLE_ECHO_INPUT|windows.ENABLE_VIRTUAL_TERMINAL_INPUT) | windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_LINE_INPUT
	if err := windows.SetConsoleMode(h, hidden); err != nil {
		return nil, err
	}
	return func() error { return windows.SetConsoleMode(h, before) }, nil
}

// readTerminal reads from the console itself: a File keeps what it converts in buffers of its own,
// which nobody wipes. Of one call at most a third of buf comes back, so that every character fits.
func readTerminal(tty *os.File, buf []byte) (n int, err error) {
	const endOfInput = 0x1a // Ctrl+Z
	units := make([]uint16, max(1, len(buf)/utf8.UTFMax))
	defer clear(units)
	var read uint32
	if err := windows.ReadConsole(windows.Handle(tty.Fd()), &units[0], uint32(len(units)), &read, nil); err != nil {
		return 0, err
	}
	if read == 0 || units[0] == endOfInput {
		return 0, io.EOF
	}
	for i := 0; i < int(read); i++ {
		r := rune(units[i])
		if utf16.IsSurrogate(r) && i+1 < int(read) {
			i++
			r = utf16.DecodeRune(r, rune(units[i]))
		}
		if n+utf8.RuneLen(r) > len(buf) {
			return len(buf), nil // too long in any case
		}
		n += utf8.EncodeRune(buf[n:], r)
	}
	return n, nil
}
