package cli

import (
	"context"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/workflow/world"
)

func (a *app) keysFromGnuPGCommand() *cobra.Command {
	return a.keyChangeCommand(keyChange{
		use:   "from-gnupg KEY",
		short: "Copy a secret key from GnuPG to bulla's store",
		long: `Copy a secret key from GnuPG to bulla's store, under the passphrase that it has.
GnuPG keeps its own: gpg --delete-secret-keys removes it there. What is on a card
stays on the card.`,
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			done, err := w.FromGnuPG(ctx, sel, ask)
			if err != nil || len(done) != 1 {
				return keys.Key{}, nil, err
			}
			k := done[0].Key
			return k, []string{backUpAgain(k), "It has no revocation certificate here: bulla keys revcert " + string(k.Fingerprint)}, nil
		},
	})
}

func (a *app) keysToGnuPGCommand() *cobra.Command {
	return a.keyChangeCommand(keyChange{
		use:   "to-gnupg KEY",
		short: "Copy a secret key from bulla's store to GnuPG",
		long: `Copy a secret key from bulla's store to GnuPG, under the passphrase that it has.
The store keeps its own; bulla keys delete removes it. Where GnuPG was never used,
its home is made.`,
		run: func(ctx context.Context, w *world.World, sel keys.Selector, _ []string, ask keys.AskPassphrase) (keys.Key, []string, error) {
			k, err := w.ToGnuPG(ctx, sel, ask)
			return k, []string{"GnuPG trusts no key by itself: gpg --edit-key " + string(k.Fingerprint) + " trust"}, err
		},
	})
}

// importFrom imports from a file, or standard input for "-".
func (a *app) importFrom(ctx context.Context, w *world.World, name string) ([]store.Imported, error) {
	if name == "-" {
		return w.Store.Import(ctx, a.Stdin)
	}
	return w.ImportFile(ctx, a.path(name))
}
