// Package keydeed is everything that can be done with a key, in words: what each action is called,
// when it is possible, what it changes and leaves alone. The page of all keys and line mode ask for
// the choices each in its own way, and show and do the same.
package keydeed

import (
	"cmp"

	"bulla/workflow/keydesk"
)

// Action is something that can be done with a key, or to get one.
type Action int

// The actions.
const (
	Extend Action = iota
	ExtendEverywhere
	BackUp
	Publish
	CheckPlaces
	Export
	ExportSecret
	AddUserID
	PrimaryUserID
	RevokeUserID
	AddSubkey
	RotateSubkey
	RevokeSubkey
	Renew
	Passphrase
	Revocation
	Succeed
	Revoke
	Undo
	Forget
	ToGnuPG
	FromGnuPG
	Delete
	Aside
	Generate
	Import
	Fetch
	Actions // how many there are
)

// Needs is what an action takes.
type Needs int

// What an action takes, each more than the one before.
const (
	NeedsNothing Needs = iota
	NeedsKey           // any key
	NeedsSecret        // a secret part of it in bulla's store
	NeedsPrimary       // the secret of its primary key in bulla's store
)

// Deed describes an action: how it is called in a list, what it means, and what it takes.
type Deed struct {
	Group, Name, About string
	Needs              Needs
	// off says why it cannot be taken with a key that has what it needs; nil for never.
	off func(*keydesk.State) string
}

// Of describes an action.
func Of(a Action) Deed { return deeds[a] }

var deeds = [Actions]Deed{
	Extend:           {"Keep it healthy", "Extend it: change when it expires", "To later or earlier. It stays the same key, and old signatures stay as good as they were.", NeedsPrimary, alive},
	ExtendEverywhere: {"Keep it healthy", "Extend it, and publish it again everywhere", "Changes when it expires, then sends it to every place where it is published, once you have seen what becomes public, and asks each for it.", NeedsPrimary, aliveAndPublished},
	BackUp:           {"Keep it healthy", "Back it up, and try the backup", "Writes the secret key to a file or for paper, restores it into a throw-away store and lets it sign something.", NeedsSecret, nil},
	Passphrase:       {"Keep it healthy", "Change its passphrase", "Backups keep the passphrase that they were made with.", NeedsSecret, nil},
	Renew:            {"Keep it healthy", "Sign its self-signatures again", "With today's hash functions: mends SHA-1 self-signatures and missing back-signatures. When it expires stays as it is.", NeedsPrimary, alive},
	Revocation:       {"Keep it healthy", "Make its revocation certificate", "With it a lost key can be declared invalid. Keep it in another place than the key.", NeedsPrimary, alive},
	Undo:             {"Keep it healthy", "Undo the last change", "Goes back to the version before; doing it again takes that back. What others have of the key, they keep.", NeedsKey, hasPrevious},
	Forget:           {"Keep it healthy", "Forget the version before the last change", "It lies beside the key, after a change of passphrase under the old one.", NeedsKey, hasPrevious},
	Publish:          {"Let others find it", "Publish it", "What becomes public, and where, is shown before anything is sent. Then each place is asked for the key.", NeedsKey, nil},
	CheckPlaces:      {"Let others find it", "Ask the places where it is published", "No key is sent: what each place has is compared with the key as it is now.", NeedsKey, hasPlaces},
	Export:           {"Let others find it", "Export the public key to a file", "What others certified on it is left out, unless you ask for it.", NeedsKey, nil},
	AddUserID:        {"User ids", "Add a user id", "Another name or address on the same key.", NeedsPrimary, alive},
	PrimaryUserID:    {"User ids", "Choose the user id that is shown first", "", NeedsPrimary, severalUserIDs},
	RevokeUserID:     {"User ids", "Take a user id back", "It does not vanish where it was published; it is shown as revoked.", NeedsPrimary, severalUserIDs},
	AddSubkey:        {"Subkeys", "Add a subkey that signs", "Being the newest, it signs from then on. The backups that exist do not hold it.", NeedsPrimary, alive},
	RotateSubkey:     {"Subkeys", "Replace the subkey that signs", "Adds a new one and retires the old ones. Users need nothing but the key published again.", NeedsPrimary, alive},
	RevokeSubkey:     {"Subkeys", "Declare a subkey invalid", "For good, with a reason.", NeedsPrimary, hasSubkeys},
	ToGnuPG:          {"Move it", "Copy it to GnuPG", "Under the passphrase that it has. bulla's store keeps its own.", NeedsSecret, nil},
	FromGnuPG:        {"Move it", "Copy it from GnuPG to bulla's store", "Under the passphrase that it has. GnuPG keeps its own.", NeedsKey, secretInGnuPG},
	ExportSecret:     {"Move it", "Export the secret key to a file", "For another computer of yours. Whoever has the file and the passphrase has the key.", NeedsSecret, nil},
	Succeed:          {"End it", "Let a new key follow it", "The old key certifies the new one, both sign a statement for packagers, and the old key's end is set. What becomes of which file is shown first.", NeedsPrimary, alive},
	Revoke:           {"End it", "Revoke it: declare it invalid, for good", "With a reason, which decides whether old signatures still count.", NeedsKey, revocable},
	Delete:           {"End it", "Delete it from bulla's store", "Public and secret, for good. Its revocation certificate stays.", NeedsKey, deletable},
	Aside:            {"End it", "Move it aside: its files cannot be read", "Out of bulla's store into the folder aside beside it, so that a backup can be imported in its place. Nothing in its files is changed.", NeedsKey, readable},
	Generate:         {"Other keys", "Make a new key pair", "A primary key that certifies and a subkey that signs, and a revocation certificate.", NeedsNothing, nil},
	Import:           {"Other keys", "Import keys from a file", "Public or secret, a backup on paper that was typed in, GnuPG's pubring.kbx. What it holds is shown first.", NeedsNothing, nil},
	Fetch:            {"Other keys", "Fetch somebody's public key", "By its fingerprint, an address or a URL. It is shown before it is kept.", NeedsNothing, nil},
}

