package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/hiddeco/sshsig"

	"bulla/keys/pgp"
)

// The limits of a keyring. The keyring of all Debian developers has 30 MiB.
const (
	MaxKeyringBytes  = 128 << 20
	maxKeyringBlocks = 10_000
)

// ErrNoKeys says that data given as a keyring holds no public key that can be used.
var ErrNoKeys = errors.New("no usable public key in it")

// LimitError says that something is too big to be read.
type LimitError struct {
	What  string // "keyring", "signature"
	Limit int64  // in bytes, or packets where What says so
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the %s exceeds the limit of %d", e.What, e.Limit)
}

// KeyError says why one key of a keyring was left out.
type KeyError struct {
	Fingerprint Fingerprint // empty if not even that could be read
	Reason      string      // a sentence fragment
}

func (e *KeyError) Error() string {
	if e.Fingerprint == "" {
		return "a key in the keyring cannot be used: " + e.Reason
	}
	return fmt.Sprintf("the key %s cannot be used: %s", e.Fingerprint, e.Reason)
}

// Keyring is a frozen set of public keys: OpenPGP keys, and SSH keys with what allowed_signers
// files say of them. Its self-signatures are verified once, when a key is
// first needed, so that a keyring of thousands costs little until it is used. It is safe for
// concurrent use.
type Keyring struct {
	certs []*cert
	byID  map[string][]keyRef // by key id of primary keys and subkeys
	ssh   map[Fingerprint][]*allowedSigner
	// authorities are the lines for certificate authorities: ssh holds none of them.
	authorities  map[Fingerprint][]*allowedSigner
	signers      []*allowedSigner     // in their order
	revoked      map[Fingerprint]bool // SSH keys, by SHA-256 or SHA-1 of their wire encoding
	revokedCerts []*revokedCerts
	problems     []error
	digest       string
}

// keyRef is a place in a cert: subkey i, or the primary key for -1.
type keyRef struct {
	cert *cert
	sub  int
}

func (k keyRef) key() *packet.PublicKey {
	if k.sub < 0 {
		return k.cert.primary
	}
	return k.cert.subkeys[k.sub].key
}

// ReadKeyring reads public keys: binary, or any number of armor blocks with text around them,
// or the lines of an allowed_signers file (ssh-keygen(1)).
// Secret keys are read for their public part. It works on packets, so that one key that cannot
// be used loses neither the others nor its own better parts; what was left out stands in
// Problems. src says where the data come from.
//
// The Keyring is never nil. The error is a *LimitError, or ErrNoKeys if data is not empty but
// holds no usable key.
func ReadKeyring(data []byte, src Source) (*Keyring, error) {
	r := &Keyring{}
	if len(data) > MaxKeyringBytes {
		r.index()
		return r, &LimitError{What: "keyring", Limit: MaxKeyringBytes}
	}
	p := keyringParser{ring: r, source: src}
	if pgp.Binary(data) && !isUTF8Text(data) {
		p.packets(bytes.Clone(data))
	} else {
		data = bytes.TrimPrefix(data, []byte("\ufeff"))
		blocks := pgp.Blocks(data, maxKeyringBlocks+1)
		if len(blocks) > maxKeyringBlocks {
			// What is left out could be a revocation.
			r.index()
			return r, &LimitError{What: "number of blocks in the keyring", Limit: maxKeyringBlocks}
		}
		for _, b := range blocks {
			p.block(b)
		}
		signers, problems := allowedSigners(data, src)
		r.signers = signers
		r.problems = append(r.problems, problems...)
	}
	r.index()
	if r.Len() == 0 && len(data) > 0 {
		return r, ErrNoKeys
	}
	return r, nil
}

// isUTF8Text tells a KEYS file whose prose begins with a letter beyond ASCII, or a byte order
// mark, from packets: packets hold a version and a time within their first octets.
func isUTF8Text(data []byte) bool {
	head := data[:min(len(data), 256)]
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && n == 1:
			return len(head) < utf8.UTFMax && len(data) > 256 // a rune cut in two
		case r < ' ' && r != '\n' && r != '\r' && r != '\t':
			return false
		}
		head = head[n:]
	}
	return true
}

// keyringParser sorts packets into certs.
type keyringParser struct {
	ring   *Keyring
	source Source
	cert   *cert     // the key being read; nil while skipping an unusable one
	target *[][]byte // where the next signature belongs; nil while skipping
}

