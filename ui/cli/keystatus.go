package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/publish/web"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

func (a *app) keysStatusCommand() *cobra.Command {
	var f publishFlags
	var offline bool
	c := &cobra.Command{
		Use:   "status [KEY]",
		Short: "Ask the places where a key was published whether they have it as it is now",
		Long: `Ask every place where a key was published from here what it has, and compare that
with the key as it is now. Without a KEY: every key that was published. No key is
sent. --offline tells what is remembered, and asks nobody.

Exit codes: 0 current and findable everywhere; 1 a place has an older version, or
lost it; 3 a place could not be asked, or waits for a mail or an upload.`,
		Args: cobra.MaximumNArgs(1),
	}
	fs := c.Flags()
	fs.BoolVar(&offline, "offline", false, "ask nobody: tell what is remembered")
	a.serverFlags(fs, &f.ca, &f.tokens)
	a.jsonFlag(fs, "print each place as a line of JSON")
	a.yesFlag(fs)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		w, err := a.openWeb(ctx, f.ca)
		if err != nil {
			return err
		}
		list, err := a.publishedKeys(ctx, w, args)
		if err != nil {
			return err
		}
		if len(list) == 0 && !a.flags.json {
			a.note("No key was published from here. bulla keys publish KEY --to PLACE does it.")
		}
		worst := explain.CodeOK
		for _, k := range list {
			code, err := a.keyStatus(ctx, w, k, f, offline)
			if err != nil {
				return err
			}
			if worst != explain.CodeFailed && code != explain.CodeOK {
				worst = code
			}
		}
		if worst != explain.CodeOK {
			return exitCode(worst)
		}
		return nil
	}
	return c
}

// publishedKeys are the keys to tell about: the one that is named, or all that have a record.
func (a *app) publishedKeys(ctx context.Context, w *world.World, args []string) ([]keys.Fingerprint, error) {
	if len(args) == 0 {
		return w.Published.List()
	}
	k, _, err := w.PublicKey(ctx, keys.ParseSelector(args[0]))
	if err != nil {
		return nil, err
	}
	r, err := w.Published.Read(k.Fingerprint)
	if err == nil && len(r.Entries) == 0 {
		err = &keydesk.NotPublishedError{Key: k.Fingerprint}
	}
	return []keys.Fingerprint{k.Fingerprint}, err
}

// keyStatus tells about one key and returns the exit code that it is worth.
func (a *app) keyStatus(ctx context.Context, w *world.World, fpr keys.Fingerprint, f publishFlags, offline bool) (int, error) {
	plan, problems, err := w.PlanAgain(ctx, keys.ParseSelector(string(fpr)), publish.Choice{})
	if err != nil {
		return 0, err
	}
	code := explain.CodeOK
	for _, e := range problems {
		a.note("warning: %v", e)
		code = explain.CodeUnchecked
	}
	p := a.printer()
	if !a.flags.json {
		p.line("%s", fpr.Grouped())
	}
	if offline {
		return a.remembered(ctx, w, fpr, code)
	}
	face, err := a.publishFace(f.tokens, plan, nil)
	if err != nil {
		return 0, err
	}
	rs, err := w.CheckPublished(ctx, plan, face)
	for n, r := range rs {
		p.publishResult(plan.Items[n].Key, r, true)
	}
	for _, r := range rs {
		if c := statusCode(r); c == explain.CodeFailed || code == explain.CodeOK {
			code = c
		}
	}
	return code, errors.Join(err, p.err)
}

// statusCode is what one place is worth.
func statusCode(r publish.Result) int {
	switch {
	case r.Done():
		return explain.CodeOK
	case r.Waiting(), r.Err == nil && len(r.Differences) == 0:
		return explain.CodeUnchecked
	case len(r.Differences) > 0, web.IsNotFound(r.Err):
		return explain.CodeFailed
	}
	return explain.Error(r.Err).Code
}

// rememberedLine is a place as `keys status --offline --json` prints it.
type rememberedLine struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	publish.Entry
	Current bool `json:"current"` // what was sent is what would be sent now
}

func (a *app) remembered(ctx context.Context, w *world.World, fpr keys.Fingerprint, code int) (int, error) {
	r, err := w.Published.Read(fpr)
	if err != nil {
		return 0, err
	}
	old, err := w.StalePlaces(ctx, r)
	if err != nil {
		return 0, err
	}
	stale := map[string]bool{}
	for _, e := range old {
		stale[e.Target] = true
		code = explain.CodeFailed
	}
	p := a.printer()
	for _, e := range r.Entries {
		if a.flags.json {
			p.object(rememberedLine{fpr, e, !stale[e.Target]})
			continue
		}
		word := ""
		if stale[e.Target] {
			word = "; the key has changed since: bulla keys publish " + string(fpr) + " --again"
		}
		p.line("%s: %s when it was asked on %s%s", e.Target, e.Stage, e.CheckedAt.Format("2 January 2006"), word)
	}
	return code, p.err
}
