package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/explain"
	"bulla/workflow/world"
)

// reasonFlags adds --reason and --text.
func reasonFlags(c *cobra.Command, p *store.RevokeParams) {
	var words []string
	for _, r := range store.KeyReasons() {
		words = append(words, string(r))
	}
	c.Flags().StringVar((*string)(&p.Reason), "reason", "", "`why`: "+strings.Join(words, ", "))
	c.Flags().StringVar(&p.Text, "text", "", "tell people more, in one `line`; it becomes public")
}

// reason asks for the reason where the command line gives none.
func (a *app) reason(ctx context.Context, p *store.RevokeParams) error {
	all := store.KeyReasons()
	switch {
	case slices.Contains(all, p.Reason):
		return nil
	case p.Reason != "":
		return &explain.UsageError{Message: fmt.Sprintf("%q is no reason", p.Reason), Hints: []string{"--reason compromised, superseded, retired or none"}}
	case !a.interactive():
		return &explain.UsageError{Message: "a revocation needs a reason, and there is nobody to ask for it", Hints: []string{
			"--reason compromised, or none: old signatures become invalid too", "--reason superseded, or retired: old signatures stay good"}}
	}
	a.note("Why?")
	for i, r := range all {
		a.note("  %d  %s", i+1, r.Title())
		a.note("     %s", r.Effect())
	}
	n, err := a.terminal().Number(ctx, "Reason", len(all), 0)
	if err == nil {
		p.Reason = all[n-1]
	}
	return err
}

func (a *app) keysRevokeCommand() *cobra.Command {
	var p store.RevokeParams
	var certificate bool
	return a.keyChangeCommand(keyChange{
		use:   "revoke KEY",
		short: "Declare a key invalid, for good",
		long: `Declare a key invalid, for good, with a reason:

  compromised   someone else has it, or may; old signatures become invalid too
  superseded    another key replaces it; old signatures stay good
  retired       it is not used any more; old signatures stay good
  none          no reason is given; old signatures become invalid too

--certificate applies the revocation certificate that was made with the key: it
needs no passphrase, and gives no reason. People learn of a revocation once the
key is published again. Until then "bulla keys undo" takes it back.`,
		flags: func(c *cobra.Command) {
			reasonFlags(c, &p)
			c.Flags().BoolVar(&certificate, "certificate", false, "apply the stored revocation certificate")
		},
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			if certificate && p != (store.RevokeParams{}) {
				return keys.Key{}, nil, &explain.UsageError{Message: "the certificate gives no reason of its own", Hints: []string{"leave out --certificate, or --reason and --text"}}
			}
			k, err := a.storeKey(ctx, w, sel)
			if err != nil {
				return k, nil, err
			}
			if !certificate {
				if err := a.reason(ctx, &p); err != nil {
					return k, nil, err
				}
			}
			if err := a.confirmTyped(ctx, k, "Revoking a key"); err != nil {
				return k, nil, err
			}
			notes := []string{"Publish the key again now: until then nobody knows."}
			if certificate {
				k, err = w.Store.ApplyRevocation(ctx, sel)
			} else {
				k, err = w.Store.Revoke(ctx, sel, p, ask)
			}
			return k, notes, err
		},
	})
}

// storeKey is the key of bulla's store that sel names.
func (a *app) storeKey(ctx context.Context, w *world.World, sel keys.Selector) (keys.Key, error) {
	list, err := w.Store.List(ctx)
	if err != nil {
		return keys.Key{}, err
	}
	return keys.Select(list, sel)
}

func (a *app) keysRevokeSubkeyCommand() *cobra.Command {
	var p store.RevokeParams
	return a.keyChangeCommand(keyChange{
		use:   "revsubkey KEY SUBKEY",
		short: "Declare a subkey invalid",
		long: `Declare a subkey invalid. SUBKEY is its full fingerprint. The reasons are those of
bulla keys revoke.`,
		args:  1,
		flags: func(c *cobra.Command) { reasonFlags(c, &p) },
		run: func(ctx context.Context, w *world.World, sel keys.Selector, args []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			sub, err := keys.ParseFingerprint(args[0])
			if err != nil {
				return keys.Key{}, nil, &explain.UsageError{Message: err.Error(), Hints: []string{"bulla keys show KEY lists the subkeys"}}
			}
			if err := a.reason(ctx, &p); err != nil {
				return keys.Key{}, nil, err
			}
			k, err := w.Store.RevokeSubkey(ctx, sel, sub, p, ask)
			return k, []string{publishAgain}, err
		},
	})
}

func (a *app) keysRevocationCommand() *cobra.Command {
	return a.keyChangeCommand(keyChange{
		use:   "revcert KEY",
		short: "Make the revocation certificate of a key that has none",
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			path, err := w.Store.MakeRevocation(ctx, sel, ask)
			if err != nil {
				return keys.Key{}, nil, err
			}
			k, err := a.storeKey(ctx, w, sel)
			return k, []string{"Its revocation certificate is " + path, "Keep it in another place than the key."}, err
		},
	})
}

func (a *app) keysDeleteCommand() *cobra.Command {
	var force bool
	return a.keyChangeCommand(keyChange{
		use:   "delete KEY",
		short: "Remove a key from bulla's store",
		long: `Remove a key, public and secret, from bulla's store, for good. A secret key of
which no backup was tried is kept, unless --without-backup is given. Its
revocation certificate stays. A key that cannot be read is named by its whole
fingerprint; bulla keys aside keeps its files.`,
		flags: func(c *cobra.Command) {
			c.Flags().BoolVar(&force, "without-backup", false, "delete the secret key though there is no backup of it")
		},
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, _ keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := a.storeKey(ctx, w, sel)
			if err != nil {
				broken := (*store.ProblemError)(nil)
				if !errors.As(brokenInstead(w.Store.Problems(ctx), sel.Text, err), &broken) {
					return k, nil, err
				}
				k = keys.Key{Fingerprint: broken.Key, Source: keys.SourceStore}
				a.note("It cannot be read: %v", broken)
			}
			if err := a.confirmTyped(ctx, k, "Deleting a key"); err != nil {
				return k, nil, err
			}
			k, err = w.Store.Delete(ctx, keys.ParseSelector(string(k.Fingerprint)), force)
			return k, []string{"It was deleted."}, err
		},
	})
}

func (a *app) keysAsideCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "aside KEY",
		Short: "Move a key that cannot be read out of the way",
		Long: `Move the files of a key of bulla's store that cannot be read to the folder aside,
beside the store, so that a backup of the key can be imported in its place. KEY is
the whole fingerprint, as bulla keys list shows it. Nothing in the files is
changed. A key that can be read stays where it is.`,
		Args: cobra.ExactArgs(1),
	}
	a.yesFlag(c.Flags())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		f, err := keys.ParseFingerprint(args[0])
		if err != nil {
			return &explain.UsageError{Message: err.Error(), Hints: []string{"bulla keys list shows the fingerprints of what cannot be read"}}
		}
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		if e := w.Store.ExamineOne(f); e.Err != nil && !errors.Is(e.Err, fs.ErrNotExist) {
			a.note("It cannot be read: %v", e.Err)
			if err := a.confirmTyped(ctx, keys.Key{Fingerprint: f}, "Moving a key aside"); err != nil {
				return err
			}
		}
		path, err := w.Store.MoveAside(ctx, f)
		if err != nil {
			return err
		}
		a.note("Its files are now in %s", path)
		a.note("bulla keys import FILE brings the key back from a backup.")
		return nil
	}
	return c
}
