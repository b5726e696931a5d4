//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// deaf is the program at work on something that no cancellation reaches: it reads a key from a pipe
// that never ends.
type deaf struct {
	t     *testing.T
	cmd   *exec.Cmd
	pipe  io.WriteCloser
	ended chan error
}

func startDeaf(t *testing.T, program string) *deaf {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(program, "keys", "import", "-")
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "BULLA_HOME=" + home, "LANG=C.UTF-8"}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &deaf{t: t, cmd: cmd, pipe: pipe, ended: make(chan error, 1)}
	go func() { d.ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	d.reads()
	return d
}

// reads waits until the program has read more than a pipe holds: it is at work.
func (d *deaf) reads() {
	d.t.Helper()
	more := make(chan error, 1)
	go func() {
		_, err := d.pipe.Write(bytes.Repeat([]byte("not a key\n"), 20_000))
		more <- err
	}()
	select {
	case err := <-more:
		if err != nil {
			d.t.Fatalf("it reads no more: %v", err)
		}
	case <-time.After(time.Minute):
		d.t.Fatal("it never read")
	}
}

func (d *deaf) send(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.t.Fatal(err)
	}
}

// TestSecondInterruptEnds: the first Ctrl+C asks, the second does not.
func TestSecondInterruptEnds(t *testing.T) {
	program := built(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			d := startDeaf(t, program)
			d.send(sig)
			d.reads() // it lives on
			limit := time.After(time.Minute)
			for again := time.NewTicker(50 * time.Millisecond); ; { // the second may follow the first too closely on a busy machine
				select {
				case <-again.C:
					d.send(sig)
					continue
				case <-limit:
					t.Fatal("it did not end")
				case <-d.ended:
				}
				ws, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
				if !ok || !ws.Signaled() || ws.Signal() != sig {
					t.Errorf("it ended by itself: %v", d.cmd.ProcessState)
				}
				return
			}
		})
	}
}

// TestHangUpsDoNotKill: a terminal that is closed hangs up, and its shell once more. What is at work
// comes to a clean end.
func TestHangUpsDoNotKill(t *testing.T) {
	d := startDeaf(t, built(t))
	for range 3 {
		d.send(syscall.SIGHUP)
		d.reads()
	}
	if err := d.pipe.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.ended:
	case <-time.After(time.Minute):
		t.Fatal("it did not end")
	}
	if !d.cmd.ProcessState.Exited() {
		t.Errorf("it was killed: %v", d.cmd.ProcessState)
	}
}
