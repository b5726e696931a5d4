package store

import (
	"bytes"
	"errors"
	"io"

	"bulla/keys/paper"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

const (
	armorPublic = "PGP PUBLIC KEY BLOCK"
	armorSecret = "PGP PRIVATE KEY BLOCK"
)

var errArmor = errors.New("a damaged armor block")

// enarmor wraps binary packets in armor. The checksum is always there: RFC 9580 makes it
// optional, but gpg 2.2 refuses some blocks without it.
func enarmor(blockType string, headers map[string]string, data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&out, blockType, headers, true)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

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
	if len(data) > 0 && data[0]&0x80 != 0 {
		return [][]byte{data}, nil
	}
	for _, text := range armorBlocks(data) {
		b, err := armor.Decode(bytes.NewReader(text))
		if err != nil {
			errs = append(errs, errArmor)
			continue
		}
		if b.Type != armorPublic && b.Type != armorSecret {
			continue
		}
		content, err := io.ReadAll(b.Body)
		if err != nil {
			errs = append(errs, errArmor)
			continue
		}
		blocks = append(blocks, content)
	}
	return blocks, errs
}

// armorBlocks cuts the armor blocks out of a text. A block reaches to its END line, or to where
// the next one begins if that line is missing.
func armorBlocks(data []byte) (blocks [][]byte) {
	begin := -1
	flush := func(end int) {
		if begin >= 0 {
			blocks = append(blocks, data[begin:end])
		}
		begin = -1
	}
	for i := 0; i < len(data); {
		next := len(data)
		if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
			next = i + n + 1
		}
		line := bytes.TrimSpace(data[i:next])
		switch {
		case bytes.HasPrefix(line, []byte("-----BEGIN PGP ")) && bytes.HasSuffix(line, []byte("-----")):
			flush(i)
			begin = i
		case bytes.HasPrefix(line, []byte("-----END PGP ")):
			flush(next)
		}
		i = next
	}
	flush(len(data))
	return blocks
}
