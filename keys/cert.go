package keys

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

// maxSelfSignatures is how many signatures claiming to be a key's own are verified. A key with
// more of them is not used at all: leaving some out could leave out a revocation.
const maxSelfSignatures = 2000

// cert is one transferable public key (RFC 9580, section 10.1), held as packets. What its
// signatures prove is worked out once, when it is first asked for.
type cert struct {
	primary *packet.PublicKey
	direct  [][]byte // bodies of the signatures that follow the primary key
	users   []*userPart
	subkeys []*subkeyPart
	source  Source

	once   sync.Once
	proved proved
	// revokerKeys finds the keys that a designated revoker may have. It is set when the
	// keyring is put together, and nil for a key on its own.
	revokerKeys func(Fingerprint) *packet.PublicKey
}

type userPart struct {
	tag        pgp.Tag // user id or user attribute
	body       []byte
	signatures [][]byte
}

type subkeyPart struct {
	key        *packet.PublicKey
	signatures [][]byte
}

// proved holds the signatures on a cert that were found correct.
type proved struct {
	flooded     bool
	direct      []*sigPacket
	revocations []*sigPacket
	users       []provedUser
	subkeys     []provedSubkey // parallel to cert.subkeys
}

type provedUser struct {
	id             string
	certifications []*sigPacket
	revocations    []*sigPacket
}

type provedSubkey struct {
	bindings    []*sigPacket
	revocations []*sigPacket
	// back is the signature by which the subkey says that it belongs to the primary key.
	back *sigPacket
}

func (c *cert) fingerprint() Fingerprint { return FingerprintOf(c.primary.Fingerprint) }

// prove verifies every self-signature. It is safe for concurrent use, and afterwards nothing
// in the cert changes any more.
func (c *cert) prove() *proved {
	c.once.Do(func() {
		v := &certVerifier{cert: c}
		v.run()
		if v.count > maxSelfSignatures {
			c.proved = proved{flooded: true}
			return
		}
		c.proved = v.proved
	})
	return &c.proved
}

// certVerifier works through the signatures of one cert.
type certVerifier struct {
	cert   *cert
	proved proved
	count  int
}

func (v *certVerifier) run() {
	c := v.cert
	overPrimary := func(h io.Writer, _ *sigPacket) { hashKey(h, c.primary) }
	direct := v.own(c.direct, overPrimary)
	v.proved.direct = ofType(direct, pgp.SigDirectKey, pgp.SigDirectKey)
	v.proved.revocations = ofType(direct, pgp.SigKeyRevoke, pgp.SigKeyRevoke)
	for _, u := range c.users {
		good := v.own(u.signatures, func(h io.Writer, s *sigPacket) { hashUser(h, c.primary, u, s.version) })
		p := provedUser{
			certifications: ofType(good, pgp.SigCertGeneric, pgp.SigCertPositive),
			revocations:    ofType(good, pgp.SigCertRevoke, pgp.SigCertRevoke),
		}
		if u.tag == pgp.TagUserID {
			p.id = string(u.body)
		}
		v.proved.users = append(v.proved.users, p)
	}
	v.subkeys()
	v.designated()
}

// subkeys works through the signatures at the subkeys. Revocations of subkeys count wherever old key
// servers and merges have put them: to which subkey one belongs its mathematics tell.
func (v *certVerifier) subkeys() {
	c := v.cert
	over := func(s *subkeyPart) func(io.Writer, *sigPacket) {
		return func(h io.Writer, _ *sigPacket) { hashKey(h, c.primary); hashKey(h, s.key) }
	}
	var strays [][]byte
	collect := func(bodies [][]byte, placed []*sigPacket) {
		for _, b := range bodies {
			here := func(s *sigPacket) bool { return bytes.Equal(s.body, b) }
			if signatureType(b) == pgp.SigSubkeyRevoke && !slices.ContainsFunc(placed, here) {
				strays = append(strays, b)
			}
		}
	}
	if len(c.subkeys) > 0 {
		collect(c.direct, nil)
		for _, u := range c.users {
			collect(u.signatures, nil)
		}
	}
	for _, s := range c.subkeys {
		good := v.own(s.signatures, over(s))
		p := provedSubkey{
			bindings:    ofType(good, pgp.SigSubkeyBinding, pgp.SigSubkeyBinding),
			revocations: ofType(good, pgp.SigSubkeyRevoke, pgp.SigSubkeyRevoke),
		}
		p.back = v.backSignature(s.key, p.bindings)
		v.proved.subkeys = append(v.proved.subkeys, p)
		collect(s.signatures, p.revocations)
	}
	if len(strays) == 0 {
		return
	}
	for i, s := range c.subkeys {
		p := &v.proved.subkeys[i]
		p.revocations = append(p.revocations, ofType(v.own(strays, over(s)), pgp.SigSubkeyRevoke, pgp.SigSubkeyRevoke)...)
	}
}

