// Package scroll shows a text that is longer than its room, part by part.
package scroll

import (
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Model is which part of a text is in sight. The zero value shows its beginning.
type Model struct {
	first int // first row in sight
	rows  int // of the text, when it was drawn last
	shown int // of them in sight
}

// Update scrolls. It reports whether the key was one of its own.
func (m *Model) Update(msg tea.KeyMsg, km keymap.Map) bool {
	page := max(1, m.shown-2) // the rows that tell of more hide one each
	to, ok := km.Move(msg, m.first, page, m.rows)
	if !ok {
		return false
	}
	m.first = max(0, min(to, m.rows-m.shown))
	return true
}

// More reports whether the text does not fit into its room.
func (m *Model) More() bool { return m.rows > m.shown }

// End reports whether the end of the text was in sight when it was drawn last.
func (m *Model) End() bool { return m.first+m.shown >= m.rows }

// View is the part of lines that h rows show. Where rows are out of sight, the first or the last
// row in sight says so.
func (m *Model) View(t theme.Theme, lines []string, h int) []string {
	m.rows, m.shown = len(lines), max(0, min(h, len(lines)))
	m.first = max(0, min(m.first, m.rows-m.shown))
	out := append([]string(nil), lines[m.first:m.first+m.shown]...)
	if m.first > 0 && m.shown > 2 {
		out[0] = t.Muted.Render(t.Signs.Up + " more above")
	}
	if m.first+m.shown < m.rows && m.shown > 0 {
		out[m.shown-1] = t.Muted.Render(t.Signs.Down + " more below: down shows it")
	}
	return out
}
