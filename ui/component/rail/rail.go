// Package rail draws the steps of a walk down the left side: an icon, the step's name, and what
// was settled there.
package rail

import (
	"bulla/ui/component/layout"
	"bulla/ui/theme"
)

// Width is how many columns a rail takes.
const Width = 24

// Item is one step.
type Item struct {
	State theme.State
	Title string
	// Value is what was settled, such as "3 files"; the word of the state where it is empty. It
	// must be safe to show.
	Value string
}

const titleWidth = 9 // "Artifacts", "Last look"

// View draws the steps, one a row, in Width columns.
func View(t theme.Theme, items []Item) []string {
	out := make([]string, 0, len(items))
	for _, it := range items {
		value := it.Value
		if value == "" {
			value = it.State.Word()
		}
		title := layout.Pad(it.Title, titleWidth)
		switch it.State {
		case theme.Current:
			title = t.Accent.Render(title)
		case theme.Pending, theme.Skipped:
			title = t.Muted.Render(title)
		}
		style := t.Muted
		if it.State == theme.Failed || it.State == theme.Waiting {
			style = t.StateStyle(it.State)
		}
		room := Width - 1 - t.IconWidth() - 1 - titleWidth - 1
		row := " " + t.Icon(it.State) + " " + title + " " + style.Render(layout.Middle(value, room, t.Signs.Ellipsis))
		out = append(out, layout.Pad(row, Width))
	}
	return out
}
