// Package frame draws what stands around every screen: the title line, the status line and the
// key line.
package frame

import (
	"fmt"
	"strings"

	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// The smallest terminal on which the screens make sense.
const (
	MinWidth  = 60
	MinHeight = 16
)

// WideWidth is the width from which a detail stands beside the list.
const WideWidth = 100

// RailWidth is the width from which the rail of steps is shown.
const RailWidth = 80

// chrome is the rows that the frame itself takes: title, two rules, status, keys.
const chrome = 5

// maxHints is how many keys the key line names; the rest stand in the help.
const maxHints = 5

// Screen is what a page wants to show. Its text must be safe to show.
type Screen struct {
	Title   string // after the program's name: "release v1.4.0"
	Context string // at the right end: project and branch
	Body    []string
	Status  string
	Hints   []keymap.Hint
	Corner  string // at the right end of the key line: "step 2 of 6"
}

// Body is the space that a frame of w by h leaves for a page.
func Body(w, h int) (width, height int) { return w, max(0, h-chrome) }

// TooSmall is what a terminal below the minimum shows, or nil: instead, if there is something that
// cannot wait, or else how large it has to be.
func TooSmall(w, h int, instead string) []string {
	if w >= MinWidth && h >= MinHeight {
		return nil
	}
	text := instead
	if text == "" {
		text = fmt.Sprintf("bulla needs a terminal of %dx%d; this one is %dx%d. Make it larger, or press ctrl+c to stop.", MinWidth, MinHeight, w, h)
	}
	lines := layout.Wrap(text, w)
	return lines[:min(len(lines), h)]
}

// View draws the screen in exactly w columns and h rows.
func View(t theme.Theme, s Screen, w, h int) string {
	rule := t.Border.Render(strings.Repeat(t.Signs.Rule, w))
	bw, bh := Body(w, h)
	lines := []string{title(t, s, w), rule}
	lines = append(lines, layout.Block(s.Body, bw, bh)...)
	lines = append(lines, rule, layout.Pad(" "+layout.Cut(s.Status, w-2, t.Signs.Ellipsis), w), keyLine(t, s, w))
	return strings.Join(lines, "\n")
}

func title(t theme.Theme, s Screen, w int) string {
	left := " " + t.Accent.Render("bulla")
	if s.Title != "" {
		left += "  " + t.Strong.Render(s.Title)
	}
	return layout.Ends(left, t.Muted.Render(layout.Middle(s.Context, w/2, t.Signs.Ellipsis))+" ", w, t.Signs.Ellipsis)
}

// keyLine names the first keys; what does not fit is left to the help.
func keyLine(t theme.Theme, s Screen, w int) string {
	right := t.Muted.Render(s.Corner) + " "
	room := w - 2 - layout.Width(right)
	line := ""
	for i, h := range s.Hints {
		if i == maxHints {
			break
		}
		next := Hint(t, h)
		if line != "" {
			next = "   " + next
		}
		if layout.Width(line)+layout.Width(next) > room {
			break
		}
		line += next
	}
	return layout.Ends(" "+line, right, w, "")
}

// Hint draws one key with what it does, and of one that is off that it does not now.
func Hint(t theme.Theme, h keymap.Hint) string {
	k, desc := h.Help().Key, h.Help().Desc
	if h.Off != "" {
		return t.Muted.Render(k + " " + desc + ": not now")
	}
	return t.Accent.Render(k) + " " + t.Muted.Render(desc)
}
