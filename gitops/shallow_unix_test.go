//go:build unix

package gitops

import (
	"errors"
	"syscall"
	"testing"

	"bulla/keys/limits"
)

// A pipe in the place of the file that lists where history is cut off would never open.
func TestShallowIsAFile(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	if err := syscall.Mkfifo(w.path("r/.git/shallow"), 0o600); err != nil {
		t.Fatal(err)
	}
	cut, err := w.open("r", false).Shallow()
	var special *limits.NotRegularError
	if !errors.As(err, &special) {
		t.Errorf("%v, %v", cut, err)
	}
}
