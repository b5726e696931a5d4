package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bulla/gitops"
	"bulla/keys"
)

// FileName is the file whose [policy] table is the policy.
const FileName = "bulla.toml"

// maxChain bounds the commits between a root and HEAD.
const maxChain = 200_000

// maxBackdating is how far a change may be dated before what it builds on, for the clocks of
// people who work together differ. Dates are the signer's choice: without a bound, one whose time
// is over could still sign by turning the clock back.
const maxBackdating = 24 * time.Hour

// Chain follows the changes of a policy through the history of a repository.
type Chain struct {
	Repo *gitops.Repo
	// Judge judges signatures over data that says it was made at a time. extra is the keyring of
	// the policy by which they will be decided; nil for none.
	Judge func(kind keys.Kind, target string, payload, signature []byte, made time.Time, extra []byte) []keys.Verdict
	Now   time.Time
}

// Change is one accepted change of a policy.
type Change struct {
	Commit string // that changed it
	// By is the name under which the former policy lists the signer, Through the tag that vouches
	// for the change where the commit itself does not.
	By, Through string
}

// ChainError says that the way from the root to the current policy is broken.
type ChainError struct {
	Root, Commit string // full ids; Commit is the one that breaks the chain
	Reason       string // one plain sentence
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("the policy cannot be trusted: it was changed by commit %s: %s", e.Commit, e.Reason)
}

// RootError says why a chain cannot begin where the verifier asked.
type RootError struct {
	Root   string // as it was named
	Reason string
}

func (e *RootError) Error() string { return fmt.Sprintf("the policy root %q: %s", e.Root, e.Reason) }

// Walk follows the chain from root, any revision, to HEAD. It returns the policy of HEAD with what
// was accepted on the way. A *ChainError names the first commit that nobody vouches for whom the
// policy before it trusted, a *RootError says that the root is none.
func (c *Chain) Walk(ctx context.Context, root string) (*Policy, []Change, error) {
	rootCommit, err := c.Repo.Commit(ctx, root)
	if err != nil {
		return nil, nil, &RootError{Root: root, Reason: "there is no such commit here: " + err.Error()}
	}
	w, err := c.begin(ctx, root, rootCommit)
	if err != nil {
		return nil, nil, err
	}
	if err = w.run(ctx); err == nil {
		err = w.sides(ctx)
	}
	return w.current.policy, w.changes, err
}

// begin finds the line from a root to HEAD, and the policy of the root.
func (c *Chain) begin(ctx context.Context, root string, rootCommit gitops.Commit) (*walk, error) {
	g, err := c.ancestry(ctx, root, rootCommit)
	if err != nil {
		return nil, err
	}
	w := &walk{chain: c, root: rootCommit.ID, ancestry: g, reached: c.reached(g), rings: map[string][]string{}}
	if w.files, err = c.Repo.PathIDs(ctx, w.line, FileName); err != nil {
		return nil, err
	}
	w.current, err = w.state(ctx, 0)
	switch {
	case err != nil:
		return nil, err
	case w.current.unreadable != "":
		return nil, &RootError{Root: root, Reason: "its policy cannot be read: " + w.current.unreadable}
	case w.current.policy == nil:
		return nil, &RootError{Root: root, Reason: "there is no [policy] in its " + FileName}
	}
	w.accepted = []acceptance{{0, w.current}}
	return w, nil
}

// ancestry is what lies between a root and HEAD.
type ancestry struct {
	line    []string            // the first parents of HEAD, down to the root, which stands first
	parents map[string][]string // of every commit that HEAD contains and the root does not
	dates   map[string]time.Time
}

