package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

// publishAgain ends the answer to every change that others must learn of.
const publishAgain = "Others know the key as it was until you publish it again: bulla keys publish KEY --again."

// keyChange is a command that changes one key of bulla's store.
type keyChange struct {
	use, short, long string
	args             int // besides KEY
	flags            func(c *cobra.Command)
	// run makes the change. It may have more to say, line by line.
	run func(ctx context.Context, w *world.World, sel keys.Selector, args []string, ask keys.AskPassphrase) (keys.Key, []string, error)
}

func (a *app) keyChangeCommand(k keyChange) *cobra.Command {
	c := &cobra.Command{Use: k.use, Short: k.short, Long: k.long, Args: cobra.ExactArgs(1 + k.args)}
	if k.flags != nil {
		k.flags(c)
	}
	f := c.Flags()
	fd := fdFlag(f, "passphrase-fd", "read the key's passphrase from file descriptor `N`")
	a.jsonFlag(f, "print the changed key as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		changed, notes, err := k.run(ctx, w, keys.ParseSelector(args[0]), args[1:], a.ask(passphraseFDs{openpgp: descriptor(fd)}))
		var stale *keydesk.StaleMemoryError
		if err != nil && !errors.As(err, &stale) {
			return err
		}
		p := a.printer()
		p.key(changed, a.Now(), true)
		for _, n := range notes {
			a.note("%s", n)
		}
		return errors.Join(err, p.err)
	}
	return c
}

func (a *app) keyChangeCommands() []*cobra.Command {
	return []*cobra.Command{
		a.keysExtendCommand(), a.keysRenewCommand(), a.keysAddUserIDCommand(), a.keysRevokeUserIDCommand(), a.keysPrimaryUserIDCommand(),
		a.keysAddSubkeyCommand(), a.keysRotateCommand(), a.keysRevokeSubkeyCommand(), a.keysPasswdCommand(), a.keysUndoCommand(), a.keysForgetCommand(),
		a.keysRevokeCommand(), a.keysRevocationCommand(), a.keysDeleteCommand(), a.keysAsideCommand(), a.keysFromGnuPGCommand(), a.keysToGnuPGCommand(),
	}
}

func (a *app) keysExtendCommand() *cobra.Command {
	var expires string
	var only []string
	return a.keyChangeCommand(keyChange{
		use:   "extend KEY",
		short: "Change when a key expires",
		long: `Change when a key of bulla's store expires, to later or earlier: the primary key
and the subkeys that live with it. It is the same key afterwards, and old
signatures stay as good as they were.`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&expires, "expires", "2y", "when it expires: a span from now (2y, 18m, 90d), a `date`, or never")
			c.Flags().StringArrayVar(&only, "only", nil, "change only the primary key or subkey with this `fingerprint`; may be repeated")
		},
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			life, err := store.ParseLifetime(expires, a.Now())
			if err != nil {
				return keys.Key{}, nil, err
			}
			p := store.ExtendParams{Lifetime: life}
			for _, text := range only {
				f, err := keys.ParseFingerprint(text)
				if err != nil {
					return keys.Key{}, nil, &explain.UsageError{Message: err.Error(), Hints: []string{"bulla keys show KEY lists the fingerprints"}}
				}
				p.Only = append(p.Only, f)
			}
			k, err := w.Store.Extend(ctx, sel, p, ask)
			return k, []string{publishAgain}, err
		},
	})
}

func (a *app) keysRenewCommand() *cobra.Command {
	return a.keyChangeCommand(keyChange{
		use:   "renew KEY",
		short: "Sign a key's self-signatures again, with today's hash functions",
		long: `Sign the self-signatures of a key again as they are, with SHA-512. It mends keys
whose self-signatures use SHA-1, which Debian and Sequoia refuse, and signing
subkeys without a back-signature. When the key expires stays as it is.`,
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := w.Store.Renew(ctx, sel, ask)
			return k, []string{publishAgain}, err
		},
	})
}

