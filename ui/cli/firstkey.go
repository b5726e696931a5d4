package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"bulla/keys"
	"bulla/ui"
	"bulla/ui/explain"
	"bulla/ui/line"
	"bulla/workflow/firstkey"
	"bulla/workflow/world"
)

// onlyGlobal reports whether no flag of the command itself was given.
func onlyGlobal(f *pflag.FlagSet, persistent *pflag.FlagSet) bool {
	own := 0
	f.Visit(func(g *pflag.Flag) {
		if persistent.Lookup(g.Name) == nil {
			own++
		}
	})
	return own == 0
}

// firstKey opens the wizard for a first key: on the whole screen, or line by line.
func (a *app) firstKey(ctx context.Context) error {
	w, err := a.open(ctx)
	if err != nil {
		return err
	}
	wizard := firstkey.New(w, a.repository())
	if !a.screenPossible() {
		return line.FirstKey{Terminal: a.terminal(), Wizard: wizard, Now: a.Now}.Run(ctx)
	}
	display, err := a.display()
	if err != nil {
		return err
	}
	made, text, err := ui.FirstKey(ctx, ui.FirstKeyOptions{Wizard: wizard, Display: display})
	if made != "" {
		p, perr := wizard.Progress(context.WithoutCancel(ctx), made)
		if perr != nil {
			return errors.Join(err, perr)
		}
		line.SayLeft(line.NewTerminal(strings.NewReader(""), a.Stderr, nil), p)
	}
	if text != "" {
		p := a.printer()
		p.line("")
		for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
			p.line("%s", l)
		}
		err = errors.Join(err, p.err)
	}
	return err
}

// publishWalk asks a person what shall be published where. key may be "".
func (a *app) publishWalk(ctx context.Context, w *world.World, key string) error {
	t := a.terminal()
	k, err := a.keyToPublish(ctx, w, t, key)
	if err != nil {
		return err
	}
	p := line.KeyPublisher{Terminal: t, Places: firstkey.New(w, a.Dir)}
	rs, err := p.Publish(ctx, k)
	if err != nil {
		return partly(rs, err)
	}
	a.keepTokens(ctx, rs)
	return publishOutcome(rs)
}

// keyToPublish is the key that is named, or that a person chooses among those that they own.
func (a *app) keyToPublish(ctx context.Context, w *world.World, t *line.Terminal, key string) (keys.Key, error) {
	if key != "" {
		k, _, err := w.PublicKey(ctx, keys.ParseSelector(key))
		return k, err
	}
	list, problems := w.Keys(ctx)
	for _, e := range problems {
		a.note("warning: %v", e)
	}
	own := make([]keys.Key, 0, len(list))
	for _, k := range list {
		twice := slices.ContainsFunc(own, func(o keys.Key) bool { return o.Fingerprint == k.Fingerprint }) // in GnuPG too
		if k.HasSecret && !twice {
			own = append(own, k)
		}
	}
	if len(own) == 0 {
		return keys.Key{}, &explain.UsageError{Message: "there is no key of yours to publish", Hints: []string{"bulla keys generate makes one"}}
	}
	return line.ChooseKey(ctx, t, own, a.Now())
}
