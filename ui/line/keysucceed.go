package line

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/workflow/keydesk"
)

// succeed asks which key follows, how the old one ends, and for the statement, and shows all of it.
func (k *keyTalk) succeed(ctx context.Context, s *keydesk.State) error {
	var next *keydesk.State
	var life time.Duration
	var path string
	which := func(ctx context.Context) (err error) {
		next, err = k.successor(ctx, s)
		return err
	}
	grace := func(ctx context.Context) (err error) {
		k.prose("  ", keydeed.GraceHelp)
		life, err = k.lifetime(ctx, "The old key ends after, from now", keydeed.Grace)
		return err
	}
	file := func(ctx context.Context) (err error) {
		path, err = k.file(ctx, "File for the statement", keydeed.StatementName(k.Path))
		return err
	}
	var plan keydesk.SuccessionPlan
	git := func(ctx context.Context) (err error) {
		whole := func(f keys.Fingerprint) keys.Selector { return keys.ParseSelector(string(f)) }
		plan, err = k.Keys.PlanSuccession(ctx, keydesk.SucceedParams{Old: whole(s.Fingerprint), New: whole(next.Fingerprint), Retire: life, StatementFile: path})
		if err == nil && plan.GitSwitch != nil && len(plan.GitSwitch.Lines) > 0 {
			plan.Git, err = k.t.Confirm(ctx, keydeed.GitQuestion)
		}
		return err
	}
	return k.t.inOrder(ctx, nil, which, grace, file, git, func(ctx context.Context) error {
		return k.propose(ctx, s, k.subject(s).Succeed(plan))
	})
}

// successor lets a key be chosen that follows an old one, or makes it.
func (k *keyTalk) successor(ctx context.Context, old *keydesk.State) (*keydesk.State, error) {
	for {
		list := keydeed.Successors(slices.Collect(maps.Values(k.all)), old.Fingerprint)
		var items []item
		for _, s := range list {
			items = append(items, item{keydeed.Called(s, s.UserID()), "Ends in " + human.Tail(s.Fingerprint) + ", made on " + human.Date(s.Created) + "; it " + keydeed.Until(s.Key) + "."})
		}
		items = append(items, item{"make a new key pair", ""})
		n, err := k.pick(ctx, "Which key follows?", items)
		if err != nil {
			return nil, err
		}
		if n < len(list) {
			return list[n], nil
		}
		if err := k.generate(ctx, nil); err != nil && !errors.Is(err, errBack) { // then it is in the list, the first
			return nil, err
		}
	}
}
