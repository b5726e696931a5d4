package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bulla/gitops"
	"bulla/keys"
)

// maxCommits bounds a range of commits that is judged.
const maxCommits = 200_000

// Commits judges every commit of a range, newest first, and hands each verdict to emit; targets
// are full commit ids. A range is "A..B" as git reads it (an end left out is HEAD), or one
// revision for everything it contains. It returns the number of commits: a range may be empty.
//
// A range that cannot be understood, or names what is not there, is a *TargetError.
func (v *Verifier) Commits(ctx context.Context, text string, emit func(keys.Verdict)) (int, error) {
	if v.repo == nil {
		return 0, gitops.ErrNotRepository
	}
	from, without, err := parseRange(text)
	if err != nil {
		return 0, err
	}
	cut, err := v.repo.Shallow()
	if err != nil {
		return 0, err
	}
	n := 0
	seen := seenCommits{cut: cut, ids: map[string]bool{}}
	err = v.repo.EachCommit(ctx, from, without, maxCommits, func(c gitops.Commit, err error) error {
		n++
		seen.add(c)
		if err != nil {
			emit(keys.NotChecked(keys.KindCommit, c.ID, "The commit cannot be read: "+err.Error()+"."))
			return ctx.Err()
		}
		for _, verdict := range v.decideOne(judgeCommit(v.judge, c.ID, c), c.ID) {
			emit(verdict)
		}
		return ctx.Err()
	})
	if err == nil {
		err = v.cutOff(ctx, seen, without, emit)
	}
	var large *gitops.TooLargeError
	var owner *gitops.OwnershipError
	switch {
	case errors.Is(err, gitops.ErrNotFound), errors.Is(err, gitops.ErrNoCommits):
		return n, &TargetError{Text: text, Reason: "no such revision: " + err.Error()}
	case errors.As(err, &large) && n == 0:
		return n, &TargetError{Text: text, Reason: fmt.Sprintf("more than %d commits: name a shorter range", maxCommits)}
	case err != nil && ctx.Err() == nil && !errors.As(err, &owner):
		emit(keys.NotChecked(keys.KindCommit, text, "The range cannot be read to its end: "+rootCause(err).Error()+"."))
		return n + 1, nil
	}
	return n, err
}

// seenCommits are the commits of a range, as far as a shallow clone has them.
type seenCommits struct {
	cut    map[string]bool // where the clone's history is cut off
	ids    map[string]bool
	beyond []string // the parents of those at which it is
}

func (s *seenCommits) add(c gitops.Commit) {
	if len(s.cut) == 0 {
		return
	}
	s.ids[c.ID] = true
	if s.cut[c.ID] {
		s.beyond = append(s.beyond, c.Parents...)
	}
}

// cutOff tells of the commits that belong to the range and are not in a shallow clone, or may be: all
// good is what nobody may say of them.
func (v *Verifier) cutOff(ctx context.Context, s seenCommits, without string, emit func(keys.Verdict)) error {
	if len(s.beyond) == 0 {
		return nil
	}
	if without != "" {
		end, err := v.repo.Commit(ctx, without)
		if err != nil {
			return err
		}
		s.ids[end.ID] = true
	}
	for _, id := range s.beyond {
		if !s.ids[id] {
			s.ids[id] = true
			emit(keys.NotChecked(keys.KindCommit, id, "This clone is shallow: its history is cut off here, so that this commit and those before it were not checked. git fetch --unshallow brings them."))
		}
	}
	return nil
}

// parseRange takes "A..B" apart. Three dots mean the commits that either side alone contains,
// which is no line of history that could be verified.
func parseRange(text string) (from, without string, err error) {
	without, from, ok := strings.Cut(text, "..")
	if text == "" || strings.HasPrefix(from, ".") || strings.Contains(from, "..") {
		return "", "", &TargetError{Text: text, Reason: "not a range of commits: write it as A..B"}
	}
	if !ok {
		return text, "", nil
	}
	if from == "" {
		from = "HEAD"
	}
	if without == "" {
		without = "HEAD"
	}
	return from, without, nil
}
