package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/ui"
	"bulla/workflow"
	"bulla/workflow/history"
	"bulla/workflow/verify"
)

// logFlags are what `bulla log` is told.
type logFlags struct {
	verify verify.Options
	all    bool
}

func (a *app) logCommand() *cobra.Command {
	var o logFlags
	c := &cobra.Command{
		Use:   "log",
		Short: "Show every release of the repository with its verdict",
		Long: `Show every tag of the repository, newest first, with a verdict on its signature. On
a terminal it opens the history page; elsewhere, and with --json or --accessible,
it prints a line for each signature. The network is not used.

Verdicts are remembered until a key changes, so that the next look is quick.
The page has a sign for each verdict: a tick (in ASCII [x]) for good, ! ([?]) for what
is weak or whose key is missing, – ([-]) for what is not signed or was not checked, a
cross ([!]) for all else; in a line the words stand instead.

The exit code tells only whether the repository could be read: bulla verify judges.`,
		Example: `  bulla log
  bulla log --json | jq -r 'select(.status != "good") | .target'`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringArrayVar(&o.verify.Keys, "keys", nil, "add the public keys in `file`: OpenPGP, allowed_signers or PEM (repeatable)")
	f.BoolVar(&o.verify.OnlyKeys, "only-keys", false, "use no other keys than those of --keys")
	f.StringArrayVar(&o.verify.Revoked, "revoked", nil, "refuse the SSH keys in `file`: a list of ssh-keygen -k, or public keys (repeatable)")
	f.BoolVar(&o.all, "all", false, "print the commits, files, images and records of the releases too")
	policyFlags(f, &o.verify.Policy)
	a.jsonFlag(f, "print each verdict as a line of JSON")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		o.verify.Dir, o.verify.Offline = a.repository(), true
		if a.screenPossible() {
			return a.historyScreen(cmd.Context(), o)
		}
		return a.log(cmd.Context(), o)
	}
	return c
}

// timeline opens the history of the working directory's repository.
func (a *app) timeline(ctx context.Context, o logFlags) (*history.Timeline, *verify.Verifier, error) {
	w, err := a.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	v, err := workflow.NewVerifier(ctx, w, o.verify)
	if err != nil {
		return nil, nil, err
	}
	t, err := history.Open(ctx, v, history.Options{CacheDir: filepath.Join(w.Home, "cache"), Program: a.Version})
	return t, v, err
}

func (a *app) historyScreen(ctx context.Context, o logFlags) error {
	display, err := a.display()
	if err != nil {
		return err
	}
	w, err := a.open(ctx)
	if err != nil {
		return err
	}
	return ui.History(ctx, ui.HistoryOptions{
		Keys: w,
		Open: func(ctx context.Context) (ui.Timeline, error) {
			t, _, err := a.timeline(ctx, o)
			if err != nil {
				return nil, err
			}
			return t, nil
		},
		Dir: a.Dir, Display: display,
	})
}

// log prints the verdicts newest first, each as soon as it and all before it are reached.
func (a *app) log(ctx context.Context, o logFlags) error {
	t, v, err := a.timeline(ctx, o)
	if err != nil {
		return err
	}
	if err := a.printLog(ctx, t, o.all); err != nil {
		return err
	}
	// What was asked for goes first.
	for _, e := range v.Problems() {
		a.note("warning: %v", e)
	}
	return nil
}

func (a *app) printLog(ctx context.Context, t *history.Timeline, all bool) error {
	rows := t.Releases()
	if len(rows) == 0 {
		a.note("No tags yet. bulla release makes the first one.")
		return nil
	}
	l := logPrinter{printer: a.printer(), rows: rows}
	if !all {
		if err := t.Tags(ctx, func(u history.Update) { l.verdicts(u.Verdicts) }); err != nil {
			return err
		}
		return l.err
	}
	apply := func(u history.Update) { rows[u.Index].Apply(u) }
	if err := t.Tags(ctx, apply); err != nil {
		return err
	}
	if err := t.Commits(ctx, apply); err != nil {
		return err
	}
	l.changes = history.Changes(rows)
	err := t.Files(ctx, func(u history.Update) {
		apply(u)
		l.release(u.Index)
	})
	if err != nil {
		return err
	}
	return l.err
}

// logPrinter prints rows of the history.
type logPrinter struct {
	*printer
	rows    []history.Release
	changes map[int]history.Change
}

func (l *logPrinter) verdicts(vs []keys.Verdict) {
	for _, v := range vs {
		l.verdict(v)
	}
}

// release prints everything about one release and, in text, where another signer took over.
func (l *logPrinter) release(i int) {
	l.verdicts(l.rows[i].All())
	if c, ok := l.changes[i]; ok && !l.json {
		l.line("-- signer changed: %s, before %s", signerName(c.To), signerName(c.From))
	}
}
