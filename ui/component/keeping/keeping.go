// Package keeping remembers where a person wants passphrases kept, and keeps them there once they
// have proved right.
package keeping

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bulla/keys"
	"bulla/keys/vault"
)

// Vault is where passphrases may be kept: methods of *vault.Manager.
type Vault interface {
	Offers(context.Context) []vault.Status
	Choice(context.Context) (vault.Backend, bool)
	Choose(context.Context, vault.Backend) error
	SetUp(context.Context, keys.AskPassphrase) error
	Keep(context.Context, keys.PassphraseRequest, vault.Backend) error
	Notices() []string
}

var _ Vault = (*vault.Manager)(nil)

// Wishes are where passphrases shall be kept, of one piece of work in one goroutine.
type Wishes struct {
	vault Vault // nil offers no place
	list  map[vault.Key]wish
}

type wish struct {
	request keys.PassphraseRequest
	backend vault.Backend
}

// New makes Wishes for a vault, which may be nil.
func New(v Vault) *Wishes { return &Wishes{vault: v, list: map[vault.Key]wish{}} }

// Offers are the places for what is asked for, and the one that was picked before. For a key that is
// being made there are none: it has not been opened yet.
func (w *Wishes) Offers(ctx context.Context, req keys.PassphraseRequest) (offers []vault.Status, chosen vault.Backend) {
	if w.vault == nil || req.New || req.Purpose == keys.PurposeVault {
		return nil, ""
	}
	offers = w.vault.Offers(ctx)
	chosen, _ = w.vault.Choice(ctx)
	return offers, chosen
}

// Answered takes a person's answer: where to keep the passphrase, or false if they declined. The error
// is what the asker returns then.
func (w *Wishes) Answered(req keys.PassphraseRequest, keep vault.Backend, ok bool) error {
	k := vault.KeyFor(req)
	delete(w.list, k)
	switch {
	case !ok && req.Purpose == keys.PurposeVault:
		return keys.ErrNoPassphrase // there is another way: the passphrase itself
	case !ok:
		return context.Canceled
	}
	if keep != "" && keep != vault.BackendMemory {
		w.list[k] = wish{req, keep}
	}
	return nil
}

// deadline bounds how long the end of the work may be held up by a keychain.
const deadline = 30 * time.Second

// Keep keeps the passphrases where the person wanted them, where they have proved right. The work is
// no failure because a keychain is: notes say what a person should know. ask asks for the master
// passphrase of the vault's file.
func (w *Wishes) Keep(ctx context.Context, right bool, ask keys.AskPassphrase) (notes []string) {
	if w.vault == nil {
		return nil
	}
	defer func() { notes = append(notes, w.vault.Notices()...) }()
	if !right {
		return nil
	}
	for _, wish := range w.list {
		if err := w.keep(ctx, wish, ask); err != nil && !errors.Is(err, keys.ErrNoPassphrase) {
			notes = append(notes, fmt.Sprintf("The passphrase was not kept: %v.", err))
		}
	}
	return notes
}

func (w *Wishes) keep(ctx context.Context, wish wish, ask keys.AskPassphrase) error {
	for _, s := range w.vault.Offers(ctx) {
		if s.Backend == wish.backend && s.Backend == vault.BackendFile && s.State == vault.NeedsSetup {
			// A person types the new master passphrase: no deadline but their patience.
			if err := w.vault.SetUp(ctx, ask); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if chosen, ok := w.vault.Choice(ctx); ok && chosen != wish.backend {
		if err := w.vault.Choose(ctx, wish.backend); err != nil {
			return err
		}
	}
	return w.vault.Keep(ctx, wish.request, wish.backend)
}
