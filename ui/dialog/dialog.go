// Package dialog holds the boxes that open over a page: a passphrase, a question, an error, the
// help. They stack; the one on top gets the keys, and Esc always means no.
package dialog

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/frame"
	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Dialog is one box.
type Dialog interface {
	// Title stands in the upper border.
	Title() string
	// Key handles a key. The dialog is closed once done is true.
	Key(msg tea.KeyMsg) (done bool, cmd tea.Cmd)
	// View draws the content in w columns and at most h rows.
	View(t theme.Theme, w, h int) []string
	// Hints are the keys the dialog answers to.
	Hints() []keymap.Hint
	// Dismiss is told when the dialog goes away without an answer: it denies, and wipes what was
	// typed.
	Dismiss()
}

// Stack is the dialogs that are open. The zero value is empty and ready.
type Stack struct{ open []Dialog }

// Push opens a dialog on top.
func (s *Stack) Push(d Dialog) { s.open = append(s.open, d) }

// Top is the dialog that gets the keys; nil if none is open.
func (s *Stack) Top() Dialog {
	if len(s.open) == 0 {
		return nil
	}
	return s.open[len(s.open)-1]
}

// Key gives a key to the dialog on top.
func (s *Stack) Key(msg tea.KeyMsg) tea.Cmd {
	d := s.Top()
	if d == nil {
		return nil
	}
	done, cmd := d.Key(msg)
	if done {
		s.remove(d)
	}
	return cmd
}

// Remove closes d wherever it stands in the stack; nothing happens if it is closed already.
func (s *Stack) Remove(d Dialog) {
	if s.remove(d) {
		d.Dismiss()
	}
}

// Clear closes all dialogs, the one on top first.
func (s *Stack) Clear() {
	for d := s.Top(); d != nil; d = s.Top() {
		s.Remove(d)
	}
}

func (s *Stack) remove(d Dialog) bool {
	for i, o := range s.open {
		if o == d {
			s.open = append(s.open[:i:i], s.open[i+1:]...)
			return true
		}
	}
	return false
}

// maxWidth is the widest that a box gets, borders and padding included.
const maxWidth = 76

// Box draws the dialog with its border, to fit into w columns and h rows.
func Box(t theme.Theme, d Dialog, w, h int) []string {
	bw := min(w-2, maxWidth)
	inner := bw - 4
	content := d.View(t, inner, h-4)
	n := min(len(content), h-4)
	content = append(content[:n:n], "", hintLine(t, d.Hints(), inner))
	if len(content)+2 < h {
		content = append([]string{""}, content...)
	}
	s := t.Signs
	line := func(n int) string { return strings.Repeat(s.Rule, max(0, n)) }
	title := layout.Cut(d.Title(), inner, s.Ellipsis)
	out := []string{t.Accent.Render(s.TopLeft+s.Rule) + " " + t.Strong.Render(title) + " " + t.Accent.Render(line(bw-5-layout.Width(title))+s.TopRight)}
	side := t.Accent.Render(s.Pipe)
	for _, l := range content {
		out = append(out, side+" "+layout.Pad(l, inner)+" "+side)
	}
	return append(out, t.Accent.Render(s.BottomLeft+line(bw-2)+s.BottomRt))
}

func hintLine(t theme.Theme, hints []keymap.Hint, w int) string {
	line := ""
	for _, h := range hints {
		next := frame.Hint(t, h)
		if line != "" {
			next = "   " + next
		}
		if layout.Width(line)+layout.Width(next) > w {
			break
		}
		line += next
	}
	return line
}
