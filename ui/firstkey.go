package ui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/page/firstkey"
)

// KeyWizard is what the page of the first key needs: *firstkey.Wizard of package workflow/firstkey
// has its methods.
type KeyWizard = firstkey.Backend

// FirstKeyOptions say how a first key is made and on which terminal. Wizard is required; the rest has
// defaults.
type FirstKeyOptions struct {
	Wizard KeyWizard
	// Key is a key of bulla's store to go on with; "" begins anew.
	Key keys.Fingerprint

	Display
}

// FirstKey leads to a first key on the whole screen until the person leaves. It returns only when
// nothing is at work any more: the key that was made or gone on with, "" for none, and a text that the
// person wants printed. The error is context.Canceled when they stopped with Ctrl+C or ctx ended.
func FirstKey(ctx context.Context, o FirstKeyOptions) (made keys.Fingerprint, text string, err error) {
	r := newFirstKeyRoot(ctx, o)
	var p *firstKeyPage
	err = r.show(func(put func(string) error) soloPage {
		p = r.newPage(put)
		return p
	})
	if err == nil && p.end.Cancelled {
		err = context.Canceled
	}
	return p.Made(), p.end.Text, err
}

// firstKeyRoot is a root with the page of the first key alone.
type firstKeyRoot struct {
	soloRoot
	fo FirstKeyOptions
}

func newFirstKeyRoot(ctx context.Context, o FirstKeyOptions) *firstKeyRoot {
	return &firstKeyRoot{newSoloRoot(ctx, o.Display), o}
}

// newPage makes the page for the theme; put writes to the clipboard.
func (r *firstKeyRoot) newPage(put func(string) error) *firstKeyPage {
	return &firstKeyPage{Model: firstkey.New(firstkey.Options{
		Context: r.ctx, Backend: r.fo.Wizard, Key: r.fo.Key, Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: put, Prints: true,
	})}
}

// firstKeyPage ends the program when the person leaves the page.
type firstKeyPage struct {
	*firstkey.Model
	end firstkey.Done
}

// Update ends the program, or lets the page handle the message.
func (p *firstKeyPage) Update(msg tea.Msg) tea.Cmd {
	if d, ok := msg.(firstkey.Done); ok {
		p.end = d
		return tea.Quit
	}
	return p.Model.Update(msg)
}
