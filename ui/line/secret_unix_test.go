//go:build unix

package line

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"bulla/keys"
)

// console is a terminal with a person in front of it.
type console struct {
	*Terminal
	person *os.File
	tty    *os.File
	seen   chan string // what the screen shows, up to the end
	said   buffer
}

func newConsole(t *testing.T) *console {
	t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminal: ", err)
	}
	c := &console{person: person, tty: tty, seen: make(chan string, 1)}
	c.Terminal = NewTerminal(strings.NewReader(""), &c.said, &TTY{In: tty, Out: tty})
	t.Cleanup(func() { person.Close(); tty.Close() })
	return c
}

func (c *console) types(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.person, text); err != nil {
		t.Error(err)
	}
}

// waitFor reads the screen until it shows text.
func (c *console) waitFor(t *testing.T, text string) (screen string) {
	t.Helper()
	buf := make([]byte, 256)
	for !strings.Contains(screen, text) {
		n, err := c.person.Read(buf)
		screen += string(buf[:n])
		if err != nil {
			t.Fatalf("%v; the screen shows %q", err, screen)
		}
	}
	return screen
}

func (c *console) echoes(t *testing.T) bool {
	t.Helper()
	m, err := termios(c.tty, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m.Lflag&unix.ECHO != 0 && m.Cc[unix.VQUIT] != noCharacter
}

func text(t *testing.T, s keys.Secret) (out string) {
	t.Helper()
	if s.IsZero() {
		t.Fatal("no secret")
	}
	_ = s.Use(func(b []byte) error { out = string(b); return nil })
	return out
}

// TestReadSecret: what is typed is read without being shown, and the echo comes back.
func TestReadSecret(t *testing.T) {
	openpgp := keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, Label: "Ada", Attempt: 1}
	image := keys.PassphraseRequest{Purpose: keys.PurposeImage, Label: "release.key", Attempt: 1}
	fresh := openpgp
	fresh.New = true
	long := strings.Repeat("x", maxTyped)
	for _, c := range []struct {
		name  string
		req   keys.PassphraseRequest
		typed string
		want  string
		says  string
	}{
		{"a line", openpgp, "correct horse\n", "correct horse", ""},
		{"as the enter key sends it", openpgp, "correct horse\r", "correct horse", ""},
		{"not ASCII, and spaces", openpgp, " pferd ü€🐎 \n", " pferd ü€🐎 ", ""},
		{"erased", openpgp, "wrogn\x7f\x7fng\n", "wrong", ""},
		{"nothing at first", openpgp, "\n\nx\n", "x", "Nothing was typed."},
		{"an image key without a passphrase", image, "\n\n", "", "Enter again if the image key has no passphrase"},
		{"an image key after a slip", image, "\nx\n", "x", "Enter again"},
		{"ctrl+d in the middle", openpgp, "ab\x04cd\n", "abcd", ""},
		{"the longest", openpgp, long + "\n", long, ""},
		{"cut, then right", openpgp, long + "yz\nright\n", "right", "at most"},
		{"new, after a slip and after nothing", fresh, "\na\nb\na\na\n", "a", "The two differ."},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newConsole(t)
			go w.types(t, c.typed)
			s, err := w.Passphrase(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, s); got != c.want {
				t.Errorf("read %.60q, want %.60q", got, c.want)
			}
			if !strings.Contains(w.said.String(), c.says) {
				t.Errorf("never said %q:\n%s", c.says, w.said.String())
			}
			if !w.echoes(t) {
				t.Error("the terminal is left without its echo")
			}
		})
	}
}

// TestReadSecretShowsNothing: only the question and the line break reach the screen.
func TestReadSecretShowsNothing(t *testing.T) {
	w := newConsole(t)
	done := make(chan error, 1)
	go func() {
		_, err := w.readSecret(t.Context(), "Passphrase:")
		done <- err
	}()
	screen := w.waitFor(t, "Passphrase: ")
	if w.echoes(t) {
		t.Error("the echo is on while the question stands")
	}
	w.types(t, "canary-7d1f\n")
	screen += w.waitFor(t, "\n")
	if err := <-done; err != nil || strings.Contains(screen, "canary") {
		t.Errorf("%v, the screen shows %q", err, screen)
	}
}

// TestReadSecretGivenUp: Ctrl+C, which ends the context, and the end of input give the echo back,
// and nobody goes on reading from the terminal.
func TestReadSecretGivenUp(t *testing.T) {
	w := newConsole(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := w.readSecret(ctx, "Passphrase:")
		done <- err
	}()
	w.waitFor(t, "Passphrase: ")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !w.echoes(t) {
		t.Errorf("%v, echo %v", err, w.echoes(t))
	}
	// Had somebody gone on reading, this line would be gone.
	go w.types(t, "for the next question\n")
	if s, err := w.readSecret(t.Context(), "Another:"); err != nil || text(t, s) != "for the next question" {
		t.Errorf("%v", err)
	}
	go w.types(t, "\x04")
	if _, err := w.readSecret(t.Context(), "Passphrase:"); !errors.Is(err, context.Canceled) || !w.echoes(t) {
		t.Errorf("the end of input: %v, echo %v", err, w.echoes(t))
	}
}
