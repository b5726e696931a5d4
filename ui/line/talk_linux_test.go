package line

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// talk is a person at a terminal: they wait for a question and type the answer.
type talk struct {
	t      *testing.T
	master *os.File
	tty    *os.File

	mu   sync.Mutex
	seen bytes.Buffer // all of it
	at   int          // how much of it was answered
}

// patience is how long a person waits for a question.
const patience = 60 * time.Second

func newTalk(t *testing.T) *talk {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminal: ", err)
	}
	p := &talk{t: t, master: master, tty: tty}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(writer(p.hear), master) // ends with an error when the other side closes
	}()
	t.Cleanup(func() {
		_ = tty.Close()
		p.hangUp(done)
	})
	return p
}

// hangUp closes the person's side. Whoever still reads at the other one, as after a test that failed,
// holds the terminal open, and the person's own reading with it: they get lines and ends of input until
// they let go, and are left alone if they never do.
func (p *talk) hangUp(done <-chan struct{}) {
	defer p.master.Close()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
			_ = p.master.SetWriteDeadline(time.Now().Add(time.Second)) // else nobody takes it
			_, _ = p.master.Write([]byte{'\n', 4})
		}
	}
	p.t.Log("somebody still reads from the terminal")
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func (p *talk) hear(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Write(b)
}

// said is everything on the terminal so far.
func (p *talk) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.ReplaceAll(p.seen.String(), "\r\n", "\n")
}

// wait waits until what was said since the last answer matches, and returns the match.
func (p *talk) wait(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		text := p.said()[p.at:]
		if m := re.FindStringSubmatchIndex(text); m != nil {
			out := re.FindStringSubmatch(text)
			p.at += m[1]
			return out
		}
		if time.Now().After(end) {
			p.t.Fatalf("never asked %q; said since the last answer:\n%s", pattern, text)
		}
	}
}

// answer waits for a question and types a line.
func (p *talk) answer(pattern, text string) {
	p.t.Helper()
	p.wait(pattern)
	_, _ = io.WriteString(p.master, text+"\n")
}

// secret waits for a question, and until the terminal does not echo, and types a passphrase.
func (p *talk) secret(pattern, text string) {
	p.t.Helper()
	p.wait(pattern)
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		state, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
		if err != nil {
			p.t.Fatal(err)
		}
		if state.Lflag&unix.ECHO == 0 {
			break
		}
		if time.Now().After(end) {
			p.t.Fatal("the terminal echoes what is typed")
		}
	}
	_, _ = io.WriteString(p.master, text+"\n")
}
