//go:build !windows

package line

import "os"

func openTTY() (*TTY, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &TTY{In: f, Out: f}, nil
}
