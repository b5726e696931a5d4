package keydeed

import (
	"context"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/backend"
	"bulla/ui/component/human"
	"bulla/ui/safetext"
)

// Revocation makes the key's revocation certificate.
func (s Subject) Revocation() Job {
	j := Job{Title: "Make the revocation certificate", Yes: "make it", Doing: "making the certificate", Effects: []Effect{
		{Label: "then", Text: "A file is written to bulla's folder of revocations that only you can read. Whoever imports it declares the key invalid."},
		{Label: "mind", Text: "Move it to another place than the key: you need it when the key is lost, and nobody else may have it.", Caution: true},
		{Label: "stays", Text: "The key is not changed."},
	}}
	if moved := RevocationPlace(s.State); moved != "" {
		j.Effects = append(j.Effects, Effect{Label: "there is", Text: "One was " + safetext.Line(moved) + ". It stays as good as the new one."})
	}
	sel := keys.ParseSelector(string(s.State.Fingerprint))
	j.Do = func(ctx context.Context, b backend.Keys, p Person) (Outcome, error) {
		path, err := b.MakeRevocation(ctx, sel, b.Remembered(p.Ask))
		return Outcome{Story: Story{
			Title: "The revocation certificate",
			Lines: []string{copyable + safetext.Line(path), "", "Move it to another place than the key. It makes the key invalid should it be lost or stolen."},
		}}, err
	}
	return j
}

// reasonEffects say what a reason means.
func reasonEffects(reason store.RevocationReason) []Effect {
	kind := "soft"
	if reason.Hard() {
		kind = "hard"
	}
	return []Effect{
		{Label: "reason", Text: Sentence(reason.Title()) + " (a " + kind + " revocation)."},
		{Label: "old ones", Text: reason.Effect(), Caution: reason.Hard()},
	}
}

// The revocation certificate as one of the answers to why a key is revoked.
const (
	CertificateName  = "Apply the revocation certificate that was made with the key"
	CertificateAbout = "It needs no passphrase, and gives no reason: every signature of the key becomes invalid, also those of past releases."
)

// RevokeFault says why the key cannot be revoked with a reason, or "". The certificate that was made
// with the key needs no secret.
func (s Subject) RevokeFault() string {
	if why := Fault(Renew, s.State); why != "" { // the secret of the primary key is needed
		return why + "; the revocation certificate needs no secret"
	}
	return ""
}

// Revoke declares the key invalid.
func (s Subject) Revoke(p store.RevokeParams) Job {
	return s.revoke(p, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) error {
		_, err := b.Revoke(ctx, sel, p, ask)
		return err
	})
}

// ApplyRevocation declares the key invalid by the certificate that was made with it.
func (s Subject) ApplyRevocation() Job {
	return s.revoke(store.RevokeParams{Reason: store.ReasonNone}, func(ctx context.Context, b backend.Keys, sel keys.Selector, _ keys.AskPassphrase) error {
		_, err := b.ApplyRevocation(ctx, sel)
		return err
	})
}

func (s Subject) revoke(p store.RevokeParams, work func(context.Context, backend.Keys, keys.Selector, keys.AskPassphrase) error) Job {
	effects := append(reasonEffects(p.Reason), publicText(p.Text,
		Effect{Label: "new ones", Text: "What is signed with the key from now on counts for nobody who knows of the revocation."},
		Effect{Label: "others", Text: "Publish the key at once (" + s.Hints.Publish + "): until then nobody knows."},
		Effect{Label: "undo", Text: s.Hints.Undo + " takes it back only until it is published. What others have, they keep.", Caution: true},
	)...)
	j := s.change("Revoke the key", "revoke it", "revoking the key", effects, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		return "The key is revoked. " + s.Hints.Publish + " publishes it: until then nobody knows.", work(ctx, b, sel, ask)
	})
	j.Typed = true
	return j
}

// Delete removes the key from bulla's store.
func (s Subject) Delete() Job {
	if s.State.Err != nil {
		return s.deleteBroken()
	}
	secret := SecretInStore(s.State)
	what := "The public key, from bulla's store."
	if secret {
		what = "The public and the secret key, from bulla's store, for good."
	}
	effects := []Effect{{Label: "goes", Text: what}}
	if !s.State.BackedUp.IsZero() {
		effects = append(effects, Effect{Label: "backup", Text: "One was tried on " + human.Date(s.State.BackedUp) + ". Importing it brings the key back."})
	}
	if s.State.InGnuPG {
		effects = append(effects, Effect{Label: "stays", Text: "GnuPG's copy."})
	}
	if secret {
		effects = append(effects, Effect{Label: "stays", Text: "Its revocation certificate, and what was published."})
	}
	f := s.State.Fingerprint
	return Job{Title: "Delete the key", Yes: "delete it", Doing: "deleting the key", Effects: effects, Typed: secret, Do: func(ctx context.Context, b backend.Keys, _ Person) (Outcome, error) {
		_, err := b.Delete(ctx, keys.ParseSelector(string(f)), false)
		return Outcome{Note: "Deleted the key " + human.Tail(f) + ".", Anew: true, Gone: true}, err
	}}
}

// deleteBroken removes a key of which nothing can be said but that it cannot be read.
func (s Subject) deleteBroken() Job {
	f := s.State.Fingerprint
	return Job{Title: "Delete the key", Yes: "delete it", Doing: "deleting the key", Typed: true, Effects: []Effect{
		{Label: "why", Text: safetext.Line(ReadError(s.State.Err)), Caution: true},
		{Label: "goes", Text: "All of its files, from bulla's store, for good."},
		{Label: "backup", Text: "Whether one was tried cannot be told. Moving the key aside keeps its files instead.", Caution: true},
		{Label: "stays", Text: "Its revocation certificate, and what was published."},
	}, Do: func(ctx context.Context, b backend.Keys, _ Person) (Outcome, error) {
		_, err := b.Delete(ctx, keys.ParseSelector(string(f)), true)
		return Outcome{Note: "Deleted the key " + human.Tail(f) + ".", Anew: true, Gone: true}, err
	}}
}

// Aside moves a key that cannot be read out of the way.
func (s Subject) Aside() Job {
	f := s.State.Fingerprint
	return Job{Title: "Move the key aside", Yes: "move it aside", Doing: "moving the key aside", Typed: true, Effects: []Effect{
		{Label: "why", Text: safetext.Line(ReadError(s.State.Err)), Caution: true},
		{Label: "goes", Text: "Its folder, from bulla's store to the folder aside beside it."},
		{Label: "stays", Text: "Every file in it, as it is. Importing a backup brings the key back."},
	}, Do: func(ctx context.Context, b backend.Keys, _ Person) (Outcome, error) {
		path, err := b.MoveAside(ctx, f)
		return Outcome{Note: "Its files are now in " + safetext.Line(path) + ".", Anew: true, Gone: true}, err
	}}
}
