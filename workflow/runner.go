package workflow

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/vault"
	"bulla/workflow/finding"
	"bulla/workflow/journal"
	"bulla/workflow/verify"
)

// run is one execution of a plan.
type run struct {
	s       *Session
	plan    *Plan
	face    Face
	journal *journal.Journal[*Plan]
	signer  keys.Signer
	image   *cosign.Signer
	trust   *dct.Clients // nil until the keys are opened
	judge   *keys.Judge  // holds the plan's own public key alone
	result  *Result
	resumed bool
	at      StepID     // the step at work
	mu      sync.Mutex // around face.Emit
}

// Run carries out the plan. Before anything is made it fails with a *RefusedError, the context's
// error or an error of the key; afterwards with an *IncompleteError, and the release can be
// resumed. A refused push is told in Result.PushFailed: the release itself stands, and resuming it
// pushes again. What goes wrong with the journal once all is done is told in Result.JournalFailed.
func (s *Session) Run(ctx context.Context, p *Plan, f Face) (*Result, error) {
	j, err := journal.Lock[*Plan](s.state.CommonDir, s.world.Now)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if old := j.Plan(); old != nil {
		return nil, &RefusedError{Findings: []Finding{{Finding: finding.Finding{Rule: RuleInterrupted, Severity: finding.Error,
			Message: fmt.Sprintf("The release of %s was begun and not finished.", old.Tag), Hint: "resume it or take it back first"}, Step: StepPreflight}}}
	}
	return s.execute(ctx, &run{s: s, plan: p, face: f, journal: j})
}

// ErrNothingToResume says that no release of this repository was begun and left.
var ErrNothingToResume = errors.New("no release was begun here and left unfinished")

// Resume goes on with the release that a former run began. What exists already and is right is
// kept. It fails with journal.ErrRunning or ErrNothingToResume, otherwise as Run does.
func (s *Session) Resume(ctx context.Context, f Face) (*Result, error) {
	j, err := journal.Lock[*Plan](s.state.CommonDir, s.world.Now)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	p := j.Plan()
	if p == nil {
		return nil, ErrNothingToResume
	}
	r := &run{s: s, plan: p, face: f, journal: j, resumed: true}
	if err := j.Append(entry{Kind: journal.Resumed}); err != nil {
		return nil, r.failed(StepPreflight, err)
	}
	if err := r.prepare(); err != nil {
		return nil, r.failed(StepPreflight, err)
	}
	if err := r.cleanTemps(ctx); err != nil {
		return nil, r.failed(StepPreflight, err)
	}
	return s.execute(ctx, r)
}

// prepare makes what every run needs besides its plan.
func (r *run) prepare() error {
	ring, err := keyringOf(r.plan.Key)
	if err != nil {
		return err
	}
	r.judge = &keys.Judge{Keyring: ring, Now: r.s.world.Now().Add(verify.ClockSlack)}
	r.result = &Result{Plan: r.plan, Resumed: r.resumed}
	return nil
}

func (s *Session) execute(ctx context.Context, r *run) (*Result, error) {
	start := s.world.Now()
	if err := r.prepare(); err != nil {
		return nil, r.failed(StepPreflight, err)
	}
	defer r.closeKeys()
	// What only waits for its push needs no key; it is checked once more, for it becomes public now.
	pushing := r.resumed && onlyPushLeft(r.journal.Entries()) && r.recall(ctx)
	for _, st := range walk {
		if pushing && (st.signs || st.id == StepKey || st.id == StepImage) {
			r.emit(StepSkipped{Step: st.id, Reason: "done before"})
			continue
		}
		if err := r.do(ctx, st); err != nil {
			if st.id == StepPush && r.result.Pushed {
				break // it was the note in the journal that failed: putting it away tells
			}
			if st.id == StepPush && ctx.Err() == nil {
				r.result.PushFailed = err
				break
			}
			var wrong *keys.UnlockError
			if errors.As(err, &wrong) {
				s.world.Vault.Reject(ctx, wrong.Request)
			}
			return r.result, r.failed(st.id, err)
		}
	}
	r.result.Took = s.world.Now().Sub(start)
	s.forgetTags()
	if r.result.PushFailed != nil {
		return r.result, nil // resuming pushes again, abandoning takes the rest back
	}
	if err := r.journal.Archive(journal.Complete, ""); err != nil {
		r.result.JournalFailed = &JournalError{Tag: r.plan.Tag, Err: err}
	}
	return r.result, nil
}

