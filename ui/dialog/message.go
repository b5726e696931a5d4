package dialog

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/component/scroll"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// Message shows text until esc or enter closes it: any other key may be the beginning of a passphrase that
// was typed too early. Longer text scrolls.
type Message struct {
	title string
	help  bool // its own key closes it too
	draw  func(t theme.Theme, w int) []string
	part  scroll.Model
	keys  keymap.Map

	put  func(string) error // to the clipboard; nil where nothing is to be copied
	text string
	what string // how it is called
	note string // what became of it
}

// NewMessage shows what draw draws.
func NewMessage(title string, draw func(t theme.Theme, w int) []string) *Message {
	return &Message{title: title, draw: draw, keys: keymap.Default()}
}

// Copying lets a key of the message put a text on the clipboard, whole, as no screen shows it; what is how a
// sentence begins that tells of it. Nothing is offered where put is nil.
func (m *Message) Copying(put func(string) error, text, what string) *Message {
	m.put, m.text, m.what = put, text, what
	return m
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
	case key.Matches(msg, m.keys.Back, m.keys.Choose), m.help && key.Matches(msg, m.keys.Help, m.keys.Quit):
		return true, nil
	case m.put != nil && key.Matches(msg, m.keys.Copy):
		if m.note = m.what + " was given to the terminal's clipboard, if it has one."; m.put(m.text) != nil {
			m.note = "The clipboard did not take it."
		}
	case key.Matches(msg, m.keys.Toggle): // space, as in every pager
		m.part.Update(tea.KeyMsg{Type: tea.KeyPgDown}, m.keys)
	default:
		m.part.Update(msg, m.keys)
	}
	return false, nil
}

// View draws the part of the text that is in sight.
func (m *Message) View(t theme.Theme, w, h int) []string {
	if m.note == "" {
		return m.part.View(t, m.draw(t, w), h)
	}
	note := layout.Wrap(m.note, w)
	out := m.part.View(t, m.draw(t, w), max(1, h-len(note)-1))
	out = append(out, "")
	for _, l := range note {
		out = append(out, t.Good.Render(l))
	}
	return out
}

// Hints are the keys that close it.
func (m *Message) Hints() []keymap.Hint {
	h := []keymap.Hint{keymap.On(m.keys.Back, "close")}
	if m.put != nil {
		h = append(h, keymap.On(m.keys.Copy, "copy it all"))
	}
	if !m.part.End() {
		h = append(h, keymap.On(m.keys.Down, "more"), keymap.On(m.keys.Toggle, "next page"))
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
	m := NewMessage("Help", func(t theme.Theme, w int) []string {
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
	m.help = true
	return m
}
