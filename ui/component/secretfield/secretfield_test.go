package secretfield

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/theme"
)

func typed(s string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)} }

func pasted(s string) tea.KeyMsg {
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s), Paste: true}
}

func value(t *testing.T, m *Model) (s string) {
	t.Helper()
	if err := m.Take().Use(func(b []byte) error { s = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTyping(t *testing.T) {
	for _, c := range []struct {
		name string
		msgs []tea.KeyMsg
		want string
	}{
		{"letters", []tea.KeyMsg{typed("a"), typed("b"), {Type: tea.KeySpace, Runes: []rune(" ")}, typed("c")}, "ab c"},
		{"backspace takes a whole character", []tea.KeyMsg{typed("aé山"), {Type: tea.KeyBackspace}, {Type: tea.KeyBackspace}}, "a"},
		{"backspace on nothing", []tea.KeyMsg{{Type: tea.KeyBackspace}, typed("x")}, "x"},
		{"ctrl+u", []tea.KeyMsg{typed("wrong"), {Type: tea.KeyCtrlU}, typed("right")}, "right"},
		{"paste loses its last line break only", []tea.KeyMsg{pasted("two\nlines\r\n")}, "two\nlines"},
		{"keys that are no text", []tea.KeyMsg{typed("a"), {Type: tea.KeyUp}, {Type: tea.KeyTab}, {Type: tea.KeyRunes, Runes: []rune("b"), Alt: true}, {Type: tea.KeyCtrlA}}, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := New()
			for _, msg := range c.msgs {
				m.Update(msg)
			}
			if got := value(t, m); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !m.Empty() {
				t.Error("Take left something behind")
			}
		})
	}
}

// Bubble Tea v1 hands out the same rune slice for every space that is typed: wiping it would turn
// all later spaces into NULs.
func TestSpacesShareTheirRunes(t *testing.T) {
	space := tea.KeyMsg{Type: tea.KeySpace, Runes: []rune(" ")}
	m := New()
	for _, msg := range []tea.KeyMsg{typed("a"), space, typed("b"), space, typed("c")} {
		m.Update(msg)
	}
	if got := value(t, m); got != "a b c" {
		t.Errorf("got %q", got)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	m := New()
	msg := pasted("canary-passphrase")
	m.Update(msg)
	if strings.Contains(string(msg.Runes), "canary") {
		t.Error("the key message still holds the passphrase")
	}
	start := unsafe.SliceData(m.buf)
	m.Update(typed(strings.Repeat("x", vault.MaxPassphrase)))
	if !m.Full() || m.Len() != vault.MaxPassphrase {
		t.Errorf("full: %v, length %d", m.Full(), m.Len())
	}
	if unsafe.SliceData(m.buf) != start {
		t.Error("the buffer moved: a copy was left in memory")
	}
	m.Wipe()
	if strings.Trim(string(m.buf[:cap(m.buf)]), "\x00") != "" {
		t.Error("Wipe left something in the buffer")
	}
}

func TestViewShowsOnlyTheCount(t *testing.T) {
	for _, th := range []theme.Theme{theme.New(theme.Options{}), theme.New(theme.Options{ASCII: true})} {
		m := New()
		m.Update(typed("canary"))
		v := m.View(th, 40, true)
		if want := strings.Repeat(th.Signs.Secret, 6) + "_"; v != want {
			t.Errorf("got %q, want %q", v, want)
		}
		if got := m.View(th, 4, true); got != strings.Repeat(th.Signs.Secret, 3)+"_" {
			t.Errorf("narrow: %q", got)
		}
		if s := fmt.Sprintf("%v %+v %s", m.Take(), m, v); strings.Contains(s, "canary") {
			t.Errorf("shown: %q", s)
		}
	}
}

func TestCopyAndFill(t *testing.T) {
	m := New()
	m.Fill(keys.NewSecret([]byte("six random words")))
	a := m.Copy()
	if !a.Equal(keys.NewSecret([]byte("six random words"))) || m.Len() != 16 || m.Full() {
		t.Error("not what was filled in")
	}
	a.Destroy()
	if b := m.Copy(); b.Len() != 16 {
		t.Error("the copy was the field's own")
	}
	m.Fill(keys.NewSecret(make([]byte, vault.MaxPassphrase+1)))
	if !m.Full() {
		t.Error("what does not fit is not told")
	}
}
