package keys

import (
	"slices"
	"time"

	"bulla/keys/pgp"
)

// Ties are the signatures by which a key's owner holds the key together, and which of them count
// as of a moment. Every one of them was verified. Bodies are those of signature packets, as they
// came; whoever changes a key copies from them.
type Ties struct {
	// Direct is the newest direct-key signature (type 0x1F), nil for none.
	Direct []byte
	// Users are the user ids and attributes with a self-signature, valid ones first, the primary
	// user id before the others.
	Users []UserTie
	// Subkeys are the subkeys that are bound, in the order of the key.
	Subkeys []SubkeyTie
}

// UserTie is a user id, or a user attribute such as a photo, with the self-signature that counts.
type UserTie struct {
	// Tag is 13 for a user id and 17 for a user attribute, Body the content of that packet.
	Tag  pgp.Tag
	Body []byte
	// Self is the newest self-signature.
	Self []byte
	// Revoked says that the owner took it back. Primary says that it carries the mark of the
	// primary user id.
	Revoked, Primary bool
	// RevokedAt is when it was last taken back, zero for never.
	RevokedAt time.Time
}

// SubkeyTie is a subkey with the binding that counts.
type SubkeyTie struct {
	Fingerprint Fingerprint
	Binding     []byte // the newest binding (type 0x18)
	// Back is the signature by which the subkey confirms that it belongs to the primary key
	// (type 0x19), nil for none.
	Back []byte
	// Expires is the subkey's own expiry, whatever that of the primary key; zero for never.
	Expires time.Time
	Revoked bool
	CanSign bool
}

// Ties lists the ties of the key with that primary fingerprint, as of now. It reports false for a
// key that is not in the Keyring.
func (r *Keyring) Ties(f Fingerprint, now time.Time) (Ties, bool) {
	c := r.certWith(f)
	if c == nil || c.fingerprint() != f {
		return Ties{}, false
	}
	return c.ties(now), true
}

func (c *cert) ties(now time.Time) Ties {
	p := c.prove()
	var t Ties
	if d := newest(p.direct, now); d != nil {
		t.Direct = d.body
	}
	for i, u := range p.users {
		self := newest(u.certifications, now)
		if self == nil {
			continue
		}
		tie := UserTie{Tag: c.users[i].tag, Body: c.users[i].body, Self: self.body, Primary: self.primaryUID}
		if r := newest(u.revocations, now); r != nil {
			tie.RevokedAt, tie.Revoked = r.created, !r.created.Before(self.created)
		}
		t.Users = append(t.Users, tie)
	}
	t.sortUsers(validUsers(p.users, now))
	for i, s := range p.subkeys {
		b := newest(s.bindings, now)
		if b == nil {
			continue
		}
		flags := byte(0xff)
		if b.hasKeyFlags {
			flags = b.keyFlags
		}
		key := c.subkeys[i].key
		tie := SubkeyTie{
			Fingerprint: FingerprintOf(key.Fingerprint), Binding: b.body, Revoked: len(s.revocations) > 0,
			Expires: lifetime(key.CreationTime, b.keyLifetime), CanSign: flags&pgp.FlagSign != 0 && key.PubKeyAlgo.CanSign(),
		}
		if s.back != nil {
			tie.Back = s.back.body
		}
		t.Subkeys = append(t.Subkeys, tie)
	}
	return t
}

// sortUsers puts the user ids in the order in which a list shows them.
func (t *Ties) sortUsers(valid []validUser) {
	rank := func(u UserTie) int {
		i := slices.IndexFunc(valid, func(v validUser) bool { return u.Tag == pgp.TagUserID && v.id == string(u.Body) })
		if u.Revoked || i < 0 {
			return len(valid)
		}
		return i
	}
	slices.SortStableFunc(t.Users, func(a, b UserTie) int { return rank(a) - rank(b) })
}
