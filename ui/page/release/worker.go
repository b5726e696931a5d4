package release

import (
	"context"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/ui/component/keeping"
	"bulla/ui/component/loan"
	"bulla/workflow"
)

// job is what a worker does.
type job int

// The jobs.
const (
	jobRelease job = iota
	jobResume
	jobPush
)

// worker carries out one job in a goroutine and a context of its own: neither a new frame nor
// the end of the program cuts a signature short. Whoever ends the program cancels it and waits.
type worker struct {
	id      int
	job     job
	backend Backend
	vault   Vault
	plan    *workflow.Plan
	result  *workflow.Result    // of the release to push
	env     func(string) string // nil where there is no terminal to lend
	feed    *feed
	gate    gate
	cancel  context.CancelFunc
	ended   <-chan struct{} // closed when the job is cancelled
	done    chan struct{}
	// end is how the job ended, to be read once done is closed. The feed tells it too, but after
	// the program's end a command that nobody hears any more may have read the feed.
	end *ending

	// Only the worker's goroutine uses these.
	wishes   *keeping.Wishes
	unlocked bool
}

// start begins the job. base gives values only: its end does not end the job.
func (w *worker) start(base context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(base))
	w.cancel, w.ended, w.feed, w.done = cancel, ctx.Done(), newFeed(), make(chan struct{})
	w.wishes = keeping.New(w.vault)
	go func() {
		defer close(w.done)
		defer cancel()
		w.end = w.work(ctx)
		w.feed.put(feedItem{end: w.end})
	}()
}

// stop cancels the job, waits until it has ended, and says how.
func (w *worker) stop() *ending {
	w.cancel()
	<-w.done
	return w.end
}

func (w *worker) work(ctx context.Context) *ending {
	face := workflow.Face{Ask: w.ask, Emit: w.emit}
	if w.env != nil {
		face.Lend = w.lend
	}
	var e ending
	switch w.job {
	case jobResume:
		e.result, e.err = w.backend.Resume(ctx, face)
	case jobPush:
		e.result, e.err = w.result, w.backend.Push(ctx, w.result, face)
	default:
		e.result, e.err = w.backend.Run(ctx, w.plan, face)
	}
	e.notes = w.wishes.Keep(ctx, w.unlocked, w.ask)
	return &e
}

// hold keeps the job from beginning another step, goOn lets it. Who cancels need not let it go on.
func (w *worker) hold() { w.gate.close() }
func (w *worker) goOn() { w.gate.open() }

// emit passes an event on. The runner calls it one at a time, and begins a step when it returns.
func (w *worker) emit(e workflow.Event) {
	if d, ok := e.(workflow.StepDone); ok && d.Step == workflow.StepKey {
		w.unlocked = true
	}
	w.feed.put(feedItem{event: e})
	switch e := e.(type) {
	case workflow.StepStarted:
		w.gate.pass(w.ended)
	case workflow.StepProgress:
		if e.Step == workflow.StepImage { // before each image's signature
			w.gate.pass(w.ended)
		}
	}
}

// lend has the screen lent while use runs.
func (w *worker) lend(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
	l := loan.New(ctx, w.env, use)
	w.feed.put(feedItem{loan: l})
	return l.Wait()
}

// ask puts a question to the person and waits for the answer.
func (w *worker) ask(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	q := &question{request: req, reply: make(chan answer, 1)}
	q.offers, q.chosen = w.wishes.Offers(ctx, req)
	w.feed.put(feedItem{ask: q})
	select {
	case a := <-q.reply:
		return a.secret, w.wishes.Answered(req, a.keep, a.ok)
	case <-ctx.Done():
		w.feed.put(feedItem{withdrawn: q})
		return keys.Secret{}, ctx.Err()
	}
}