func (a *app) keysAddUserIDCommand() *cobra.Command {
	var p store.AddUserIDParams
	return a.keyChangeCommand(keyChange{
		use:   "adduid KEY --name NAME --email EMAIL",
		short: "Add a user id, a name and address, to a key",
		flags: func(c *cobra.Command) {
			f := c.Flags()
			f.StringVar(&p.Name, "name", "", "the `name`")
			f.StringVar(&p.Email, "email", "", "the `address`")
			f.StringVar(&p.Comment, "comment", "", "a `comment`; most user ids have none")
			f.BoolVar(&p.Primary, "primary", false, "make it the one that is shown first")
		},
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := w.Store.AddUserID(ctx, sel, p, ask)
			return k, []string{publishAgain}, err
		},
	})
}

func (a *app) keysPrimaryUserIDCommand() *cobra.Command {
	return a.keyChangeCommand(keyChange{
		use:   "primaryuid KEY USERID",
		short: "Choose the user id that is shown first",
		args:  1,
		run: func(ctx context.Context, w *world.World, sel keys.Selector, args []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := w.Store.SetPrimaryUserID(ctx, sel, args[0], ask)
			return k, []string{publishAgain}, err
		},
	})
}

func (a *app) keysRevokeUserIDCommand() *cobra.Command {
	var text string
	return a.keyChangeCommand(keyChange{
		use:   "revuid KEY USERID",
		short: "Take a user id back",
		long: `Take a user id back: a name or address that is not valid any more. USERID is the
whole of it, or its address. It does not vanish where it was published, it is
shown as revoked. Signatures of the key stay as they are.`,
		args: 1,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&text, "text", "", "tell people why, in one `line`; it becomes public")
		},
		run: func(ctx context.Context, w *world.World, sel keys.Selector, args []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := w.Store.RevokeUserID(ctx, sel, args[0], text, ask)
			return k, []string{publishAgain}, err
		},
	})
}

func (a *app) keysAddSubkeyCommand() *cobra.Command {
	var p store.SubkeyParams
	var expires string
	return a.keyChangeCommand(keyChange{
		use:   "addsubkey KEY",
		short: "Add a subkey that signs",
		long: `Add a subkey that signs, under the passphrase of the key. Being the newest, it is
the one that signs from now on. The backups that exist do not hold it.`,
		flags: func(c *cobra.Command) { subkeyFlags(c, &p, &expires) },
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			if err := a.subkeyLifetime(&p, expires); err != nil {
				return keys.Key{}, nil, err
			}
			k, added, err := w.Store.AddSubkey(ctx, sel, p, ask)
			return k, []string{"The new subkey is " + string(added) + ".", publishAgain, backUpAgain(k)}, err
		},
	})
}

func subkeyFlags(c *cobra.Command, p *store.SubkeyParams, expires *string) {
	c.Flags().StringVar(&p.Algorithm, "algorithm", "", "`algorithm`: ed25519 or rsa4096; by default as the primary key")
	c.Flags().StringVar(expires, "expires", "", "when the subkey expires: a span (1y, 90d) or a `date`; by default with the primary key")
}

func (a *app) subkeyLifetime(p *store.SubkeyParams, expires string) (err error) {
	if expires != "" {
		p.Lifetime, err = store.ParseLifetime(expires, a.Now())
	}
	return err
}

func backUpAgain(k keys.Key) string {
	return fmt.Sprintf("Make a new backup: bulla keys backup %s -o FILE", k.Fingerprint)
}

