package keys

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
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

// proposal is the dialog of propose; then, if not nil, begins what follows where it went well.
func (m *Model) proposal(r *row, j keydeed.Job, then func() tea.Cmd) *dialog.Consent {
	c := consent(j.Title, r, j.Effects, j.Yes, func() tea.Cmd { return m.carryOut(r, j, then) })
	if j.Typed {
		end := string(r.Fingerprint[len(r.Fingerprint)-8:])
		c.Typed(end, human.Tail(r.Fingerprint)+", the end of the fingerprint,")
	}
	return c
}

// carryOut does a job beside the event loop.
func (m *Model) carryOut(r *row, j keydeed.Job, then func() tea.Cmd) tea.Cmd {
	b := m.backend
	return m.begin(j.Doing, func(ctx context.Context, e *errand.Errand) ending {
		out, err := j.Do(ctx, b, keydeed.Person{Ask: e.Ask, Say: e.Note})
		end := ending{err: err, note: out.Note, of: out.Of}
		switch {
		case j.File != "" && errors.Is(err, fs.ErrExist):
			return ending{note: "Nothing was written: " + safetext.Line(filepath.Base(j.File)) + " is there already. Give another name."}
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
		end.then = then
		return end
	})
}

// told is a story as a dialog.
func told(s keydeed.Story) dialog.Dialog {
	return dialog.NewMessage(s.Title, func(t theme.Theme, w int) (out []string) {
		if s.Good != "" {
			out = append(out, t.Icon(theme.Done)+" "+t.Good.Render(s.Good))
		}
		return append(out, wrapped(s.Lines, w)...)
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
