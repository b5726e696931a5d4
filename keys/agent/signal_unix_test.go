//go:build !windows

package agent

import (
	"os"
	"syscall"
	"testing"
)

func signalStop(t testing.TB, p *os.Process) {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func signalContinue(p *os.Process) { _ = p.Signal(syscall.SIGCONT) }
