// Package errand carries out what a person asked a page for beside the event loop: one thing at a time,
// which may ask them for passphrases and say how far it has come.
package errand

import (
	"context"
	"errors"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/vault"
	"bulla/ui/component/agentword"
	"bulla/ui/component/keeping"
	"bulla/ui/component/loan"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
)

// Host is the page that errands are run for. E is how one ends.
type Host[E any] struct {
	Context context.Context
	Dialogs *dialog.Stack
	// Vault is where passphrases may be kept; nil offers no place.
	Vault keeping.Vault
	// Note is shown beside the passphrases that are asked for, unless an errand has another one.
	Note string
	// Env reads the environment of the terminal that is lent to gpg-agent's own prompt; nil where there
	// is none.
	Env func(string) string
	// Go begins work that is waited for when the program ends.
	Go func(work func() tea.Msg) tea.Cmd
	// Show shows what is being done.
	Show func(status string)
	// Ended takes the end of the last errand; notes are what to tell of the keeping of passphrases. No
	// errand is under way any more when it is called, in Update.
	Ended func(end E, notes []string) tea.Cmd
	// Right reports whether an errand ended so well that every passphrase in it was right.
	Right func(E) bool
}

// Runner runs errands. Its methods are for the event loop alone.
type Runner[E any] struct {
	host  Host[E]
	now   *Errand // nil: nothing is being done
	count int     // how many were begun
}

// New makes a Runner.
func New[E any](h Host[E]) *Runner[E] { return &Runner[E]{host: h} }

// KeepIn has the passphrases of what is begun from now on kept in v, where the person wishes it; nil
// offers no place.
func (r *Runner[E]) KeepIn(v keeping.Vault) { r.host.Vault = v }

// Errand is what is being done. Its methods are for the work, in its goroutine.
type Errand struct {
	id     int
	begun  string // as which it was begun: "extending the key"
	doing  string // what it does now
	note   string // beside the next passphrase dialog
	ctx    context.Context
	cancel context.CancelFunc
	asks   chan question
	says   chan func()
	env    func(string) string
	loans  chan *loan.Loan
	over   chan struct{} // closed when the work has ended
	wishes *keeping.Wishes
	dialog dialog.Dialog // the passphrase dialog that is open
	stops  bool          // the person stopped it
}

// question waits for a passphrase.
type question struct {
	request keys.PassphraseRequest
	note    string
	offers  []vault.Status
	chosen  vault.Backend
	reply   chan reply
}

type reply struct {
	secret keys.Secret
	keep   vault.Backend
	ok     bool
}

// The messages of an errand.
type (
	asked struct {
		id int
		q  question
	}
	lent struct {
		id   int
		loan *loan.Loan
	}
	said struct {
		id    int
		apply func()
	}
	ended[E any] struct {
		id    int
		end   E
		notes []string
	}
)

// Begin does work beside the event loop; doing is what it is, in words that follow "is".
func (r *Runner[E]) Begin(doing string, work func(ctx context.Context, e *Errand) E) tea.Cmd {
	if r.now != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(r.host.Context)
	r.count++
	e := &Errand{
		id: r.count, begun: doing, doing: doing, note: r.host.Note, ctx: ctx, cancel: cancel, asks: make(chan question), says: make(chan func()),
		env: r.host.Env, loans: make(chan *loan.Loan), over: make(chan struct{}),
		wishes: keeping.New(r.host.Vault),
	}
	r.now = e
	r.host.Show(e.status())
	result := r.host.Go(func() tea.Msg {
		defer close(e.over)
		defer cancel()
		end := work(ctx, e)
		return ended[E]{e.id, end, e.wishes.Keep(ctx, r.host.Right(end), e.Ask)}
	})
	return tea.Batch(result, e.next())
}

// Doing is what is being done; "" for nothing.
func (r *Runner[E]) Doing() string {
	if r.now == nil {
		return ""
	}
	return r.now.doing
}

// Stop stops what is being done, as the person wishes: its end follows.
func (r *Runner[E]) Stop() {
	if e := r.now; e != nil && !e.stops {
		e.stops = true
		e.cancel()
		r.host.Show(e.status())
	}
}

// Update handles the messages of errands.
func (r *Runner[E]) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case asked:
		return r.asked(msg)
	case lent:
		if r.now == nil || msg.id != r.now.id {
			return nil
		}
		return tea.Batch(msg.loan.Begin(), r.now.next())
	case said:
		if r.now == nil || msg.id != r.now.id {
			return nil
		}
		msg.apply()
		r.host.Show(r.now.status())
		return r.now.next()
	case ended[E]:
		e := r.now
		if e == nil || msg.id != e.id {
			return nil
		}
		r.now = nil
		if e.dialog != nil {
			r.host.Dialogs.Remove(e.dialog)
		}
		return r.host.Ended(msg.end, msg.notes)
	}
	return nil
}

