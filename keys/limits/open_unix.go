//go:build !windows

package limits

import (
	"os"
	"syscall"
)

// openFlags open a file for reading without ever waiting: should a named pipe take the place of
// a regular file between the look and the open, the open must not hang on it.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK
