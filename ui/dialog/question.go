package dialog

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Question is answered with yes or no. Everything but the key for yes means no.
type Question struct {
	title    string
	lines    []string
	yes, no  keymap.Hint
	onYes    func() tea.Cmd
	onNo     func()
	keys     keymap.Map
	againYes bool
}

// NewQuestion asks lines, which must be safe to show; yes and no name the answers. ifYes runs for
// yes.
func NewQuestion(title string, lines []string, yes, no string, ifYes func() tea.Cmd) *Question {
	km := keymap.Default()
	return &Question{title: title, lines: lines, yes: keymap.On(km.Yes, yes), no: keymap.On(km.No, no), onYes: ifYes, keys: km}
}

// AgainMeansYes lets a second Ctrl+C, the key that opened the question, answer it too.
func (q *Question) AgainMeansYes() *Question {
	q.againYes = true
	return q
}

// IfNo lets f know of a no, or of no answer.
func (q *Question) IfNo(f func()) *Question {
	q.onNo = f
	return q
}

// Title is the dialog's title.
func (q *Question) Title() string { return q.title }

// Key handles a key.
func (q *Question) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	switch {
	case msg.Paste:
		return false, nil
	case key.Matches(msg, q.keys.Yes), q.againYes && key.Matches(msg, q.keys.Interrupt):
		return true, q.onYes()
	case key.Matches(msg, q.keys.No, q.keys.Back, q.keys.Choose, q.keys.Quit):
		q.Dismiss()
		return true, nil
	}
	return false, nil
}

// View draws the question.
func (q *Question) View(_ theme.Theme, w, _ int) []string {
	var out []string
	for _, l := range q.lines {
		out = append(out, layout.Wrap(l, w)...)
	}
	return out
}

// Hints are the answers.
func (q *Question) Hints() []keymap.Hint { return []keymap.Hint{q.yes, q.no} }

// Dismiss is no answer, which is no.
func (q *Question) Dismiss() {
	if q.onNo != nil {
		q.onNo()
	}
}
