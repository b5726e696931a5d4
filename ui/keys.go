package ui

import (
	"context"
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/frame"
	"bulla/ui/page/firstkey"
	keyspage "bulla/ui/page/keys"
)

// Keys are the keys as their page needs them: *keydesk.Desk has its methods.
type Keys = keyspage.Backend

// KeysOptions say which keys to show and on which terminal. Open is required; the rest has
// defaults.
type KeysOptions struct {
	// Open opens the places where keys are. It runs outside the event loop, after the first frame,
	// and again when the person asks for it.
	Open func(context.Context) (Keys, error)
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string
	// Wizard is what leads through the making of a key, once the keys were opened; nil leaves that
	// to a form.
	Wizard func() KeyWizard

	Display
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
	return &keysRoot{newSoloRoot(ctx, o.Display), o}
}

// newPage makes the page for the theme; put writes to the clipboard.
func (r *keysRoot) newPage(put func(string) error) *keysPage {
	return newKeysPage(keyspage.Options{Context: r.ctx, Open: r.ko.Open, Path: r.ko.Path, Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: put, Env: r.o.Env}, r.ko.Wizard)
}

// keysPage is the page of all keys, and in its place the page of a first key while one is made.
type keysPage struct {
	*keyspage.Model
	o      keyspage.Options
	wizard func() KeyWizard
	first  *firstkey.Model // nil while no key is made
	ending sync.WaitGroup  // pages of a first key that were left
}

func newKeysPage(o keyspage.Options, wizard func() KeyWizard) *keysPage {
	p := &keysPage{o: o, wizard: wizard}
	if wizard != nil {
		o.NewKey = p.lead
	}
	p.Model = keyspage.New(o)
	return p
}

// lead opens the page of a first key.
func (p *keysPage) lead() tea.Cmd {
	p.first = firstkey.New(firstkey.Options{
		Context: p.o.Context, Backend: p.wizard(), Theme: p.o.Theme, Now: p.o.Now, Dialogs: p.o.Dialogs, Copy: p.o.Copy,
	})
	return p.first.Init()
}

// Update handles the results of commands, also of the page that is not in sight.
func (p *keysPage) Update(msg tea.Msg) tea.Cmd {
	if d, ok := msg.(firstkey.Done); ok && p.first != nil {
		p.ending.Go(p.first.Shutdown)
		p.first = nil
		if d.Cancelled {
			return tea.Quit
		}
		return p.Made(d.Key)
	}
	cmd := p.Model.Update(msg)
	if p.first != nil {
		cmd = tea.Batch(cmd, p.first.Update(msg))
	}
	return cmd
}

// Key gives a key to the page in sight.
func (p *keysPage) Key(msg tea.KeyMsg) tea.Cmd {
	if p.first != nil {
		return p.first.Key(msg)
	}
	return p.Model.Key(msg)
}

// Interrupt is Ctrl+C.
func (p *keysPage) Interrupt(msg tea.KeyMsg) tea.Cmd {
	if p.first != nil {
		return p.first.Interrupt(msg)
	}
	return p.Model.Interrupt(msg)
}

// Screen is the page in sight.
func (p *keysPage) Screen(w, h int) frame.Screen {
	if p.first != nil {
		return p.first.Screen(w, h)
	}
	return p.Model.Screen(w, h)
}

// Shutdown waits until nothing is at work any more.
func (p *keysPage) Shutdown() {
	if p.first != nil {
		p.first.Shutdown()
	}
	p.ending.Wait()
	p.Model.Shutdown()
}
