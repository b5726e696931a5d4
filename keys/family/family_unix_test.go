//go:build unix

package family

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The end of the context ends the children of a shell as well.
func TestChildrenEndToo(t *testing.T) {
	for name, s := range map[string]Signal{"terminate": Terminate, "kill": Kill} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd := exec.CommandContext(ctx, "sh", "-c", "sleep 600 & echo $!; wait")
			cmd.WaitDelay = time.Minute // longer than the child may live after the signal
			EndWith(cmd, s)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			child, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := cmd.Wait(); err == nil {
				t.Error("it ended well")
			}
			for limit := time.Now().Add(30 * time.Second); !gone(child); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(limit) {
					_ = syscall.Kill(child, syscall.SIGKILL)
					t.Fatal("the child lives on")
				}
			}
		})
	}
}

// gone reports whether a process has ended. One that nobody waits for, as in a container without an
// init, stays a zombie.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}
