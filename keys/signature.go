package keys

import (
	"bytes"

	"github.com/hiddeco/sshsig"

	"bulla/keys/pgp"
)

// The limits of a file of signatures.
const (
	MaxSignatureBytes   = 1 << 20
	MaxSignaturePackets = 1000
)

// Signature is one signature as it was found, not judged yet. It may be one that cannot be
// read or is of another kind than OpenPGP: the judge then says so.
type Signature struct {
	packet  *sigPacket        // nil for what is not an OpenPGP signature
	ssh     *sshsig.Signature // nil for what is not an SSH signature
	problem *problem          // why it cannot be judged
	subject string            // whom an X.509 certificate in it names; raw text
}

// Claim is what the signature says of itself. Nothing in it is proved.
func (s *Signature) Claim() Claim {
	switch {
	case s.packet != nil:
		return s.packet.claim()
	case s.ssh != nil:
		return sshClaim(s.ssh)
	}
	return Claim{Subject: s.subject}
}

// ParseSignatures reads detached signatures: binary, or any number of armor blocks with text
// around them. OpenPGP packets of version 3, 4 and 6 and SSH signatures are read; X.509 ones are
// recognised. What looks like a signature and cannot be read becomes a Signature that is judged
// malformed or unsupported, and so does a file without any signature in it. Of an empty file it
// returns none. The error is a *LimitError.
func ParseSignatures(data []byte) ([]*Signature, error) {
	switch {
	case len(data) > MaxSignatureBytes:
		return nil, &LimitError{What: "signature", Limit: MaxSignatureBytes}
	case len(bytes.TrimSpace(data)) == 0:
		return nil, nil
	}
	var sigs []*Signature
	if pgp.Binary(data) {
		sigs = packetSignatures(bytes.Clone(data))
	} else {
		sigs = armoredSignatures(data)
	}
	if len(sigs) > MaxSignaturePackets {
		return nil, &LimitError{What: "number of signatures", Limit: MaxSignaturePackets}
	}
	return sigs, nil
}

func armoredSignatures(data []byte) []*Signature {
	var sigs, strays []*Signature
	for _, b := range pgp.Blocks(data, MaxSignaturePackets+1) {
		switch b.Label {
		case pgp.LabelCleartext:
			// The signatures that follow cover the text between, not another file.
			return problemSignature(unsupported("it is a clear-signed document, which carries its own text"))
		case "SSH SIGNATURE":
			sigs = append(sigs, sshSignature(b))
		case "SIGNED MESSAGE", "PKCS7", "CMS":
			sigs = append(sigs, x509Signature(b))
		case armorSignature, "PGP MESSAGE", "PGP ARMORED FILE":
			sigs = append(sigs, blockSignatures(b)...)
		case "PGP PUBLIC KEY BLOCK", "PGP PRIVATE KEY BLOCK":
			// GnuPG does not look at the label. A key that stands beside its signatures is
			// passed over; a signature under the wrong label is taken.
			found := blockSignatures(b)
			if len(found) > 0 && found[0].packet == nil {
				strays = append(strays, found...)
				continue
			}
			sigs = append(sigs, found...)
		}
		if len(sigs) > MaxSignaturePackets {
			return sigs
		}
	}
	switch {
	case len(sigs) > 0:
		return sigs
	case len(strays) > 0:
		return strays[:1]
	}
	return problemSignature(malformed("there is no signature in it"))
}

func problemSignature(p *problem) []*Signature { return []*Signature{{problem: p}} }

func blockSignatures(b pgp.Block) []*Signature {
	if b.Err != nil {
		return problemSignature(malformed(b.Err.Error()))
	}
	return packetSignatures(b.Body)
}

// packetSignatures reads a sequence of signature packets. Markers, padding and packets that a
// reader may skip are skipped, whatever their number. Any other packet makes the whole
// something else than a detached signature. Octets after the last packet that are no packet
// are ignored, as GnuPG does: nothing is concluded from them.
func packetSignatures(data []byte) (sigs []*Signature) {
	for len(data) > 0 && len(sigs) <= MaxSignaturePackets {
		p, rest, err := nextPacket(data)
		if err != nil {
			if len(sigs) > 0 {
				return sigs
			}
			return problemSignature(malformed(err.Error()))
		}
		data = rest
		switch {
		case p.Tag == pgp.TagSignature:
			sigs = append(sigs, packetSignature(p.Body))
		case p.Tag == pgp.TagMarker || p.Tag == pgp.TagPadding || p.Tag >= pgp.TagNonCritical:
		default:
			return problemSignature(malformed("it holds " + packetName(p.Tag) + " and is no detached signature"))
		}
	}
	if len(sigs) == 0 {
		return problemSignature(malformed("there is no signature in it"))
	}
	return sigs
}

func packetSignature(body []byte) *Signature {
	pkt, err := parseSignature(body)
	s := &Signature{packet: pkt}
	if p, ok := err.(*problem); ok {
		s.problem = p
	} else if pkt.typ != pgp.SigBinary && pkt.typ != pgp.SigText {
		s.problem = unsupported("it is of type 0x%02X, which is not a signature over a document", pkt.typ)
	}
	return s
}
