package keys

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// armorBlock is one block of ASCII armor (RFC 9580, section 6) found in a text.
type armorBlock struct {
	label string // "PGP SIGNATURE", "SSH SIGNATURE", …
	body  []byte
	err   error // why the block cannot be read; body is nil then
}

const (
	armorBegin = "-----BEGIN "
	armorEnd   = "-----END "
	armorDash  = "-----"
	// labelCleartext starts a clear-signed document, which has no armored body of its own.
	labelCleartext = "PGP SIGNED MESSAGE"
)

var (
	errArmorEnd      = errors.New("the armor has no end line")
	errArmorChar     = errors.New("the armor holds a character that is not base64")
	errArmorChecksum = errors.New("the checksum of the armor is wrong")
)

// armorBlocks finds the armor blocks in a text. Text around them, comments and other headers,
// CRLF line ends, trailing white space and a missing checksum are accepted; a wrong checksum is
// not. Lines that are indented or quoted do not begin a block: neither does GnuPG take them.
// At most limit blocks are returned.
func armorBlocks(data []byte, limit int) (blocks []armorBlock) {
	for len(data) > 0 && len(blocks) < limit {
		var line []byte
		line, data = cutLine(data)
		label, ok := beginLine(line)
		if !ok {
			continue
		}
		if label == labelCleartext {
			blocks = append(blocks, armorBlock{label: label})
			continue
		}
		b := armorBlock{label: label}
		b.body, data, b.err = armorBody(data)
		blocks = append(blocks, b)
	}
	return blocks
}

// cutLine cuts the first line off, without its line end and trailing blanks.
func cutLine(data []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(data, []byte{'\n'})
	return bytes.TrimRight(line, " \t\r"), rest
}

func beginLine(line []byte) (label string, ok bool) {
	l, ok := bytes.CutPrefix(line, []byte(armorBegin))
	if !ok {
		return "", false
	}
	l, ok = bytes.CutSuffix(l, []byte(armorDash))
	return string(l), ok && len(l) > 0
}

// armorBody reads headers, base64 and checksum up to the end line. When the block is broken by
// the begin line of another one, rest starts there.
func armorBody(data []byte) (body, rest []byte, err error) {
	data = skipArmorHeaders(data)
	var text, sum []byte
	for len(data) > 0 {
		line, after := cutLine(data)
		if _, begins := beginLine(line); begins {
			return nil, data, errArmorEnd
		}
		data = after
		switch {
		case bytes.HasPrefix(line, []byte(armorEnd)):
			body, err = decodeArmor(text, sum)
			return body, data, err
		case len(line) == 5 && line[0] == '=':
			sum = line[1:]
		case sum != nil && len(line) > 0:
			return nil, data, errArmorChar
		default:
			text = append(text, line...)
		}
	}
	return nil, nil, errArmorEnd
}

// skipArmorHeaders skips "Key: value" lines and the blank line after them. The blank line may
// be missing: some tools forget it, and OpenSSH's and X.509's armor has none.
func skipArmorHeaders(data []byte) []byte {
	for {
		line, rest := cutLine(data)
		if len(line) == 0 && len(data) > 0 {
			return rest
		}
		if !bytes.ContainsRune(line, ':') {
			return data
		}
		data = rest
	}
}

func decodeArmor(text, sum []byte) ([]byte, error) {
	text = bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' {
			return -1
		}
		return r
	}, text)
	body := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(body, text)
	if err != nil {
		return nil, errArmorChar
	}
	body = body[:n]
	if sum == nil {
		return body, nil
	}
	want, err := base64.StdEncoding.DecodeString(string(sum))
	if err != nil || len(want) != 3 {
		return nil, errArmorChecksum
	}
	if crc := crc24(body); want[0] != byte(crc>>16) || want[1] != byte(crc>>8) || want[2] != byte(crc) {
		return nil, errArmorChecksum
	}
	return body, nil
}

// crc24 is the checksum of RFC 9580, section 6.1.1.
func crc24(data []byte) uint32 {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return crc & 0xffffff
}

// looksBinary reports whether data starts like an OpenPGP packet and not like text.
func looksBinary(data []byte) bool { return len(data) > 0 && data[0]&0x80 != 0 }
