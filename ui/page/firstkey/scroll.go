package firstkey

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/keymap"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
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

// peek shows a part of a room that is taller than the terminal. What is at its end, choices and
// errors, is in sight at first, but for forms; the page keys show the rest.
type peek struct {
	what firstkey.Step // what is looked at; the offset is forgotten for another
	up   int           // rows above the part that is in sight at first
	room int           // how many there are; 0 where all fits
	page int
}

// forms are the steps whose beginning is in sight at first.
var forms = map[firstkey.Step]bool{"": true, firstkey.StepOwner: true, firstkey.StepKind: true, firstkey.StepSecret: true, firstkey.StepIdentity: true}

func (p *peek) key(msg tea.KeyMsg, km keymap.Map) bool {
	up := key.Matches(msg, km.PageUp)
	if p.room == 0 || !up && !key.Matches(msg, km.PageDown) {
		return false
	}
	step := p.page
	if up == forms[p.what] {
		step = -step
	}
	p.up = max(0, min(p.up+step, p.room))
	return true
}

// view cuts lines to h rows, and says where there are more.
func (p *peek) view(t theme.Theme, what firstkey.Step, lines []string, h int) []string {
	if p.what != what {
		p.what, p.up = what, 0
	}
	p.room, p.page = max(0, len(lines)-h), max(1, h-3)
	if p.room == 0 || h < 3 {
		return lines[:min(len(lines), max(0, h))]
	}
	p.up = min(p.up, p.room)
	first := p.room - p.up
	if forms[what] {
		first = p.up
	}
	out := append([]string(nil), lines[first:first+h]...)
	if first > 0 {
		out[0] = t.Muted.Render(t.Signs.Up + " more above: pgup")
	}
	if first < p.room {
		out[h-1] = t.Muted.Render(t.Signs.Down + " more below: pgdn")
	}
	return out
}
