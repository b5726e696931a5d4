package firstkey

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// scroll shows a part of a longer text.
type scroll struct {
	first       int
	rows, shown int // of the last drawing
}

func (s *scroll) key(msg tea.KeyMsg, km keymap.Map) {
	to := s.first
	switch {
	case key.Matches(msg, km.Down):
		to++
	case key.Matches(msg, km.Up):
		to--
	case key.Matches(msg, km.PageDown):
		to += max(1, s.shown-2)
	case key.Matches(msg, km.PageUp):
		to -= max(1, s.shown-2)
	case key.Matches(msg, km.Top):
		to = 0
	case key.Matches(msg, km.Bottom):
		to = s.rows
	}
	s.first = max(0, min(to, s.rows-s.shown))
}

// view draws at most h rows. Where rows are out of sight, the first or last says so.
func (s *scroll) view(t theme.Theme, lines []string, h int) []string {
	s.rows, s.shown = len(lines), min(h, len(lines))
	s.first = max(0, min(s.first, s.rows-s.shown))
	out := append([]string(nil), lines[s.first:s.first+s.shown]...)
	if len(out) < 3 {
		return out
	}
	if s.first > 0 {
		out[0] = t.Muted.Render(t.Signs.Up + " more above")
	}
	if s.first+s.shown < s.rows {
		out[len(out)-1] = t.Muted.Render(t.Signs.Down + " more below")
	}
	return out
}

// atEnd reports whether the end has been drawn.
func (s *scroll) atEnd() bool { return s.first+s.shown >= s.rows }

func (s *scroll) pageDown() { s.first = max(0, min(s.first+max(1, s.shown-2), s.rows-s.shown)) }

// more reports whether there is something out of sight.
func (s *scroll) more() bool { return s.rows > s.shown }
