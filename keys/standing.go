package keys

import (
	"cmp"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

// standing is what a key's own signatures say of one of its keys, primary or subkey, seen from
// a moment in time. The newest self-signature counts, also for what was signed before it: keys
// get their expiry extended and their bindings renewed, and what they signed stays good.
type standing struct {
	key     *packet.PublicKey
	primary bool
	// bound says that the owner's signature ties the key in: a self-signature on the primary
	// key, and for a subkey a binding.
	bound bool
	// expires is the earlier of the primary key's expiry and the subkey's; zero is never.
	expires time.Time
	flags   byte // key flags; all set where the owner says nothing
	// disowned says that a signing subkey does not confirm that it belongs to the primary key,
	// so that somebody else's key may have been tied in.
	disowned bool
	// revocations of the primary key, and of the subkey.
	revocations []*sigPacket
	// weak lists the broken hash functions on which the ties rest.
	weak []string
}

// ownerStanding is the part that all keys of a cert share.
type ownerStanding struct {
	standing
	userIDs []string // valid ones, the primary user id first
}

// owner works out the standing of the primary key. now is zero where expiry of
// self-signatures shall not matter.
func (c *cert) owner(now time.Time) ownerStanding {
	p := c.prove()
	o := ownerStanding{standing: standing{key: c.primary, primary: true, revocations: p.revocations}}
	users := validUsers(p.users, now)
	direct := newest(p.direct, now)
	o.bound = direct != nil || slices.ContainsFunc(p.users, func(u provedUser) bool { return len(u.certifications) > 0 })
	for _, u := range users {
		if u.id != "" {
			o.userIDs = append(o.userIDs, u.id)
		}
	}
	o.flags = primaryFlags(direct, users)
	o.expires = earlier(primaryExpiry(c.primary, direct, users), lastSelfExpiry(direct, users, now))
	ties := make([]*sigPacket, 0, 2)
	if direct != nil {
		ties = append(ties, direct)
	}
	if len(users) > 0 {
		ties = append(ties, users[0].self)
	}
	o.weak = weakTies(ties)
	return o
}

// subkey works out the standing of the i-th subkey under its owner.
func (c *cert) subkey(o ownerStanding, i int, now time.Time) standing {
	p := c.prove()
	s := standing{key: c.subkeys[i].key, weak: o.weak}
	if p.flooded {
		return s
	}
	sub := p.subkeys[i]
	s.revocations = slices.Concat(p.revocations, sub.revocations)
	binding := newest(sub.bindings, now)
	s.expires = o.expires
	if binding == nil {
		return s
	}
	s.bound = o.bound
	s.flags = 0xff
	if binding.hasKeyFlags {
		s.flags = binding.keyFlags
	}
	s.disowned = sub.back == nil
	s.expires = earlier(s.expires, lifetime(s.key.CreationTime, binding.keyLifetime))
	if e := binding.expires(); !e.IsZero() {
		s.expires = earlier(s.expires, e.UTC())
	}
	ties := []*sigPacket{binding}
	if sub.back != nil {
		ties = append(ties, sub.back)
	}
	s.weak = slices.Compact(slices.Sorted(slices.Values(slices.Concat(o.weak, weakTies(ties)))))
	return s
}

// validUser is a user id with the self-signature that counts.
type validUser struct {
	id   string
	self *sigPacket
}

// validUsers lists the user ids that are certified and not revoked, the primary one first,
// then the newest. A self-signature made after a revocation takes it back.
func validUsers(users []provedUser, now time.Time) (out []validUser) {
	for _, u := range users {
		self := newest(u.certifications, now)
		if self == nil {
			continue
		}
		revoked := slices.ContainsFunc(u.revocations, func(r *sigPacket) bool { return !r.created.Before(self.created) })
		if !revoked {
			out = append(out, validUser{u.id, self})
		}
	}
	slices.SortStableFunc(out, func(a, b validUser) int {
		rank := func(u validUser) int {
			switch {
			case u.id == "": // a photo
				return 2
			case u.self.primaryUID:
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.self.created.Compare(a.self.created), cmp.Compare(a.id, b.id))
	})
	return out
}

// primaryFlags follows GnuPG: a direct key signature decides, else the newest user id whose
// self-signature says anything.
func primaryFlags(direct *sigPacket, users []validUser) byte {
	if direct != nil && direct.hasKeyFlags {
		return direct.keyFlags
	}
	var best *sigPacket
	for _, u := range users {
		if u.self.hasKeyFlags && (best == nil || u.self.created.After(best.created)) {
			best = u.self
		}
	}
	if best == nil {
		return 0xff
	}
	return best.keyFlags
}

// primaryExpiry follows GnuPG: a direct key signature with an expiry decides, else the newest
// user id whose self-signature has one.
func primaryExpiry(primary *packet.PublicKey, direct *sigPacket, users []validUser) time.Time {
	if direct != nil && direct.keyLifetime != 0 {
		return lifetime(primary.CreationTime, direct.keyLifetime)
	}
	var best *sigPacket
	for _, u := range users {
		if u.self.keyLifetime != 0 && (best == nil || u.self.created.After(best.created)) {
			best = u.self
		}
	}
	if best == nil {
		return time.Time{}
	}
	return lifetime(primary.CreationTime, best.keyLifetime)
}

// lastSelfExpiry is when the last of the self-signatures that count expires, zero if one of
// them never does: a key is worth no more than what ties it to its owner.
func lastSelfExpiry(direct *sigPacket, users []validUser, now time.Time) time.Time {
	var last time.Time
	sigs := make([]*sigPacket, 0, len(users)+1)
	if direct != nil {
		sigs = append(sigs, direct)
	}
	for _, u := range users {
		sigs = append(sigs, u.self)
	}
	for _, s := range sigs {
		e := s.expires()
		if e.IsZero() {
			return time.Time{}
		}
		if e.After(last) {
			last = e.UTC()
		}
	}
	return last
}

func weakTies(sigs []*sigPacket) (weak []string) {
	for _, s := range sigs {
		if brokenHash(s.hash) {
			weak = append(weak, hashName(s.hashID)+" self-signature on the key")
		}
	}
	slices.Sort(weak)
	return slices.Compact(weak)
}

// canSign reports whether the key may sign documents.
func (s *standing) canSign() bool { return s.flags&pgp.FlagSign != 0 && s.key.PubKeyAlgo.CanSign() }

// hardRevocation finds a revocation after which no signature of the key can be believed,
// whenever it claims to be made; softSince is when the first of the others took effect.
func (s *standing) hardRevocation() (hard *sigPacket, softSince time.Time) {
	for _, r := range s.revocations {
		if r.revokeReason != reasonSuperseded && r.revokeReason != reasonRetired {
			return r, time.Time{}
		}
		if softSince.IsZero() || r.created.Before(softSince) {
			softSince = r.created
		}
	}
	return nil, softSince
}

// revokedAt reports whether the key counts as revoked at t; zero asks whether it ever does.
func (s *standing) revokedAt(t time.Time) bool {
	hard, soft := s.hardRevocation()
	return hard != nil || !soft.IsZero() && (t.IsZero() || !t.Before(soft))
}

func (s *standing) expiredAt(t time.Time) bool { return !s.expires.IsZero() && !t.Before(s.expires) }
