package keys

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// subject is the key of a row, for jobs.
func (m *Model) subject(r *row) keydeed.Subject {
	return keydeed.Subject{State: &r.State, Now: m.o.Now, Hints: keydeed.Hints{
		Publish: "p", BackUp: "b", Undo: "u", Forget: "The menu (a) has what forgets it.", Revocation: "in the menu",
	}}
}

// propose shows what a job does, to the key of a row or of none, and does it once the person agreed.
func (m *Model) propose(r *row, j keydeed.Job) { m.o.Dialogs.Push(m.proposal(r, j, nil)) }

// ask opens a form; submit is as for dialog.NewForm, and gets the form.
func (m *Model) ask(title, intro string, fields []*dialog.Field, done string, submit func(form *dialog.Form) (wrong string, at *dialog.Field, cmd tea.Cmd)) {
	var form *dialog.Form
	form = dialog.NewForm(title, intro, fields, done, func() (string, *dialog.Field, tea.Cmd) { return submit(form) })
	m.o.Dialogs.Push(form)
}

// proposeFrom is propose for what a form asked for, which comes back where it goes wrong.
func (m *Model) proposeFrom(form *dialog.Form, r *row, j keydeed.Job) {
	m.o.Dialogs.Push(m.proposalFrom(form, r, j, nil))
}

// proposal is the dialog of propose; then, if not nil, begins what follows where it went well.
func (m *Model) proposal(r *row, j keydeed.Job, then func() tea.Cmd) *dialog.Consent {
	return m.proposalFrom(nil, r, j, then)
}

func (m *Model) proposalFrom(form *dialog.Form, r *row, j keydeed.Job, then func() tea.Cmd) *dialog.Consent {
	c := consent(j.Title, r, j.Effects, j.Yes, func() tea.Cmd { return m.carryOut(form, r, j, then) })
	if j.Typed {
		end := string(r.Fingerprint[len(r.Fingerprint)-8:])
		c.Typed(end, human.Tail(r.Fingerprint)+", the end of the fingerprint,")
	}
	return c
}

// carryOut does a job beside the event loop. form, if not nil, is what asked for it.
func (m *Model) carryOut(form *dialog.Form, r *row, j keydeed.Job, then func() tea.Cmd) tea.Cmd {
	b := m.backend
	return m.begin(j.Doing, func(ctx context.Context, e *errand.Errand) ending {
		out, err := j.Do(ctx, b, keydeed.Person{Ask: e.Ask, Plain: e.Plain, Say: e.Note})
		end := ending{err: err, note: out.Note, of: out.Of}
		switch {
		case j.File != "" && errors.Is(err, fs.ErrExist):
			end = ending{note: "Nothing was written: " + safetext.Line(filepath.Base(j.File)) + " is there already. Give another name."}
			if form != nil {
				end.tell = func() dialog.Dialog { return form }
			}
			return end
		case out.Gone && err == nil:
			end.anew, end.apply = true, func() { m.table.drop(r.Fingerprint) }
		case out.Anew:
			end.anew = err == nil
		case r != nil && !j.Reads:
			end = changed(ctx, b, r.Fingerprint, out.Note, err)
		}
		if out.Story.Title != "" {
			end.tell = func() dialog.Dialog { return told(out.Story) }
		}
		end.then, end.form = then, form
		return end
	})
}

// told is a story as a dialog.
func told(s keydeed.Story) dialog.Dialog {
	return dialog.NewMessage(s.Title, func(t theme.Theme, w int) (out []string) {
		if s.Good != "" {
			out = append(out, t.Icon(theme.Done)+" "+t.Good.Render(s.Good))
		}
		for _, l := range s.Lines {
			if command := strings.TrimLeft(l, " "); command != l {
				out = append(out, layout.Indent(layout.Command(command, w-2), "  ")...)
			} else {
				out = append(out, layout.Wrap(l, w)...)
			}
		}
		return out
	})
}

// consent shows what an action does to a key before it does it.
func consent(title string, r *row, effects []keydeed.Effect, yes string, do func() tea.Cmd) *dialog.Consent {
	return dialog.NewConsent(title, func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		if r != nil {
			s.Text(t.Strong, keydeed.Called(&r.State, r.name()))
			s.Lines = append(s.Lines, human.FingerprintLines(r.Fingerprint, w)...)
			s.Space()
		}
		for _, e := range effects {
			style := t.Body
			if e.Caution {
				style = t.Caution
			}
			s.Styled(e.Label, "", style, e.Text)
		}
		return s.Lines
	}, yes, do)
}
