package firstkey

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// begunView offers keys that have something left to do.
type begunView struct {
	*state
	list picker.Model
}

func (m *Model) begunKey(msg tea.KeyMsg) tea.Cmd {
	v := m.begun
	switch {
	case key.Matches(msg, m.keys.Back, m.keys.Quit):
		return m.leave(false)
	case key.Matches(msg, m.keys.Choose) && !msg.Paste:
		if at := v.list.At(); at < len(m.start.Keys) {
			return m.goOnWith(m.start.Keys[at])
		}
		m.begun = nil
		return m.room().enter()
	default:
		v.list.Update(msg, m.keys, len(m.start.Keys)+1)
	}
	return nil
}

func (v *begunView) view(w, h int) []string {
	out := v.heading("There is a key already. Go on with it?", w)
	var items [][]string
	for i, p := range v.start.Keys {
		item := []string{
			picker.Marker(v.theme, i == v.list.At()) + layout.Cut(safetext.Line(p.Key.UserID()), w-2, v.theme.Signs.Ellipsis),
			"    " + v.theme.Muted.Render(human.Key(v.theme, p.Key.Fingerprint)+"   made "+human.Date(p.Key.Created)),
		}
		for _, l := range p.Left() {
			for _, line := range layout.Wrap(safetext.Line(l.What), w-6) {
				item = append(item, "    "+v.theme.Caution.Render(line))
			}
		}
		items = append(items, append(item, ""))
	}
	items = append(items, []string{picker.Marker(v.theme, v.list.At() == len(v.start.Keys)) + "make a new key"})
	return append(out, v.list.View(v.theme, items, h-len(out))...)
}

func (v *begunView) hints() []keymap.Hint {
	enter := "go on with it"
	if v.list.At() == len(v.start.Keys) {
		enter = "make one"
	}
	return []keymap.Hint{keymap.On(v.keys.Choose, enter), keymap.On(v.keys.Down, "other choice"), keymap.On(v.keys.Back, "leave")}
}

// endView says in what state the key is, and how to go on.
type endView struct{ *state }

func (m *Model) endKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Back):
		m.end = nil
	case key.Matches(msg, m.keys.Choose, m.keys.Quit) && !msg.Paste:
		m.keepCommands()
		return m.leave(false)
	}
	return nil
}

// keepCommands prints what is left to do below the page when it is gone: commands are to be copied,
// and no frame breaks them there.
func (m *Model) keepCommands() {
	if !m.o.Prints {
		return
	}
	for _, l := range m.progress.Left() {
		for _, c := range l.Commands {
			m.print += safetext.Line(c) + "\n"
		}
	}
}

func (v *endView) view(w int) []string {
	if v.work != nil {
		return v.waiting(w)
	}
	k := v.progress.Key
	out := []string{v.theme.Icon(theme.Done) + " " + v.theme.Strong.Render(layout.Cut("The key of "+safetext.Line(k.UserID()), w-4, v.theme.Signs.Ellipsis)), ""}
	out = append(out, human.FingerprintLines(k.Fingerprint, w)...)
	out = append(out, v.theme.Muted.Render("in bulla's store, "+human.Expiry(k.Expires, v.o.Now())))
	if !k.BackedUp.IsZero() {
		out = append(out, v.done("A backup of it was tried on "+human.Date(k.BackedUp)+".", w)...)
	}
	for i, l := range v.progress.Public() {
		if i == 0 {
			out = append(out, v.done("It is public at", w)...)
		}
		out = append(out, layout.Indent(layout.Wrap(safetext.Line(l), w-4), "    ")...)
	}
	out = append(out, "")
	left := v.progress.Left()
	if len(left) == 0 {
		return append(out, "Nothing is left to do.")
	}
	out = append(out, "Left to do; bulla keys generate goes on with it, or:")
	for _, l := range left {
		for i, line := range layout.Wrap(safetext.Line(l.What), w-2) {
			head := v.theme.Signs.Bullet + " "
			if i > 0 {
				head = "  "
			}
			out = append(out, head+line)
		}
		for _, c := range l.Commands {
			for _, line := range layout.Command(safetext.Line(c), w-4) {
				out = append(out, "    "+v.theme.Accent.Render(line))
			}
		}
	}
	return out
}

func (v *endView) status() string {
	if v.o.Prints && len(v.progress.Left()) > 0 {
		return "Leaving prints these commands, to copy; Esc goes back a step."
	}
	return "Esc goes back to the step before."
}

func (v *endView) hints() []keymap.Hint {
	return []keymap.Hint{keymap.On(v.keys.Choose, "leave"), keymap.On(v.keys.Back, "")}
}
