package workflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bulla/workflow/journal"
)

// blockDone puts a file where the journals of finished releases belong, and returns how to take
// it away again.
func (b *bench) blockDone() (unblock func()) {
	b.t.Helper()
	path := b.write(".git/bulla/done", "in the way")
	return func() {
		if err := os.Remove(path); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A release that is done is no failure because its journal cannot be put away; the next run tidies
// it up.
func TestReleaseStandsWithoutItsJournal(t *testing.T) {
	b := newBench(t)
	unblock := b.blockDone()
	res := b.release(b.choices())
	var trouble *JournalError
	if !res.Good() || !errors.As(res.JournalFailed, &trouble) {
		t.Fatalf("good %v, journal %v", res.Good(), res.JournalFailed)
	}
	unblock()
	if _, err := b.session().Resume(context.Background(), Face{Ask: answer}); !errors.Is(err, ErrNothingToResume) {
		t.Errorf("resumed a finished release: %v", err)
	}
	if _, ok := journal.Finished[*Plan](filepath.Join(b.repo, ".git"), "v1.0.0"); !ok {
		t.Error("the journal was not put away")
	}
}

// Whatever stops a resumed release, it stays an unfinished one, and what is done is told.
func TestResumeFailsAsIncomplete(t *testing.T) {
	b := newBench(t)
	b.leave(b.choices())
	dist := filepath.Join(b.repo, "dist")
	if err := os.Rename(dist, dist+".away"); err != nil {
		t.Fatal(err)
	}
	b.write("dist", "a file where the folder was")
	_, err := b.session().Resume(context.Background(), Face{Ask: answer})
	var inc *IncompleteError
	if !errors.As(err, &inc) || len(inc.Done) == 0 {
		t.Errorf("got %T: %v", err, err)
	}
}

// A push that arrived is no failure because the journal cannot be put away.
func TestPushStandsWithoutTheJournal(t *testing.T) {
	b := newBench(t)
	hook := b.origin("")
	c := b.choices()
	c.Push = true
	res := b.release(c)
	if res.PushFailed == nil {
		t.Fatal("the push was not refused")
	}
	b.blockDone()
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	var last Event
	err := b.session().Push(context.Background(), res, Face{Emit: func(e Event) { last = e }})
	var trouble *JournalError
	if err != nil || !res.Pushed || res.PushFailed != nil || !errors.As(res.JournalFailed, &trouble) {
		t.Errorf("%v, result %+v", err, res)
	}
	if _, ok := last.(StepDone); !ok {
		t.Errorf("the last event is %T", last)
	}
}

// A step that did its work tells its end, also where the journal cannot be written to any more.
func TestStepTellsItsEndWithoutTheJournal(t *testing.T) {
	b := newBench(t)
	j, err := journal.Lock[*Plan](filepath.Join(b.repo, ".git"), b.world.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var last Event
	r := &run{s: b.session(), plan: &Plan{Tag: "v1.0.0"}, journal: j, face: Face{Emit: func(e Event) { last = e }}}
	err = r.do(context.Background(), step{id: StepRecord, writes: true, run: func(context.Context, *run) (string, error) {
		return "made", j.Close()
	}})
	if done, ok := last.(StepDone); err == nil || !ok || done.Text != "made" {
		t.Errorf("the last event is %T, the error %v", last, err)
	}
}
