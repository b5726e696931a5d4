package ui

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/dialog"
	"bulla/ui/keymap"
)

// soloPage is a page that a program consists of.
type soloPage interface {
	page
	Init() tea.Cmd
	Shutdown()
}

// soloRoot is a root with one page alone: page must be a soloPage.
type soloRoot struct{ *root }

func newSoloRoot(ctx context.Context, d Display) soloRoot {
	d = d.withDefaults()
	return soloRoot{&root{ctx: ctx, o: Options{Display: d}, theme: d.theme(nil), keys: keymap.Default(), dialogs: &dialog.Stack{}}}
}

// Init begins the page's work.
func (r soloRoot) Init() tea.Cmd { return r.page.(soloPage).Init() }

// Update routes a message.
func (r soloRoot) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		r.w, r.h = msg.Width, msg.Height
		return r, nil
	case tea.KeyMsg:
		switch {
		case key.Matches(msg, r.keys.Interrupt):
			return r, r.page.Interrupt(msg)
		case r.tooSmall() != nil:
			return r, nil
		case r.dialogs.Top() != nil:
			return r, r.dialogs.Key(msg)
		}
		return r, r.page.Key(msg)
	}
	return r, r.page.Update(msg)
}

// show runs the page on the whole screen until the person leaves, and waits for what is at work.
// Make the page with what writes to the clipboard: it writes past Bubble Tea, and the two must not
// mix.
func (r soloRoot) show(make func(clipboard func(string) error) soloPage) error {
	_ = os.Unsetenv("TEA_TRACE")
	_ = os.Unsetenv("TEA_DEBUG")
	var out io.Writer = shareTerminal(r.o.Out)
	p := make(clipboard(out, r.o.Env))
	r.page = p
	_, err := tea.NewProgram(r, tea.WithContext(r.ctx), tea.WithInput(r.o.In), tea.WithOutput(out), tea.WithAltScreen()).Run()
	p.Shutdown()
	if r.ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted) {
		return context.Canceled
	}
	return err
}
