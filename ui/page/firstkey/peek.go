package firstkey

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/keymap"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

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
