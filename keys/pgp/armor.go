package pgp

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// Block is one block of ASCII armor (RFC 9580, section 6) found in a text.
type Block struct {
	Label string // "PGP SIGNATURE", "SSH SIGNATURE", …
	Body  []byte
	Err   error // why the block cannot be read; Body is nil then
}

// What the first and the last line of a block are made of.
const (
	ArmorBegin = "-----BEGIN "
	ArmorEnd   = "-----END "
	ArmorDash  = "-----"
	// LabelCleartext starts a clear-signed document, which has no armored body of its own.
	LabelCleartext = "PGP SIGNED MESSAGE"
)

var (
	errEnd      = errors.New("the armor has no end line")
	errChar     = errors.New("the armor holds a character that is not base64")
	errChecksum = errors.New("the checksum of the armor is wrong")
)

// Blocks finds the armor blocks in a text. Text around them, comments and other headers,
// CRLF line ends, trailing white space and a missing checksum are accepted; a wrong checksum is
// not. Lines that are indented or quoted do not begin a block: neither does GnuPG take them.
// At most limit blocks are returned.
func Blocks(data []byte, limit int) (blocks []Block) {
	for len(data) > 0 && len(blocks) < limit {
		var line []byte
		line, data = CutLine(data)
		label, ok := BeginLine(line)
		if !ok {
			continue
		}
		if label == LabelCleartext {
			blocks = append(blocks, Block{Label: label})
			continue
		}
		b := Block{Label: label}
		b.Body, data, b.Err = ArmorBody(data)
		blocks = append(blocks, b)
	}
	return blocks
}

// CutLine cuts the first line off, without its line end and trailing blanks.
func CutLine(data []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(data, []byte{'\n'})
	return bytes.TrimRight(line, " \t\r"), rest
}

// BeginLine is the label of a line that begins a block.
func BeginLine(line []byte) (Label string, ok bool) {
	l, ok := bytes.CutPrefix(line, []byte(ArmorBegin))
	if !ok {
		return "", false
	}
	l, ok = bytes.CutSuffix(l, []byte(ArmorDash))
	return string(l), ok && len(l) > 0
}

// ArmorBody reads headers, base64 and checksum up to the end line. When the block is broken by
// the begin line of another one, rest starts there.
func ArmorBody(data []byte) (body, rest []byte, err error) {
	data = SkipHeaders(data)
	var text, sum []byte
	for len(data) > 0 {
		line, after := CutLine(data)
		if _, begins := BeginLine(line); begins {
			return nil, data, errEnd
		}
		data = after
		switch {
		case bytes.HasPrefix(line, []byte(ArmorEnd)):
			body, err = decodeArmor(text, sum)
			return body, data, err
		case len(line) == 5 && line[0] == '=':
			sum = line[1:]
		case sum != nil && len(line) > 0:
			return nil, data, errChar
		default:
			text = append(text, line...)
		}
	}
	return nil, nil, errEnd
}

// SkipHeaders skips "Key: value" lines and the blank line after them. The blank line may
// be missing: some tools forget it, and OpenSSH's and X.509's armor has none.
func SkipHeaders(data []byte) []byte {
	for {
		line, rest := CutLine(data)
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
		return nil, errChar
	}
	body = body[:n]
	if sum == nil {
		return body, nil
	}
	want, err := base64.StdEncoding.DecodeString(string(sum))
	if err != nil || len(want) != 3 {
		return nil, errChecksum
	}
	if crc := crc24(body); want[0] != byte(crc>>16) || want[1] != byte(crc>>8) || want[2] != byte(crc) {
		return nil, errChecksum
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

// Binary reports whether data starts like an OpenPGP packet and not like text.
func Binary(data []byte) bool { return len(data) > 0 && data[0]&0x80 != 0 }

// Encode writes packets in armor. The checksum is always there: RFC 9580 makes it optional, but gpg
// 2.2 refuses some blocks without it.
func Encode(label string, headers map[string]string, data []byte) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, 128+2*len(data)))
	w, err := armor.EncodeWithChecksumOption(out, label, headers, true)
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
