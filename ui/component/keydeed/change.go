package keydeed

import (
	"context"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/backend"
	"bulla/ui/component/human"
	"bulla/ui/safetext"
)

// Extend changes when the key expires.
func (s Subject) Extend(life time.Duration) Job {
	effects := []Effect{
		{Label: "now", Text: "The key " + Until(s.State.Key) + "."},
		{Label: "then", Text: "It expires " + s.End(life) + ", and so do the subkeys that live with it."},
		{Label: "stays", Text: "The fingerprint, and every signature that was made."},
		s.othersLearn(), s.undoable(),
	}
	if life == 0 {
		effects = append(effects, Effect{Label: "mind", Text: "A key that never expires stays valid for ever if it is lost and cannot be revoked.", Caution: true})
	}
	return s.change("Extend the key", "extend it", "extending the key", effects, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		k, err := b.Extend(ctx, sel, store.ExtendParams{Lifetime: life}, ask)
		return "The key " + Until(k) + " now; " + s.Hints.Publish + " publishes it.", err
	})
}

// ExtendEverywhere is Extend as the first half of publishing the key again where it is published.
func (s Subject) ExtendEverywhere(life time.Duration) Job {
	j := s.Extend(life)
	j.Title, j.Yes = "Extend the key, then publish it again", "extend it"
	for i, e := range j.Effects {
		if e.Label == "others" {
			j.Effects[i].Text = "What would become public is shown next; nothing is sent before you agree to that. It goes to " + PlaceNames(s.State) + "."
		}
	}
	return j
}

// Renew signs the key's self-signatures again.
func (s Subject) Renew() Job {
	return s.change("Sign the self-signatures again", "sign them again", "signing again", []Effect{
		{Label: "then", Text: "What ties its user ids and subkeys to the key is signed again with SHA-512, and signing subkeys confirm that they belong to it."},
		{Label: "stays", Text: "The fingerprint, when it expires, and every signature that was made."},
		s.othersLearn(), s.undoable(),
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, err := b.Renew(ctx, sel, ask)
		return "The self-signatures are new. " + s.Hints.Publish + " publishes it.", err
	})
}

// AddUserID adds a user id.
func (s Subject) AddUserID(p store.AddUserIDParams) Job {
	shown := p.Name
	if p.Comment != "" {
		shown += " (" + p.Comment + ")"
	}
	if p.Email != "" {
		shown = strings.TrimSpace(shown + " <" + p.Email + ">")
	}
	return s.change("Add a user id", "add it", "adding the user id", []Effect{
		{Label: "new", Text: UserID(shown)},
		{Label: "mind", Text: "Once published it is public for good: a user id can be taken back, but not erased.", Caution: true},
		{Label: "stays", Text: "The fingerprint, the other user ids, and every signature that was made."},
		s.othersLearn(), s.undoable(),
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, err := b.AddUserID(ctx, sel, p, ask)
		return "Added " + UserID(shown) + ". " + s.Hints.Publish + " publishes it.", err
	})
}

// PrimaryUserID shows another user id first.
func (s Subject) PrimaryUserID(id string) Job {
	return s.change("Show a user id first", "show it first", "changing the user id", []Effect{
		{Label: "now", Text: UserID(s.State.UserID())}, {Label: "then", Text: UserID(id)}, s.othersLearn(), s.undoable(),
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, err := b.SetPrimaryUserID(ctx, sel, id, ask)
		return UserID(id) + " is shown first now.", err
	})
}

// RevokeUserID takes a user id back; text becomes public with that.
func (s Subject) RevokeUserID(id, text string) Job {
	return s.change("Take a user id back", "take it back", "taking the user id back", append([]Effect{
		{Label: "goes", Text: UserID(id)},
		{Label: "then", Text: "It is shown as revoked where it was published; it does not vanish there."},
		{Label: "stays", Text: "The key, its other user ids, and every signature that was made."},
	}, publicText(text, s.othersLearn(), s.undoable())...), func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, err := b.RevokeUserID(ctx, sel, id, text, ask)
		return "Taken back: " + UserID(id) + ". " + s.Hints.Publish + " publishes it.", err
	})
}

// publicText puts the effect of a public text, where there is one, before others.
func publicText(text string, others ...Effect) []Effect {
	if text != "" {
		others = append([]Effect{{Label: "public", Text: `"` + safetext.Line(text) + `"`}}, others...)
	}
	return others
}

