// Package sheet writes facts below each other: a label, and what belongs to it, wrapped.
package sheet

import (
	"strings"

	"github.com/charmbracelet/lipgloss"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/theme"
)

// labelWidth is the width of the words before the facts.
const labelWidth = 10

// Sheet is a text of Width columns that is being written into Lines. All text given to it must be
// safe to show, and plain: a style that is wrapped with it would run on into the next row of the
// screen.
type Sheet struct {
	Theme theme.Theme
	Width int
	Lines []string
}

// Fact adds a label and what belongs to it; nothing for no text.
func (s *Sheet) Fact(label, text string) { s.Styled(label, "", s.Theme.Body, text) }

// Styled is Fact with text in a style, and a sign of its own before it. A label that is too long stands
// on a line of its own.
func (s *Sheet) Styled(label, sign string, st lipgloss.Style, text string) {
	if text == "" {
		return
	}
	if layout.Width(label) >= labelWidth {
		s.Lines = append(s.Lines, s.Theme.Muted.Render(layout.Cut(label, s.Width, s.Theme.Signs.Ellipsis)))
		label = ""
	}
	for i, l := range layout.Wrap(text, max(10, s.Width-labelWidth-layout.Width(sign))) {
		if i > 0 {
			label, sign = "", strings.Repeat(" ", layout.Width(sign))
		}
		s.Lines = append(s.Lines, s.Theme.Muted.Render(layout.Pad(label, labelWidth))+sign+st.Render(l))
	}
}

// Key adds a whole fingerprint.
func (s *Sheet) Key(label string, f keys.Fingerprint) {
	for i, l := range human.FingerprintLines(f, max(20, s.Width-labelWidth)) {
		if i > 0 {
			label = ""
		}
		s.Lines = append(s.Lines, s.Theme.Muted.Render(layout.Pad(label, labelWidth))+l)
	}
}

// Mark adds one line under the sign of a state.
func (s *Sheet) Mark(state theme.State, text string) {
	s.Lines = append(s.Lines, s.Theme.Icon(state)+" "+layout.Cut(text, s.Width-4, s.Theme.Signs.Ellipsis))
}

// Text adds a paragraph in a style.
func (s *Sheet) Text(st lipgloss.Style, text string) {
	for _, l := range layout.Wrap(text, s.Width) {
		s.Lines = append(s.Lines, st.Render(l))
	}
}

// Space adds an empty line, unless there is one.
func (s *Sheet) Space() {
	if n := len(s.Lines); n > 0 && s.Lines[n-1] != "" {
		s.Lines = append(s.Lines, "")
	}
}

// Effect is one thing that an action does, or leaves alone, for the look before it. Its texts must be
// safe to show.
type Effect struct {
	Label, Text string
	// Key is a whole fingerprint in place of a text, or "".
	Key keys.Fingerprint
	// ID is a whole id of hexadecimal digits in place of a text, or "".
	ID string
	// Caution says that it is to be minded.
	Caution bool
}

// Effects adds what an action does.
func (s *Sheet) Effects(list ...Effect) {
	for _, e := range list {
		if e.Key != "" {
			s.Key(e.Label, e.Key)
			continue
		}
		style := s.Theme.Body
		if e.Caution {
			style = s.Theme.Caution
		}
		if e.ID != "" {
			e.Text = Halves(e.ID)
		}
		s.Styled(e.Label, "", style, e.Text)
	}
}

// Halves is an id of many digits that is broken in its middle where it does not fit.
func Halves(id string) string { return id[:len(id)/2] + " " + id[len(id)/2:] }
