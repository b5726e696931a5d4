package pgp

import (
	"encoding/binary"
	"errors"
)

// Packet is one packet, framed but not interpreted.
type Packet struct {
	Tag  Tag
	Raw  []byte // header and body, as they came
	Body []byte // the end of Raw, or where Partial its parts joined
	// Partial says that the body came in parts of their own lengths, which only documents may.
	Partial bool
}

// What keeps a packet from being read.
var (
	ErrNotPacket = errors.New("not an OpenPGP packet")
	ErrNoLength  = errors.New("the packet has no length")
	ErrTruncated = errors.New("the packet is cut off")
)

// Next splits the first packet off data, without copying where that can be. Partial body lengths are
// joined wherever they occur, as GnuPG does. An error is one of the three above; the packet beside it
// has its Tag, as far as that could be read, and Partial.
func Next(data []byte) (p Packet, rest []byte, err error) {
	if len(data) == 0 || data[0]&0x80 == 0 {
		return p, nil, ErrNotPacket
	}
	if data[0]&0x40 != 0 {
		return nextNew(data)
	}
	p.Tag = Tag(data[0] >> 2 & 0x0f)
	size := 1 << (data[0] & 3)
	if size == 8 {
		return p, nil, ErrNoLength
	}
	if len(data) < 1+size {
		return p, nil, ErrTruncated
	}
	var n uint64
	for _, b := range data[1 : 1+size] {
		n = n<<8 | uint64(b)
	}
	return p.whole(data, 1+size, n)
}

// nextNew reads a packet in the new format (RFC 9580, section 4.2.1).
func nextNew(data []byte) (p Packet, rest []byte, err error) {
	p.Tag, rest = Tag(data[0]&0x3f), data[1:]
	for len(rest) > 0 && rest[0] >= 224 && rest[0] < 255 {
		p.Partial = true
		n := 1 << (rest[0] & 0x1f)
		if n > len(rest)-1 {
			return p, nil, ErrTruncated
		}
		p.Body = append(p.Body, rest[1:1+n]...)
		rest = rest[1+n:]
	}
	n, body, err := Length(rest)
	if err != nil {
		return p, nil, err
	}
	if !p.Partial {
		return p.whole(data, len(data)-len(body), n)
	}
	last, rest, err := Cut(body, n)
	p.Body = append(p.Body, last...)
	p.Raw = data[:len(data)-len(rest)]
	return p, rest, err
}

// whole takes the first packet of data, whose body of n octets begins at head.
func (p Packet) whole(data []byte, head int, n uint64) (Packet, []byte, error) {
	if n > uint64(len(data)-head) {
		return p, nil, ErrTruncated
	}
	end := head + int(n)
	p.Raw, p.Body = data[:end:end], data[head:end:end]
	return p, data[end:], nil
}

// Length reads the length of one, two or five octets that packets and subpackets share.
func Length(data []byte) (n uint64, rest []byte, err error) {
	switch {
	case len(data) >= 1 && data[0] < 192:
		return uint64(data[0]), data[1:], nil
	case len(data) >= 2 && data[0] >= 192 && data[0] < 255:
		return uint64(data[0]-192)<<8 + uint64(data[1]) + 192, data[2:], nil
	case len(data) >= 5 && data[0] == 255:
		return uint64(binary.BigEndian.Uint32(data[1:5])), data[5:], nil
	}
	return 0, nil, ErrTruncated
}

// Cut cuts the first n octets off data, or fails with ErrTruncated.
func Cut(data []byte, n uint64) (head, rest []byte, err error) {
	if n > uint64(len(data)) {
		return nil, nil, ErrTruncated
	}
	return data[:n:n], data[n:], nil
}

// AppendLength writes a length in as few octets as it takes.
func AppendLength(dst []byte, n int) []byte {
	switch {
	case n < 192:
		return append(dst, byte(n))
	case n < 8384:
		return append(dst, byte((n-192)>>8)+192, byte(n-192))
	}
	return binary.BigEndian.AppendUint32(append(dst, 255), uint32(n))
}

// New makes a packet of a body, with a header in the new format.
func New(tag Tag, body []byte) Packet {
	raw := AppendLength([]byte{0xc0 | byte(tag)}, len(body))
	head := len(raw)
	raw = append(raw, body...)
	return Packet{Tag: tag, Raw: raw, Body: raw[head:]}
}

// Append frames a packet in the new format, with a length of five octets whatever it is.
func Append(dst []byte, tag Tag, body []byte) []byte {
	dst = append(dst, 0xc0|byte(tag), 0xff)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	return append(dst, body...)
}
