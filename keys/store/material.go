package store

import (
	"bytes"
	"crypto/sha1" // the fingerprint of a v4 key is defined by it
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/pgp"
)

// secretPacket is one secret key or subkey packet as it came, and what can be said of it
// without opening it.
type secretPacket struct {
	pgp.Packet
	fpr        keys.Fingerprint
	public     []byte // the public part of the body
	protection protection
}

// protection says how a secret key packet keeps its secret (RFC 9580, section 3.7.2.1).
type protection struct {
	kind   protectionKind
	card   string // serial number, upper-case hexadecimal, for onCard
	reason string // sentence fragment, for unreadable
}

type protectionKind int

const (
	plain      protectionKind = iota // no passphrase
	protected                        // under a passphrase
	offline                          // GNU S2K mode 1: the secret is elsewhere
	onCard                           // GNU S2K mode 2: the secret is on a card
	unreadable                       // kept, but not in a way that can be opened here
)

// usable reports whether the secret is here and can be opened with at most a passphrase.
func (p protection) usable() bool { return p.kind == plain || p.kind == protected }

// stub reports whether the packet stands for a secret that is elsewhere.
func (p protection) stub() bool { return p.kind == offline || p.kind == onCard }

// why completes "key … cannot sign: ".
func (p protection) why() string {
	switch p.kind {
	case offline:
		return "its secret part is kept elsewhere (offline)"
	case onCard:
		return "its secret is on a card; bulla uses it through gpg-agent"
	case unreadable:
		return p.reason
	}
	return ""
}

// readSecret looks at a secret key packet from outside.
func readSecret(p pgp.Packet) (secretPacket, error) {
	n, err := publicLength(p.Body)
	if err != nil {
		return secretPacket{}, err
	}
	s := secretPacket{Packet: p, public: p.Body[:n:n]}
	if s.fpr, err = fingerprintOf(s.public); err != nil {
		return secretPacket{}, err
	}
	s.protection, err = readProtection(p.Body[0], p.Body[n:])
	return s, err
}

// clone copies the packet, so that the original can be forgotten.
func (s secretPacket) clone() secretPacket {
	c := s
	c.Raw = bytes.Clone(s.Raw)
	c.Body = c.Raw[len(c.Raw)-len(s.Body):]
	c.public = c.Body[:len(s.public)]
	return c
}

// publicPacket is the public key packet that belongs to the secret one.
func (s secretPacket) publicPacket() pgp.Packet {
	if s.Tag == pgp.TagSecretKey {
		return pgp.New(pgp.TagPublicKey, s.public)
	}
	return pgp.New(pgp.TagPublicSubkey, s.public)
}

// offlineStub is the secret key packet that GnuPG writes for a secret that is not here: usage
// octet 255, no cipher, S2K mode 101 with "GNU" and 1 (GnuPG, doc/DETAILS). GnuPG knows no v6
// keys; there the same is said with the counts that version 6 puts in between.
func offlineStub(public pgp.Packet) pgp.Packet {
	tag := pgp.TagSecretSubkey
	if public.Tag == pgp.TagPublicKey {
		tag = pgp.TagSecretKey
	}
	stub := []byte{255, 0, s2kGNU, 0, 'G', 'N', 'U', 1}
	if public.Body[0] == 6 {
		stub = []byte{254, 8, 0, 6, s2kGNU, 0, 'G', 'N', 'U', 1}
	}
	return pgp.New(tag, append(bytes.Clone(public.Body), stub...))
}

var errKeyTruncated = errors.New("the key packet ends too early")

// Public-key algorithms (RFC 9580, section 9.1).
const (
	algoRSA         = 1
	algoRSAEncrypt  = 2
	algoRSASign     = 3
	algoElGamal     = 16
	algoDSA         = 17
	algoECDH        = 18
	algoECDSA       = 19
	algoElGamalSign = 20
	algoEdDSA       = 22
	algoX25519      = 25
	algoX448        = 26
	algoEd25519     = 27
	algoEd448       = 28
)

// publicLength is the length of the public part within the body of a key packet, secret or
// public. It does not re-encode anything, so the fingerprint stays what its owner computed.
func publicLength(body []byte) (int, error) {
	if len(body) < 6 {
		return 0, errKeyTruncated
	}
	switch body[0] {
	case 4:
		n, err := materialLength(body[5], body[6:])
		return 6 + n, err
	case 6:
		if len(body) < 10 {
			return 0, errKeyTruncated
		}
		n := uint64(binary.BigEndian.Uint32(body[6:])) + 10
		if n > uint64(len(body)) {
			return 0, errKeyTruncated
		}
		return int(n), nil
	}
	return 0, fmt.Errorf("version %d keys are not supported", body[0])
}

