package ui

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/frame"
	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/page/firstkey"
	"bulla/ui/page/images"
	keyspage "bulla/ui/page/keys"
	"bulla/ui/page/release"
	"bulla/ui/page/sandbox"
	"bulla/ui/theme"
	"bulla/workflow/finding"
)

// page is what stands in the frame.
type page interface {
	Update(tea.Msg) tea.Cmd
	Key(tea.KeyMsg) tea.Cmd
	// Interrupt is Ctrl+C, which works wherever the person is.
	Interrupt(tea.KeyMsg) tea.Cmd
	Screen(w, h int) frame.Screen
}

// guest is a page that the walk leads to, and that leads back.
type guest interface {
	soloPage
	// Left reports once that the person went back.
	Left() bool
}

// root only routes: sizes, keys and messages go to where they belong.
type root struct {
	ctx     context.Context
	o       Options
	theme   theme.Theme
	keys    keymap.Map
	out     io.Writer          // what Bubble Tea and put share
	put     func(string) error // writes to the clipboard
	dialogs *dialog.Stack
	release *release.Model
	sandbox *sandbox.Model // nil until the practice release is done
	guest   guest          // nil until the walk leads to a page of another kind
	leave   func()         // ends the reading of that page
	ending  sync.WaitGroup // such pages that were left
	page    page
	w, h    int
}

func newRoot(ctx context.Context, o Options) *root {
	o.Display = o.withDefaults()
	r := &root{ctx: ctx, o: o, theme: o.theme(nil), keys: keymap.Default(), out: shareTerminal(o.Out), dialogs: &dialog.Stack{}}
	r.put = clipboard(r.out, o.Env)
	r.build()
	return r
}

// build makes the pages for the theme.
func (r *root) build() {
	r.release = release.New(release.Options{
		Context: r.ctx, Open: r.o.Open, Choices: r.o.Choices, Vault: r.o.Vault,
		Practice: r.o.Practice != nil, PracticePassphrase: r.o.PracticePassphrase,
		Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: r.put, CanShowImages: r.o.Images != nil, CanShowKeys: r.o.Keys != nil, CanMakeKey: r.o.KeyWizard != nil, Env: r.o.Env,
	})
	r.page = r.release
}

// Init begins to read the repository.
func (r *root) Init() tea.Cmd { return r.release.Init() }

// Update routes a message.
func (r *root) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		r.w, r.h = msg.Width, msg.Height
		return r, nil
	case tea.KeyMsg:
		return r, r.key(msg)
	case firstkey.Done:
		if _, ok := r.guest.(keyGuest); ok {
			return r, r.keyMade(msg)
		}
	}
	cmd := r.release.Update(msg)
	if r.sandbox != nil {
		cmd = tea.Batch(cmd, r.sandbox.Update(msg))
	}
	if r.guest != nil {
		cmd = tea.Batch(cmd, r.guest.Update(msg))
	}
	return r, cmd
}

func (r *root) key(msg tea.KeyMsg) tea.Cmd {
	_, making := r.guest.(keyGuest) // which stops what it is at first
	switch {
	case key.Matches(msg, r.keys.Interrupt) && r.guest != nil && !making:
		if g, ok := r.guest.(interface{ HoldsOn() bool }); ok && g.HoldsOn() {
			return nil // the person is asked first
		}
		return r.release.Interrupt(msg) // it is the walk that ends
	case key.Matches(msg, r.keys.Interrupt):
		return r.page.Interrupt(msg)
	case r.tooSmall() != nil:
		return nil // nothing may be answered that cannot be read
	case r.dialogs.Top() != nil:
		// What a dialog's answer has changed is for the page to follow up.
		cmd := tea.Batch(r.dialogs.Key(msg), r.release.Update(nil))
		if r.guest != nil {
			cmd = tea.Batch(cmd, r.guest.Update(nil))
		}
		return cmd
	}
	return tea.Batch(r.page.Key(msg), r.turn())
}

