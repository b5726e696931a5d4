package keys

import (
	"cmp"
	"context"
	"errors"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/errand"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/workflow/keydesk"
)

// ending is how an errand ended.
type ending struct {
	err error
	// note is the line about it where it went well, left where the person stopped it; "" says that
	// nothing was changed.
	note, left string
	// of is the key that was changed; it is looked at again, and news says what was seen.
	of   keys.Fingerprint
	news []keydesk.News
	// anew says that all keys have to be looked at again, with the cursor on the key of.
	anew bool
	// tell opens what is to be read or answered next; it runs in Update.
	tell func() dialog.Dialog
	// unproved says that a passphrase or a token may have been wrong all the same: none is kept.
	unproved bool
	// form, if not nil, comes back where it went wrong: what was typed is not lost.
	form *dialog.Form
	// apply and then run in Update, apply in any case, then where it went well.
	apply func()
	then  func() tea.Cmd
}

// begin does work beside the event loop. What it writes is waited for when the program ends.
func (m *Model) begin(doing string, work func(ctx context.Context, e *errand.Errand) ending) tea.Cmd {
	if m.errands.Doing() != "" {
		m.Note = "Not begun: something is under way."
		return nil
	}
	b := m.backend
	return tea.Batch(m.errands.Begin(doing, func(ctx context.Context, e *errand.Errand) ending {
		b.Attend(e.Attendant())
		return work(ctx, e)
	}), m.Tick())
}

// ended takes the end of an errand.
func (m *Model) ended(end ending, notes []string) tea.Cmd {
	m.End()
	m.table.learn(end.news)
	if end.apply != nil {
		end.apply()
	}
	var stale *keydesk.StaleMemoryError // it was changed all the same
	switch {
	case errand.Stopped(end.err):
		m.Note = cmp.Or(end.left, "Left. Nothing was changed.")
	case errors.As(end.err, &stale):
		m.Note = end.note
		m.o.Dialogs.Push(dialog.NewError(end.err))
	case end.err != nil:
		m.Note = ""
		if end.form != nil {
			m.o.Dialogs.Push(end.form)
		}
		m.o.Dialogs.Push(dialog.NewError(end.err))
	default:
		m.Note = end.note
	}
	if end.err == nil && end.tell != nil {
		if d := end.tell(); d != nil {
			m.o.Dialogs.Push(d)
		}
	}
	for i := range notes {
		notes[i] = safetext.Line(notes[i])
	}
	if len(notes) > 0 {
		m.o.Dialogs.Push(notice("About passphrases", notes))
	}
	if end.of != "" {
		m.table.stand(end.of)
	}
	switch {
	case end.anew && end.of != "": // a key that came must not hide behind the filter
		m.ShowAll()
		return m.Reload()
	case end.anew:
		return m.Reload()
	case end.err == nil && end.then != nil:
		return end.then()
	}
	return nil
}

// changed is the ending after a key of the store was changed.
func changed(ctx context.Context, b Backend, f keys.Fingerprint, note string, err error) ending {
	var stale *keydesk.StaleMemoryError
	if err != nil && !errors.As(err, &stale) {
		return ending{err: err}
	}
	news, here := b.Look(context.WithoutCancel(ctx), f)
	return ending{err: err, note: note, of: f, news: news, anew: !here}
}
