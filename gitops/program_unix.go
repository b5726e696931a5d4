//go:build unix

package gitops

import (
	"os/exec"
	"syscall"
)

// isolate puts git into a session of its own: ssh and credential helpers find no terminal to
// prompt on behind the screen's back, Ctrl+C reaches git through the context alone, and its
// whole family can be ended together. SIGTERM first: git removes its lock files then.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
