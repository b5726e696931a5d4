package store

import (
	"bytes"
	"errors"

	"bulla/keys/paper"
	"bulla/keys/pgp"
)

const (
	armorPublic = "PGP PUBLIC KEY BLOCK"
	armorSecret = "PGP PRIVATE KEY BLOCK"
)

var errArmor = errors.New("a damaged armor block")

// dearmor gives the binary content of every key block in data, in their order, or data itself if it
// is binary, or what a paper backup holds. Text around the blocks and blocks of other types are
// passed over. Damaged blocks are reported and do not stop the others.
func dearmor(data []byte) (blocks [][]byte, errs []error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // an editor's byte order mark
	if paper.Is(data) {
		content, err := paper.Read(data)
		if err != nil {
			return nil, []error{err}
		}
		return [][]byte{content}, nil
	}
	if pgp.Binary(data) {
		return [][]byte{data}, nil
	}
	for _, b := range pgp.Blocks(data, len(data)) {
		switch {
		case b.Label != armorPublic && b.Label != armorSecret:
		case b.Err != nil:
			errs = append(errs, errArmor)
		default:
			blocks = append(blocks, b.Body)
		}
	}
	return blocks, errs
}
