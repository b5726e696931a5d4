package ui

import (
	"context"
	"io"
	"time"

	keyspage "bulla/ui/page/keys"
	"bulla/ui/theme"
)

// Keys are the keys as their page needs them: *workflow.KeyDesk has its methods.
type Keys = keyspage.Backend

// KeysOptions say which keys to show and on which terminal. Open is required; the rest has
// defaults.
type KeysOptions struct {
	// Open opens the places where keys are. It runs outside the event loop, after the first frame,
	// and again when the person asks for it.
	Open func(context.Context) (Keys, error)
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string

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

// KeyList shows all keys on the whole screen until the person leaves. It returns only when nothing
// is at work any more. The error is context.Canceled when ctx ended, else what kept the screen from
// being drawn; what could not be read is told on the screen.
func KeyList(ctx context.Context, o KeysOptions) error {
	r := newKeysRoot(ctx, o)
	return r.show(func(put func(string) error) soloPage { return r.newPage(put) })
}

// keysRoot is a root with the page of keys alone.
type keysRoot struct {
	soloRoot
	ko KeysOptions
}

func newKeysRoot(ctx context.Context, o KeysOptions) *keysRoot {
	return &keysRoot{newSoloRoot(ctx, Options{Theme: o.Theme, ASCII: o.ASCII, In: o.In, Out: o.Out, Env: o.Env, Now: o.Now}), o}
}

// newPage makes the page for the theme; put writes to the clipboard.
func (r *keysRoot) newPage(put func(string) error) *keyspage.Model {
	return keyspage.New(keyspage.Options{Context: r.ctx, Open: r.ko.Open, Path: r.ko.Path, Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: put})
}
