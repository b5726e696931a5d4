package workflow

import (
	"context"
	"time"

	"bulla/workflow/journal"
)

// entry is one line of the journal of a release.
type entry = journal.Entry[*Plan]

// Unfinished describes a release that a former run began.
type Unfinished struct {
	Tag        string
	Began      time.Time
	Done, Left []string // plain words
	// Running says that another process is at it right now.
	Running  bool
	onlyPush bool // nothing else is left
}

// Unfinished describes the release that a former run began and did not finish; nil if there is
// none. One that only its push was missing from is finished where the tag is on the remote by now.
func (s *Session) Unfinished(ctx context.Context) (*Unfinished, error) {
	u, plan, err := s.begun()
	if err == nil && u != nil && u.onlyPush && !u.Running && s.settlePushed(ctx, plan) {
		return nil, nil
	}
	return u, err
}

// Begun is Unfinished that asks no remote, and finishes nothing.
func (s *Session) Begun() (*Unfinished, error) {
	u, _, err := s.begun()
	return u, err
}

func (s *Session) begun() (*Unfinished, *Plan, error) {
	entries, running, err := journal.Unfinished[*Plan](s.state.CommonDir)
	if len(entries) == 0 {
		return nil, nil, err
	}
	u := &Unfinished{Tag: entries[0].Plan.Tag, Began: entries[0].At}
	u.Done, u.Left = summarize(entries)
	u.Running, u.onlyPush = running, onlyPushLeft(entries)
	return u, entries[0].Plan, err
}

// summarize says in plain words what a journal tells to be done and left.
func summarize(entries []entry) (did, left []string) {
	done, began := progress(entries)
	for _, st := range walk {
		if !st.writes || (st.skip != nil && st.skip(&run{plan: entries[0].Plan}) != "") {
			continue
		}
		switch text, ok := done[st.id]; {
		case ok && text != "":
			did = append(did, text)
		case ok:
		case began[st.id]:
			left = append(left, st.id.Title()+" (begun)")
		default:
			left = append(left, st.id.Title())
		}
	}
	return did, left
}

// progress tells from the entries which steps ended well and which began.
func progress(entries []entry) (done map[StepID]string, began map[StepID]bool) {
	done, began = map[StepID]string{}, map[StepID]bool{}
	for _, e := range entries {
		switch e.Kind {
		case journal.Started:
			began[StepID(e.Step)] = true
			delete(done, StepID(e.Step))
		case journal.Done, journal.Skipped:
			done[StepID(e.Step)] = e.Text
		}
	}
	return done, began
}
