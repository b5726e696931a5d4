package store

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
	"bulla/keys/pgp"
)

// component is a part of a key with the signatures over it: the primary key, a user id, a user
// attribute, a subkey, or something unknown that is kept all the same.
type component struct {
	head pgp.Packet
	sigs []pgp.Packet
}

// certificate is a transferable public key (RFC 9580, section 10.1) as raw packets. The first
// component is the primary key.
type certificate struct {
	fpr   keys.Fingerprint
	parts []component
}

// transferable is a key as it comes in: its certificate, and its secret key packets, if any.
type transferable struct {
	certificate
	secret []secretPacket
}

// readTransferables groups packets into keys. Secret key packets are taken apart: the
// certificate gets the public packet in their place. Signatures before the first key are
// returned apart; they are revocation certificates, perhaps. A key that cannot be read is
// reported and its packets are left out, the others go on.
func readTransferables(packets []pgp.Packet) (found []transferable, loose []pgp.Packet, errs []error) {
	var g grouper
	for _, p := range packets {
		switch {
		case p.Tag == pgp.TagMarker || p.Tag == pgp.TagTrust || p.Tag == pgp.TagPadding:
			// They mean nothing outside the keyring they stood in (RFC 9580, section 5.10).
		case p.Tag.Primary():
			g.primary(p)
		case p.Tag == pgp.TagSignature:
			g.signature(p)
		case g.current != nil:
			g.part(p)
		}
	}
	g.finish()
	return g.found, g.loose, g.errs
}

// grouper is the state of readTransferables.
type grouper struct {
	found   []transferable
	loose   []pgp.Packet
	errs    []error
	current *transferable // nil before the first key and behind an unreadable one
	begun   bool          // a key was there, readable or not
	skip    bool          // the signatures that follow belong to something left out
}

func (g *grouper) finish() {
	if g.current != nil {
		g.found = append(g.found, *g.current)
	}
	g.current = nil
}

func (g *grouper) primary(p pgp.Packet) {
	g.finish()
	g.begun, g.skip = true, false
	t := new(transferable)
	if err := t.addKey(p); err != nil {
		g.errs = append(g.errs, err)
		return
	}
	g.current = t
}

func (g *grouper) signature(p pgp.Packet) {
	switch {
	case !g.begun:
		g.loose = append(g.loose, p)
	case g.current != nil && !g.skip:
		last := &g.current.parts[len(g.current.parts)-1]
		last.sigs = append(last.sigs, p)
	}
}

// part adds a subkey, a user id or something unknown. A public subkey of an unknown kind is kept
// like any other packet; a secret one has no known border between its public and its secret
// part, so it has to be left out.
func (g *grouper) part(p pgp.Packet) {
	g.skip = false
	if p.Tag.Key() {
		err := g.current.addKey(p)
		if err == nil {
			return
		}
		if p.Tag.Secret() {
			g.skip = true
			g.errs = append(g.errs, &keys.KeyError{Fingerprint: g.current.fpr, Reason: "a secret subkey was left out: " + err.Error()})
			return
		}
	}
	g.current.parts = append(g.current.parts, component{head: p})
}

// addKey appends a key packet, public or secret.
func (t *transferable) addKey(p pgp.Packet) error {
	public := p
	if p.Tag.Secret() {
		s, err := readSecret(p)
		if err != nil {
			return err
		}
		t.secret = append(t.secret, s)
		public = s.publicPacket()
	}
	fpr, err := keyPacketFingerprint(public)
	if err != nil {
		return err
	}
	if len(t.parts) == 0 {
		t.fpr = fpr
	}
	t.parts = append(t.parts, component{head: public})
	return nil
}

// keyPacketFingerprint is the fingerprint of a public key packet.
func keyPacketFingerprint(p pgp.Packet) (keys.Fingerprint, error) {
	n, err := publicLength(p.Body)
	if err != nil {
		return "", err
	}
	if n != len(p.Body) {
		return "", errors.New("a public key packet with something behind the key")
	}
	return fingerprintOf(p.Body)
}

// bytes is the certificate in binary form.
func (c certificate) bytes() []byte {
	var out []byte
	for _, part := range c.parts {
		out = append(out, part.head.Raw...)
		for _, s := range part.sigs {
			out = append(out, s.Raw...)
		}
	}
	return out
}

// ring reads the certificate into the judge's model, which works on packets: one broken or
// misplaced signature does not lose the key.
func (c certificate) ring() (*keys.Keyring, error) {
	ring, err := keys.ReadKeyring(c.bytes(), keys.SourceStore)
	if _, ok := ring.Describe(c.fpr, time.Time{}); ok {
		return ring, nil
	}
	var reason *keys.KeyError
	for _, p := range ring.Problems() {
		if errors.As(p, &reason) {
			return ring, errors.New(reason.Reason)
		}
	}
	return ring, err
}

// describe makes the list model of the public part.
func (c certificate) describe(now time.Time) (keys.Key, error) {
	ring, err := c.ring()
	if err != nil {
		return keys.Key{}, err
	}
	d, _ := ring.Describe(c.fpr, now)
	return d, nil
}

