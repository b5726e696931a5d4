package line

import (
	"context"
	"errors"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/workflow"
	"bulla/workflow/journal"
)

// What can be done with a release that began and did not finish.
const (
	goOn = iota + 1
	takeBack
	leaveIt
)

// errLeftIt is how a person leaves an unfinished release for later: an answer, not a cancellation.
var errLeftIt = errors.New("left as it is")

// unfinished offers to go on with a release that a former run began. It returns no result and no
// error where there is none, or where it was taken back.
func (w *walk) unfinished(ctx context.Context) (*workflow.Result, error) {
	u, err := w.Session.Unfinished(ctx)
	if err != nil || u == nil {
		return nil, err
	}
	if u.Running {
		return nil, journal.ErrRunning
	}
	w.t.Say("")
	w.t.Say("The release of %s was begun %s ago and not finished.", u.Tag, human.Span(w.Now().Sub(u.Began)))
	for _, d := range u.Done {
		w.t.Say("  done   %s", d)
	}
	for _, l := range u.Left {
		w.t.Say("  to do  %s", l)
	}
	n, err := w.whatNow(ctx)
	if err != nil {
		return nil, err
	}
	switch n {
	case goOn:
		return w.resume(ctx)
	case takeBack:
		return nil, w.abandon(ctx)
	}
	w.t.Say("It is left as it is. bulla release --resume goes on with it, --abandon takes it back.")
	return nil, errLeftIt
}

func (w *walk) whatNow(ctx context.Context) (int, error) {
	w.t.Say("  1  go on where it stopped; what is right already is kept")
	w.t.Say("  2  take back what can be taken back: the tag and the signatures")
	w.t.Say("  3  leave it as it is")
	return w.t.Number(ctx, "What now", leaveIt, 0)
}

func (w *walk) abandon(ctx context.Context) error {
	w.changed = true
	var a workflow.Abandoned
	tell := func(e workflow.Event) {
		if e, ok := e.(workflow.StepWaiting); ok && e.For == workflow.WaitNetwork {
			w.t.Say("  waiting for an answer of %s", e.Label)
		}
	}
	err := busy(ctx, w.t, w.Heartbeat, "still taking it back", func(ctx context.Context, _ keys.AskPassphrase) (err error) {
		a, err = w.Session.AbandonFor(ctx, workflow.Face{Emit: tell})
		return err
	})
	if err != nil {
		return err
	}
	w.t.Say("%s", a.Sentence())
	for _, r := range a.Removed {
		w.t.Say("  removed  %s", r)
	}
	for _, k := range a.Kept {
		w.t.Say("  kept     %s", k)
	}
	return nil
}
