package keys

import (
	"bytes"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys/pgp"
)

// DescribeKey turns an entity into the list's model of a key, as of now. Every self-signature
// is verified; what the entity's lists merely claim is not repeated. HasSecret says that the
// entity holds the secret part, locked or not, of a key that can sign.
func DescribeKey(e *openpgp.Entity, now time.Time, src Source) Key {
	c := certOf(e)
	c.source = src
	k := c.describe(now)
	own := secretKeys(e)
	for i := range k.Subkeys {
		k.Subkeys[i].HasSecret = own[k.Subkeys[i].Fingerprint]
		k.HasSecret = k.HasSecret || k.Subkeys[i].HasSecret && k.Subkeys[i].CanSign
	}
	k.HasSecret = k.HasSecret || own[k.Fingerprint] && k.CanSign
	k.PrimaryOffline = e.PrivateKey != nil && e.PrivateKey.Dummy() && len(e.Subkeys) > 0
	return k
}

// ChooseSigningKey picks the key of e that signs at now: the newest subkey that may sign and
// is neither expired nor revoked, else the primary key. Where sel is exact it picks the key
// that sel names and no other. usable says whether the secret part of a key is within reach;
// nil means that all are. It returns the key as it stands in e, and the earlier of its own and
// the primary key's expiry, zero for never. An *UnusableError says why there is none.
func ChooseSigningKey(e *openpgp.Entity, sel Selector, now time.Time, usable func(*packet.PublicKey) bool) (*packet.PublicKey, time.Time, error) {
	return certOf(e).chooseSigningKey(sel, now, usable, func(p *packet.PublicKey) *packet.PublicKey { return entityKey(e, p.Fingerprint) })
}

// Describe is the list's model of the key with that primary fingerprint, as of now. It reports
// false for a key that is not in the Keyring. Which secrets are at hand it does not know.
func (r *Keyring) Describe(f Fingerprint, now time.Time) (Key, bool) {
	c := r.certWith(f)
	if c == nil || c.fingerprint() != f {
		return Key{}, false
	}
	return c.describe(now), true
}

// ChooseSigningKey is the function of that name for the key with that primary fingerprint.
func (r *Keyring) ChooseSigningKey(f Fingerprint, sel Selector, now time.Time, usable func(*packet.PublicKey) bool) (*packet.PublicKey, time.Time, error) {
	c := r.certWith(f)
	if c == nil || c.fingerprint() != f {
		return nil, time.Time{}, &NotFoundError{Selector: string(f)}
	}
	return c.chooseSigningKey(sel, now, usable, func(p *packet.PublicKey) *packet.PublicKey { return p })
}

// chooseSigningKey picks the key; find turns one of the cert's keys into the caller's.
func (c *cert) chooseSigningKey(sel Selector, now time.Time, usable func(*packet.PublicKey) bool, find func(*packet.PublicKey) *packet.PublicKey) (*packet.PublicKey, time.Time, error) {
	owner := c.owner(now)
	all := make([]standing, 0, len(c.subkeys)+1)
	for i := range c.subkeys {
		all = append(all, c.subkey(owner, i, now))
	}
	slices.SortStableFunc(all, func(a, b standing) int { return b.key.CreationTime.Compare(a.key.CreationTime) })
	all = append(all, owner.standing)
	if usable == nil {
		usable = func(*packet.PublicKey) bool { return true }
	}
	if reason := owner.invalid(now); reason != "" {
		return nil, time.Time{}, &UnusableError{Key: c.fingerprint(), Reason: reason}
	}
	return pick(find, c.fingerprint(), all, sel, now, usable)
}

// pick takes the first candidate that can sign, and otherwise tells what was wrong with the
// most promising one.
func pick(find func(*packet.PublicKey) *packet.PublicKey, primary Fingerprint, all []standing, sel Selector, now time.Time, usable func(*packet.PublicKey) bool) (*packet.PublicKey, time.Time, error) {
	reason := ""
	named := primary // what the reason is about
	for _, s := range all {
		if sel.Exact && !sel.matchesID(FingerprintOf(s.key.Fingerprint)) {
			continue
		}
		if !s.canSign() && !sel.Exact {
			continue
		}
		if sel.Exact {
			named = FingerprintOf(s.key.Fingerprint)
		}
		key := find(s.key)
		why := s.unusable(now)
		switch {
		case key == nil:
			continue
		case why == "" && usable(key):
			return key, s.expires, nil
		case why == "":
			// Nothing wrong but the secret: the best explanation there is.
			reason = "its secret part is not here"
			if s.primary {
				reason = "the secret part of its primary key is not here"
			}
		case reason == "":
			reason = why
		}
	}
	switch {
	case reason == "" && sel.Exact:
		return nil, time.Time{}, &NotFoundError{Selector: sel.String()}
	case reason == "":
		reason = "none of its keys may sign"
	}
	return nil, time.Time{}, &UnusableError{Key: named, Reason: reason}
}

