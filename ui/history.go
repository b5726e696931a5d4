package ui

import (
	"context"

	"bulla/ui/page/history"
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

	Display
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
	r := &historyRoot{soloRoot: newSoloRoot(ctx, h.Display), ho: h}
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
