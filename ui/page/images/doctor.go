package images

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/finding"
)

// examined is what the doctor said of the registry.
type examined struct {
	findings []finding.Finding
	err      error
}

// doctorFault says why the registry cannot be examined now, or "".
func (m *Model) doctorFault() string {
	switch {
	case m.o.Doctor == nil:
		return "nobody is here who could ask it"
	case m.Busy():
		return "it is being asked"
	}
	return ""
}

// examine asks the doctor.
func (m *Model) examine() tea.Cmd {
	if fault := m.doctorFault(); fault != "" {
		m.Note = "The registry was not asked: " + fault + "."
		return nil
	}
	m.Begin("asking what the registry can hold…")
	ctx, doctor := m.o.Context, m.o.Doctor
	return tea.Batch(m.Tick(), func() tea.Msg {
		list, err := doctor(ctx)
		return examined{list, err}
	})
}

// examined shows what the doctor said; nothing opens by itself while somebody types.
func (m *Model) examined(msg examined) {
	m.End()
	switch {
	case msg.err != nil:
		m.Note = "The registry was not examined: " + explain.Error(msg.err).Headline
	case m.Typing() || m.o.Dialogs.Top() != nil:
		m.Note = "The registry has answered: d asks again and shows it."
	default:
		m.o.Dialogs.Push(dialog.NewMessage("The registry", func(t theme.Theme, w int) []string { return findings(t, msg.findings, w) }))
	}
}

// findings draws what the doctor said.
func findings(t theme.Theme, list []finding.Finding, w int) (out []string) {
	for _, f := range list {
		sign, word, style := theme.Done, "", t.Body
		switch f.Severity {
		case finding.Error:
			sign, word, style = theme.Failed, "error: ", t.Bad
		case finding.Warning:
			sign, word, style = theme.Waiting, "warning: ", t.Caution
		}
		mark := t.Icon(sign) + " "
		for _, l := range layout.Wrap(word+safetext.Line(f.Message), w-2) {
			out = append(out, mark+style.Render(l))
			mark = strings.Repeat(" ", 2)
		}
		if f.Hint != "" {
			for _, l := range layout.Wrap(safetext.Line(f.Hint), w-4) {
				out = append(out, "    "+t.Muted.Render(l))
			}
		}
	}
	return out
}
