package policy

import (
	"context"
	"fmt"
	"slices"
	"time"
)

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
	return slices.ContainsFunc(w.accepted, func(a acceptance) bool { return a.at <= n && a.digest == digest })
}

// sides refuses a line that dodges a change of the policy. Git takes a merge whose second parent is
// the branch as it was for a mere continuation of the branch; but its first parent can be an old
// commit, by whose policy somebody was still trusted who is not any more. So where a merge brings,
// itself or by the merges within, a line of commits on which a change was accepted, and the policy
// that came of it never held on this line, somebody must vouch for it whom that policy trusts.
func (w *walk) sides(ctx context.Context) error {
	tips, beside := w.tips()
	if len(tips) == 0 {
		return nil
	}
	b := &besides{walk: w, all: slices.Concat(w.line, beside), paths: map[string]map[string]string{}, sides: map[string]*side{}}
	for i, id := range w.line {
		b.sides[id] = &side{state: w.holds(i), reached: w.reached[i]}
	}
	for _, t := range tips {
		s, err := b.follow(ctx, t.commit)
		if err != nil {
			return err
		}
		if s == nil || s.change == "" || w.known(s.digest, t.at) {
			continue
		}
		if err := w.vouched(ctx, t.at, s); err != nil {
			return err
		}
	}
	return nil
}

// tip is the end of a line that a merge brings, and the place of the commit on our line by which it
// came.
type tip struct {
	commit string
	at     int
}

// tips lists what merges bring that was not on the line, and all commits beside the line.
func (w *walk) tips() (tips []tip, beside []string) {
	seen := map[string]bool{}
	for _, id := range w.line {
		seen[id] = true
	}
	for n := 1; n < len(w.line); n++ {
		open := []string{}
		add := func(parents []string) {
			for _, p := range parents {
				tips, open = append(tips, tip{p, n}), append(open, p)
			}
		}
		add(w.parents[w.line[n]][1:])
		for len(open) > 0 {
			id := open[len(open)-1]
			open = open[:len(open)-1]
			parents, ok := w.parents[id]
			if seen[id] || !ok { // the root contains what has no parents here
				continue
			}
			seen[id], beside = true, append(beside, id)
			open = append(open, parents[0])
			add(parents[1:])
		}
	}
	return tips, beside
}

// side is what the first parents of a commit lead to.
type side struct {
	state
	change  string // the commit beside the line that changed the policy last; "" for none
	reached time.Time
}

// besides follows lines beside the one of the walk.
type besides struct {
	walk  *walk
	all   []string                     // the commits of the line, and beside it
	paths map[string]map[string]string // path → commit → object
	sides map[string]*side             // those found so far; nil where first parents do not lead to the root
}

// object is what a path names in a commit.
func (b *besides) object(ctx context.Context, path, commit string) (string, error) {
	ids, ok := b.paths[path]
	if !ok {
		list, err := b.walk.chain.Repo.PathIDs(ctx, b.all, path)
		if err != nil {
			return "", err
		}
		ids = make(map[string]string, len(list))
		for i, id := range list {
			ids[b.all[i]] = id
		}
		b.paths[path] = ids
	}
	return ids[commit], nil
}

// follow goes along the first parents of a commit to what is known, and back up.
func (b *besides) follow(ctx context.Context, commit string) (*side, error) {
	var way []string
	s, known := b.sides[commit]
	for !known {
		parents, ok := b.walk.parents[commit]
		if !ok {
			break
		}
		way = append(way, commit)
		commit = parents[0]
		s, known = b.sides[commit]
	}
	for _, id := range slices.Backward(way) {
		if s != nil {
			var err error
			if s, err = b.next(ctx, s, commit, id); err != nil {
				return nil, err
			}
		}
		b.sides[id], commit = s, id
	}
	return s, nil
}

// next is the side at a commit whose first parent is at s. A change that nobody vouches for whom s
// trusts is none.
func (b *besides) next(ctx context.Context, s *side, parent, id string) (*side, error) {
	next := *s
	next.reached = b.walk.chain.later(s.reached, b.walk.dates[id])
	same := true
	for _, path := range []string{FileName, s.policy.Keyring} {
		before, err := b.object(ctx, path, parent)
		if err != nil {
			return nil, err
		}
		now, err := b.object(ctx, path, id)
		if err != nil {
			return nil, err
		}
		same = same && before == now
	}
	if file, err := b.object(ctx, FileName, id); same || file == "" || err != nil {
		return &next, err
	}
	changed, err := b.walk.chain.state(ctx, id)
	if err != nil || changed.policy == nil || changed.digest == s.digest {
		return &next, err
	}
	by, _, err := b.walk.under(s.state).byCommit(ctx, id, s.reached)
	if err == nil && by != "" {
		next.state, next.change = changed, id
	}
	return &next, err
}

// under is the walk as if a policy were accepted.
func (w *walk) under(s state) *walk {
	out := *w
	out.current = s
	return &out
}

// vouched asks whether somebody whom the policy of a side trusts signed the commit that brought it,
// or a tag further on.
func (w *walk) vouched(ctx context.Context, n int, s *side) error {
	under := w.under(s.state)
	if by, _, err := under.byCommit(ctx, w.line[n], w.reached[n-1]); err != nil || by != "" {
		return err
	}
	if _, by, _, err := under.byTag(ctx, n); err != nil || by != "" {
		return err
	}
	return &ChainError{Root: w.root, Commit: w.line[n],
		Reason: fmt.Sprintf("It brings a line on which commit %s changed the policy, and passes over that change; nobody whom that policy trusts vouches for it.", s.change)}
}
