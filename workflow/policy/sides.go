package policy

import (
	"context"
	"errors"
	"fmt"
)

// maxSides bounds the other lines that one walk follows: a hostile history can merge in every commit.
const maxSides = 64

// acceptance is a policy and from where on the line it holds.
type acceptance struct {
	at int
	state
}

// holds is the policy that is accepted at a commit of the line.
func (w *walk) holds(n int) state {
	s := w.accepted[0].state
	for _, a := range w.accepted {
		if a.at <= n {
			s = a.state
		}
	}
	return s
}

// known reports whether a policy was accepted on the line up to a commit.
func (w *walk) known(digest string, n int) bool {
	for _, a := range w.accepted {
		if a.at <= n && a.digest == digest {
			return true
		}
	}
	return false
}

// sides refuses a line that dodges a change of the policy. Git takes a merge whose second parent is
// the branch as it was for a mere continuation of the branch; but its first parent can be an old
// commit, by whose policy somebody was still trusted who is not any more. So where a merge brings a
// line of changes that were accepted there and passes over them, somebody must vouch for it whom the
// policy of that line trusts. Merges within what is merged are not looked at: doc/policy.md says so.
func (w *walk) sides(ctx context.Context) error {
	followed := 0
	for n := 1; n < len(w.line); n++ {
		for _, parent := range w.others[w.line[n]] {
			s, err := w.chain.stateOf(ctx, parent)
			if err != nil {
				return err
			}
			if s.policy == nil || w.known(s.digest, n) {
				continue
			}
			if followed++; followed > maxSides {
				return &ChainError{Root: w.root, Commit: w.line[n], Reason: fmt.Sprintf("More than %d merges bring other policies: they are not followed.", maxSides)}
			}
			if err := w.side(ctx, n, parent); err != nil {
				return err
			}
		}
	}
	return nil
}

// side judges one merge that brings another policy.
func (w *walk) side(ctx context.Context, n int, parent string) error {
	other, err := w.chain.follow(ctx, w.root, parent)
	var broken *ChainError
	var rootless *RootError
	switch {
	case errors.As(err, &broken), errors.As(err, &rootless):
		return nil // nobody accepted it: a proposal
	case err != nil:
		return err
	case other.current.digest == w.holds(n).digest:
		return nil
	}
	other.line, other.reached = w.line, w.reached // who vouches does so on this line
	if by, _, err := other.byCommit(ctx, n); err != nil || by != "" {
		return err
	}
	if _, by, _, err := other.byTag(ctx, n); err != nil || by != "" {
		return err
	}
	change := other.changes[len(other.changes)-1].Commit
	return &ChainError{Root: w.root, Commit: w.line[n],
		Reason: fmt.Sprintf("It merges a line on which commit %s changed the policy, and passes over that change; nobody whom that policy trusts vouches for it.", change)}
}

// stateOf reads the policy of any commit.
func (c *Chain) stateOf(ctx context.Context, commit string) (state, error) {
	files, err := c.Repo.PathIDs(ctx, []string{commit}, FileName)
	if err != nil {
		return state{}, err
	}
	w := walk{chain: c, line: []string{commit}, files: files}
	return w.state(ctx, 0)
}
