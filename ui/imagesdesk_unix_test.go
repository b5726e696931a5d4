//go:build unix

package ui

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A named pipe that nobody writes to holds up no screen: the page goes on, and Esc leaves it.
func TestImageDeskPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.pub")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p, _ := atDesk(t, nil)
	p.choose("Let somebody").press("alice", "tab", pipe, "enter").see("reading")
	p.press("esc").see("Nothing was changed")
}
