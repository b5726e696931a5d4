package workflow

import (
	"context"
	"fmt"
	"os"
	"strings"

	"bulla/workflow/journal"
)

// AbandonError says that an unfinished release was not taken back, or not all of it: Removed is
// gone, the rest stands as it stood. The release can still be resumed or taken back.
type AbandonError struct {
	Tag     string
	Removed []string
	Err     error
}

func (e *AbandonError) Error() string {
	return "release " + e.Tag + " was not taken back: " + e.Err.Error()
}

func (e *AbandonError) Unwrap() error { return e.Err }

// Abandoned says what taking back an unfinished release did.
type Abandoned struct {
	Tag string
	// Removed was taken back; Kept could not or must not be, with the reason in each line.
	Removed, Kept []string
	public        bool // others may have the tag
}

// Sentence says that the release is taken back, and whether there was anything to take back.
func (a *Abandoned) Sentence() string {
	text := "The release of " + a.Tag + " is abandoned."
	if len(a.Removed)+len(a.Kept) == 0 {
		text += " Nothing of it had been made."
	}
	return text
}

func (a *Abandoned) keep(what, why string) { a.Kept = append(a.Kept, what+": "+why) }

func (a *Abandoned) remove(path, name string) {
	if err := os.Remove(path); err != nil {
		a.keep(name, rootCause(err).Error())
		return
	}
	a.Removed = append(a.Removed, name)
}

// Abandon takes back what an unfinished release made, as far as that can be done: never what was
// pushed, nor a signature in a registry. When it cannot be known what others have, or ctx ends, it
// stops with an *AbandonError: the release can still be resumed or taken back.
func (s *Session) Abandon(ctx context.Context) (Abandoned, error) { return s.AbandonFor(ctx, Face{}) }

// AbandonFor is Abandon that tells f what it waits for.
func (s *Session) AbandonFor(ctx context.Context, f Face) (Abandoned, error) {
	j, err := journal.Lock[*Plan](s.state.CommonDir, s.world.Now)
	if err != nil {
		return Abandoned{}, err
	}
	defer j.Close()
	p := j.Plan()
	if p == nil {
		return Abandoned{}, ErrNothingToResume
	}
	a := Abandoned{Tag: p.Tag}
	r := &run{s: s, plan: p, face: f, journal: j}
	if err := r.takeBack(ctx, &a); err != nil {
		return a, &AbandonError{Tag: p.Tag, Removed: a.Removed, Err: err}
	}
	if err := j.Archive(journal.Abandoned, fmt.Sprintf("%d removed, %d kept", len(a.Removed), len(a.Kept))); err != nil {
		return a, &AbandonError{Tag: p.Tag, Removed: a.Removed, Err: err}
	}
	s.forgetTags()
	return a, nil
}

// takeBack undoes the steps, the last one first. The tag goes before them all: it decides whether
// anything else may go.
func (r *run) takeBack(ctx context.Context, a *Abandoned) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	if err := r.cleanTemps(ctx); err != nil {
		a.keep("temporary files", err.Error())
	}
	if err := undoTag(ctx, r, a); err != nil {
		return err
	}
	_, began := progress(r.journal.Entries())
	for i := len(walk) - 1; i >= 0; i-- {
		switch st := walk[i]; {
		case st.undo == nil, !began[st.id]:
		case a.public:
			// Others may have the tag: what vouches for it and for its files stays as well.
			a.keep(strings.ToLower(st.id.Title()), "it belongs to the tag")
		default:
			if err := st.undo(ctx, r, a); err != nil {
				return err
			}
		}
	}
	return nil
}
