package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/teatest"
	"github.com/creack/pty"

	"bulla/workflow"
)

// TestProgram walks a whole release in a real Bubble Tea program.
func TestProgram(t *testing.T) {
	f := newFake()
	r := newRoot(context.Background(), testOptions(f))
	tm := teatest.NewTestModel(t, r, teatest.WithInitialTermSize(80, 24))
	enter := tea.KeyMsg{Type: tea.KeyEnter}
	see := func(text string) {
		t.Helper()
		teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte(text)) }, teatest.WithDuration(patience), teatest.WithCheckInterval(5*time.Millisecond))
	}
	for _, text := range []string{"Nothing stands in the way", "expires in 1 y 4 mo", "minor", "widget 1.4.0", "each with its .asc"} {
		see(text)
		tm.Send(enter)
	}
	see("6F1B 2C3D")
	// The registry and the keys answer in any order; Enter is refused until both have.
	for range 200 {
		tm.Send(enter)
		time.Sleep(5 * time.Millisecond)
		f.mu.Lock()
		planned := len(f.planned) > 0
		f.mu.Unlock()
		if planned {
			break
		}
	}
	see("to sign:")
	tm.Type("1.4.0")
	tm.Send(enter)
	see("> passphrase")
	tm.Type(passphrase)
	tm.Send(enter)
	see("Released v1.4.0")
	tm.Type("q")
	tm.WaitFinished(t, teatest.WithFinalTimeout(patience))
	view := tm.FinalModel(t).View()
	for _, want := range []string{"good  tag     v1.4.0", "good  record  bulla-release.json", "3E9C 0E14 7A21 9D4B 55F0"} {
		if !strings.Contains(view, want) {
			t.Errorf("the last screen lacks %q:\n%s", want, view)
		}
	}
	if out := r.release.Shutdown(); out.Err != nil || out.Result == nil || !out.Result.Good() {
		t.Errorf("outcome %+v", out)
	}
}

// TestRelease: the entry point reports how it ended, also when its context ends under a run.
func TestRelease(t *testing.T) {
	// in is typed again and again: whether the screen is ready for it cannot be seen from here.
	start := func(ctx context.Context, f *fake, in string) (Outcome, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		o := testOptions(f)
		read, write := io.Pipe()
		defer read.Close()
		go func() {
			for in != "" && ctx.Err() == nil {
				if _, err := io.WriteString(write, in); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		o.In = read
		return Release(ctx, o)
	}
	if out, err := start(context.Background(), newFake(), "q"); err != nil || out.Cancelled {
		t.Errorf("q: %+v, %v", out, err)
	}
	if out, err := start(context.Background(), newFake(), "\x03"); !errors.Is(err, context.Canceled) || !out.Cancelled {
		t.Errorf("ctrl+c: %+v, %v", out, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if out, err := start(ctx, newFake(), ""); !errors.Is(err, context.Canceled) || !out.Cancelled {
		t.Errorf("context: %+v, %v", out, err)
	}
	f := newFake()
	f.unfinished = unfinished()
	ctx, cancel = context.WithCancel(context.Background())
	var once sync.Once
	f.run = func(c context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
		once.Do(cancel) // the program is told to end while the run is at work
		<-c.Done()
		return nil, &workflow.IncompleteError{Tag: p.Tag, Step: workflow.StepTag, Err: c.Err()}
	}
	var inc *workflow.IncompleteError
	if out, err := start(ctx, f, "r"); !errors.As(err, &inc) || !errors.As(out.Err, &inc) {
		t.Errorf("context under a run: %+v, %v", out, err)
	}
}

// TestSilentTerminal runs the program on a terminal that answers nothing. Bubble Tea v1 would ask
// it for its background colour in an init and wait five seconds: package early prevents that, as
// long as it is initialised first. The question itself is looked for, not the time.
func TestSilentTerminal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = []string{demoVariable + "=walk", "TERM=xterm-256color", "LANG=C.UTF-8", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TEA_TRACE=" + t.TempDir() + "/trace"}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Skip("no pseudo-terminal: ", err)
	}
	defer terminal.Close()
	var seen bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(seen.String(), "Nothing stands in the way") {
		n, err := terminal.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("ended early: %v\n%q", err, seen.String())
		}
	}
	if _, err := terminal.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(terminal) // ends with an error on Linux when the other side closes
	seen.Write(rest)
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	for _, question := range []string{"\x1b]11;?", "\x1b]10;?", "\x1b[6n", "\x1b[c"} {
		if strings.Contains(seen.String(), question) {
			t.Errorf("the terminal was asked %q", question)
		}
	}
}
