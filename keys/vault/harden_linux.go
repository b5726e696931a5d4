package vault

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden keeps the memory of this process to itself: no core dump, and other programs of the
// same user can neither read /proc/PID/mem nor attach a debugger. Call it first thing in main.
// It reports what the system refused; that is no reason to stop.
func Harden() error {
	var errs []error
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", err))
	}
	return errors.Join(append(errs, noCoreDumps())...)
}