func (r *run) closeKeys() {
	if r.signer != nil {
		_ = r.signer.Close()
	}
	if r.image != nil {
		r.image.Close()
	}
	if r.trust != nil {
		r.trust.Close()
	}
}

// do runs one step with everything that is the same for all: the journal, events, timing, and
// no start after a cancellation.
func (r *run) do(ctx context.Context, st step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if st.writes && r.journal.Plan() == nil {
		if err := r.journal.Begin(r.plan, existing(r.plan.outputs())); err != nil {
			return err
		}
	}
	if st.skip != nil {
		if reason := st.skip(r); reason != "" {
			r.emit(StepSkipped{Step: st.id, Reason: reason})
			return r.note(entry{Kind: journal.Skipped, Step: string(st.id)})
		}
	}
	if err := r.note(entry{Kind: journal.Started, Step: string(st.id)}); err != nil {
		return err
	}
	began := r.s.world.Now()
	r.emit(StepStarted{Step: st.id, At: began})
	r.at = st.id
	text, err := st.run(ctx, r)
	took := r.s.world.Now().Sub(began)
	if err != nil {
		r.emit(StepFailed{Step: st.id, Err: err, Took: took})
		if n := r.note(entry{Kind: journal.Failed, Step: string(st.id)}); n != nil && !errors.Is(err, n) {
			err = errors.Join(err, n)
		}
		return err
	}
	err = r.note(entry{Kind: journal.Done, Step: string(st.id), Text: text})
	r.emit(StepDone{Step: st.id, Text: text, Took: took}) // whatever becomes of the note
	return err
}

// note writes to the journal once it is open; the steps before make nothing worth a line.
func (r *run) note(e entry) error {
	if r.journal.Plan() == nil {
		return nil
	}
	return r.journal.Append(e)
}

// failed tells a failure before anything was made from one that left something behind.
func (r *run) failed(st StepID, err error) error {
	if r.journal.Plan() == nil {
		return err
	}
	e := &IncompleteError{Tag: r.plan.Tag, Step: st, Err: err}
	e.Done, e.Left = summarize(r.journal.Entries())
	return e
}

func (r *run) emit(e Event) {
	if r.face.Emit == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.face.Emit(e)
}

// waitsFor tells that the step waits for an answer of a host or a git remote.
func (r *run) waitsFor(st StepID, label string) {
	r.emit(StepWaiting{Step: st, For: WaitNetwork, Label: label, At: r.s.world.Now()})
}

// attendant tells as events what gpg-agent or a card waits for, and lends the face's terminal.
func (r *run) attendant() agent.Attendant {
	a := agent.Attendant{Waiting: func(w agent.Wait) func() {
		e := StepWaiting{Step: r.at, At: r.s.world.Now(), Limit: w.Limit, Label: w.Card}
		switch w.For {
		case agent.WaitTouch:
			e.For = WaitTouch
		case agent.WaitCard:
			e.For = WaitCard
		default:
			e.For, e.Label = WaitAgent, r.plan.Key.UserID
		}
		r.emit(e)
		return nil
	}}
	if r.face.Lend != nil {
		a.Lend = func(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
			r.emit(StepWaiting{Step: r.at, For: WaitPrompt, Label: r.plan.Key.UserID, At: r.s.world.Now()})
			return r.face.Lend(ctx, use)
		}
	}
	return a
}

// ask is the way to a passphrase: what the face brought, then memory and the vault, then the
// person. Each wait is an event, of the step at work: a card may want its PIN again later.
func (r *run) ask() keys.AskPassphrase {
	person := func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if r.face.Ask == nil {
			return keys.Secret{}, keys.ErrNoPassphrase
		}
		w := StepWaiting{Step: r.at, For: WaitPassphrase, Label: req.Label, At: r.s.world.Now()}
		if req.Card != "" {
			w.For, w.Label = WaitPIN, req.Card
		}
		r.emit(w)
		return r.face.Ask(ctx, req)
	}
	waiting := func(v vault.Status) {
		r.emit(StepWaiting{Step: r.at, For: WaitKeychain, Label: v.Name, At: r.s.world.Now()})
	}
	if r.face.Unattended {
		waiting = nil
	}
	rest := r.s.world.Vault.Ask(person, waiting)
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if r.face.First != nil {
			if s, err := r.face.First(ctx, req); !errors.Is(err, keys.ErrNoPassphrase) {
				return s, err
			}
		}
		return rest(ctx, req)
	}
}

// forgetTags lets the next question read the tags anew.
func (s *Session) forgetTags() {
	s.mu.Lock()
	s.hasTags, s.tagList = false, nil
	s.mu.Unlock()
}
