package firstkey

import (
	"path/filepath"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
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

// ownName is the name that a file gets in a folder that was named.
func ownName(f keys.Fingerprint, what, ext string) string {
	return filepath.Base(firstkey.FileName(f, what, ext))
}

// acknowledged is the error that is left after a key: only enter takes it away. Whoever types their
// passphrase too early, because they expect to be asked for it, types it into no field.
func acknowledged(err error, msg tea.KeyMsg, km keymap.Map) error {
	if key.Matches(msg, km.Choose) && !msg.Paste {
		return nil
	}
	return err
}

func afterFailure(err error) string {
	if err == nil {
		return ""
	}
	return "Enter goes back to the name of the file."
}

// target is where a file with a secret is to go. One in a repository needs a second enter.
type target struct {
	path, caution string
}

// doubtful reports whether the person has to be warned first.
func (t *target) doubtful(b Backend, path string) bool {
	if t.path == path && t.caution != "" {
		t.caution = ""
		return false
	}
	*t = target{path, b.Exposed(path)}
	return t.caution != ""
}

func (t *target) view(s *state, w int) (out []string) {
	if t.caution == "" {
		return nil
	}
	for _, l := range layout.Wrap("! "+safetext.Line(t.caution)+" Enter once more writes it there.", w) {
		out = append(out, s.theme.Caution.Render(l))
	}
	return append(out, "")
}
