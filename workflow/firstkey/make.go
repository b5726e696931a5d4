package firstkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bulla/keys"
	"bulla/keys/passphrase"
	"bulla/keys/store"
	"bulla/keys/vault"
)

// Params say what key to make.
type Params struct {
	Name, Email string
	// Also are further addresses; each becomes a user id of its own, with the same name.
	Also []string
	// Algorithm is store.AlgorithmEd25519 or store.AlgorithmRSA4096.
	Algorithm string
	Lifetime  time.Duration // 0 for ever
	// Passphrase protects the key. It stays the caller's to destroy.
	Passphrase keys.Secret
}

// Made is a key that was made.
type Made struct {
	store.Generated
	// Missing are the further addresses that the key did not get, and why.
	Missing []error
}

// Make makes the key. Its passphrase is remembered for this run: who has just typed it twice is not
// asked again, but for the rehearsal of the backup. Errors are those of store.Generate, and a
// *store.ParamError for an empty passphrase.
func (w *Wizard) Make(ctx context.Context, p Params) (Made, error) {
	if p.Passphrase.IsZero() {
		return Made{}, &store.ParamError{Field: "passphrase", Reason: "is empty"}
	}
	g, err := w.world.Store.Generate(ctx, store.GenerateParams{
		Name: p.Name, Email: p.Email, Algorithm: p.Algorithm, Lifetime: p.Lifetime, Passphrase: p.Passphrase,
	})
	if err != nil {
		return Made{}, err
	}
	// From here on there is a key: whoever gives up learns what it has, not that nothing was made.
	ctx = context.WithoutCancel(ctx)
	m := Made{Generated: g}
	answer := func(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if req.Attempt > 1 {
			return keys.Secret{}, keys.ErrWrongPassphrase
		}
		return p.Passphrase.Clone(), nil
	}
	sel := keys.ParseSelector(string(g.Key.Fingerprint))
	for _, a := range p.Also {
		k, err := w.world.Store.AddUserID(ctx, sel, store.AddUserIDParams{Name: p.Name, Email: a}, answer)
		if err != nil {
			m.Missing = append(m.Missing, fmt.Errorf("%s: %w", a, err))
			continue
		}
		m.Key = k
	}
	return m, w.world.Vault.Remember(ctx, request(g.Key.Fingerprint), p.Passphrase, vault.BackendMemory)
}

// request asks for the passphrase of a key of bulla's store.
func request(f keys.Fingerprint) keys.PassphraseRequest {
	return keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(f)}
}

// Words makes a passphrase of random words, and says how many bits of entropy it has.
func (w *Wizard) Words() (keys.Secret, int, error) {
	return passphrase.Generate(w.world.Rand, passphrase.Words)
}

// keepDeadline bounds how long a keychain may take.
const keepDeadline = 30 * time.Second

// Keep keeps the passphrase of a key, which proved right in this run, in place b for the next time,
// and makes b the place that is used. A vault file that is not there yet is made: ask lets a person
// type its new master passphrase.
func (w *Wizard) Keep(ctx context.Context, f keys.Fingerprint, b vault.Backend, ask keys.AskPassphrase) error {
	v := w.world.Vault
	if b == "" || b == vault.BackendMemory {
		return nil
	}
	switch st := v.Describe(ctx, b); {
	case b == vault.BackendFile && st.State == vault.NeedsSetup:
		if err := v.SetUp(ctx, ask); err != nil {
			return err
		}
	case b == vault.BackendFile && st.State == vault.Locked:
		if err := v.UnlockFile(ctx, ask); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, keepDeadline)
	defer cancel()
	if chosen, ok := v.Choice(ctx); !ok || chosen != b {
		if err := v.Choose(ctx, b); err != nil {
			return err
		}
	}
	return v.Keep(ctx, request(f), b)
}

// Places are where a passphrase can be kept.
func (w *Wizard) Places(ctx context.Context) (offers []vault.Status, chosen vault.Backend) {
	chosen, _ = w.world.Vault.Choice(ctx)
	return w.world.Vault.Offers(ctx), chosen
}

// Life is how long a key shall last.
type Life struct {
	Lifetime time.Duration // 0 for ever
	// Sentence says it in plain words.
	Sentence string
}

// Lifetime reads how long a key shall last, as store.ParseLifetime does, and says it in plain words.
func Lifetime(text string, now time.Time) (Life, error) {
	d, err := store.ParseLifetime(text, now)
	var l *store.LifetimeError
	if errors.As(err, &l) {
		return Life{}, err
	}
	if d == 0 {
		return Life{Sentence: "It never expires. If you lose it, or die, it goes on looking valid: only the revocation certificate ends it."}, err
	}
	end := now.Add(d).UTC().Format("2 January 2006")
	return Life{d, "It expires on " + end + ". Before that you extend it, as often as you like; it stays the same key. If it is lost or forgotten it ends by itself then."}, err
}