// turn goes to the page that the person asked for.
func (r *root) turn() tea.Cmd {
	if result, ok := r.release.WantsPractice(); ok {
		r.sandbox = sandbox.New(sandbox.Options{Context: r.ctx, World: r.o.Practice, Result: result, Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: r.put})
		r.page = r.sandbox
	}
	if r.sandbox != nil && r.sandbox.Left() {
		r.page = r.release
	}
	if repository, ok := r.release.WantsImages(); ok {
		return r.invite(func(ctx context.Context) guest { return r.imagesPage(ctx, repository) })
	}
	if r.release.WantsKey() {
		return r.invite(func(ctx context.Context) guest {
			return keyGuest{firstkey.New(firstkey.Options{Context: ctx, Backend: r.o.KeyWizard(), Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: r.put})}
		})
	}
	if r.release.WantsKeys() {
		return r.invite(func(ctx context.Context) guest {
			return newKeysPage(keyspage.Options{
				Context: ctx, Back: "the release", Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: r.put, Path: r.o.KeyPath, Open: r.o.Keys, Env: r.o.Env,
			}, r.o.KeyWizard)
		})
	}
	if r.guest != nil && r.guest.Left() {
		r.closeGuest()
		r.page = r.release
		return r.release.Returned()
	}
	return nil
}

// imagesPage is the page of a repository of images.
func (r *root) imagesPage(ctx context.Context, repository string) guest {
	o := images.Options{
		Context: ctx, Name: repository, Back: "the release", Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: r.put,
		Open: func(ctx context.Context) (images.Backend, error) { return r.o.Images(ctx, repository) },
	}
	if r.o.ImageDesk != nil {
		if d, err := r.o.ImageDesk(repository); err == nil { // else the listing fails for the same reason, and tells it
			o.Desk, o.Path = d, r.o.ImagePath
		}
	}
	if r.o.Practice != nil {
		o.PassphraseNote = "This is practice. The passphrase of its keys: " + r.o.PracticePassphrase
	}
	if r.o.Doctor != nil {
		o.Doctor = func(ctx context.Context) ([]finding.Finding, error) { return r.o.Doctor(ctx, repository) }
	}
	return images.New(o)
}

// keyGuest is the page of a first key, which says by a message that it was left.
type keyGuest struct{ *firstkey.Model }

// Left is never true: see keyMade.
func (keyGuest) Left() bool { return false }

// keyMade goes back to the walk, to the key that was made. Who left with Ctrl+C leaves the walk.
func (r *root) keyMade(d firstkey.Done) tea.Cmd {
	if d.Cancelled {
		return r.release.Interrupt(tea.KeyMsg{Type: tea.KeyCtrlC})
	}
	r.closeGuest()
	r.page = r.release
	return r.release.KeyMade(d.Key)
}

// invite opens a page that leads back to the walk.
func (r *root) invite(make func(context.Context) guest) tea.Cmd {
	ctx, cancel := context.WithCancel(r.ctx)
	r.leave = cancel
	r.guest = make(ctx)
	r.page = r.guest
	return r.guest.Init()
}

// closeGuest ends the page that leads back; what it was at ends by itself, and shutdown waits for it.
func (r *root) closeGuest() {
	if r.guest == nil {
		return
	}
	r.leave()
	r.ending.Go(r.guest.Shutdown)
	r.guest = nil
}

// shutdown waits until nothing is at work any more.
func (r *root) shutdown() Outcome {
	r.closeGuest()
	r.ending.Wait()
	return r.release.Shutdown()
}

// tooSmall is the sentence for a terminal below the minimum, or nil. Before the size is known
// there is nothing to say.
func (r *root) tooSmall() []string {
	if r.w == 0 {
		return nil
	}
	instead := ""
	if r.page == r.release {
		instead = r.release.Urgent()
	}
	return frame.TooSmall(r.w, r.h, instead)
}

// View draws the page in its frame, and the dialog on top of it.
func (r *root) View() string {
	if r.w == 0 || r.h == 0 {
		return ""
	}
	if lines := r.tooSmall(); lines != nil {
		return r.theme.Fold(strings.Join(lines, "\n"))
	}
	s, d := r.page.Screen(r.w, r.h), r.dialogs.Top()
	if d != nil {
		s.Hints = nil // the dialog has the keys now, and names them itself
	}
	view := frame.View(r.theme, s, r.w, r.h)
	if d != nil {
		lines := strings.Split(view, "\n")
		body := lines[2 : len(lines)-3]
		copy(body, layout.Over(body, dialog.Box(r.theme, d, r.w, len(body)), r.w))
		view = strings.Join(lines, "\n")
	}
	return r.theme.Fold(view)
}