// Order is the order in which the actions are listed, group by group.
func Order() []Action {
	return []Action{
		Extend, ExtendEverywhere, BackUp, Passphrase, Renew, Revocation, Undo, Forget, Publish, CheckPlaces, Export, AddUserID, PrimaryUserID, RevokeUserID,
		AddSubkey, RotateSubkey, RevokeSubkey, ToGnuPG, FromGnuPG, ExportSecret, Succeed, Revoke, Aside, Delete, Generate, Import, Fetch,
	}
}

// Fault says why an action cannot be taken with a key, nil for none, or "".
func Fault(a Action, s *keydesk.State) string {
	d := deeds[a]
	switch {
	case d.Needs == NeedsNothing:
		return ""
	case s == nil:
		return "no key is chosen"
	case !s.Read:
		return "it is being read"
	case s.Err != nil && a != Aside && a != Delete:
		return "it cannot be read"
	}
	if d.Needs >= NeedsSecret && !SecretInStore(s) {
		switch {
		case s.Secret && s.GnuPG.Card != "":
			return "it is on a card: gpg --edit-key changes it"
		case s.Secret:
			return "it is in GnuPG: copy it to bulla's store first"
		}
		return "its secret key is not here"
	}
	if d.Needs == NeedsPrimary && s.PrimaryOffline {
		return "the secret of its primary key is kept elsewhere"
	}
	if d.off != nil {
		return d.off(s)
	}
	return ""
}

// SecretInStore reports whether bulla's store has a secret part of the key.
func SecretInStore(s *keydesk.State) bool {
	if !s.InStore {
		return false
	}
	if s.HasSecret {
		return true
	}
	for _, sub := range s.Subkeys {
		if sub.HasSecret {
			return true
		}
	}
	return false
}

func alive(s *keydesk.State) string {
	if s.Revoked {
		return "it is revoked"
	}
	return ""
}

func hasPrevious(s *keydesk.State) string {
	if !s.InStore || !s.Changed {
		return "no earlier version of it is kept"
	}
	return ""
}

func aliveAndPublished(s *keydesk.State) string { return cmp.Or(alive(s), hasPlaces(s)) }

func hasPlaces(s *keydesk.State) string {
	switch {
	case !s.PlacesKnown:
		return "where it is published is being looked up"
	case len(s.Places) == 0:
		return "it was not published from here"
	}
	return ""
}

func severalUserIDs(s *keydesk.State) string {
	switch {
	case s.Revoked:
		return "it is revoked"
	case len(s.UserIDs) < 2:
		return "it has only one user id"
	}
	return ""
}

func hasSubkeys(s *keydesk.State) string {
	for _, sub := range s.Subkeys {
		if !sub.Revoked {
			return alive(s)
		}
	}
	return "it has no subkey that is valid"
}

func secretInGnuPG(s *keydesk.State) string {
	switch {
	case len(s.Parts) == 0:
		return "GnuPG has no secret part of it"
	case s.InStore && s.Secret && s.HasSecret:
		return "its secret key is in bulla's store already"
	case s.GnuPG.Card != "":
		return "what is on a card stays on the card"
	}
	return ""
}

func revocable(s *keydesk.State) string {
	switch {
	case s.Revoked:
		return "it is revoked already"
	case !s.InStore:
		return "it is in GnuPG only: gpg --gen-revoke does it there"
	case !s.Secret:
		return "its secret key is not here: only its owner can revoke it"
	}
	return ""
}

// readable says why a key is not moved aside: only what cannot be read is in the way.
func readable(s *keydesk.State) string {
	switch {
	case s.Err == nil:
		return "it can be read"
	case !s.InStore:
		return "it is in GnuPG only"
	}
	return ""
}

func deletable(s *keydesk.State) string {
	switch {
	case !s.InStore:
		return "it is in GnuPG only: gpg --delete-keys removes it there"
	case s.Err != nil:
		return ""
	case SecretInStore(s) && s.BackedUp.IsZero():
		return "no backup of its secret key was ever tried: back it up first"
	}
	return ""
}
