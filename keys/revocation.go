package keys

import (
	"bytes"
	"io"

	"bulla/keys/pgp"
)

// maxLoose is how many packets are looked at for revocations that stand alone.
const maxLoose = 100

// Revocation is a key revocation signature (RFC 9580, section 5.2.1.11) that came without the key
// it revokes. Such a certificate is made together with a key, and some key servers give nothing
// else of a key that was revoked for good.
type Revocation struct {
	// Claim is what the signature says of itself. Whether its key made it, [Keyring.Confirms] tells.
	Claim Claim
	// Hard says that nothing the key ever signed counts any more; else what it signed before stays
	// good (RFC 9580, section 5.2.3.31).
	Hard bool
	// Reason is a fragment: "it was compromised".
	Reason string

	body []byte
}

// LoneRevocations finds the revocations in data, binary or armored, that stand before any key. It
// reads no more than [MaxSignatureBytes].
func LoneRevocations(data []byte) (out []Revocation) {
	if len(data) > MaxSignatureBytes {
		return nil
	}
	if pgp.Binary(data) {
		return appendRevocations(out, data)
	}
	for _, b := range pgp.Blocks(data, maxLoose) {
		out = appendRevocations(out, b.Body)
	}
	return out
}

func appendRevocations(out []Revocation, data []byte) []Revocation {
	for len(data) > 0 && len(out) < maxLoose {
		p, rest, err := nextPacket(data)
		if err != nil || p.Tag != pgp.TagSignature && p.Tag != pgp.TagMarker && p.Tag != pgp.TagTrust && p.Tag != pgp.TagPadding {
			return out
		}
		data = rest
		s, err := parseSignature(p.Body)
		if p.Tag != pgp.TagSignature || err != nil || s.typ != pgp.SigKeyRevoke {
			continue
		}
		out = append(out, Revocation{
			Claim: s.claim(), Hard: s.revokeReason != reasonSuperseded && s.revokeReason != reasonRetired,
			Reason: revocationReason(s.revokeReason), body: bytes.Clone(p.Body),
		})
	}
	return out
}

func revocationReason(code int) string {
	switch code {
	case reasonSuperseded:
		return "it was replaced by another"
	case reasonCompromised:
		return "it was compromised"
	case reasonRetired:
		return "it is not used any more"
	}
	return "its owner gave no reason"
}

// Confirms finds the key of the Keyring that made the revocation of itself; "" if there is none.
func (r *Keyring) Confirms(v Revocation) Fingerprint {
	if r == nil {
		return ""
	}
	s, err := parseSignature(v.body)
	if err != nil || s.objection != "" {
		return ""
	}
	for _, ref := range r.candidates(s) {
		c := ref.cert
		if ref.sub < 0 && proves(c.primary, hashed(s, func(w io.Writer) { hashKey(w, c.primary) }), s) {
			return c.fingerprint()
		}
	}
	return ""
}

// ExportRevoked is ExportWith of the key f with the revocation added, whose key must be f: see
// [Keyring.Confirms]. nil if it is not.
func (r *Keyring) ExportRevoked(f Fingerprint, v Revocation) []byte {
	if r.Confirms(v) != f || f == "" {
		return nil
	}
	c := r.certWith(f).fresh()
	c.direct = unite([][]byte{v.body}, c.direct)
	return c.serialize(ExportOptions{})
}
