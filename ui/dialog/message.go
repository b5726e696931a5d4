package dialog

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// Message shows text until a key closes it; longer text scrolls.
type Message struct {
	title string
	draw  func(t theme.Theme, w int) []string
	first int
	rows  int // of the last drawing, to know where the end is
	shown int
	keys  keymap.Map
}

// NewMessage shows what draw draws.
func NewMessage(title string, draw func(t theme.Theme, w int) []string) *Message {
	return &Message{title: title, draw: draw, keys: keymap.Default()}
}

// NewError shows an error: what is wrong, why, what is untouched, what to do next.
func NewError(err error) *Message {
	e := explain.Error(err)
	return NewMessage("That did not work", func(t theme.Theme, w int) []string { return Explanation(t, e, w) })
}

// Explanation draws an explained error in w columns.
func Explanation(t theme.Theme, e explain.Explanation, w int) []string {
	var out []string
	add := func(render func(...string) string, prefix, s string) {
		for i, l := range layout.Wrap(safetext.Line(s), w-layout.Width(prefix)) {
			if i > 0 {
				prefix = "  "[:min(2, layout.Width(prefix))]
			}
			out = append(out, prefix+render(l))
		}
	}
	add(t.Bad.Render, t.Icon(theme.Failed)+" ", e.Headline)
	if e.Cause != "" {
		add(t.Body.Render, "  ", e.Cause)
	}
	if e.Untouched != "" {
		add(t.Good.Render, "  ", e.Untouched)
	}
	if len(e.Next) > 0 {
		out = append(out, "")
	}
	for _, n := range e.Next {
		add(t.Body.Render, t.Signs.Bullet+" ", n)
	}
	return out
}

// Title is the dialog's title.
func (m *Message) Title() string { return m.title }

// Key handles a key.
func (m *Message) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	switch {
	case key.Matches(msg, m.keys.Down):
		m.first = min(m.first+1, max(0, m.rows-m.shown))
	case key.Matches(msg, m.keys.Up):
		m.first = max(0, m.first-1)
	case key.Matches(msg, m.keys.Back, m.keys.Choose, m.keys.Quit, m.keys.Help):
		return true, nil
	}
	return false, nil
}

// View draws the part of the text that is in sight.
func (m *Message) View(t theme.Theme, w, h int) []string {
	lines := m.draw(t, w)
	m.rows, m.shown = len(lines), min(h, len(lines))
	m.first = max(0, min(m.first, m.rows-m.shown))
	out := append([]string(nil), lines[m.first:m.first+m.shown]...)
	if m.first+m.shown < m.rows {
		out[len(out)-1] = t.Muted.Render(t.Signs.Down + " more below")
	}
	return out
}

// Hints are the keys that close it.
func (m *Message) Hints() []keymap.Hint {
	h := []keymap.Hint{keymap.On(m.keys.Back, "close")}
	if m.rows > m.shown {
		h = append(h, keymap.On(m.keys.Down, "more"))
	}
	return h
}

// Dismiss has nothing to undo.
func (m *Message) Dismiss() {}

// Group is a set of keys with a heading, for the help.
type Group struct {
	Name  string
	Hints []keymap.Hint
}

// NewHelp lists keys by group. An action that can't be taken says why.
func NewHelp(groups []Group) *Message {
	return NewMessage("Help", func(t theme.Theme, w int) []string {
		var out []string
		for i, g := range groups {
			if i > 0 {
				out = append(out, "")
			}
			out = append(out, t.Strong.Render(g.Name))
			for _, h := range g.Hints {
				line := layout.Pad(t.Accent.Render(h.Help().Key), 11) + " " + h.Help().Desc
				if h.Off != "" {
					line += t.Muted.Render(" (not now: " + h.Off + ")")
				}
				out = append(out, "  "+layout.Cut(line, w-2, t.Signs.Ellipsis))
			}
		}
		return out
	})
}
