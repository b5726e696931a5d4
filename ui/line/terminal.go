// Package line is the accessible, append-only face: what is said is printed once, line by line,
// and never repainted; choices are numbered; the end of input means no.
package line

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/ui/explain"
	"bulla/ui/safetext"
)

// The rules of the terminal. Answers go to standard output. Questions, progress and errors go to
// standard error, or to the controlling terminal where there is one. A passphrase is read from a
// terminal whose echo is off, into a byte slice, and never from standard input that is a pipe.

// Terminal asks a person, one line at a time.
type Terminal struct {
	in      *bufio.Reader
	tty     *TTY // for passphrases; nil where there is no terminal
	pending chan answer
	asked   int  // questions so far
	back    bool // b leads back to an earlier question
	lent    atomic.Bool

	mu  sync.Mutex // of out
	out io.Writer
}

// NewTerminal asks on out and reads answers from in. tty is where passphrases are read, nil for
// nowhere.
func NewTerminal(in io.Reader, out io.Writer, tty *TTY) *Terminal {
	return &Terminal{in: bufio.NewReader(in), out: out, tty: tty}
}

// Lender lends the terminal to gpg-agent's own prompt while use runs.
type Lender func(ctx context.Context, use func(context.Context, agent.Terminal) error) error

// lending is lend, while which nothing is said of the time that passes; nil for nil.
func (t *Terminal) lending(lend Lender) Lender {
	if lend == nil {
		return nil
	}
	return func(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
		t.lent.Store(true)
		defer t.lent.Store(false)
		return lend(ctx, use)
	}
}

// Say prints one line. The format is ours; texts and errors among the arguments may come from
// outside and are cleaned of whatever a terminal might obey, line breaks too. A sentence that is longer
// than the terminal is wide is broken between words.
func (t *Terminal) Say(format string, args ...any) {
	t.print(t.folded(fmt.Sprintf(format, cleaned(args)...)) + "\n")
}

// SayWhole prints one line as Say does, whole however long it is: it is to be copied.
func (t *Terminal) SayWhole(format string, args ...any) {
	t.print(fmt.Sprintf(format, cleaned(args)...) + "\n")
}

func (t *Terminal) print(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.out, s) // whoever closed the terminal reads nothing more
}

// cleaned makes texts safe to print. A line break of theirs becomes a semicolon: errors are
// joined by line breaks, and a text from outside must not begin a line of its own.
func cleaned(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			out[i] = oneLine(a)
		case error:
			out[i] = oneLine(a.Error())
		default:
			out[i] = a
		}
	}
	return out
}

func oneLine(s string) string {
	return safetext.Line(strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "; "))
}

// Passphrase answers a request on the terminal, with the echo off. A new passphrase is typed
// twice. Without a terminal it returns keys.ErrNoPassphrase.
func (t *Terminal) Passphrase(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	if t.tty == nil {
		return keys.Secret{}, keys.ErrNoPassphrase
	}
	switch {
	case req.Card != "":
		if said := explain.PINTries(req); said != "" {
			t.Say("%s", said)
		}
	case req.Attempt > 1:
		t.Say("That was not the right one. Try %d of %d.", req.Attempt, keys.PassphraseTries)
	}
	for {
		first, err := t.first(ctx, req)
		if err != nil || !req.New {
			t.opens(req, err)
			return first, err
		}
		second, err := t.readSecret(ctx, "The same once more:")
		if err != nil && !errors.Is(err, errCut) {
			first.Destroy()
			return keys.Secret{}, err
		}
		same := first.Equal(second)
		second.Destroy()
		take, err := same, error(nil)
		if same {
			take, err = t.strongEnough(ctx, first, req.Purpose)
		} else {
			t.Say("The two differ. Once more from the beginning.")
		}
		if take && err == nil {
			t.opens(req, nil)
			return first, nil
		}
		first.Destroy()
		if err != nil {
			return keys.Secret{}, err
		}
	}
}

// strongEnough asks who has typed a weak passphrase for a root key, which vouches for good, whether they
// mean it. Of other keys the caller tells.
func (t *Terminal) strongEnough(ctx context.Context, s keys.Secret, purpose keys.PassphrasePurpose) (bool, error) {
	weak := ""
	if purpose == keys.PurposeTrustRoot {
		weak = explain.WeakPassphrase(s, purpose)
	}
	if weak == "" {
		return true, nil
	}
	t.Say("Warning: %s", weak)
	yes, err := t.Confirm(ctx, "Take it all the same?")
	if errors.Is(err, errBack) {
		err = errLeft
	}
	return yes, err
}

// meansBack asks who has typed the letter that leads back from every other question, and nothing else,
// what they meant: here it would be a passphrase.
func (t *Terminal) meansBack(ctx context.Context, s keys.Secret) (bool, error) {
	letter := false
	if !t.back || s.Len() != 1 {
		return false, nil
	}
	if err := s.Use(func(b []byte) error { letter = b[0] == 'b' || b[0] == 'B'; return nil }); err != nil || !letter {
		return false, err
	}
	t.Say("That is the letter b alone, which leads back elsewhere.")
	yes, err := t.Confirm(ctx, "Go back?")
	if errors.Is(err, errBack) {
		return true, nil
	}
	return yes, err
}

// opens says that a vault is opened or made now, which takes seconds on purpose.
func (t *Terminal) opens(req keys.PassphraseRequest, err error) {
	switch {
	case err != nil || req.Purpose != keys.PurposeVault:
	case req.New:
		t.Say("Making the vault file…")
	default:
		t.Say("Opening the vault…")
	}
}

// first reads a passphrase until it can be one: not empty, and not cut. An empty one opens nothing
// but an image key, which cosign makes without a password too: whoever means it presses Enter twice.
func (t *Terminal) first(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	mayBeEmpty := req.Purpose == keys.PurposeImage && !req.New
	for {
		s, err := t.readSecret(ctx, prompt(req))
		switch {
		case errors.Is(err, errCut):
			t.Say("A passphrase that is typed has at most %d bytes. Nothing was taken.", maxTyped)
		case err != nil:
			return s, err
		case s.Len() > 0:
			back, err := t.meansBack(ctx, s)
			if back && err == nil {
				err = errLeft // as Ctrl+D would
			}
			if err != nil {
				s.Destroy()
				return keys.Secret{}, err
			}
			return s, nil
		case req.New:
			t.Say("It must not be empty.")
		case !mayBeEmpty:
			if t.back {
				t.Say("Nothing was typed. Ctrl+D goes back.")
			} else {
				t.Say("Nothing was typed. Ctrl+C stops.")
			}
		default:
			mayBeEmpty = false
			t.Say("Nothing was typed. Enter again if the image key has no passphrase.")
			again, err := t.readSecret(ctx, prompt(req))
			if !errors.Is(err, errCut) {
				return again, err
			}
		}
	}
}

// prompt says what a passphrase is for.
func prompt(req keys.PassphraseRequest) string {
	what := map[keys.PassphrasePurpose]string{
		keys.PurposeOpenPGP: "Passphrase of the key", keys.PurposeAgent: "Passphrase or PIN of GnuPG's key",
		keys.PurposeImage: "Passphrase of the image key", keys.PurposeVault: "Master passphrase of the vault", keys.PurposeToken: "Access token for",
		keys.PurposeTrustRoot: "Passphrase of the", keys.PurposeTrust: "Passphrase of the",
	}[req.Purpose]
	if req.Card != "" {
		return req.Label + ":"
	}
	if req.New {
		what = "New " + strings.ToLower(what[:1]) + what[1:]
	}
	if req.Label != "" {
		what += " " + req.Label
	}
	return what + ":"
}
