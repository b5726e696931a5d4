package line

import (
	"errors"
	"os"
)

// openTTY opens both halves of the console: its input takes no output.
func openTTY() (*TTY, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0) // to change its modes takes the right to write
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &TTY{In: in, Out: out}, nil
}