// materialLength is the length of the algorithm-specific public fields (RFC 9580, section 5.5.5).
func materialLength(algorithm byte, b []byte) (int, error) {
	fixed := 0
	mpis := 0
	oid := false
	switch algorithm {
	case algoRSA, algoRSAEncrypt, algoRSASign:
		mpis = 2
	case algoDSA:
		mpis = 4
	case algoElGamal, algoElGamalSign:
		mpis = 3
	case algoECDSA, algoEdDSA, algoECDH:
		oid, mpis = true, 1
	case algoX25519, algoEd25519:
		fixed = 32
	case algoX448:
		fixed = 56
	case algoEd448:
		fixed = 57
	default:
		return 0, fmt.Errorf("public-key algorithm %d is not supported", algorithm)
	}
	n := 0
	skip := func(k int) bool { n += k; return n <= len(b) }
	ok := skip(fixed)
	if ok && oid {
		ok = len(b) > 0 && skip(1+int(b[0]))
	}
	for ; ok && mpis > 0; mpis-- {
		ok = n+2 <= len(b) && skip(2+(int(binary.BigEndian.Uint16(b[n:]))+7)/8)
	}
	if ok && algorithm == algoECDH { // KDF parameters
		ok = n < len(b) && skip(1+int(b[n]))
	}
	if !ok {
		return 0, errKeyTruncated
	}
	return n, nil
}

// fingerprintOf hashes a public key body (RFC 9580, section 5.5.4).
func fingerprintOf(public []byte) (keys.Fingerprint, error) {
	switch {
	case public[0] == 4 && len(public) <= 0xffff:
		h := sha1.New()
		h.Write(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(public))))
		h.Write(public)
		return keys.FingerprintOf(h.Sum(nil)), nil
	case public[0] == 6:
		h := sha256.New()
		h.Write(binary.BigEndian.AppendUint32([]byte{0x9b}, uint32(len(public))))
		h.Write(public)
		return keys.FingerprintOf(h.Sum(nil)), nil
	}
	return "", errors.New("a key with an impossible length")
}

const (
	s2kArgon2 = 4
	s2kGNU    = 101
	// maxArgon2Memory is the largest memory exponent that is opened: 2^21 KiB, the 2 GiB of
	// RFC 9106's first recommendation. A hostile key could ask for 2 TiB.
	maxArgon2Memory = 21
)

// readProtection reads what follows the public part in a secret key packet (RFC 9580, section
// 5.5.3; for the stubs GnuPG, doc/DETAILS).
func readProtection(version byte, b []byte) (protection, error) {
	if len(b) == 0 {
		return protection{}, errKeyTruncated
	}
	usage := b[0]
	switch usage {
	case 0:
		return protection{kind: plain}, nil
	case 253, 254, 255:
	default:
		return protection{kind: unreadable, reason: "its secret part is protected in an obsolete way; let gpg import it and set its passphrase anew"}, nil
	}
	i := 2 // usage, cipher
	if usage == 253 {
		i++ // AEAD mode
	}
	if version == 6 {
		i += 2 // two counts
	}
	if len(b) <= i {
		return protection{}, errKeyTruncated
	}
	switch s2k := b[i:]; s2k[0] {
	case s2kArgon2:
		if len(s2k) < 20 {
			return protection{}, errKeyTruncated
		}
		if s2k[19] > maxArgon2Memory {
			return protection{kind: unreadable, reason: "opening its secret part takes more than 2 GiB of memory"}, nil
		}
	case s2kGNU:
		return readStub(s2k)
	}
	return protection{kind: protected}, nil
}

// readStub reads GnuPG's stand-ins for absent secrets; s2k begins with the octet 101.
func readStub(s2k []byte) (protection, error) {
	if len(s2k) < 6 || string(s2k[2:5]) != "GNU" {
		return protection{kind: unreadable, reason: "its secret part is kept in an unknown way"}, nil
	}
	switch s2k[5] {
	case 1:
		return protection{kind: offline}, nil
	case 2:
		if len(s2k) < 7 || len(s2k) < 7+int(s2k[6]) {
			return protection{}, errKeyTruncated
		}
		serial := s2k[7 : 7+int(s2k[6])]
		return protection{kind: onCard, card: strings.ToUpper(hex.EncodeToString(serial))}, nil
	}
	return protection{kind: unreadable, reason: "its secret part is kept in a way that only GnuPG knows"}, nil
}