// ancestry reads the commits from root to HEAD. Their first parents must lead to the root.
func (c *Chain) ancestry(ctx context.Context, name string, root gitops.Commit) (g ancestry, err error) {
	head, err := c.Repo.Commit(ctx, "HEAD")
	if err != nil {
		return g, err
	}
	g.parents, g.dates = map[string][]string{}, map[string]time.Time{root.ID: root.Committer.When}
	err = c.Repo.EachCommit(ctx, head.ID, root.ID, maxChain, func(x gitops.Commit, err error) error {
		if err == nil && len(x.Parents) > 0 {
			g.parents[x.ID], g.dates[x.ID] = x.Parents, x.Committer.When
		}
		return ctx.Err()
	})
	var large *gitops.TooLargeError
	if errors.As(err, &large) {
		return g, &RootError{Root: name, Reason: fmt.Sprintf("more than %d commits lie between it and HEAD", maxChain)}
	}
	if err != nil {
		return g, err
	}
	g.line = []string{head.ID}
	for id := head.ID; id != root.ID; {
		next, ok := g.parents[id]
		if !ok {
			return g, &RootError{Root: name, Reason: "HEAD does not descend from it along first parents (or the clone is too shallow to tell)"}
		}
		id = next[0]
		g.line = append(g.line, id)
	}
	slices.Reverse(g.line)
	return g, nil
}

// reached gives the latest of the dates up to each commit of the line.
func (c *Chain) reached(g ancestry) []time.Time {
	out := make([]time.Time, len(g.line))
	var latest time.Time
	for i, id := range g.line {
		latest = c.later(latest, g.dates[id])
		out[i] = latest
	}
	return out
}

// later is the later of two dates. One that has not come yet is a mistake, and would keep everybody
// from changing the policy: it does not count.
func (c *Chain) later(latest, d time.Time) time.Time {
	if d.After(latest) && !d.After(c.Now) {
		return d
	}
	return latest
}

// state is the policy of one commit: the table, and the keyring as it is stored.
type state struct {
	policy     *Policy
	keyring    []byte
	digest     string // of both
	unreadable string // why the table cannot be understood; "" if it can
}

// walk is one pass along a line of commits.
type walk struct {
	ancestry
	chain    *Chain
	root     string
	reached  []time.Time         // the latest date up to each, itself included
	files    []string            // blob id of FileName in each, "" for none
	rings    map[string][]string // the same for keyrings, by path
	current  state               // accepted last
	accepted []acceptance        // all of them
	changes  []Change
	tags     map[string][]gitops.Tag // by commit
}

// run accepts one change after the other.
func (w *walk) run(ctx context.Context) error {
	for at := 0; ; {
		next, changed, err := w.nextChange(ctx, at)
		if err != nil || next < 0 {
			return err
		}
		by, reason, err := w.byCommit(ctx, w.line[next], w.reached[next-1]) // next is not 0: nobody asks about the root
		if err != nil {
			return err
		}
		change, accepted := Change{Commit: w.line[next], By: by}, next
		if by == "" {
			if accepted, change.By, change.Through, err = w.byTag(ctx, next); err != nil {
				return err
			}
			if accepted < 0 {
				return &ChainError{Root: w.root, Commit: w.line[next], Reason: reason}
			}
			if changed, err = w.state(ctx, accepted); err != nil {
				return err
			}
		}
		switch {
		case changed.unreadable != "":
			return &ChainError{Root: w.root, Commit: w.line[accepted], Reason: "The policy there cannot be read: " + changed.unreadable + "."}
		case changed.policy == nil:
			return &ChainError{Root: w.root, Commit: w.line[accepted], Reason: "It removed the policy."}
		}
		w.current, at = changed, accepted
		w.accepted = append(w.accepted, acceptance{at, changed})
		w.changes = append(w.changes, change)
	}
}

// nextChange finds the first commit after at whose policy or keyring differs from the accepted
// one; -1 for none.
func (w *walk) nextChange(ctx context.Context, at int) (int, state, error) {
	path := w.current.policy.Keyring
	rings, ok := w.rings[path]
	if !ok {
		var err error
		if rings, err = w.chain.Repo.PathIDs(ctx, w.line, path); err != nil {
			return -1, state{}, err
		}
		w.rings[path] = rings
	}
	for n := at + 1; n < len(w.line); n++ {
		if w.files[n] == w.files[n-1] && rings[n] == rings[n-1] {
			continue
		}
		s, err := w.state(ctx, n)
		if err != nil {
			return -1, state{}, err
		}
		if s.digest != w.current.digest {
			return n, s, nil
		}
	}
	return -1, state{}, nil
}

// state reads the policy of a commit on the line.
func (w *walk) state(ctx context.Context, n int) (state, error) {
	if w.files[n] == "" {
		return state{digest: "none"}, nil
	}
	return w.chain.state(ctx, w.line[n])
}

