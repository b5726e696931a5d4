package ui

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/muesli/termenv"

	"bulla/ui/page/history"
	"bulla/ui/theme"
)

// Timeline is the repository's history as the page needs it: *history.Timeline of package
// workflow/history has its methods.
type Timeline = history.Backend

// HistoryOptions say which history to show and on which terminal. Open is required; the rest has
// defaults.
type HistoryOptions struct {
	// Open reads the tags of the repository. It runs outside the event loop, after the first
	// frame, and again when the person asks for it.
	Open func(context.Context) (Timeline, error)
	// Keys looks for missing keys on key servers; nil where that is not possible.
	Keys history.KeySource
	// Dir is where the relative name of an exported file begins; "" is the working directory.
	Dir string

	// Theme is light, dark, or by COLORFGBG. ASCII draws without other characters, also where
	// the locale has them.
	Theme theme.Mode
	ASCII bool
	// In and Out are the terminal; standard input and output by default.
	In  io.Reader
	Out io.Writer
	// Env reads the environment; os.Getenv by default. Now is the clock; time.Now by default.
	Env func(string) string
	Now func() time.Time
}

// History shows the past releases on the whole screen until the person leaves. It returns only
// when nothing is at work any more. The error is context.Canceled when ctx ended, else what kept
// the screen from being drawn; what could not be read is told on the screen.
func History(ctx context.Context, o HistoryOptions) error {
	r := newHistoryRoot(ctx, o)
	return r.show(func(put func(string) error) soloPage { return r.newPage(put) })
}

// historyRoot is a root with the page of past releases alone.
type historyRoot struct {
	soloRoot
	history *history.Model
	ho      HistoryOptions
}

func newHistoryRoot(ctx context.Context, h HistoryOptions) *historyRoot {
	o := Options{Theme: h.Theme, ASCII: h.ASCII, In: h.In, Out: h.Out, Env: h.Env, Now: h.Now}
	r := &historyRoot{soloRoot: newSoloRoot(ctx, o), ho: h}
	r.history = r.newPage(nil)
	r.page = r.history
	return r
}

// newPage makes the page for the theme; put writes to the clipboard.
func (r *historyRoot) newPage(put func(string) error) *history.Model {
	return history.New(history.Options{
		Context: r.ctx, Open: r.ho.Open, Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: put, Keys: r.ho.Keys, Dir: r.ho.Dir,
	})
}

// terminal lets two write to one terminal in turn. It stays a file for those who ask whether it is
// a terminal.
type terminal struct {
	*os.File
	mu sync.Mutex
}

// Write writes p as a whole.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.File.Write(p)
}

// lockedWriter is terminal for what is no file.
type lockedWriter struct {
	io.Writer
	mu sync.Mutex
}

// Write writes p as a whole.
func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Writer.Write(p)
}

func shareTerminal(out io.Writer) io.Writer {
	if f, ok := out.(*os.File); ok {
		return &terminal{File: f}
	}
	return &lockedWriter{Writer: out}
}

// clipboard writes to the terminal's clipboard (OSC 52). Whether the terminal takes it, it does
// not tell.
func clipboard(out io.Writer, env func(string) string) func(string) error {
	t := termenv.NewOutput(out, termenv.WithEnvironment(variables(env)), termenv.WithProfile(termenv.Ascii))
	return func(text string) error {
		t.Copy(text)
		return nil
	}
}

// variables lets termenv read the environment through a function.
type variables func(string) string

// Getenv looks up one variable.
func (v variables) Getenv(name string) string { return v(name) }

// Environ lists nothing: variables are looked up by name only.
func (v variables) Environ() []string { return nil }
