package ui

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/muesli/termenv"

	"bulla/ui/theme"
)

// Display is where and how a face draws. The zero value has defaults for all of it.
type Display struct {
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

func (d Display) withDefaults() Display {
	if d.In == nil {
		d.In = os.Stdin
	}
	if d.Out == nil {
		d.Out = os.Stdout
	}
	if d.Env == nil {
		d.Env = os.Getenv
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}

// theme decides the colours from the options and the environment alone: asking the terminal could
// stall.
func (d Display) theme(profile *termenv.Profile) theme.Theme {
	return theme.New(theme.Options{Mode: d.Theme, ASCII: d.ASCII, Out: d.Out, Env: d.Env, Profile: profile})
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
