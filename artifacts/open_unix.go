//go:build !windows

package artifacts

import (
	"os"
	"syscall"
)

// readFlags open a file for reading without ever waiting: should a named pipe take the place of
// a regular file between the look and the open, the open must not hang on it.
const readFlags = os.O_RDONLY | syscall.O_NONBLOCK
