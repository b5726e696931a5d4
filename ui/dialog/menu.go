package dialog

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Item is one line of a Menu.
type Item struct {
	// Group is the heading that it stands below; items of a group follow each other.
	Group string
	// Name is what it is, About a sentence or two on what it means; both must be safe to show.
	Name, About string
	// Off says why it cannot be taken now; "" if it can. It stays visible.
	Off string
	// Do is called when it was chosen, after the menu is closed.
	Do func() tea.Cmd
}

// Menu lets a person choose one of several things.
type Menu struct {
	title string
	items []Item
	list  picker.Model
	first int
	keys  keymap.Map
}

// NewMenu makes the menu; the cursor stands on the first item that can be taken.
func NewMenu(title string, items []Item) *Menu {
	m := &Menu{title: title, items: items, keys: keymap.Default()}
	for i, it := range items {
		if it.Off == "" {
			m.list.Set(i)
			break
		}
	}
	return m
}

// Title is the dialog's title.
func (m *Menu) Title() string { return m.title }

// Key moves or chooses.
func (m *Menu) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	switch {
	case msg.Paste, len(m.items) == 0:
		return len(m.items) == 0, nil
	case key.Matches(msg, m.keys.Back, m.keys.Quit):
		return true, nil
	case key.Matches(msg, m.keys.Choose):
		it := m.items[m.list.At()]
		if it.Off != "" {
			return false, nil // the reason is on the screen
		}
		return true, it.Do()
	}
	m.list.Update(msg, m.keys, len(m.items))
	return false, nil
}

// aboutRows is the room for the sentence about the item under the cursor.
const aboutRows = 4

// View draws the items that are in sight, and what the one under the cursor means.
func (m *Menu) View(t theme.Theme, w, h int) []string {
	var rows []string
	at := 0
	for i, it := range m.items {
		if it.Group != "" && (i == 0 || m.items[i-1].Group != it.Group) {
			rows = append(rows, t.Muted.Render(layout.Cut(it.Group, w, t.Signs.Ellipsis)))
		}
		name := layout.Cut(it.Name, w-4, t.Signs.Ellipsis)
		switch {
		case i == m.list.At():
			at = len(rows)
			name = t.Strong.Render(name)
		case it.Off != "":
			name = t.Muted.Render(name)
		}
		if it.Off != "" {
			name = t.Muted.Render("(") + name + t.Muted.Render(")")
		}
		rows = append(rows, picker.Marker(t, i == m.list.At())+name)
	}
	list := min(len(rows), max(3, h-aboutRows-1))
	m.first = layout.Window(len(rows), list, at, m.first)
	if at == 1 && m.first == 1 {
		m.first = 0 // the first heading stays in sight
	}
	out := append([]string(nil), rows[m.first:m.first+list]...)
	if m.first > 0 && m.first != at {
		out[0] = t.Muted.Render("  " + t.Signs.Up + " more above")
	}
	if last := m.first + list; last < len(rows) && last-1 != at {
		out[list-1] = t.Muted.Render("  " + t.Signs.Down + " more below")
	}
	return append(append(out, ""), layout.Block(m.about(t, w), w, aboutRows)...)
}

func (m *Menu) about(t theme.Theme, w int) (out []string) {
	if len(m.items) == 0 {
		return nil
	}
	it := m.items[m.list.At()]
	if it.Off != "" {
		for _, l := range layout.Wrap("Not now: "+it.Off+".", w) {
			out = append(out, t.Caution.Render(l))
		}
	}
	for _, l := range layout.Wrap(it.About, w) {
		out = append(out, t.Muted.Render(l))
	}
	return out
}

// Hints are the keys of the menu.
func (m *Menu) Hints() []keymap.Hint {
	off := ""
	if len(m.items) > 0 {
		off = m.items[m.list.At()].Off
	}
	return []keymap.Hint{keymap.Unless(off, m.keys.Choose, "choose"), keymap.On(m.keys.Down, "next"), keymap.On(m.keys.Back, "leave it")}
}

// Dismiss has nothing to undo.
func (m *Menu) Dismiss() {}