// own returns the signatures among bodies that the primary key made over what write hashes.
func (v *certVerifier) own(bodies [][]byte, write func(io.Writer, *sigPacket)) (good []*sigPacket) {
	id := v.cert.fingerprint().KeyID()
	for _, body := range bodies {
		s, err := parseSignature(body)
		if err != nil || s.claim().KeyID != id || s.objection != "" || s.olderThan(v.cert.primary) {
			continue
		}
		if v.count++; v.count > maxSelfSignatures {
			return nil
		}
		if proves(v.cert.primary, hashed(s, func(h io.Writer) { write(h, s) }), s) {
			good = append(good, s)
		}
	}
	return good
}

// backSignature finds the primary key binding signature (type 0x19) in the bindings of a
// subkey, newest first. Any valid one will do: it proves a fact that time does not change.
func (v *certVerifier) backSignature(sub *packet.PublicKey, bindings []*sigPacket) *sigPacket {
	write := func(h io.Writer) { hashKey(h, v.cert.primary); hashKey(h, sub) }
	for _, b := range slices.Backward(byAge(bindings)) {
		for _, body := range b.embedded {
			s, err := parseSignature(body)
			if err != nil || s.typ != pgp.SigPrimaryBinding || s.objection != "" || s.olderThan(sub) {
				continue
			}
			if v.count++; v.count > maxSelfSignatures {
				return nil
			}
			if proves(sub, hashed(s, write), s) {
				return s
			}
		}
	}
	return nil
}

// designated looks for revocations by the keys that the owner named as revokers (RFC 9580,
// section 5.2.3.23). They count only if the revoker's key is at hand to verify them.
func (v *certVerifier) designated() {
	c := v.cert
	if c.revokerKeys == nil {
		return
	}
	var revokers []Fingerprint
	collect := func(sigs []*sigPacket) {
		for _, s := range sigs {
			revokers = append(revokers, s.revokers...)
		}
	}
	collect(v.proved.direct)
	for _, u := range v.proved.users {
		collect(u.certifications)
	}
	slices.Sort(revokers)
	for _, f := range slices.Compact(revokers) {
		key := c.revokerKeys(f)
		if key == nil {
			continue
		}
		v.proved.revocations = append(v.proved.revocations, v.revokedBy(key, f)...)
	}
}

func (v *certVerifier) revokedBy(key *packet.PublicKey, f Fingerprint) (good []*sigPacket) {
	for _, body := range v.cert.direct {
		s, err := parseSignature(body)
		if err != nil || s.typ != pgp.SigKeyRevoke || s.claim().KeyID != f.KeyID() || s.objection != "" {
			continue
		}
		if v.count++; v.count > maxSelfSignatures {
			return nil
		}
		if proves(key, hashed(s, func(h io.Writer) { hashKey(h, v.cert.primary) }), s) {
			good = append(good, s)
		}
	}
	return good
}

// hashed starts the hash state for s and lets write fill it.
func hashed(s *sigPacket, write func(io.Writer)) hash.Hash {
	h := s.hash.New()
	h.Write(s.salt)
	write(h)
	return h
}

func hashKey(w io.Writer, k *packet.PublicKey) {
	// Writing to a hash does not fail, and the key was serialised when it was fingerprinted.
	_ = k.SerializeForHash(w)
}

// hashUser writes what a certification covers (RFC 9580, section 5.2.4); those before version 4 cover
// the bare content of the packet.
func hashUser(w io.Writer, k *packet.PublicKey, u *userPart, version int) {
	hashKey(w, k)
	if version >= 4 {
		mark := byte(0xb4)
		if u.tag == pgp.TagUserAttribute {
			mark = 0xd1
		}
		_, _ = w.Write(binary.BigEndian.AppendUint32([]byte{mark}, uint32(len(u.body))))
	}
	_, _ = w.Write(u.body)
}

