package keydeed

import (
	"context"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/backend"
	"bulla/ui/component/human"
)

// newSubkey describes a subkey that will be made.
func (s Subject) newSubkey(p store.SubkeyParams) string {
	algorithm, ends := p.Algorithm, "lasts as long as the key"
	switch {
	case algorithm != "":
	case s.State.Algorithm == store.AlgorithmRSA4096:
		algorithm = store.AlgorithmRSA4096
	default:
		algorithm = store.AlgorithmEd25519
	}
	if p.Lifetime > 0 {
		ends = "expires " + s.End(p.Lifetime)
	}
	return "A subkey, " + algorithm + ", that " + ends
}

// AddSubkey adds a subkey that signs.
func (s Subject) AddSubkey(p store.SubkeyParams) Job {
	return s.change("Add a subkey that signs", "add it", "making the subkey", []Effect{
		{Label: "new", Text: s.newSubkey(p) + ", under the passphrase of the key. It signs from then on."},
		{Label: "stays", Text: "The other subkeys, and every signature that was made."},
		s.oldBackups(), s.othersLearn(), s.undoable(),
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, added, err := b.AddSubkey(ctx, sel, p, ask)
		return "The new subkey ends in " + human.Tail(added) + ". Now " + s.Hints.BackUp + " backs it up, " + s.Hints.Publish + " publishes it.", err
	})
}

// RotateSubkey replaces the subkeys that sign.
func (s Subject) RotateSubkey(p store.RotateParams) Job {
	var old []string
	for _, sub := range s.State.Subkeys {
		if sub.CanSign && !sub.Revoked {
			old = append(old, human.Tail(sub.Fingerprint))
		}
	}
	retire := Effect{Label: "retired", Text: "Revoked as superseded: " + strings.Join(old, ", ") + ". What they signed stays good for those who look at the date (bulla, Sequoia); gpg and git warn about it."}
	switch {
	case len(old) == 0:
		retire = Effect{Label: "retired", Text: "None: no other subkey signs."}
	case p.KeepOld:
		retire = Effect{Label: "kept", Text: "Valid until they expire: " + strings.Join(old, ", ") + "."}
	}
	return s.change("Replace the subkey that signs", "replace it", "making the subkey", []Effect{
		{Label: "new", Text: s.newSubkey(p.SubkeyParams) + ". It signs from then on."},
		retire, s.oldBackups(), s.othersLearn(), s.undoable(),
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		done, err := b.RotateSubkey(ctx, sel, p, ask)
		return fmt.Sprintf("The new subkey ends in %s; %s retired. Now %s backs it up, %s publishes it.",
			human.Tail(done.Added), human.Count(len(done.Retired), "subkey"), s.Hints.BackUp, s.Hints.Publish), err
	})
}

// RevokeSubkey declares a subkey invalid.
func (s Subject) RevokeSubkey(sub keys.Fingerprint, p store.RevokeParams) Job {
	effects := append([]Effect{{Label: "subkey", Text: sub.Grouped()}}, reasonEffects(p.Reason)...)
	effects = append(effects, publicText(p.Text, Effect{Label: "stays", Text: "The key and its other subkeys."}, s.othersLearn(), s.undoable())...)
	return s.change("Declare a subkey invalid", "declare it invalid", "revoking the subkey", effects, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, err := b.RevokeSubkey(ctx, sel, sub, p, ask)
		return "The subkey " + human.Tail(sub) + " is revoked. " + s.Hints.Publish + " publishes it.", err
	})
}