// unusable says why the key cannot sign now, or "".
func (s *standing) unusable(now time.Time) string {
	switch reason := s.invalid(now); {
	case reason != "":
		return reason
	case !s.canSign():
		return "it is not meant for signatures"
	case s.disowned && !s.primary:
		return "it does not confirm that it belongs to its primary key"
	}
	return ""
}

// invalid says why the key is good for nothing now, or "".
func (s *standing) invalid(now time.Time) string {
	hard, soft := s.hardRevocation()
	switch {
	case !s.bound:
		return "it has no valid self-signature"
	case hard != nil:
		return "it was revoked on " + longDay(hard.created)
	case !soft.IsZero() && !now.Before(soft):
		return "it was revoked on " + longDay(soft)
	case s.expiredAt(now):
		return "it expired on " + longDay(s.expires)
	case now.Unix() < s.key.CreationTime.Unix():
		return "it was made on " + longDay(s.key.CreationTime) + ", which is later than the clock says"
	}
	return ""
}

// longDay writes a date the way bulla's errors do.
func longDay(t time.Time) string { return t.UTC().Format("2 January 2006") }

func entityKey(e *openpgp.Entity, fingerprint []byte) *packet.PublicKey {
	if bytes.Equal(e.PrimaryKey.Fingerprint, fingerprint) {
		return e.PrimaryKey
	}
	for _, s := range e.Subkeys {
		if bytes.Equal(s.PublicKey.Fingerprint, fingerprint) {
			return s.PublicKey
		}
	}
	return nil
}

func secretKeys(e *openpgp.Entity) map[Fingerprint]bool {
	own := map[Fingerprint]bool{}
	add := func(k *packet.PrivateKey) {
		if k != nil && !k.Dummy() {
			own[FingerprintOf(k.Fingerprint)] = true
		}
	}
	add(e.PrivateKey)
	for _, s := range e.Subkeys {
		add(s.PrivateKey)
	}
	return own
}

// certOf takes an entity apart into the packets that the judge works on. An entity that cannot
// be serialised yields a cert without signatures, which is good for nothing.
func certOf(e *openpgp.Entity) *cert {
	var b bytes.Buffer
	if err := e.Serialize(&b); err == nil {
		if r, err := ReadKeyring(b.Bytes(), ""); err == nil && len(r.certs) == 1 {
			return r.certs[0]
		}
	}
	return &cert{primary: e.PrimaryKey}
}

// describe makes the list's model of the cert, as of now; a zero now ignores that
// self-signatures may expire and counts every revocation.
func (c *cert) describe(now time.Time) Key {
	o := c.owner(now)
	k := Key{
		Fingerprint: c.fingerprint(),
		UserIDs:     o.userIDs,
		Algorithm:   AlgorithmName(c.primary),
		Created:     c.primary.CreationTime.UTC(),
		Expires:     o.expires,
		Revoked:     o.revokedAt(now),
		CanCertify:  o.bound && o.flags&pgp.FlagCertify != 0,
		CanSign:     o.bound && o.canSign(),
		Source:      c.source,
		Weak:        slices.Clone(o.weak),
	}
	if !o.bound {
		k.Weak = append(k.Weak, "no valid self-signature")
	}
	if w := weakKey(c.primary); w != "" {
		k.Weak = append(k.Weak, w)
	}
	for i := range c.subkeys {
		s := c.subkey(o, i, now)
		if !s.bound {
			continue
		}
		sub := Subkey{
			Fingerprint: FingerprintOf(s.key.Fingerprint),
			Algorithm:   AlgorithmName(s.key),
			Created:     s.key.CreationTime.UTC(),
			Expires:     s.expires,
			Revoked:     s.revokedAt(now),
			CanSign:     s.canSign() && !s.disowned,
			CanEncrypt:  s.flags&(pgp.FlagEncryptComms|pgp.FlagEncryptStore) != 0 && s.key.PubKeyAlgo.CanEncrypt(),
		}
		k.Subkeys = append(k.Subkeys, sub)
		if !sub.CanSign {
			continue
		}
		if w := weakKey(s.key); w != "" {
			k.Weak = append(k.Weak, w)
		}
		k.Weak = append(k.Weak, s.weak...)
	}
	slices.Sort(k.Weak)
	k.Weak = slices.Compact(k.Weak)
	return k
}
