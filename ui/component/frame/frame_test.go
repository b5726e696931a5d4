package frame

import (
	"strings"
	"testing"

	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

func TestViewHasTheSizeOfTheTerminal(t *testing.T) {
	km := keymap.Default()
	for _, th := range []theme.Theme{theme.New(theme.Options{}), theme.New(theme.Options{ASCII: true})} {
		s := Screen{
			Title: strings.Repeat("very long title ", 9), Context: strings.Repeat("山田/widget ", 20),
			Body: strings.Split(strings.Repeat("body 山 \n", 80), "\n"), Status: strings.Repeat("status ", 40),
			Hints:  []keymap.Hint{keymap.On(km.Choose, ""), keymap.Unless("no", km.New, ""), keymap.On(km.Filter, ""), keymap.On(km.Help, ""), keymap.On(km.Back, ""), keymap.On(km.Quit, "")},
			Corner: "step 2 of 6",
		}
		for _, size := range [][2]int{{60, 16}, {61, 17}, {80, 24}, {120, 40}, {300, 90}} {
			lines := strings.Split(View(th, s, size[0], size[1]), "\n")
			if len(lines) != size[1] {
				t.Errorf("%v: %d rows", size, len(lines))
			}
			for i, l := range lines {
				if layout.Width(l) != size[0] {
					t.Errorf("%v: row %d has %d columns: %q", size, i, layout.Width(l), l)
				}
			}
			if !strings.Contains(lines[size[1]-1], "step 2 of 6") {
				t.Errorf("%v: key line %q", size, lines[size[1]-1])
			}
			if strings.Contains(lines[size[1]-1], "q quit") {
				t.Error("a sixth key is named")
			}
		}
	}
}

func TestTooSmall(t *testing.T) {
	if TooSmall(MinWidth, MinHeight, "urgent") != nil {
		t.Error("the minimum itself is refused")
	}
	for _, size := range [][2]int{{59, 16}, {60, 15}, {10, 3}, {1, 1}} {
		lines := TooSmall(size[0], size[1], "")
		if len(lines) == 0 || len(lines) > size[1] {
			t.Errorf("%v: %d rows", size, len(lines))
		}
		for _, l := range lines {
			if layout.Width(l) > size[0] {
				t.Errorf("%v: %q", size, l)
			}
		}
	}
	if got := strings.Join(TooSmall(59, 15, ""), " "); !strings.Contains(got, "60x16") || !strings.Contains(got, "59x15") {
		t.Errorf("got %q", got)
	}
}