// Passphrase changes the key's passphrase.
func (s Subject) Passphrase() Job {
	f, label := s.State.Fingerprint, s.State.UserID()
	return s.change("Change the passphrase", "change it", "changing the passphrase", []Effect{
		{Label: "first", Text: "The present passphrase is asked for, unless bulla remembers it."},
		{Label: "then", Text: "The new one protects the key from now on. Where the old one was remembered, it is forgotten."},
		{Label: "backups", Text: "They keep the passphrase that they were made with: make a new one (" + s.Hints.BackUp + ").", Caution: true},
		{Label: "mind", Text: "The key under its old passphrase is kept until the next change, so that " + s.Hints.Undo + " can go back. " + s.Hints.Forget, Caution: true},
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		present, err := b.ExportSecret(ctx, sel, ask) // the present one first; then it is known
		clear(present)
		if err != nil {
			return "", err
		}
		next, err := ask(ctx, keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(f), Label: label, Attempt: 1, New: true})
		if err != nil {
			return "", err
		}
		defer next.Destroy()
		_, err = b.ChangePassphrase(ctx, sel, next, ask)
		return "The passphrase is changed. Make a new backup (" + s.Hints.BackUp + ").", err
	})
}

// Undo goes back to the version of the key before its last change.
func (s Subject) Undo(before keys.Key) Job {
	return s.change("Undo the last change", "go back", "going back", append(differences(s.State.Key, before),
		Effect{Label: "others", Text: "What was published is not undone: what others have of the key, they keep."},
		Effect{Label: "undo", Text: "Another undo takes this one back."},
	), func(ctx context.Context, b backend.Keys, sel keys.Selector, _ keys.AskPassphrase) (string, error) {
		_, err := b.Undo(ctx, sel)
		return "The key is as it was before the change.", err
	})
}

// differences are what changes from one version of a key to another.
func differences(now, then keys.Key) (out []Effect) {
	if !now.Expires.Equal(then.Expires) {
		out = append(out, Effect{Label: "expiry", Text: "The key " + Until(then) + ", where it now " + Until(now) + "."})
	}
	if now.Revoked != then.Revoked {
		word := map[bool]string{true: "revoked", false: "not revoked"}
		out = append(out, Effect{Label: "state", Text: "It is " + word[then.Revoked] + ", where it now is " + word[now.Revoked] + "."})
	}
	lists := func(label string, now, then []string) {
		if gone := without(now, then); len(gone) > 0 {
			out = append(out, Effect{Label: label, Text: "Gone: " + strings.Join(gone, ", ")})
		}
		if back := without(then, now); len(back) > 0 {
			out = append(out, Effect{Label: label, Text: "Back: " + strings.Join(back, ", ")})
		}
	}
	lists("user ids", cleaned(now.UserIDs), cleaned(then.UserIDs))
	lists("subkeys", valid(now), valid(then))
	if len(out) == 0 {
		out = append(out, Effect{Label: "then", Text: "The key says the same as now: what differs are its signatures, or the passphrase of its secret parts."})
	}
	return out
}

func cleaned(list []string) (out []string) {
	for _, s := range list {
		out = append(out, UserID(s))
	}
	return out
}

// valid are the subkeys that are not revoked.
func valid(k keys.Key) (out []string) {
	for _, s := range k.Subkeys {
		if !s.Revoked {
			out = append(out, human.Tail(s.Fingerprint))
		}
	}
	return out
}

// without is what of a is not in b.
func without(a, b []string) (out []string) {
	in := map[string]bool{}
	for _, s := range b {
		in[s] = true
	}
	for _, s := range a {
		if !in[s] {
			out = append(out, s)
		}
	}
	return out
}

// Forget removes the version of the key before its last change.
func (s Subject) Forget() Job {
	f := s.State.Fingerprint
	return s.change("Forget the earlier version", "forget it", "forgetting the earlier version", []Effect{
		{Label: "goes", Text: "The version of the key before its last change. After a change of passphrase it is the key under the old one."},
		{Label: "stays", Text: "The key as it is now."},
		{Label: "mind", Text: "The last change cannot be undone then.", Caution: true},
	}, func(ctx context.Context, b backend.Keys, _ keys.Selector, _ keys.AskPassphrase) (string, error) {
		return "The earlier version is gone.", b.ForgetPrevious(ctx, f)
	})
}
