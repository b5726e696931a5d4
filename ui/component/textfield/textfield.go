// Package textfield is a one-line text input. Editing is that of bubbles' textinput; drawing is
// our own, because its cursor vanishes where there are no escape sequences.
package textfield

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// MaxLength is the longest text, in characters.
const MaxLength = 1024

// Model is one field.
type Model struct {
	input       textinput.Model
	placeholder string
	proposed    bool // the value is only a proposal: typing replaces it
}

// New makes a field that holds value and shows placeholder while it is empty.
func New(value, placeholder string) *Model {
	in := textinput.New()
	in.CharLimit = MaxLength
	// Its own paste key would run a clipboard program; terminals paste by themselves.
	in.KeyMap.Paste = key.NewBinding(key.WithDisabled())
	in.Focus()
	in.SetValue(value)
	in.CursorEnd()
	return &Model{input: in, placeholder: placeholder}
}

// Propose makes a field whose value is a proposal: the first character typed replaces it, every
// other key keeps it to be edited.
func Propose(value, placeholder string) *Model {
	m := New(value, placeholder)
	m.proposed = value != ""
	return m
}

// Proposed reports whether typing would replace the value.
func (m *Model) Proposed() bool { return m.proposed }

// Update types a key.
func (m *Model) Update(msg tea.KeyMsg) {
	if msg.Type == tea.KeyRunes {
		msg.Runes = printable(msg.Runes)
	}
	if m.proposed && msg.Type == tea.KeyRunes && len(msg.Runes) > 0 {
		m.input.SetValue("")
	}
	m.proposed = false
	m.input, _ = m.input.Update(msg)
}

// printable leaves out what a paste may bring along: controls and invisible characters would
// end up in file names and tags.
func printable(in []rune) []rune {
	out := make([]rune, 0, len(in))
	for _, r := range in {
		if unicode.IsPrint(r) || r == '\t' {
			out = append(out, r)
		}
	}
	return out
}

// Value is what is typed, without spaces around it.
func (m *Model) Value() string { return strings.TrimSpace(m.input.Value()) }

// SetValue replaces the text.
func (m *Model) SetValue(s string) {
	m.proposed = false
	m.input.SetValue(s)
	m.input.CursorEnd()
}

// SetPlaceholder replaces what is shown while the field is empty.
func (m *Model) SetPlaceholder(s string) { m.placeholder = s }

// hint is the placeholder as it is drawn: without colour it must not look like a value.
func (m *Model) hint(t theme.Theme) string {
	if t.Plain && m.placeholder != "" {
		return "(" + m.placeholder + ")"
	}
	return m.placeholder
}

// View draws the field in w columns, scrolled so that the cursor is in sight.
func (m *Model) View(t theme.Theme, w int, focused bool) string {
	runes := []rune(m.input.Value())
	if len(runes) == 0 && !focused {
		return t.Muted.Render(layout.Cut(m.hint(t), w, t.Signs.Ellipsis))
	}
	if !focused {
		return layout.Cut(safetext.Line(string(runes)), w, t.Signs.Ellipsis)
	}
	at := min(m.input.Position(), len(runes))
	before, under, after := string(runes[:at]), " ", ""
	if at < len(runes) {
		under, after = string(runes[at]), string(runes[at+1:])
	}
	if over := layout.Width(before) - (w - 2); over > 0 {
		before = lastColumns(before, w-2)
	}
	cursor := t.Cursor.Render(under)
	if t.Plain {
		cursor = "_" + strings.TrimSuffix(under, " ")
	}
	line := before + cursor + after
	if len(runes) == 0 && m.placeholder != "" {
		return layout.Cut(line+t.Muted.Render(" "+m.hint(t)), w, t.Signs.Ellipsis)
	}
	return layout.Cut(line, w, "")
}

// lastColumns is the end of s in at most w columns.
func lastColumns(s string, w int) string {
	r := []rune(s)
	for len(r) > 0 && layout.Width(string(r)) > w {
		r = r[1:]
	}
	return string(r)
}