func (p *keyringParser) problem(f Fingerprint, reason string) {
	p.ring.problems = append(p.ring.problems, &KeyError{Fingerprint: f, Reason: reason})
}

func (p *keyringParser) block(b pgp.Block) {
	switch b.Label {
	case "PGP PUBLIC KEY BLOCK", "PGP PRIVATE KEY BLOCK", "PGP ARMORED FILE", "PGP MESSAGE":
	default:
		return
	}
	if b.Err != nil {
		p.problem("", b.Err.Error())
		return
	}
	p.packets(b.Body)
}

func (p *keyringParser) packets(data []byte) {
	p.cert, p.target = nil, nil
	for len(data) > 0 {
		pkt, rest, err := nextPacket(data)
		if err != nil {
			p.problem("", err.Error())
			// What was read so far may lack its last packets, a revocation perhaps, but that
			// holds for every key: a keyring proves nothing by what is missing in it.
			return
		}
		data = rest
		p.packet(pkt)
	}
}

func (p *keyringParser) packet(pkt pgp.Packet) {
	switch pkt.Tag {
	case pgp.TagPublicKey, pgp.TagSecretKey:
		p.primary(pkt)
	case pgp.TagPublicSubkey, pgp.TagSecretSubkey:
		p.subkey(pkt)
	case pgp.TagUserID, pgp.TagUserAttribute:
		p.target = nil
		if p.cert != nil {
			u := &userPart{tag: pkt.Tag, body: pkt.Body}
			p.cert.users = append(p.cert.users, u)
			p.target = &u.signatures
		}
	case pgp.TagSignature:
		switch typ := signatureType(pkt.Body); {
		case p.cert != nil && (typ == pgp.SigKeyRevoke || typ == pgp.SigDirectKey):
			// These are about the primary key wherever old key servers and merges have put them.
			p.cert.direct = append(p.cert.direct, pkt.Body)
		case p.target != nil:
			*p.target = append(*p.target, pkt.Body)
		}
	}
	// Markers, trust packets, padding and what is unknown mean nothing here.
}

func (p *keyringParser) primary(pkt pgp.Packet) {
	p.cert, p.target = nil, nil
	key, err := readKey(pkt)
	switch {
	case err != nil:
		p.problem("", plainKeyError(err))
		return
	case !key.PubKeyAlgo.CanSign():
		p.problem(FingerprintOf(key.Fingerprint), "its primary key cannot sign")
		return
	}
	p.cert = &cert{primary: key, source: p.source}
	p.target = &p.cert.direct
	p.ring.certs = append(p.ring.certs, p.cert)
}

func (p *keyringParser) subkey(pkt pgp.Packet) {
	p.target = nil
	if p.cert == nil {
		return
	}
	key, err := readKey(pkt)
	if err != nil {
		// An encryption subkey of a new kind is no loss; only what might have signed is told.
		if len(pkt.Body) > 5 && packet.PublicKeyAlgorithm(pkt.Body[5]).CanSign() {
			p.problem(p.cert.fingerprint(), "a subkey was left out: "+plainKeyError(err))
		}
		return
	}
	s := &subkeyPart{key: key}
	p.cert.subkeys = append(p.cert.subkeys, s)
	p.target = &s.signatures
}

// plainKeyError words an error of the library without what it quotes from outside.
func plainKeyError(err error) string {
	if errors.Is(err, errOldKey) || errors.Is(err, errKeySize) {
		return err.Error()
	}
	return "its kind of key is not supported, or it is damaged"
}

