package keys

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The packet types that the judge meets (RFC 9580, section 5).
const (
	tagSignature     = 2
	tagSecretKey     = 5
	tagPublicKey     = 6
	tagSecretSubkey  = 7
	tagMarker        = 10
	tagTrust         = 12
	tagUserID        = 13
	tagPublicSubkey  = 14
	tagUserAttribute = 17
	tagPadding       = 21
	// tagNonCritical is the first of the types that a reader skips when it does not know them.
	tagNonCritical = 40
)

// rawPacket is one packet, framed but not interpreted.
type rawPacket struct {
	tag  byte
	body []byte
}

var (
	errNotPacket       = errors.New("not an OpenPGP packet")
	errPacketTruncated = errors.New("the packet is cut off")
)

// nextPacket splits the first packet off data. Partial body lengths are joined wherever they
// occur, as GnuPG does. Indeterminate lengths are refused: they only make sense for documents.
func nextPacket(data []byte) (p rawPacket, rest []byte, err error) {
	if len(data) < 2 || data[0]&0x80 == 0 {
		return p, nil, errNotPacket
	}
	if data[0]&0x40 != 0 {
		return nextNewPacket(data[0]&0x3f, data[1:])
	}
	p.tag = data[0] >> 2 & 0x0f
	size := 1 << (data[0] & 3)
	data = data[1:]
	if p.tag == 0 || size == 8 {
		return p, nil, errNotPacket
	}
	if len(data) < size {
		return p, nil, errPacketTruncated
	}
	n := 0
	for _, b := range data[:size] {
		n = n<<8 | int(b)
	}
	p.body, rest, err = cut(data[size:], n)
	return p, rest, err
}

// nextNewPacket reads the length and the body of a packet in the new format (RFC 9580,
// section 4.2.1).
func nextNewPacket(tag byte, data []byte) (p rawPacket, rest []byte, err error) {
	p.tag = tag
	if tag == 0 {
		return p, nil, errNotPacket
	}
	var joined []byte
	for partial := true; partial; {
		if len(data) == 0 {
			return p, nil, errPacketTruncated
		}
		var n int
		var part []byte
		partial = data[0] >= 224 && data[0] < 255
		if partial {
			n, data = 1<<(data[0]&0x1f), data[1:]
		} else if n, data, err = newLength(data); err != nil {
			return p, nil, err
		}
		if part, data, err = cut(data, n); err != nil {
			return p, nil, err
		}
		if partial || joined != nil {
			joined = append(joined, part...)
		} else {
			joined = part
		}
	}
	p.body = joined
	return p, data, nil
}

// newLength reads the one, two or five octet length shared by packets and subpackets.
func newLength(data []byte) (n int, rest []byte, err error) {
	switch {
	case len(data) >= 1 && data[0] < 192:
		return int(data[0]), data[1:], nil
	case len(data) >= 2 && data[0] < 255:
		return int(data[0]-192)<<8 + int(data[1]) + 192, data[2:], nil
	case len(data) >= 5 && data[0] == 255:
		return int(binary.BigEndian.Uint32(data[1:5])), data[5:], nil
	}
	return 0, nil, errPacketTruncated
}

func cut(data []byte, n int) (head, rest []byte, err error) {
	if n < 0 || n > len(data) {
		return nil, nil, errPacketTruncated
	}
	return data[:n:n], data[n:], nil
}

// appendPacket frames a packet in the new format.
func appendPacket(dst []byte, p rawPacket) []byte {
	dst = append(dst, 0xc0|p.tag, 0xff)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(p.body)))
	return append(dst, p.body...)
}

// packetName names a packet type for a sentence.
func packetName(tag byte) string {
	switch tag {
	case 1, 3:
		return "an encrypted session key"
	case tagSignature:
		return "a signature"
	case 4, 8, 11:
		return "a signed message that carries its own text"
	case tagSecretKey, tagSecretSubkey:
		return "a secret key"
	case tagPublicKey, tagPublicSubkey:
		return "a public key"
	case 9, 18, 20:
		return "an encrypted message"
	case tagUserID, tagUserAttribute:
		return "a user id"
	}
	return fmt.Sprintf("a packet of type %d", tag)
}