// asked opens the dialog for a passphrase.
func (r *Runner[E]) asked(msg asked) tea.Cmd {
	e := r.now
	if e == nil || msg.id != e.id {
		msg.q.reply <- reply{}
		return nil
	}
	e.dialog = dialog.NewPassphrase(dialog.PassphraseOptions{
		Request: msg.q.request, Note: msg.q.note, Offers: msg.q.offers, Chosen: msg.q.chosen,
		Answer: func(s keys.Secret, keep vault.Backend, ok bool) tea.Cmd {
			e.dialog = nil
			r.host.Show(e.status())
			msg.q.reply <- reply{s, keep, ok}
			return nil
		},
	})
	r.host.Dialogs.Push(e.dialog)
	r.host.Show(e.status())
	return e.next()
}

// status says what is being done.
func (e *Errand) status() string {
	if e.stops {
		return "stopping…"
	}
	if e.dialog != nil { // nothing goes on meanwhile, whatever comes next
		return "waiting for the passphrase…"
	}
	return safetext.Line(e.doing) + "…  esc stops it"
}

// next waits for what the errand wants from the person.
func (e *Errand) next() tea.Cmd {
	return func() tea.Msg {
		select {
		case q := <-e.asks:
			return asked{e.id, q}
		case l := <-e.loans:
			return lent{e.id, l}
		case apply := <-e.says:
			return said{e.id, apply}
		case <-e.over:
			return nil
		}
	}
}

// Ask is a keys.AskPassphrase that asks the person, and offers to keep the answer.
func (e *Errand) Ask(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	offers, chosen := e.wishes.Offers(ctx, req)
	return e.put(ctx, question{request: req, note: e.note, offers: offers, chosen: chosen, reply: make(chan reply, 1)})
}

// Plain is Ask without an offer to keep the answer: for what is typed to prove that it is known.
func (e *Errand) Plain(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	return e.put(ctx, question{request: req, note: e.note, reply: make(chan reply, 1)})
}

// Person is a keys.AskPassphrase that asks the person, with a note beside it, and offers no place to
// keep it in.
func (e *Errand) Person(note string) keys.AskPassphrase {
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		return e.put(ctx, question{request: req, note: note, reply: make(chan reply, 1)})
	}
}

func (e *Errand) put(ctx context.Context, q question) (keys.Secret, error) {
	select {
	case e.asks <- q:
	case <-ctx.Done():
		return keys.Secret{}, ctx.Err()
	}
	select {
	case r := <-q.reply:
		return r.secret, e.wishes.Answered(q.request, r.keep, r.ok)
	case <-ctx.Done():
		go func() { // an answer that crossed with the end
			r := <-q.reply
			r.secret.Destroy()
		}()
		return keys.Secret{}, ctx.Err()
	}
}

// Attendant is the person, who stands before gpg-agent: they are told what is waited for, and the screen is
// lent to the agent's own prompt.
func (e *Errand) Attendant() agent.Attendant {
	a := agent.Attendant{Waiting: func(w agent.Wait) (over func()) {
		e.Say("waiting for " + agentword.Of(w))
		return func() { e.Say(e.begun) }
	}}
	if e.env != nil {
		a.Lend = e.lend
	}
	return a
}

// lend has the screen lent while use runs.
func (e *Errand) lend(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
	l := loan.New(ctx, e.env, use)
	select {
	case e.loans <- l:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
	return l.Wait()
}

// Note is shown beside the passphrases that are asked for from now on.
func (e *Errand) Note(text string) { e.note = text }

// Tell has Update apply something that the errand learned: what apply changes belongs to Update.
func (e *Errand) Tell(apply func()) {
	select {
	case e.says <- apply:
	case <-e.ctx.Done():
	}
}

// Say changes the words for what is being done.
func (e *Errand) Say(doing string) { e.Tell(func() { e.doing = doing }) }

// Waits says that a keychain is waited for, which may show a dialog of its own.
func (e *Errand) Waits(s vault.Status) {
	e.Say("waiting for " + s.Name + ", which may show a dialog of its own")
}

// Stopped reports whether an error is that the person stopped the errand, or gave no passphrase.
func Stopped(err error) bool { return errors.Is(err, context.Canceled) }
