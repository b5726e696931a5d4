package keys

import (
	"cmp"
	"context"
	"errors"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/workflow/keydesk"
)

// errand is something that is being done beside the event loop: one at a time. It may ask the
// person for passphrases and say how far it has come.
type errand struct {
	id     int
	doing  string // "extending the key"
	note   string // beside the next passphrase dialog
	ctx    context.Context
	cancel context.CancelFunc
	asks   chan question
	says   chan func()
	over   chan struct{} // closed when the work has ended
	dialog dialog.Dialog // the passphrase dialog that is open
	stops  bool          // the person stopped it
}

// question waits for a passphrase.
type question struct {
	request keys.PassphraseRequest
	note    string
	reply   chan reply
}

type reply struct {
	secret keys.Secret
	ok     bool
}

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
	// apply and then run in Update, apply in any case, then where it went well.
	apply func()
	then  func() tea.Cmd
}

// The messages of an errand.
type (
	asked struct {
		id int
		q  question
	}
	said struct {
		id    int
		apply func()
	}
	ended struct {
		id  int
		end ending
	}
)

// begin does work beside the event loop. What it writes is waited for when the program ends.
func (m *Model) begin(doing string, work func(ctx context.Context, e *errand) ending) tea.Cmd {
	if m.errand != nil {
		m.Note = "Not begun: something is under way."
		return nil
	}
	ctx, cancel := context.WithCancel(m.o.Context)
	m.errands++
	e := &errand{id: m.errands, doing: doing, ctx: ctx, cancel: cancel, asks: make(chan question), says: make(chan func()), over: make(chan struct{})}
	m.errand = e
	m.Begin(e.status())
	result := m.Writes.Go(func() tea.Msg {
		defer close(e.over)
		defer cancel()
		return ended{e.id, work(ctx, e)}
	})
	return tea.Batch(result, e.next(), m.Tick())
}

// status says what is being done.
func (e *errand) status() string {
	if e.stops {
		return "stopping…"
	}
	return safetext.Line(e.doing) + "…  esc stops it"
}

// next waits for what the errand wants from the person.
func (e *errand) next() tea.Cmd {
	return func() tea.Msg {
		select {
		case q := <-e.asks:
			return asked{e.id, q}
		case apply := <-e.says:
			return said{e.id, apply}
		case <-e.over:
			return nil
		}
	}
}

// ask is a keys.AskPassphrase that asks the person.
func (e *errand) ask(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	q := question{req, e.note, make(chan reply, 1)}
	select {
	case e.asks <- q:
	case <-ctx.Done():
		return keys.Secret{}, ctx.Err()
	}
	select {
	case r := <-q.reply:
		switch {
		case r.ok:
			return r.secret, nil
		case req.Purpose == keys.PurposeVault:
			return r.secret, keys.ErrNoPassphrase // there is another way: the passphrase itself
		}
		return r.secret, context.Canceled
	case <-ctx.Done():
		go func() { // an answer that crossed with the end
			r := <-q.reply
			r.secret.Destroy()
		}()
		return keys.Secret{}, ctx.Err()
	}
}

// tell has Update apply something that the errand learned; what apply changes belongs to Update.
func (e *errand) tell(apply func()) {
	select {
	case e.says <- apply:
	case <-e.ctx.Done():
	}
}

// say changes the words for what is being done.
func (e *errand) say(doing string) { e.tell(func() { e.doing = doing }) }

// asked opens the dialog for a passphrase.
func (m *Model) asked(msg asked) tea.Cmd {
	e := m.errand
	if e == nil || msg.id != e.id {
		msg.q.reply <- reply{}
		return nil
	}
	e.dialog = dialog.NewPassphrase(dialog.PassphraseOptions{
		Request: msg.q.request, Note: msg.q.note,
		Answer: func(s keys.Secret, _ vault.Backend, ok bool) tea.Cmd {
			e.dialog = nil
			msg.q.reply <- reply{s, ok}
			return nil
		},
	})
	m.o.Dialogs.Push(e.dialog)
	return e.next()
}

func (m *Model) said(msg said) tea.Cmd {
	if m.errand == nil || msg.id != m.errand.id {
		return nil
	}
	msg.apply()
	m.Begin(m.errand.status())
	return m.errand.next()
}

// ended takes the end of an errand.
func (m *Model) ended(msg ended) tea.Cmd {
	e, end := m.errand, msg.end
	if e == nil || msg.id != e.id {
		return nil
	}
	m.errand = nil
	m.End()
	if e.dialog != nil {
		m.o.Dialogs.Remove(e.dialog)
	}
	m.table.learn(end.news)
	if end.apply != nil {
		end.apply()
	}
	var stale *keydesk.StaleMemoryError // it was changed all the same
	switch {
	case errors.Is(end.err, context.Canceled):
		m.Note = cmp.Or(end.left, "Left. Nothing was changed.")
	case errors.As(end.err, &stale):
		m.Note = end.note
		m.o.Dialogs.Push(dialog.NewError(end.err))
	case end.err != nil:
		m.Note = ""
		m.o.Dialogs.Push(dialog.NewError(end.err))
	default:
		m.Note = end.note
	}
	if end.err == nil && end.tell != nil {
		if d := end.tell(); d != nil {
			m.o.Dialogs.Push(d)
		}
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

// halted stops the errand under way, as the person wishes.
func (m *Model) halted() {
	if m.errand != nil && !m.errand.stops {
		m.errand.stops = true
		m.errand.cancel()
		m.Begin(m.errand.status())
	}
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
