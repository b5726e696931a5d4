package editor

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/theme"
)

func TestEditing(t *testing.T) {
	th := theme.New(theme.Options{})
	m := New("Widget 1.4.0")
	for _, k := range []tea.KeyMsg{
		{Type: tea.KeyEnter}, {Type: tea.KeyEnter},
		{Type: tea.KeyRunes, Runes: []rune("Fixes the frobnicator.")},
		{Type: tea.KeyUp}, {Type: tea.KeyUp}, {Type: tea.KeyEnd},
		{Type: tea.KeyRunes, Runes: []rune("!")},
	} {
		m.Update(k)
	}
	if got, want := m.Value(), "Widget 1.4.0!\n\nFixes the frobnicator."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := strings.Join(m.View(th, 30, 5, true), "|"); got != "Widget 1.4.0!_||Fixes the frobnicator." {
		t.Errorf("shown: %q", got)
	}
	if got := strings.Join(m.View(th, 30, 2, false), "|"); got != "Widget 1.4.0!|" {
		t.Errorf("not focused: %q", got)
	}
}

func TestViewFits(t *testing.T) {
	th := theme.New(theme.Options{})
	m := New(strings.Repeat("山 long line with \x1b[31m and more ", 20) + strings.Repeat("\nnext", 30))
	for i := range 60 {
		for _, w := range []int{5, 20, 53} {
			v := m.View(th, w, 6, true)
			if len(v) > 6 {
				t.Fatalf("%d rows", len(v))
			}
			if !strings.Contains(strings.Join(v, "\n"), "_") {
				t.Fatalf("width %d, key %d: the cursor is out of sight: %q", w, i, v)
			}
			for _, l := range v {
				if layout.Width(l) > w || strings.Contains(l, "\x1b") {
					t.Fatalf("width %d: %q", w, l)
				}
			}
		}
		m.Update(tea.KeyMsg{Type: []tea.KeyType{tea.KeyUp, tea.KeyLeft}[i%2]})
	}
}
