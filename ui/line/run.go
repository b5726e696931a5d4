package line

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/ui/component/agentword"
	"bulla/ui/component/human"
	"bulla/ui/explain"
	"bulla/workflow"
)

// run carries out a job and prints a line for every event. A release that stops halfway can be
// gone on with at once.
func (w *walk) run(ctx context.Context, job func(workflow.Face) (*workflow.Result, error)) (*workflow.Result, error) {
	w.t.Say("")
	p := newProgress(w.t, w.Heartbeat)
	p.now = w.Now
	face := w.Face
	face.Emit = p.take
	face.Ask = func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		p.hush(true)
		defer p.hush(false)
		if w.Note != "" {
			w.t.Say("  %s", w.Note)
		}
		return w.t.Passphrase(ctx, req)
	}
	if lend := w.Face.Lend; lend != nil {
		face.Lend = func(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
			p.hush(true)
			defer p.hush(false)
			return lend(ctx, use)
		}
	}
	res, err := job(face)
	p.stop()
	if err == nil && ctx.Err() != nil {
		w.t.Say("It was too late to stop: the release is done and stands.")
	}
	var incomplete *workflow.IncompleteError
	if ctx.Err() == nil && errors.As(err, &incomplete) {
		w.explain(err)
		return w.goOn(ctx, res, err)
	}
	return res, err
}

// goOn asks what to do with a release that began and did not finish. Leaving it is err: it can be
// resumed at any time.
func (w *walk) goOn(ctx context.Context, res *workflow.Result, err error) (*workflow.Result, error) {
	w.t.Say("")
	n, askErr := w.whatNow(ctx)
	if askErr != nil {
		return res, err
	}
	switch n {
	case goOn:
		return w.resume(ctx)
	case takeBack:
		if abandonErr := w.abandon(ctx); abandonErr != nil {
			return res, abandonErr
		}
		return nil, errLeft
	}
	return res, err
}

func (w *walk) resume(ctx context.Context) (*workflow.Result, error) {
	w.changed = true
	return w.run(ctx, func(f workflow.Face) (*workflow.Result, error) { return w.Session.Resume(ctx, f) })
}

// progress prints the events of a run. What is printed stays; while nothing ends, a line every
// few seconds says that the work goes on.
type progress struct {
	t     *Terminal
	every time.Duration

	mu      sync.Mutex
	hushed  bool // a passphrase is being typed
	step    workflow.StepID
	last    *workflow.StepProgress
	waits   string // for what, or ""
	since   time.Time
	now     func() time.Time
	quit    chan struct{}
	stopped chan struct{}
}

func newProgress(t *Terminal, every time.Duration) *progress {
	p := &progress{t: t, every: every, quit: make(chan struct{}), stopped: make(chan struct{})}
	go p.beat()
	return p
}

// stop ends the heartbeat; after it nothing more is printed.
func (p *progress) stop() {
	close(p.quit)
	<-p.stopped
}

// hush keeps the heartbeat silent while somebody types.
func (p *progress) hush(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hushed = on
}

func (p *progress) beat() {
	defer close(p.stopped)
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			p.pulse()
		}
	}
}

// pulse says how far the step at work is.
func (p *progress) pulse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hushed || p.step == "" {
		return
	}
	waits := ""
	if p.waits != "" {
		waits = ", waiting for " + p.waits
		if !p.since.IsZero() {
			waits += ", " + human.Seconds(p.now().Sub(p.since))
		}
	}
	p.t.Say("  still at %s%s%s", p.step.Title(), howFar(p.last), waits)
}

func howFar(s *workflow.StepProgress) string {
	switch {
	case s == nil:
		return ""
	case s.Total > 0:
		return fmt.Sprintf(": %d %% of %s, %d of %s", s.Done*100/s.Total, human.Size(s.Total), s.Items, human.Count(s.ItemsTotal, "file"))
	case s.ItemsTotal > 0:
		return fmt.Sprintf(": %d of %d", s.Items, s.ItemsTotal)
	}
	return ""
}

// take prints one event.
func (p *progress) take(e workflow.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits, p.since = "", time.Time{}
	switch e := e.(type) {
	case workflow.StepStarted:
		p.step, p.last = e.Step, nil
		p.t.Say("begun    %s", e.Step.Title())
	case workflow.StepProgress:
		p.last = &e
	case workflow.StepWaiting:
		p.waiting(e)
	case workflow.StepDone:
		p.step = ""
		p.t.Say("done     %s: %s%s", e.Step.Title(), e.Text, slow(e.Took))
	case workflow.StepSkipped:
		p.step = ""
		p.t.Say("skipped  %s: %s", e.Step.Title(), e.Reason)
	case workflow.StepFailed:
		p.step = ""
		p.t.Say("failed   %s: %s", e.Step.Title(), explain.Error(e.Err).Headline)
	}
}

// waiting says who has to do something now. A passphrase asks for itself.
func (p *progress) waiting(e workflow.StepWaiting) {
	switch e.For {
	case workflow.WaitAgent, workflow.WaitCard, workflow.WaitTouch:
		p.waits, p.since = agentword.Wait(e.For, e.Label), e.At
		limit := ""
		if e.For == workflow.WaitTouch {
			limit = " (" + agentword.Limit(e.Limit) + ")"
		}
		p.t.Say("  waiting for %s%s", p.waits, limit)
	case workflow.WaitPrompt:
		p.t.Say("  gpg-agent asks by its own prompt now, on this terminal or in a window.")
	case workflow.WaitKeychain:
		p.t.Say("  waiting for %s: it may show a dialog of its own", e.Label)
	case workflow.WaitNetwork:
		p.waits = e.Label
		p.t.Say("  waiting for an answer of %s", e.Label)
	}
}

// slow shows how long a step took where a person would have noticed.
func slow(d time.Duration) string {
	if d < 2*time.Second {
		return ""
	}
	return ", in " + human.Seconds(d)
}
