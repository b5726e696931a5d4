package store

import (
	"errors"
	"fmt"

	"bulla/keys/pgp"
)

var errTruncated = errors.New("the packets end too early")

// splitPackets cuts a binary stream into its packets, without copying and without looking into
// them. On damage it returns the packets before it together with the error. Partial and
// indeterminate lengths are refused: only data packets may have them, never a part of a key.
func splitPackets(data []byte) ([]pgp.Packet, error) {
	var out []pgp.Packet
	for len(data) > 0 {
		p, rest, err := pgp.Next(data)
		switch {
		case p.Partial:
			return out, fmt.Errorf("packet type %d has a partial length", p.Tag)
		case errors.Is(err, pgp.ErrNoLength):
			return out, fmt.Errorf("packet type %d has no length", p.Tag)
		case errors.Is(err, pgp.ErrTruncated):
			return out, errTruncated
		case err != nil:
			return out, err
		}
		out = append(out, p)
		data = rest
	}
	return out, nil
}
