//go:build !linux && !netbsd && !openbsd && !(freebsd && cgo) && !(dragonfly && cgo) && !darwin && !windows

package vault

import "context"

// probeSystem knows no keychain on this platform.
func probeSystem(context.Context, func(string) string) Status {
	return Status{Name: "Keychain", State: Absent, Reason: "this platform has none that bulla can use"}
}
