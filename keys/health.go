package keys

import (
	"crypto/rsa"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// HealthRule names what is wrong with a key. The words are stable: scripts may rely on them.
type HealthRule string

// What a public key by itself tells of its health.
const (
	HealthInvalid      HealthRule = "no-valid-self-signature"
	HealthNoUserID     HealthRule = "no-user-id"
	HealthRevoked      HealthRule = "revoked"
	HealthExpired      HealthRule = "expired"
	HealthExpiring     HealthRule = "expiring"
	HealthNoExpiry     HealthRule = "no-expiry"
	HealthWeakHash     HealthRule = "weak-self-signature"
	HealthWeakBinding  HealthRule = "weak-binding"
	HealthWeakBack     HealthRule = "weak-back-signature"
	HealthWeakKey      HealthRule = "weak-key"
	HealthOldKey       HealthRule = "short-key"
	HealthNoBack       HealthRule = "no-back-signature"
	HealthNoSigningKey HealthRule = "no-signing-key"
	HealthPrimarySigns HealthRule = "primary-signs"
	HealthNewKind      HealthRule = "new-algorithm"
)

// ExpiringSoon is how long before its end a key is called expiring.
const ExpiringSoon = 60 * 24 * time.Hour

// goodRSABits is the smallest RSA modulus for which nothing is said: NIST SP 800-57 part 1 counts
// 2048 bits as enough until 2030 only.
const goodRSABits = 3072

// Ailment is one thing about a key that is wrong, or may become so.
type Ailment struct {
	Rule HealthRule
	// Key is the key or subkey concerned.
	Key Fingerprint
	// UserID is the user id concerned, "" for none. It is text from outside.
	UserID string
	// Detail is the algorithm or hash function concerned, in lower case, "" for none.
	Detail string
	// At is when the key expires, expired or was revoked.
	At time.Time
	// Hard says of a revocation that it takes back older signatures too.
	Hard bool
}

// Health examines the key with that primary fingerprint, as of now. What its owner revoked or let
// expire is not examined further. It returns nil for a key that is well, and for one that is not
// in the Keyring.
func (r *Keyring) Health(f Fingerprint, now time.Time) []Ailment {
	c := r.certWith(f)
	if c == nil || c.fingerprint() != f {
		return nil
	}
	x := examination{cert: c, now: now, owner: c.owner(now)}
	x.run()
	return x.found
}

// examination is the state of Health.
type examination struct {
	cert  *cert
	now   time.Time
	owner ownerStanding
	found []Ailment
}

func (x *examination) add(a Ailment) {
	if a.Key == "" {
		a.Key = x.cert.fingerprint()
	}
	if !slices.Contains(x.found, a) {
		x.found = append(x.found, a)
	}
}

func (x *examination) run() {
	if !x.owner.bound {
		x.add(Ailment{Rule: HealthInvalid, Detail: x.claimedHash()})
		return
	}
	if hard, soft := x.owner.hardRevocation(); hard != nil {
		x.add(Ailment{Rule: HealthRevoked, At: hard.created, Hard: true})
		return
	} else if !soft.IsZero() {
		x.add(Ailment{Rule: HealthRevoked, At: soft})
		return
	}
	x.expiry("", x.owner.expires)
	x.material(x.cert.primary)
	x.userIDs()
	if d := newest(x.cert.prove().direct, x.now); d != nil && brokenHash(d.hash) {
		x.add(Ailment{Rule: HealthWeakHash, Detail: hashName(d.hashID)})
	}
	x.subkeys()
}

// claimedHash is the hash function of self-signatures that were not judged, which is why a key
// has no valid one: MD5, in keys of the last century.
func (x *examination) claimedHash() string {
	lists := [][][]byte{x.cert.direct}
	for _, u := range x.cert.users {
		lists = append(lists, u.signatures)
	}
	for _, body := range slices.Concat(lists...) {
		s, _ := parseSignature(body) // with an error it still holds what could be read
		if s.claim().KeyID == x.cert.fingerprint().KeyID() && s.hashID != 0 && !judgedHash(s.hash) {
			return hashName(s.hashID)
		}
	}
	return ""
}

func (x *examination) expiry(key Fingerprint, at time.Time) {
	switch {
	case at.IsZero() && key == "":
		x.add(Ailment{Rule: HealthNoExpiry})
	case at.IsZero():
	case !x.now.Before(at):
		x.add(Ailment{Rule: HealthExpired, Key: key, At: at})
	case at.Sub(x.now) < ExpiringSoon:
		x.add(Ailment{Rule: HealthExpiring, Key: key, At: at})
	}
}

// material judges algorithm and size.
func (x *examination) material(p *packet.PublicKey) {
	f := FingerprintOf(p.Fingerprint)
	if name := weakKey(p); name != "" {
		x.add(Ailment{Rule: HealthWeakKey, Key: f, Detail: AlgorithmName(p)})
		return
	}
	if k, ok := p.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() < goodRSABits {
		x.add(Ailment{Rule: HealthOldKey, Key: f, Detail: AlgorithmName(p)})
	}
	// GnuPG 2.2 and many others know version 4 and the algorithms of RFC 4880 and 6637 alone.
	if p.Version != 4 || p.PubKeyAlgo >= packet.PubKeyAlgoX25519 {
		x.add(Ailment{Rule: HealthNewKind, Key: f, Detail: AlgorithmName(p)})
	}
}

func (x *examination) userIDs() {
	if len(x.owner.userIDs) == 0 {
		x.add(Ailment{Rule: HealthNoUserID})
	}
	for _, u := range validUsers(x.cert.prove().users, x.now) {
		if brokenHash(u.self.hash) {
			x.add(Ailment{Rule: HealthWeakHash, UserID: u.id, Detail: hashName(u.self.hashID)})
		}
	}
}

func (x *examination) subkeys() {
	signs, signingSubkey := false, false
	for i, s := range x.cert.subkeys {
		st := x.cert.subkey(x.owner, i, x.now)
		if !st.bound || st.revokedAt(x.now) {
			continue
		}
		f := FingerprintOf(s.key.Fingerprint)
		proved := x.cert.prove().subkeys[i]
		own := lifetime(s.key.CreationTime, newest(proved.bindings, x.now).keyLifetime)
		if !own.IsZero() && !x.now.Before(own) {
			// Left to expire: of interest only if it was the last that signs.
			continue
		}
		if !own.IsZero() && (x.owner.expires.IsZero() || own.Before(x.owner.expires)) {
			x.expiry(f, own)
		}
		x.material(s.key)
		if b := newest(proved.bindings, x.now); brokenHash(b.hash) {
			x.add(Ailment{Rule: HealthWeakBinding, Key: f, Detail: hashName(b.hashID)})
		}
		if !st.canSign() {
			continue
		}
		switch {
		case st.disowned:
			x.add(Ailment{Rule: HealthNoBack, Key: f})
			continue
		case brokenHash(proved.back.hash):
			x.add(Ailment{Rule: HealthWeakBack, Key: f, Detail: hashName(proved.back.hashID)})
		}
		signs, signingSubkey = true, true
	}
	if x.owner.canSign() {
		signs = true
		if !signingSubkey {
			x.add(Ailment{Rule: HealthPrimarySigns})
		}
	}
	if !signs {
		x.add(Ailment{Rule: HealthNoSigningKey})
	}
}
