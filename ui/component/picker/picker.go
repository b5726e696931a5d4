// Package picker moves a cursor through a list and keeps the chosen item in sight. What an item
// looks like is the caller's business; it may take several rows.
package picker

import (
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

const page = 5 // items

// Model is the state of one list. The zero value stands on the first item.
type Model struct {
	at    int
	first int // first row in sight
}

// At is the index of the item under the cursor.
func (m *Model) At() int { return m.at }

// Set moves the cursor.
func (m *Model) Set(i int) { m.at = max(0, i) }

// Update moves the cursor within n items. It reports whether the key was one of its own.
func (m *Model) Update(msg tea.KeyMsg, km keymap.Map, n int) bool {
	to, ok := km.Move(msg, m.at, page, n-1)
	if !ok {
		return false
	}
	m.at = max(0, min(to, n-1))
	return true
}

// View shows the rows of the items that fit into h rows and the cursor's item among them. Where
// rows are out of sight, the first or last row in sight says how many.
func (m *Model) View(t theme.Theme, items [][]string, h int) []string {
	var rows []string
	from, to := 0, 0
	for i, it := range items {
		if i == m.at {
			from, to = len(rows), len(rows)+len(it)-1
		}
		rows = append(rows, it...)
	}
	if len(rows) <= h || h < 3 {
		m.first = 0
		return rows[:min(len(rows), h)]
	}
	// The rows that tell of more are not used for the item itself.
	m.first = layout.Window(len(rows), h, max(0, from-1), m.first)
	m.first = layout.Window(len(rows), h, min(len(rows)-1, to+1), m.first)
	out := append([]string(nil), rows[m.first:m.first+h]...)
	if m.first > 0 {
		out[0] = t.Muted.Render("  " + t.Signs.Up + " more above")
	}
	if m.first+h < len(rows) {
		out[h-1] = t.Muted.Render("  " + t.Signs.Down + " more below")
	}
	return out
}

// Marker is what stands before an item: the sign of the cursor, or as much space.
func Marker(t theme.Theme, chosen bool) string {
	if chosen {
		return t.Accent.Render(t.Signs.Marker) + " "
	}
	return "  "
}
