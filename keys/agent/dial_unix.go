//go:build !windows

package agent

import (
	"errors"
	"io/fs"
	"syscall"
)

// refused reports whether nobody listens at the agent's socket: it is missing, or left over.
func refused(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}
