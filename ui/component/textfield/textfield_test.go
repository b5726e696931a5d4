package textfield

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/theme"
)

func TestField(t *testing.T) {
	th := theme.New(theme.Options{})
	m := New("", "1.4.0")
	if got := m.View(th, 20, false); got != "(1.4.0)" {
		t.Errorf("placeholder: %q", got)
	}
	if got := m.View(th, 20, true); got != "_ (1.4.0)" {
		t.Errorf("placeholder behind the cursor: %q", got)
	}
	if got := New("", "").View(th, 20, true); got != "_" {
		t.Errorf("no placeholder: %q", got)
	}
	m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(" 2.0\x1b[31m\u202e.0 "), Paste: true})
	if got := m.Value(); got != "2.0[31m.0" {
		t.Errorf("pasted: %q", got)
	}
	m.SetValue("2.0.0")
	if got := m.View(th, 20, true); got != "2.0.0_" {
		t.Errorf("at the end: %q", got)
	}
	m.Update(tea.KeyMsg{Type: tea.KeyLeft})
	if got := m.View(th, 20, true); got != "2.0._0" {
		t.Errorf("within: %q", got)
	}
	m.SetValue(strings.Repeat("山x", 40))
	for w := 4; w < 30; w++ {
		v := m.View(th, w, true)
		if layout.Width(v) > w || !strings.Contains(v, "_") {
			t.Errorf("width %d: %q", w, v)
		}
	}
}

// A proposal is replaced by typing; a key that edits keeps it.
func TestPropose(t *testing.T) {
	typed := func(s string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)} }
	for _, c := range []struct {
		name string
		keys []tea.KeyMsg
		want string
	}{
		{"nothing", nil, "rhea@acme.org"},
		{"typed", []tea.KeyMsg{typed("a"), typed("d"), typed("a")}, "ada"},
		{"pasted", []tea.KeyMsg{{Type: tea.KeyRunes, Runes: []rune("ada@x.org"), Paste: true}}, "ada@x.org"},
		{"only what cannot be seen", []tea.KeyMsg{typed("\x1b\u202e")}, "rhea@acme.org"},
		{"at its end", []tea.KeyMsg{{Type: tea.KeyEnd}, typed("x")}, "rhea@acme.orgx"},
		{"erased", []tea.KeyMsg{{Type: tea.KeyBackspace}, typed("x")}, "rhea@acme.orx"},
	} {
		m := Propose("rhea@acme.org", "")
		for _, k := range c.keys {
			m.Update(k)
		}
		if m.Value() != c.want || m.Proposed() != (len(c.keys) == 0) {
			t.Errorf("%s: %q, proposed %v", c.name, m.Value(), m.Proposed())
		}
	}
	if Propose("", "x").Proposed() {
		t.Error("nothing is proposed")
	}
}
