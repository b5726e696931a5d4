package workflow

import (
	"context"
	"errors"
	"fmt"

	"bulla/keys/limits"
	"bulla/workflow/journal"
)

func skipPush(r *run) string {
	if !r.plan.Push {
		return "not asked for"
	}
	return ""
}

func runPush(ctx context.Context, r *run) (string, error) {
	r.waitsFor(StepPush, r.plan.Remote)
	out := limits.Buffer{Limit: maxSaid, Drop: true}
	if err := r.s.repo.PushTag(ctx, r.plan.Remote, r.plan.Tag, &out); err != nil {
		return "", err
	}
	r.result.Pushed = true
	return fmt.Sprintf("%s is on %s", r.plan.Tag, r.plan.Remote), nil
}

// Push pushes the tag of a finished release, when the person asks for it at the end. Trouble with
// the journal once the tag is pushed is told in res.JournalFailed.
func (s *Session) Push(ctx context.Context, res *Result, f Face) error {
	remote, ok := s.remote(res.Plan.Remote)
	if !ok {
		return errNoRemote
	}
	r := &run{s: s, plan: res.Plan, face: f, result: res}
	began := s.world.Now()
	r.emit(StepStarted{Step: StepPush, At: began})
	r.waitsFor(StepPush, remote.Name)
	out := limits.Buffer{Limit: maxSaid, Drop: true}
	err := s.repo.PushTag(ctx, remote.Name, res.Plan.Tag, &out)
	took := s.world.Now().Sub(began)
	if err != nil {
		res.PushFailed = err
		r.emit(StepFailed{Step: StepPush, Err: err, Took: took})
		return err
	}
	res.Pushed, res.PushFailed, res.JournalFailed = true, nil, nil
	r.emit(StepDone{Step: StepPush, Text: fmt.Sprintf("%s is on %s", res.Plan.Tag, remote.Name), Took: took})
	if err := s.completePush(res.Plan.Tag); err != nil {
		res.JournalFailed = &JournalError{Tag: res.Plan.Tag, Err: err}
	}
	return nil
}

// completePush ends the journal of a release that only its push was missing from.
func (s *Session) completePush(tag string) error {
	j, err := journal.Lock[*Plan](s.state.CommonDir, s.world.Now)
	if err != nil {
		return err
	}
	defer j.Close()
	if p := j.Plan(); p == nil || p.Tag != tag {
		return nil
	}
	return j.Archive(journal.Complete, "")
}

// maxSaid is how much is kept of what git says while it pushes, in bytes.
const maxSaid = 64 << 10

var errNoRemote = errors.New("this repository has no remote to push to")
