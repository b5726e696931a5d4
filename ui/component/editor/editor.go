// Package editor is the multi-line text input for a tag's message. Editing is that of bubbles'
// textarea; drawing is our own, so that the cursor shows also without escape sequences.
package editor

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/textarea"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// MaxLength is the longest message, in characters.
const MaxLength = 64 << 10

// Model is one editor.
type Model struct {
	area  textarea.Model
	first int // first row shown
}

// New makes an editor that holds text, with the cursor at its end.
func New(text string) *Model {
	a := textarea.New()
	a.CharLimit = MaxLength
	a.MaxHeight = 0
	a.Prompt = ""
	a.ShowLineNumbers = false
	a.SetWidth(10_000) // lines are wrapped when they are drawn
	// Its own paste key would run a clipboard program; terminals paste by themselves.
	a.KeyMap.Paste = key.NewBinding(key.WithDisabled())
	a.Focus()
	a.SetValue(text)
	return &Model{area: a}
}

// Update types a key.
func (m *Model) Update(msg tea.KeyMsg) { m.area, _ = m.area.Update(msg) }

// Value is the text.
func (m *Model) Value() string { return m.area.Value() }

// View draws the text in w columns and at most h rows. While focused, the row of the cursor is
// in sight.
func (m *Model) View(t theme.Theme, w, h int, focused bool) []string {
	var rows []string
	at := 0
	cursorRow, cursorColumn := m.area.Line(), m.area.LineInfo().CharOffset
	for i, l := range strings.Split(m.area.Value(), "\n") {
		if focused && i == cursorRow {
			marked, row := withCursor(t, l, cursorColumn, w)
			at = len(rows) + row
			rows = append(rows, marked...)
			continue
		}
		rows = append(rows, hardWrap(safetext.Line(l), w)...)
	}
	if !focused {
		return rows[:min(h, len(rows))]
	}
	m.first = layout.Window(len(rows), h, at, m.first)
	return rows[m.first:min(len(rows), m.first+h)]
}

// withCursor wraps the line that the cursor stands on and says in which of its rows it is.
func withCursor(t theme.Theme, line string, column, w int) (rows []string, row int) {
	runes := []rune(line)
	column = min(column, len(runes))
	before, rest := safetext.Line(string(runes[:column])), ""
	under := " "
	if column < len(runes) {
		under, rest = safetext.Line(string(runes[column])), safetext.Line(string(runes[column+1:]))
	}
	// One column is left for the cursor at the end of a full row.
	head := hardWrap(before, w-1)
	row = len(head) - 1
	cursor := t.Cursor.Render(under)
	if t.Plain {
		cursor = "_" + strings.TrimSuffix(under, " ")
	}
	tail := hardWrap(head[row]+cursor+rest, w)
	return append(head[:row], tail...), row
}

// hardWrap breaks a line wherever it is full.
func hardWrap(s string, w int) []string {
	if s == "" || w <= 0 {
		return []string{""}
	}
	var out []string
	for layout.Width(s) > w {
		out = append(out, layout.Cut(s, w, ""))
		s = layout.Skip(s, w)
	}
	return append(out, s)
}
