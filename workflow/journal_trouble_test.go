package workflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// blockDone puts a file where the journals of finished releases belong, and returns how to take
// it away again.
func (b *bench) blockDone() (unblock func()) {
	b.t.Helper()
	path := b.write(".git/"+journalDir+"/"+journalDone, "in the way")
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
	if _, ok := finished(filepath.Join(b.repo, ".git"), "v1.0.0"); !ok {
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
