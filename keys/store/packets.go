package store

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// packetTag is the type of a packet (RFC 9580, section 5).
type packetTag byte

const (
	tagSignature     packetTag = 2
	tagSecretKey     packetTag = 5
	tagPublicKey     packetTag = 6
	tagSecretSubkey  packetTag = 7
	tagMarker        packetTag = 10
	tagTrust         packetTag = 12
	tagUserID        packetTag = 13
	tagPublicSubkey  packetTag = 14
	tagUserAttribute packetTag = 17
	tagPadding       packetTag = 21
)

func (t packetTag) secret() bool  { return t == tagSecretKey || t == tagSecretSubkey }
func (t packetTag) primary() bool { return t == tagSecretKey || t == tagPublicKey }
func (t packetTag) key() bool     { return t.secret() || t == tagPublicKey || t == tagPublicSubkey }

// rawPacket is one packet as it came.
type rawPacket struct {
	tag  packetTag
	raw  []byte // header and body
	body []byte // the end of raw
}

var errTruncated = errors.New("the packets end too early")

// splitPackets cuts a binary stream into its packets, without copying and without looking into
// them. On damage it returns the packets before it together with the error.
func splitPackets(data []byte) ([]rawPacket, error) {
	var out []rawPacket
	for len(data) > 0 {
		tag, head, length, err := packetHeader(data)
		if err != nil {
			return out, err
		}
		if length > len(data)-head {
			return out, errTruncated
		}
		n := head + length
		out = append(out, rawPacket{tag: tag, raw: data[:n:n], body: data[head:n:n]})
		data = data[n:]
	}
	return out, nil
}

// packetHeader reads a header in either format (RFC 9580, section 4.2). Partial and
// indeterminate lengths are refused: only data packets may have them, never a part of a key.
func packetHeader(b []byte) (tag packetTag, head, length int, err error) {
	if b[0]&0x80 == 0 {
		return 0, 0, 0, errors.New("not an OpenPGP packet")
	}
	if b[0]&0x40 == 0 {
		return oldHeader(b)
	}
	tag = packetTag(b[0] & 0x3f)
	switch {
	case len(b) >= 2 && b[1] < 192:
		return tag, 2, int(b[1]), nil
	case len(b) >= 3 && b[1] < 224:
		return tag, 3, int(b[1]-192)<<8 + int(b[2]) + 192, nil
	case len(b) >= 2 && b[1] >= 224 && b[1] < 255:
		return 0, 0, 0, fmt.Errorf("packet type %d has a partial length", tag)
	case len(b) >= 6 && b[1] == 255:
		return sized(tag, 6, uint64(binary.BigEndian.Uint32(b[2:])))
	}
	return 0, 0, 0, errTruncated
}

func oldHeader(b []byte) (packetTag, int, int, error) {
	tag := packetTag(b[0] >> 2 & 0x0f)
	switch form := b[0] & 3; {
	case form == 3:
		return 0, 0, 0, fmt.Errorf("packet type %d has no length", tag)
	case form == 0 && len(b) >= 2:
		return tag, 2, int(b[1]), nil
	case form == 1 && len(b) >= 3:
		return tag, 3, int(binary.BigEndian.Uint16(b[1:])), nil
	case form == 2 && len(b) >= 5:
		return sized(tag, 5, uint64(binary.BigEndian.Uint32(b[1:])))
	}
	return 0, 0, 0, errTruncated
}

func sized(tag packetTag, head int, length uint64) (packetTag, int, int, error) {
	if length > ImportLimit {
		return 0, 0, 0, errTruncated
	}
	return tag, head, int(length), nil
}

// newPacket makes a packet of a body, with a header in the new format.
func newPacket(tag packetTag, body []byte) rawPacket {
	raw := []byte{0xc0 | byte(tag)}
	switch n := len(body); {
	case n < 192:
		raw = append(raw, byte(n))
	case n < 8384:
		raw = append(raw, byte((n-192)>>8)+192, byte(n-192))
	default:
		raw = binary.BigEndian.AppendUint32(append(raw, 255), uint32(n))
	}
	head := len(raw)
	raw = append(raw, body...)
	return rawPacket{tag: tag, raw: raw, body: raw[head:]}
}
