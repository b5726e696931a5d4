package store

import (
	"bytes"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

// maxMoves limits how many signatures are tried in other places of a key: a hostile key could
// hold thousands.
const maxMoves = 2000

// reordered is the certificate with the owner's signatures in their places, where some stand in
// another, as old key servers and merges have left them. Nothing is added or dropped, and what
// fits nowhere stays where it is. A certificate in which every part is bound is not looked at
// further.
func (c certificate) reordered() certificate {
	if c.allBound() {
		return c
	}
	primary, err := c.publicKey(c.fpr)
	if err != nil {
		return c
	}
	out := certificate{fpr: c.fpr, parts: make([]component, len(c.parts))}
	for i, part := range c.parts {
		out.parts[i].head = part.head
	}
	tries := 0
	for i, part := range c.parts {
		for _, s := range part.sigs {
			at := i
			for k := 0; k <= len(c.parts) && tries < maxMoves; k++ {
				place := k - 1
				if k == 0 {
					place = i // its own place first
				}
				if !mayStand(s.Body, c.parts[place].head.Tag) {
					continue
				}
				tries++
				if c.fits(primary, s, place) {
					at = place
					break
				}
			}
			out.parts[at].sigs = append(out.parts[at].sigs, s)
		}
	}
	return out
}

// allBound reports whether the owner's signatures hold every user id and subkey.
func (c certificate) allBound() bool {
	ring, err := c.ring()
	if err != nil {
		return false
	}
	ties, _ := ring.Ties(c.fpr, time.Time{})
	bound := 0
	for _, part := range c.parts {
		switch part.head.Tag {
		case pgp.TagUserID, pgp.TagUserAttribute, pgp.TagPublicSubkey:
			bound++
		}
	}
	return bound > 0 && len(ties.Users)+len(ties.Subkeys) == bound
}

// mayStand reports whether a signature is of a kind that belongs behind a packet of a kind.
func mayStand(body []byte, tag pgp.Tag) bool {
	if len(body) < 2 || body[0] != 4 {
		return false
	}
	switch kind := body[1]; tag {
	case pgp.TagPublicKey:
		return kind == pgp.SigDirectKey || kind == pgp.SigKeyRevoke
	case pgp.TagUserID, pgp.TagUserAttribute:
		return kind >= pgp.SigCertGeneric && kind <= pgp.SigCertPositive || kind == pgp.SigCertRevoke
	case pgp.TagPublicSubkey:
		return kind == pgp.SigSubkeyBinding || kind == pgp.SigSubkeyRevoke
	}
	return false
}

// fits reports whether a signature is one of the owner over a part of the key.
func (c certificate) fits(primary *packet.PublicKey, s pgp.Packet, part int) bool {
	p, err := packet.Read(bytes.NewReader(s.Raw))
	sig, ok := p.(*packet.Signature)
	if err != nil || !ok || sig.IssuerKeyId == nil || *sig.IssuerKeyId != primary.KeyId || !sig.Hash.Available() {
		return false
	}
	h := sig.Hash.New()
	c.over(part)(h)
	return primary.VerifySignature(h, sig) == nil
}

// over writes what signatures over a part of the key cover.
func (c certificate) over(part int) func(io.Writer) {
	primary := c.parts[0].head.Body
	switch head := c.parts[part].head; head.Tag {
	case pgp.TagUserID, pgp.TagUserAttribute:
		return overUser(primary, head)
	case pgp.TagPublicSubkey:
		return overKey(primary, head.Body)
	}
	return overKey(primary)
}
