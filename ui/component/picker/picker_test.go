package picker

import (
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/keymap"
	"bulla/ui/theme"
)

func TestTheChosenItemIsInSight(t *testing.T) {
	th, km := theme.New(theme.Options{}), keymap.Default()
	var items [][]string
	for i := range 12 {
		items = append(items, []string{fmt.Sprintf("item %d.", i), "second", "third"})
	}
	moves := []tea.KeyMsg{{Type: tea.KeyDown}, {Type: tea.KeyPgDown}, {Type: tea.KeyDown}, {Type: tea.KeyEnd}, {Type: tea.KeyUp}, {Type: tea.KeyPgUp}, {Type: tea.KeyHome}, {Type: tea.KeyUp}}
	for h := 5; h <= 20; h++ {
		var m Model
		for i, k := range moves {
			if !m.Update(k, km, len(items)) {
				t.Fatalf("key %v not taken", k)
			}
			v := m.View(th, items, h)
			if len(v) != h {
				t.Fatalf("height %d: %d rows", h, len(v))
			}
			if !strings.Contains(strings.Join(v, "\n"), fmt.Sprintf("item %d.", m.At())) {
				t.Fatalf("height %d, move %d: item %d is out of sight: %q", h, i, m.At(), v)
			}
		}
		if m.At() != 0 {
			t.Errorf("ends at %d", m.At())
		}
	}
	var m Model
	if m.Update(tea.KeyMsg{Type: tea.KeyTab}, km, 3) {
		t.Error("took a key that is not its own")
	}
	m.Update(tea.KeyMsg{Type: tea.KeyDown}, km, 0)
	if got := m.View(th, nil, 5); len(got) != 0 || m.At() != 0 {
		t.Errorf("empty list: %q at %d", got, m.At())
	}
}
