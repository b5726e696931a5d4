package keys

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"slices"

	"golang.org/x/crypto/ssh"
)

// The parts of a section on certificates in OpenSSH's binary list (PROTOCOL.krl).
const (
	krlCertSerialList   = 0x20
	krlCertSerialRange  = 0x21
	krlCertSerialBitmap = 0x22
	krlCertKeyID        = 0x23
	krlCertExtension    = 0x39
)

// revokedCerts are certificates of one authority that are revoked by their number or name.
type revokedCerts struct {
	sum       [sha256.Size]byte // of the section, which tells it from others
	authority string            // its key in SSH's wire format; "" for any
	ranges    [][2]uint64       // first and last number
	bitmaps   []serialBitmap
	ids       map[string]bool
}

// serialBitmap revokes the number first+i where bit i is set.
type serialBitmap struct {
	first uint64
	bits  *big.Int
}

// readRevokedCerts reads a section on certificates.
func readRevokedCerts(section []byte) (*revokedCerts, bool) {
	r := &revokedCerts{sum: sha256.Sum256(section), ids: map[string]bool{}}
	authority, section, ok := cutSSHString(section)
	if !ok {
		return nil, false
	}
	r.authority = string(authority)
	if _, section, ok = cutSSHString(section); !ok { // reserved
		return nil, false
	}
	for len(section) > 0 {
		kind := section[0]
		part, rest, ok := cutSSHString(section[1:])
		if !ok || !r.readPart(kind, part) {
			return nil, false
		}
		section = rest
	}
	return r, true
}

// readPart reads a part of the section. One of an unknown kind makes the list unusable, as for
// OpenSSH.
func (r *revokedCerts) readPart(kind byte, part []byte) bool {
	number := func() (n uint64) {
		n, part = binary.BigEndian.Uint64(part), part[8:]
		return n
	}
	switch kind {
	case krlCertSerialList:
		if len(part)%8 != 0 {
			return false
		}
		for len(part) > 0 {
			n := number()
			r.ranges = append(r.ranges, [2]uint64{n, n})
		}
	case krlCertSerialRange:
		if len(part) != 16 {
			return false
		}
		first, last := number(), number()
		r.ranges = append(r.ranges, [2]uint64{first, last})
		return first <= last
	case krlCertSerialBitmap:
		if len(part) < 8 {
			return false
		}
		first := number()
		bits, rest, ok := cutSSHString(part)
		if !ok || len(rest) > 0 {
			return false
		}
		r.bitmaps = append(r.bitmaps, serialBitmap{first, new(big.Int).SetBytes(bits)})
	case krlCertKeyID:
		for len(part) > 0 {
			id, rest, ok := cutSSHString(part)
			if !ok {
				return false
			}
			r.ids[string(id)], part = true, rest
		}
	case krlCertExtension:
		return passableExtension(part)
	default:
		return false
	}
	return true
}

// passableExtension reports whether an extension of the list is whole and may be passed over.
func passableExtension(part []byte) bool {
	_, part, ok := cutSSHString(part) // its name
	if !ok || len(part) == 0 || part[0] != 0 {
		return false
	}
	_, rest, ok := cutSSHString(part[1:])
	return ok && len(rest) == 0
}

// revokes reports whether the section names the certificate. The number 0 is what authorities give
// that do not count, and names none.
func (r *revokedCerts) revokes(c *ssh.Certificate) bool {
	switch {
	case r.authority != "" && r.authority != string(c.SignatureKey.Marshal()):
		return false
	case r.ids[c.KeyId]:
		return true
	case c.Serial == 0:
		return false
	}
	return slices.ContainsFunc(r.ranges, func(x [2]uint64) bool { return x[0] <= c.Serial && c.Serial <= x[1] }) ||
		slices.ContainsFunc(r.bitmaps, func(b serialBitmap) bool {
			i := c.Serial - b.first
			return c.Serial >= b.first && i < uint64(b.bits.BitLen()) && b.bits.Bit(int(i)) == 1
		})
}

// uniqueRevokedCerts leaves out sections that are there twice.
func uniqueRevokedCerts(list []*revokedCerts) (out []*revokedCerts) {
	known := map[[sha256.Size]byte]bool{}
	for _, r := range list {
		if !known[r.sum] {
			known[r.sum] = true
			out = append(out, r)
		}
	}
	return out
}
