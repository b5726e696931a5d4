package dialog

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/scroll"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Consent shows what will happen, all of it, and begins it once the person agreed: with the key for
// yes, or by typing a word where it cannot be taken back. Longer text scrolls, and has to be seen
// to its end first.
type Consent struct {
	title string
	draw  func(t theme.Theme, w int) []string
	part  scroll.Model
	yes   string
	do    func() tea.Cmd
	word  string // "" for a plain yes
	what  string // that the word is
	field *textfield.Model
	wrong string
	seen  bool
	keys  keymap.Map
}

// NewConsent shows what draw draws; yes names what agreeing does, and do is called for it.
func NewConsent(title string, draw func(t theme.Theme, w int) []string, yes string, do func() tea.Cmd) *Consent {
	return &Consent{title: title, draw: draw, yes: yes, do: do, keys: keymap.Default()}
}

// Typed lets the person type word, which is what, instead of pressing a key. A paste does not count.
func (c *Consent) Typed(word, what string) *Consent {
	c.word, c.what, c.field = word, what, textfield.New("", "")
	return c
}

// Title is the dialog's title.
func (c *Consent) Title() string { return c.title }

// Key scrolls, types or answers.
func (c *Consent) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	c.wrong = ""
	switch {
	case msg.Paste:
		if c.field != nil {
			c.wrong = "Type it: a paste is too quick."
		}
		return false, nil
	case key.Matches(msg, c.keys.Back):
		return true, nil
	case key.Matches(msg, c.keys.Toggle) && (c.field == nil || !c.seen): // space, as in every pager
		c.part.Update(tea.KeyMsg{Type: tea.KeyPgDown}, c.keys)
	case msg.Type != tea.KeyRunes && c.part.Update(msg, c.keys):
	case c.field == nil && key.Matches(msg, c.keys.No, c.keys.Quit):
		return true, nil
	case !c.seen:
		c.wrong = "There is more below: read it first."
	case c.field == nil && key.Matches(msg, c.keys.Yes):
		return true, c.do()
	case c.field == nil && key.Matches(msg, c.keys.Choose): // too easily pressed for a yes, and no plain no
		c.wrong = "Press " + c.keys.Yes.Help().Key + " to " + c.yes + ", or " + c.keys.Back.Help().Key + " to leave it."
	case c.field != nil && key.Matches(msg, c.keys.Choose):
		if strings.EqualFold(strings.ReplaceAll(c.field.Value(), " ", ""), c.word) {
			return true, c.do()
		}
		c.wrong = "That is not it. Nothing was changed."
		c.field.SetValue("")
	case c.field != nil:
		c.field.Update(msg)
	}
	return false, nil
}

// View draws the text, and the field.
func (c *Consent) View(t theme.Theme, w, h int) []string {
	var foot []string
	if c.field != nil {
		foot = append(foot, "", layout.Cut("Type "+c.what+" to go on:", w, t.Signs.Ellipsis), picker.Marker(t, true)+c.field.View(t, w-2, true))
	}
	if c.wrong != "" {
		foot = append(foot, t.Bad.Render(layout.Cut(c.wrong, w, t.Signs.Ellipsis)))
	}
	out := c.part.View(t, c.draw(t, w), max(1, h-len(foot)))
	c.seen = c.seen || c.part.End()
	return append(out, foot...)
}

// Hints are the answers.
func (c *Consent) Hints() []keymap.Hint {
	var h []keymap.Hint
	yes := c.keys.Yes
	if c.field != nil {
		yes = c.keys.Choose
	}
	unread := ""
	if !c.seen {
		unread = "there is more below"
	}
	h = append(h, keymap.Unless(unread, yes, c.yes), keymap.On(c.keys.Back, "leave it"))
	if !c.part.End() {
		h = append(h, keymap.On(c.keys.Down, "more"))
		if c.field == nil {
			h = append(h, keymap.On(c.keys.Toggle, "next page"))
		}
	}
	return h
}

// Dismiss is no answer, which is no.
func (c *Consent) Dismiss() {}