// index merges keys that occur several times and builds the tables. Nothing changes after it.
func (r *Keyring) index() {
	byFPR := map[Fingerprint]*cert{}
	var certs []*cert
	for _, c := range r.certs {
		f := c.fingerprint()
		if first, ok := byFPR[f]; ok {
			first.merge(c)
			continue
		}
		byFPR[f] = c
		certs = append(certs, c)
	}
	r.certs = certs
	r.byID = map[string][]keyRef{}
	revoker := func(f Fingerprint) *packet.PublicKey {
		if c, ok := byFPR[f]; ok {
			return c.primary
		}
		return nil
	}
	sums := make([][]byte, 0, len(certs))
	for _, c := range certs {
		c.revokerKeys = revoker
		for i := -1; i < len(c.subkeys); i++ {
			ref := keyRef{c, i}
			id := FingerprintOf(ref.key().Fingerprint).KeyID()
			r.byID[id] = append(r.byID[id], ref)
		}
		d := c.digest()
		sums = append(sums, d[:])
	}
	r.ssh, r.authorities = map[Fingerprint][]*allowedSigner{}, map[Fingerprint][]*allowedSigner{}
	lines := map[string]bool{}
	r.signers = slices.DeleteFunc(r.signers, func(s *allowedSigner) bool {
		known := lines[s.line]
		lines[s.line] = true
		return known
	})
	for _, s := range r.signers {
		f := sshFingerprint(s.key)
		if s.authority {
			r.authorities[f] = append(r.authorities[f], s)
		} else {
			r.ssh[f] = append(r.ssh[f], s)
		}
		d := sha256.Sum256([]byte(s.line))
		sums = append(sums, d[:])
	}
	for f := range r.revoked {
		d := sha256.Sum256([]byte("revoked " + f))
		sums = append(sums, d[:])
	}
	r.revokedCerts = uniqueRevokedCerts(r.revokedCerts)
	for _, c := range r.revokedCerts {
		sums = append(sums, c.sum[:])
	}
	slices.SortFunc(sums, bytes.Compare)
	total := sha256.Sum256(bytes.Join(sums, nil))
	r.digest = hex.EncodeToString(total[:])
}

// MergeKeyrings unites keyrings; nil ones are allowed. A key that several of them hold is
// merged packet by packet and keeps the source of the first.
func MergeKeyrings(rs ...*Keyring) *Keyring {
	out := &Keyring{revoked: map[Fingerprint]bool{}}
	for _, r := range rs {
		if r == nil {
			continue
		}
		for _, c := range r.certs {
			out.certs = append(out.certs, c.fresh())
		}
		out.signers = append(out.signers, r.signers...)
		out.problems = append(out.problems, r.problems...)
		maps.Copy(out.revoked, r.revoked)
		out.revokedCerts = append(out.revokedCerts, r.revokedCerts...)
	}
	out.index()
	return out
}

// Unread are the keys and blocks that could not be read, as *KeyError values. A key that was read and
// nothing ties together is not among them: the verdict on what it signed says so.
func (r *Keyring) Unread() []error {
	if r == nil {
		return nil
	}
	return slices.Clone(r.problems)
}

// Problems are Unread and the keys that cannot be used. It verifies the self-signatures of every key,
// which costs seconds in a keyring of thousands.
func (r *Keyring) Problems() []error {
	if r == nil {
		return nil
	}
	out := r.Unread()
	for _, c := range r.certs {
		o := c.owner(time.Time{})
		switch {
		case c.prove().flooded:
			out = append(out, &KeyError{c.fingerprint(), "it carries too many self-signatures"})
		case !o.bound:
			out = append(out, &KeyError{c.fingerprint(), "it has no valid self-signature"})
		}
	}
	return out
}

// Keys describes every key, in the order of the keyring. Expiry is what the newest
// self-signature says; whether it has passed is for the caller's clock.
func (r *Keyring) Keys() []Key {
	if r == nil {
		return nil
	}
	out := make([]Key, 0, r.Len())
	for _, c := range r.certs {
		out = append(out, c.describe(time.Time{}))
	}
	for _, s := range r.signers {
		out = append(out, s.describe())
	}
	return out
}

// Len is the number of OpenPGP primary keys and of lines of allowed_signers.
func (r *Keyring) Len() int {
	if r == nil {
		return 0
	}
	return len(r.certs) + len(r.signers)
}

// Digest is a SHA-256, in hexadecimal, over the key material: it changes when any key changes
// and does not depend on the order of packets.
func (r *Keyring) Digest() string {
	if r == nil || r.digest == "" {
		r = MergeKeyrings()
	}
	return r.digest
}

// candidates are the keys that a signature may have been made with.
func (r *Keyring) candidates(s *sigPacket) (out []keyRef) {
	if r == nil {
		return nil
	}
	c := s.claim()
	for _, ref := range r.byID[c.KeyID] {
		if c.Fingerprint == "" || FingerprintOf(ref.key().Fingerprint) == c.Fingerprint {
			out = append(out, ref)
		}
	}
	return out
}

// allowed are the lines of allowed_signers for the key that an SSH signature names, or for the
// authority that certified it: as for OpenSSH, a line for the key alone says nothing of signatures
// with a certificate on it.
func (r *Keyring) allowed(sig *sshsig.Signature) []*allowedSigner {
	if r == nil {
		return nil
	}
	if c := certificate(sig); c != nil {
		return r.authorities[sshFingerprint(c.SignatureKey)]
	}
	return r.ssh[sshFingerprint(sig.PublicKey)]
}
