package line

import (
	"errors"
	"io"
	"os"
)

// TTY is where passphrases are asked for: the controlling terminal.
type TTY struct {
	In  *os.File  // read with the echo off
	Out io.Writer // shows the question
}

// OpenTTY opens the controlling terminal, whatever standard input and output are.
func OpenTTY() (*TTY, error) { return openTTY() }

// Close closes what OpenTTY opened.
func (t *TTY) Close() error {
	err := t.In.Close()
	if out, ok := t.Out.(*os.File); ok && out != t.In {
		err = errors.Join(err, out.Close())
	}
	return err
}
