//go:build unix && !linux

package vault

// Harden keeps the memory of this process out of core dumps. Call it first thing in main. It
// reports what the system refused; that is no reason to stop.
func Harden() error { return noCoreDumps() }
