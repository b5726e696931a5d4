//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"bulla/keys/keystest"
)

// patience is what a start may take on a terminal that answers no question. Bubble Tea's own
// question for the background colour waits five seconds; a start takes a tenth of one.
const patience = time.Second

// tries is how often a start may be slow because the machine is busy. One that asks the terminal
// is slow every time.
const tries = 4

// built is the program as a user has it, without the race detector.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bulla")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// TestStartOnSilentTerminal starts the program on a terminal that never answers a query.
func TestStartOnSilentTerminal(t *testing.T) {
	program := built(t)
	repo := t.TempDir()
	if out, _, err := keystest.Run(t, nil, nil, keystest.Peer(t, "git"), "init", "-q", repo); err != nil {
		t.Fatal(err, out)
	}
	for _, c := range []struct {
		name   string
		marker *regexp.Regexp
		args   []string
	}{
		{"help", regexp.MustCompile(`Usage:`), []string{"--help"}},
		{"first frame", regexp.MustCompile(`(?s)\x1b\[\?1049h.*bulla`), nil}, // on the alternate screen
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := 1; ; i++ {
				took, screen := untilSeen(t, exec.Command(program, c.args...), repo, c.marker)
				if took > 0 && took < patience {
					return
				}
				if i == tries {
					t.Fatalf("%q was not on the screen within %v, %d times; the last screen was %q", c.marker, patience, tries, screen)
				}
			}
		})
	}
}

// untilSeen runs cmd on a silent terminal and says how long it took until marker was on the
// screen; 0 if it ended or five seconds passed before.
func untilSeen(t *testing.T, cmd *exec.Cmd, dir string, marker *regexp.Regexp) (took time.Duration, screen []byte) {
	t.Helper()
	home := t.TempDir()
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "BULLA_HOME=" + home, "TERM=xterm-256color", "LANG=C.UTF-8"}
	start := time.Now()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
	defer func() {
		late.Stop()
		_ = cmd.Process.Kill()
		_ = tty.Close()
		_ = cmd.Wait()
	}()
	buf := make([]byte, 4096)
	for {
		n, err := tty.Read(buf)
		screen = append(screen, buf[:n]...)
		if marker.Match(screen) {
			return time.Since(start), screen
		}
		if err != nil {
			return 0, screen
		}
	}
}

// TestEarlyInitialisesFirst holds the order that keeps a silent terminal from stalling the start.
func TestEarlyInitialisesFirst(t *testing.T) {
	cmd := exec.Command(built(t), "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	trace := string(out)
	early := strings.Index(trace, "init bulla/ui/early ")
	tea := strings.Index(trace, "init github.com/charmbracelet/bubbletea ")
	if early < 0 || tea < 0 || early > tea {
		t.Errorf("bulla/ui/early is initialised at %d, Bubble Tea at %d of\n%s", early, tea, trace)
	}
}
