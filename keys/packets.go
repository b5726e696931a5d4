package keys

import (
	"errors"
	"fmt"

	"bulla/keys/pgp"
)

// nextPacket splits the first packet off data. Indeterminate lengths are refused: they only make sense
// for documents; and so is the reserved type 0.
func nextPacket(data []byte) (pgp.Packet, []byte, error) {
	p, rest, err := pgp.Next(data)
	if errors.Is(err, pgp.ErrNoLength) || len(data) < 2 || p.Tag == 0 {
		return p, nil, pgp.ErrNotPacket
	}
	return p, rest, err
}

// packetName names a packet type for a sentence.
func packetName(tag pgp.Tag) string {
	switch tag {
	case 1, 3:
		return "an encrypted session key"
	case pgp.TagSignature:
		return "a signature"
	case 4, 8, 11:
		return "a signed message that carries its own text"
	case pgp.TagSecretKey, pgp.TagSecretSubkey:
		return "a secret key"
	case pgp.TagPublicKey, pgp.TagPublicSubkey:
		return "a public key"
	case 9, 18, 20:
		return "an encrypted message"
	case pgp.TagUserID, pgp.TagUserAttribute:
		return "a user id"
	}
	return fmt.Sprintf("a packet of type %d", tag)
}