func (a *app) keysRotateCommand() *cobra.Command {
	var p store.RotateParams
	var expires string
	return a.keyChangeCommand(keyChange{
		use:   "rotate KEY",
		short: "Replace the subkey that signs by a new one",
		long: `Add a new subkey that signs and retire the old ones. They are revoked as
superseded: what they signed stays good for those who look at the date (bulla,
Sequoia), but gpg and git then warn about old signatures. --keep-old leaves them
valid until they expire. Users need nothing but the key published again.`,
		flags: func(c *cobra.Command) {
			subkeyFlags(c, &p.SubkeyParams, &expires)
			c.Flags().BoolVar(&p.KeepOld, "keep-old", false, "do not revoke the old subkeys")
		},
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			if err := a.subkeyLifetime(&p.SubkeyParams, expires); err != nil {
				return keys.Key{}, nil, err
			}
			r, err := w.Store.RotateSubkey(ctx, sel, p, ask)
			notes := []string{"The new subkey is " + string(r.Added) + "."}
			for _, f := range r.Retired {
				notes = append(notes, "Retired: "+string(f))
			}
			return r.Key, append(notes, publishAgain, backUpAgain(r.Key)), err
		},
	})
}

func (a *app) keysPasswdCommand() *cobra.Command {
	var none bool
	var fd *int
	return a.keyChangeCommand(keyChange{
		use:   "passwd KEY",
		short: "Change the passphrase of a key",
		long: `Change the passphrase of a key. Backups keep the one they were made with, and the
key under its old passphrase stays in bulla's store until the next change, or until
bulla keys forget.`,
		flags: func(c *cobra.Command) {
			fd = fdFlag(c.Flags(), "new-passphrase-fd", "read the new passphrase from file descriptor `N`")
			c.Flags().BoolVar(&none, "no-passphrase", false, "do not protect the secret key any more")
		},
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			var next keys.Secret
			present, err := w.Store.ExportSecret(ctx, sel, ask) // the present one first; then it is known
			clear(present)
			if err != nil {
				return keys.Key{}, nil, err
			}
			if !none {
				if next, err = a.newPassphrase(ctx, keys.PurposeOpenPGP, sel.Text, descriptor(fd), "--new-passphrase-fd"); err != nil {
					return keys.Key{}, nil, err
				}
				defer next.Destroy()
			}
			k, err := w.ChangePassphrase(ctx, sel, next, ask)
			return k, []string{backUpAgain(k)}, err
		},
	})
}

func (a *app) keysUndoCommand() *cobra.Command {
	return a.keyChangeCommand(keyChange{
		use:   "undo KEY",
		short: "Take the latest change of a key back",
		long: `Go back to the key as it was before its latest change; a second undo takes that
back. It undoes nothing that was published: what others have of the key, they
keep.`,
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, _ keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := w.Store.Undo(ctx, sel)
			return k, nil, err
		},
	})
}

func (a *app) keysForgetCommand() *cobra.Command {
	return a.keyChangeCommand(keyChange{
		use:   "forget KEY",
		short: "Remove the version of a key before its latest change",
		long: `Remove the version of a key before its latest change, which bulla keys undo would
go back to. After a change of passphrase it is the secret key under the old one.`,
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, _ keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := a.storeKey(ctx, w, sel)
			if err != nil {
				return k, nil, err
			}
			return k, []string{"No earlier version of it is kept any more."}, w.Store.ForgetPrevious(ctx, k.Fingerprint)
		},
	})
}

// confirmTyped lets a person type the end of a key's fingerprint. Without a person --yes answers.
func (a *app) confirmTyped(ctx context.Context, k keys.Key, what string) error {
	if a.flags.yes {
		return nil
	}
	if !a.interactive() {
		return &explain.UsageError{Message: what + " has to be confirmed, and there is nobody to ask", Hints: []string{"--yes confirms it"}}
	}
	end := string(k.Fingerprint[len(k.Fingerprint)-8:])
	a.note("%s", k.Fingerprint.Grouped())
	a.note("%s", k.UserID())
	text, err := a.terminal().Ask(ctx, what+". To go on, type the last eight digits of the fingerprint, "+end+":")
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.ReplaceAll(text, " ", ""), end) {
		a.note("That is not %s. Nothing was changed.", end)
		return context.Canceled
	}
	return nil
}
