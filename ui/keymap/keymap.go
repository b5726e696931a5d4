// Package keymap names every key that bulla's screens answer to. Screens compare keys only
// through [key.Matches] with one of these bindings.
package keymap

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// Map is the full set of bindings. A screen takes those that it needs.
type Map struct {
	// Everywhere.
	Interrupt, Quit, Help, Back key.Binding
	// In lists and forms.
	Up, Down, PageUp, PageDown, Top, Bottom key.Binding
	Choose, Next, Previous                  key.Binding
	Left, Right, Toggle, All                key.Binding
	// Actions of single screens.
	New, Filter, Edit, Again, Set, Remove, Write, Images, Key       key.Binding
	None, ListOnly, Replace, TogglePush, Resume, Undo, Push, Verify key.Binding
	Yes, No, Tamper, Go, Show                                       key.Binding
	Message, Copy, Export, Sort, Wanting, Signer, Registry          key.Binding
	Fetch, With, Repository, Doctor                                 key.Binding
	// Of the first key.
	Words, Entry, Quick, Print key.Binding
	// Of keys.
	Actions, Mend, Code, Import, Extend, Backup, Public, ExportKey, UndoChange, AllKeys key.Binding
	// Of images.
	SignImage, Gate, Trust, Save key.Binding
	// In text.
	Erase, EraseAll key.Binding
}

// Move is where a key of lists leads from at, in steps of page for the keys of pages, up to end; false
// for another key. The caller keeps it within bounds.
func (m Map) Move(msg tea.KeyMsg, at, page, end int) (to int, ok bool) {
	switch {
	case key.Matches(msg, m.Up):
		return at - 1, true
	case key.Matches(msg, m.Down):
		return at + 1, true
	case key.Matches(msg, m.PageUp):
		return at - page, true
	case key.Matches(msg, m.PageDown):
		return at + page, true
	case key.Matches(msg, m.Top):
		return 0, true
	case key.Matches(msg, m.Bottom):
		return end, true
	}
	return at, false
}

// Default makes the bindings of bulla. Keys with control work while text is typed, the plain
// ones only elsewhere.
func Default() Map {
	b := func(help, desc string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(help, desc))
	}
	return Map{
		Interrupt: b("ctrl+c", "stop", "ctrl+c"),
		Quit:      b("q", "quit", "q"),
		Help:      b("?", "help", "?"),
		Back:      b("esc", "back", "esc"),

		Up:       b("up", "up", "up", "k"),
		Down:     b("down", "down", "down", "j"),
		PageUp:   b("pgup", "page up", "pgup"),
		PageDown: b("pgdn", "page down", "pgdown"),
		Top:      b("home", "first", "home", "g"),
		Bottom:   b("end", "last", "end", "G"),
		Choose:   b("enter", "choose", "enter"),
		Next:     b("tab", "next field", "tab"),
		Previous: b("shift+tab", "field before", "shift+tab"),
		Left:     b("left", "left", "left"),
		Right:    b("right", "right", "right"),
		Toggle:   b("space", "take/leave", " "),
		All:      b("a", "all or none", "a"),

		New:        b("n", "new key", "n"),
		Filter:     b("/", "filter", "/"),
		Edit:       b("e", "edit", "e"),
		Again:      b("r", "look again", "r"),
		Set:        b("s", "set the globs", "s"),
		Remove:     b("x", "leave out", "x"),
		Write:      b("w", "keep in bulla.toml", "w"),
		Images:     b("i", "add an image", "i"),
		Key:        b("k", "image key", "k"),
		None:       b("0", "without files", "0"),
		ListOnly:   b("l", "sign the list alone", "l"),
		Replace:    b("R", "replace them", "R"),
		TogglePush: b("ctrl+p", "push too", "ctrl+p"),
		Resume:     b("r", "go on with it", "r"),
		Undo:       b("t", "take it back", "t"),
		Push:       b("p", "push the tag", "p"),
		Verify:     b("v", "how others verify", "v"),
		Yes:        b("y", "yes", "y"),
		No:         b("n", "no", "n"),
		Tamper:     b("t", "tamper with a file", "t"),
		Go:         b("1-9", "go and mend it", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
		Show:       b("enter", "be the stranger", "enter"),
		Message:    b("m", "message", "m"),
		Copy:       b("c", "copy the fingerprint", "c"),
		Export:     b("x", "export", "x"),
		Sort:       b("s", "sort", "s"),
		Wanting:    b("w", "only what is not good", "w"),
		Signer:     b("b", "only by this signer", "b"),
		Registry:   b("i", "ask the registry for images", "i"),
		Fetch:      b("f", "fetch the missing key", "f"),
		With:       b("t", "how images are signed", "t"),
		Doctor:     b("d", "what the registry can hold", "d"),
		Repository: b("o", "the tags of its repository", "o"),

		Words: b("ctrl+g", "words for you", "ctrl+g"),
		Entry: b("e", "copy the entry for KEYS", "e"),
		Quick: b("N", "quick key", "N"),
		Print: b("p", "print it after leaving", "p"),

		Actions:    b("a", "what to do with it", "a"),
		Mend:       b("m", "mend", "m"),
		Code:       b("v", "fingerprint as QR code", "v"),
		Import:     b("i", "import", "i"),
		Extend:     b("e", "extend", "e"),
		Backup:     b("b", "back up", "b"),
		Public:     b("p", "publish", "p"),
		ExportKey:  b("x", "export", "x"),
		UndoChange: b("u", "undo the last change", "u"),
		AllKeys:    b("a", "all keys", "a"),

		SignImage: b("S", "sign it", "S"),
		Gate:      b("v", "may it be used?", "v"),
		Trust:     b("t", "Content Trust", "t"),
		Save:      b("w", "write to a file", "w"),

		Erase:    b("backspace", "erase", "backspace", "ctrl+h"),
		EraseAll: b("ctrl+u", "erase all", "ctrl+u"),
	}
}

// Hint is a binding as the key line shows it.
type Hint struct {
	key.Binding
	// Off says why the action can't be taken now; "" if it can. A hint that is off stays
	// visible, and pressing its key says why.
	Off string
}

// On is a Hint for an action that can be taken, under a name that fits the screen; "" keeps the
// binding's own.
func On(b key.Binding, desc string) Hint {
	if desc != "" {
		b.SetHelp(b.Help().Key, desc)
	}
	return Hint{Binding: b}
}

// Unless is a Hint that is off for the reason given, or on for none.
func Unless(reason string, b key.Binding, desc string) Hint {
	h := On(b, desc)
	h.Off = reason
	return h
}
