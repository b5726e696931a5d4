//go:build unix

package vault

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noCoreDumps sets the soft limit only: programs that bulla runs may raise theirs again.
func noCoreDumps() error {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_CORE, &l)
	if err == nil {
		l.Cur = 0
		err = unix.Setrlimit(unix.RLIMIT_CORE, &l)
	}
	if err != nil {
		return fmt.Errorf("setrlimit(RLIMIT_CORE): %w", err)
	}
	return nil
}
