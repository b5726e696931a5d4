package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"bulla/keys"
)

// ReadPassphraseFD reads a passphrase from an inherited file descriptor, as for
// `--passphrase-fd`: to its end, without one final newline ("\n" or "\r\n"). It closes the
// descriptor, so that no child process inherits it. More than MaxPassphrase bytes are ErrTooBig.
// An empty passphrase is a Secret of length 0.
//
// On Windows only 0, the standard input, means the same as elsewhere; other numbers are handles.
func ReadPassphraseFD(fd int) (keys.Secret, error) {
	if err := checkFD(fd); err != nil {
		return keys.Secret{}, fmt.Errorf("file descriptor %d: %w", fd, err)
	}
	f := os.Stdin
	if fd != 0 {
		f = os.NewFile(uintptr(fd), fmt.Sprintf("file descriptor %d", fd))
	}
	if f == nil {
		return keys.Secret{}, fmt.Errorf("file descriptor %d: not open", fd)
	}
	defer func() { _ = f.Close() }()

	// One buffer of fixed size, for growing it would leave copies behind. It has room for the
	// longest passphrase, its line end, and one byte that tells too much.
	buf := make([]byte, MaxPassphrase+len("\r\n")+1)
	n, err := io.ReadFull(f, buf)
	if err == nil {
		err = ErrTooBig
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		clear(buf)
		return keys.Secret{}, fmt.Errorf("file descriptor %d: %w", fd, err)
	}
	line := buf[:n]
	if cut, ok := bytes.CutSuffix(line, []byte("\n")); ok {
		line = bytes.TrimSuffix(cut, []byte("\r"))
	}
	if len(line) > MaxPassphrase {
		clear(buf)
		return keys.Secret{}, fmt.Errorf("file descriptor %d: %w", fd, ErrTooBig)
	}
	return keys.NewSecret(buf[:len(line)]), nil
}