func ofType(sigs []*sigPacket, from, to byte) (out []*sigPacket) {
	for _, s := range sigs {
		if s.typ >= from && s.typ <= to {
			out = append(out, s)
		}
	}
	return out
}

func byAge(sigs []*sigPacket) []*sigPacket {
	return slices.SortedStableFunc(slices.Values(sigs), func(a, b *sigPacket) int { return a.created.Compare(b.created) })
}

// merge adds the packets of other, which has the same primary key.
func (c *cert) merge(other *cert) {
	c.direct = unite(c.direct, other.direct)
	for _, u := range other.users {
		i := slices.IndexFunc(c.users, func(x *userPart) bool { return x.tag == u.tag && bytes.Equal(x.body, u.body) })
		if i < 0 {
			c.users = append(c.users, u)
			continue
		}
		x := c.users[i]
		c.users[i] = &userPart{tag: x.tag, body: x.body, signatures: unite(x.signatures, u.signatures)}
	}
	for _, s := range other.subkeys {
		i := slices.IndexFunc(c.subkeys, func(x *subkeyPart) bool { return bytes.Equal(x.key.Fingerprint, s.key.Fingerprint) })
		if i < 0 {
			c.subkeys = append(c.subkeys, s)
			continue
		}
		x := c.subkeys[i]
		c.subkeys[i] = &subkeyPart{key: x.key, signatures: unite(x.signatures, s.signatures)}
	}
}

// fresh copies the packets into a cert whose signatures are not verified yet.
func (c *cert) fresh() *cert {
	return &cert{
		primary: c.primary,
		direct:  slices.Clone(c.direct),
		users:   slices.Clone(c.users),
		subkeys: slices.Clone(c.subkeys),
		source:  c.source,
	}
}

// unite appends the bodies of b that a lacks. A map would cost more than it saves for the few
// dozen signatures a component usually has, but a key flooded with them needs one.
func unite(a, b [][]byte) [][]byte {
	seen := make(map[[sha256.Size]byte]bool, len(a)+len(b))
	out := make([][]byte, 0, len(a)+len(b))
	for _, list := range [][][]byte{a, b} {
		for _, body := range list {
			if sum := sha256.Sum256(body); !seen[sum] {
				seen[sum] = true
				out = append(out, body)
			}
		}
	}
	return out
}

// digest is a SHA-256 over the packets, whatever their order.
func (c *cert) digest() [sha256.Size]byte {
	var sums [][]byte
	add := func(role pgp.Tag, owner []byte, body []byte) {
		h := sha256.New()
		h.Write([]byte{byte(role)})
		for _, part := range [][]byte{owner, body} {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
			h.Write(part)
		}
		sums = append(sums, h.Sum(nil))
	}
	add(pgp.TagPublicKey, nil, c.primary.Fingerprint)
	for _, s := range c.direct {
		add(pgp.TagSignature, c.primary.Fingerprint, s)
	}
	for _, u := range c.users {
		add(u.tag, nil, u.body)
		for _, s := range u.signatures {
			add(pgp.TagSignature, u.body, s)
		}
	}
	for _, k := range c.subkeys {
		add(pgp.TagPublicSubkey, nil, k.key.Fingerprint)
		for _, s := range k.signatures {
			add(pgp.TagSignature, k.key.Fingerprint, s)
		}
	}
	slices.SortFunc(sums, bytes.Compare)
	return sha256.Sum256(bytes.Join(sums, nil))
}

// earlier returns the earlier of two expiries, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func lifetime(from time.Time, seconds uint32) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return from.Add(time.Duration(seconds) * time.Second).UTC()
}

// newest is the newest signature that has not expired by now (zero: whatever its expiry), or,
// if all have, the newest of them. Of two made in the same second the later packet counts.
func newest(sigs []*sigPacket, now time.Time) *sigPacket {
	var best *sigPacket
	for _, s := range sigs {
		if best == nil || compareSelf(s, best, now) >= 0 {
			best = s
		}
	}
	return best
}

func compareSelf(a, b *sigPacket, now time.Time) int {
	if now.IsZero() {
		return a.created.Compare(b.created)
	}
	live := func(s *sigPacket) int {
		if e := s.expires(); !e.IsZero() && !now.Before(e) {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(live(a), live(b)), a.created.Compare(b.created))
}