// state reads the policy of a commit that has a file of that name.
func (c *Chain) state(ctx context.Context, commit string) (s state, err error) {
	data, err := c.Repo.ReadFile(ctx, commit, FileName)
	if err != nil {
		return s, err
	}
	if s.policy, err = Parse(data); err != nil {
		return state{digest: "unreadable", unreadable: err.Error()}, nil
	}
	if s.policy == nil {
		return state{digest: "none"}, nil
	}
	s.keyring, err = c.Repo.ReadFile(ctx, commit, s.policy.Keyring)
	if err != nil && !errors.Is(err, gitops.ErrNotFound) {
		return s, err
	}
	s.digest = s.policy.Digest() + " " + digestOf(s.keyring)
	return s, nil
}

// byCommit names the signer of a commit whom the accepted policy trusts, or says why there is
// none.
func (w *walk) byCommit(ctx context.Context, id string, reached time.Time) (by, reason string, err error) {
	c, err := w.chain.Repo.Commit(ctx, id)
	if err != nil {
		return "", "", err
	}
	if len(c.Signature) == 0 {
		return "", "It is not signed, and no signed tag vouches for it.", nil
	}
	made := object{name: c.ID, payload: c.Payload, signature: c.Signature, made: c.Committer.When}
	by, reason = w.trusted(made, reached)
	return by, reason, nil
}

// byTag finds the first signed tag on the line, at the change or after it, that someone made whom
// the accepted policy trusts. What it vouches for is the policy at the commit that it names.
func (w *walk) byTag(ctx context.Context, n int) (at int, by, name string, err error) {
	if w.tags == nil {
		list, err := w.chain.Repo.Tags(ctx)
		if err != nil {
			return -1, "", "", err
		}
		w.tags = map[string][]gitops.Tag{}
		for _, t := range list {
			// A tag that poses as another proves nothing.
			if len(t.Signature) > 0 && t.Problem == nil && t.InnerName == t.Name && t.TargetType == "commit" {
				w.tags[t.CommitID] = append(w.tags[t.CommitID], t)
			}
		}
	}
	for i := n; i < len(w.line); i++ {
		for _, t := range w.tags[w.line[i]] {
			made := object{name: t.Name, payload: t.Payload, signature: t.Signature, made: t.Tagger.When}
			if by, _ := w.trusted(made, w.reached[i]); by != "" {
				return i, by, t.Name, nil
			}
		}
	}
	return -1, "", "", nil
}

// object is a commit or tag as it was signed.
type object struct {
	name               string
	payload, signature []byte
	made               time.Time // as it says itself
}

// trusted names the first of the signers of an object if they are enough for the accepted policy.
// reached is the latest date of what the object builds on: it was not made before that.
func (w *walk) trusted(o object, reached time.Time) (by, reason string) {
	if reason := backdated("It", o.made, reached); reason != "" {
		return "", reason
	}
	p := w.current.policy
	kind := p.Changer()
	vs := w.chain.Judge(kind, o.name, o.payload, o.signature, o.made, w.current.keyring)
	for i, v := range vs {
		if v.Signer == nil || v.Signer.SignedAt.IsZero() {
			continue
		}
		// A signature of OpenPGP bears a date of its own.
		if reason := backdated("Its signature", v.Signer.SignedAt, reached); reason != "" {
			vs[i] = keys.NotChecked(v.Kind, v.Target, reason)
		}
	}
	r := p.Evaluate(Target{Kind: kind, Name: o.name, NotBefore: reached}, vs, w.chain.Now)
	if r.Governed && r.Enough {
		return r.Signers[0], ""
	}
	for i, v := range vs {
		if v.Status.Sound() && r.Decisions[i].Reason != "" {
			return "", r.Decisions[i].Reason
		}
	}
	if len(vs) > 0 && !vs[0].Status.Sound() {
		return "", vs[0].Reason
	}
	return "", "Nobody is trusted to change it."
}

// backdated says that something is dated clearly before what it builds on, or "".
func backdated(what string, made, reached time.Time) string {
	if !made.Add(maxBackdating).Before(reached) {
		return ""
	}
	return fmt.Sprintf("%s is dated %s, but it builds on commits of %s: with the clock turned back nobody can tell who was trusted when it was made.", what, day(made), day(reached))
}
