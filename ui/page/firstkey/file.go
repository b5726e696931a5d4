package firstkey

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// choice is a short list of what can be done; the first may have a text field behind it.
type choice struct {
	options []string
	field   *textfield.Model // of the first option; nil for none
	at      int
}

// key handles a key and reports whether the option under the cursor was chosen.
func (c *choice) key(msg tea.KeyMsg, km keymap.Map) (chosen bool) {
	n := len(c.options)
	switch {
	case key.Matches(msg, km.Choose) && !msg.Paste:
		return true
	case key.Matches(msg, km.Next), msg.Type == tea.KeyDown:
		c.at = (c.at + 1) % n
	case key.Matches(msg, km.Previous), msg.Type == tea.KeyUp:
		c.at = (c.at + n - 1) % n
	case c.typing():
		c.field.Update(msg)
	case key.Matches(msg, km.Down):
		c.at = (c.at + 1) % n
	case key.Matches(msg, km.Up):
		c.at = (c.at + n - 1) % n
	}
	return false
}

func (c *choice) typing() bool { return c.field != nil && c.at == 0 }

func (c *choice) view(t theme.Theme, w int) (out []string) {
	for i, o := range c.options {
		line := picker.Marker(t, i == c.at)
		switch {
		case i == 0 && c.field != nil:
			line += o + " " + c.field.View(t, w-layout.Width(o)-4, i == c.at)
		case i == c.at:
			line += o
		default:
			line += t.Muted.Render(o)
		}
		out = append(out, line)
	}
	return out
}

func (c *choice) hints(km keymap.Map, enter string) []keymap.Hint {
	if c.at > 0 {
		enter = "go on"
	}
	h := []keymap.Hint{keymap.On(km.Choose, enter)}
	if len(c.options) > 1 {
		h = append(h, keymap.On(km.Next, "other choice"))
	}
	return append(h, keymap.On(km.Back, ""), keymap.On(km.Help, ""))
}
