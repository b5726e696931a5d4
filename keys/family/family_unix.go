//go:build unix

package family

import (
	"os/exec"
	"syscall"
)

func endWith(cmd *exec.Cmd, s Signal) {
	sig := syscall.SIGTERM
	if s == Kill {
		sig = syscall.SIGKILL
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, sig) }
}
