package scroll

import (
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/keymap"
	"bulla/ui/theme"
)

func numbered(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("line %d", i))
	}
	return out
}

// TestEveryLineComesIntoSight: whatever the key, no line is skipped over.
func TestEveryLineComesIntoSight(t *testing.T) {
	ascii, km := theme.New(theme.Options{ASCII: true}), keymap.Default()
	for _, kind := range []tea.KeyType{tea.KeyDown, tea.KeyPgDown} {
		for h := 1; h <= 12; h++ {
			var m Model
			lines, seen := numbered(10), map[string]bool{}
			for range 20 {
				view := m.View(ascii, lines, h)
				if len(view) > h {
					t.Fatalf("%d rows in a room of %d", len(view), h)
				}
				for _, l := range view {
					seen[l] = true
				}
				if !m.Update(tea.KeyMsg{Type: kind}, km) {
					t.Fatal("not its key")
				}
			}
			for _, l := range lines[min(h, len(lines))-1:] {
				if h > 2 && !seen[l] {
					t.Errorf("%v, room of %d: %q never came into sight", kind, h, l)
				}
			}
		}
	}
}

func TestKeys(t *testing.T) {
	ascii, km := theme.New(theme.Options{ASCII: true}), keymap.Default()
	var m Model
	show := func() string { return strings.Join(m.View(ascii, numbered(9), 4), "|") }
	if got := show(); got != "line 0|line 1|line 2|v more below: down shows it" {
		t.Errorf("the beginning: %s", got)
	}
	for _, c := range []struct {
		key  tea.KeyType
		want string
	}{
		{tea.KeyEnd, "^ more above|line 6|line 7|line 8"},
		{tea.KeyDown, "^ more above|line 6|line 7|line 8"},
		{tea.KeyUp, "^ more above|line 5|line 6|v more below: down shows it"},
		{tea.KeyPgUp, "^ more above|line 3|line 4|v more below: down shows it"},
		{tea.KeyHome, "line 0|line 1|line 2|v more below: down shows it"},
		{tea.KeyPgUp, "line 0|line 1|line 2|v more below: down shows it"},
		{tea.KeyPgDown, "^ more above|line 3|line 4|v more below: down shows it"},
	} {
		m.Update(tea.KeyMsg{Type: c.key}, km)
		if got := show(); got != c.want {
			t.Errorf("%v: %s, want %s", c.key, got, c.want)
		}
	}
	if m.Update(tea.KeyMsg{Type: tea.KeyEnter}, km) {
		t.Error("took a key that is not its own")
	}
	// A text that becomes shorter stays in sight.
	if got := m.View(ascii, numbered(2), 4); len(got) != 2 || got[0] != "line 0" || m.More() {
		t.Errorf("shorter: %q", got)
	}
}