// same reports whether two components are about the same thing. Key packets are compared by
// their body, which the fingerprint is a hash of.
func (c component) same(d component) bool {
	return c.head.Tag == d.head.Tag && bytes.Equal(c.head.Body, d.head.Body)
}

// merge adds to c whatever d knows beyond it: signatures, user ids, subkeys. It loses nothing,
// not even two copies of a signature that differ only in their unhashed parts: GnuPG keeps the
// back-signature of a subkey there. What c has stays where it is.
func (c certificate) merge(d certificate) (merged certificate, changed bool) {
	merged = certificate{fpr: c.fpr, parts: make([]component, len(c.parts))}
	for i, part := range c.parts {
		merged.parts[i] = component{head: part.head, sigs: append([]pgp.Packet(nil), part.sigs...)}
	}
	for _, part := range d.parts {
		i := merged.find(part)
		if i < 0 {
			i = merged.insert(component{head: part.head})
			changed = true
		}
		if merged.parts[i].addSignatures(part.sigs) {
			changed = true
		}
	}
	return merged, changed
}

func (c certificate) find(part component) int {
	for i := range c.parts {
		if c.parts[i].same(part) {
			return i
		}
	}
	return -1
}

// insert puts a subkey last and everything else before the first subkey, where readers expect
// it, and returns its place.
func (c *certificate) insert(part component) int {
	at := len(c.parts)
	if part.head.Tag != pgp.TagPublicSubkey {
		for at = 1; at < len(c.parts) && c.parts[at].head.Tag != pgp.TagPublicSubkey; at++ {
			continue
		}
	}
	c.parts = append(c.parts[:at], append([]component{part}, c.parts[at:]...)...)
	return at
}

// addSignatures adds the signatures that are not there yet.
func (c *component) addSignatures(sigs []pgp.Packet) (added bool) {
	for _, s := range sigs {
		known := false
		for _, have := range c.sigs {
			known = known || bytes.Equal(have.Body, s.Body)
		}
		if !known {
			c.sigs = append(c.sigs, s)
			added = true
		}
	}
	return added
}

// mergeSecrets adds to have the secrets of more. A secret that is here is never replaced; only a
// stub gives way to the real thing.
func mergeSecrets(have, more []secretPacket) (merged []secretPacket, changed bool) {
	merged = append(merged, have...)
	for _, s := range more {
		i := findSecret(merged, s.fpr)
		switch {
		case i < 0:
			merged = append(merged, s)
			changed = true
		case merged[i].protection.stub() && !s.protection.stub():
			merged[i] = s
			changed = true
		}
	}
	return merged, changed
}

func findSecret(list []secretPacket, fpr keys.Fingerprint) int {
	for i := range list {
		if list[i].fpr == fpr {
			return i
		}
	}
	return -1
}

// secretBytes are the secret key packets as they came, one after the other.
func secretBytes(list []secretPacket) []byte {
	var out []byte
	for _, s := range list {
		out = append(out, s.Raw...)
	}
	return out
}

// weave is the transferable secret key: the certificate with the secret packets in their places
// as they came. A key without its secret becomes a stub as GnuPG writes it, because readers
// expect no public key packets there.
func (c certificate) weave(secrets []secretPacket) []byte {
	var out []byte
	for _, part := range c.parts {
		raw := part.head.Raw
		if part.head.Tag.Key() {
			raw = offlineStub(part.head).Raw
			if fpr, err := keyPacketFingerprint(part.head); err == nil {
				if i := findSecret(secrets, fpr); i >= 0 {
					raw = secrets[i].Raw
				}
			} else {
				continue // a subkey of an unknown kind has no secret here
			}
		}
		out = append(out, raw...)
		for _, s := range part.sigs {
			out = append(out, s.Raw...)
		}
	}
	return out
}

// forget overwrites the secret packets, which may be without a passphrase.
func (t transferable) forget() {
	for _, s := range t.secret {
		clear(s.Raw)
	}
}

// copy is c with room of its own for more components and signatures.
func (c certificate) copy() certificate {
	out := certificate{fpr: c.fpr, parts: make([]component, len(c.parts))}
	for i, part := range c.parts {
		out.parts[i] = component{head: part.head, sigs: slices.Clone(part.sigs)}
	}
	return out
}

// publicKey reads one of the keys of a certificate into go-crypto's model.
func (c certificate) publicKey(fpr keys.Fingerprint) (*packet.PublicKey, error) {
	for _, part := range c.parts {
		if !part.head.Tag.Key() {
			continue
		}
		if f, err := keyPacketFingerprint(part.head); err != nil || f != fpr {
			continue
		}
		p, err := packet.Read(bytes.NewReader(part.head.Raw))
		if pub, ok := p.(*packet.PublicKey); ok {
			return pub, nil
		}
		return nil, err
	}
	return nil, &keys.NotFoundError{Selector: string(fpr)}
}

// verifies checks a signature with one of the keys of the certificate.
func (c certificate) verifies(fpr keys.Fingerprint, sig pgp.Packet, hash crypto.Hash, over func(io.Writer)) error {
	pub, err := c.publicKey(fpr)
	if err != nil {
		return err
	}
	return verify(pub, hash, sig, over)
}
