package keys

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

// The reasons for revocation after which older signatures stay valid (RFC 9580, section
// 5.2.3.31). Any other reason, and none, may mean that someone else has the key, who could
// date signatures back.
const (
	reasonNone        = -1
	reasonSuperseded  = 1
	reasonCompromised = 2
	reasonRetired     = 3
)

// sigPacket is a signature packet as the judge reads it. go-crypto's own parser refuses what
// must be judged here: v3 packets, old hash functions, and anything with an unknown critical
// subpacket. Only the mathematics are left to it.
type sigPacket struct {
	version int
	typ     byte
	algo    packet.PublicKeyAlgorithm
	hashID  byte
	hash    crypto.Hash // 0 if hashID is not known
	created time.Time
	trailer []byte // hashed after the data
	salt    []byte // v6: hashed before the data
	left16  [2]byte
	mpis    [][]byte // without leading zeros
	fixed   []byte   // for algorithms without MPIs
	pq      *packet.Signature

	// From the hashed area, or for the issuer also from the unhashed one.
	issuer       Fingerprint
	issuerHashed bool // the fingerprint comes from the hashed area
	issuerID     string
	sigLifetime  uint32
	keyLifetime  uint32
	hasKeyFlags  bool
	keyFlags     byte
	primaryUID   bool
	local        bool // not to be exported
	revokeReason int
	revokers     []Fingerprint

	body     []byte   // the whole packet as it came
	embedded [][]byte // bodies of embedded signatures, from both areas
	// objection says why the packet must not be accepted although it can be read: an unknown
	// critical subpacket or notation, or subpackets that make no sense.
	objection string
}

// problem explains why something is no signature that can be judged. Its text is a sentence
// fragment.
type problem struct {
	status Status // StatusMalformed or StatusUnsupported
	text   string
}

func (p *problem) Error() string { return p.text }

func malformed(text string) *problem { return &problem{StatusMalformed, text} }

func unsupported(format string, args ...any) *problem {
	return &problem{StatusUnsupported, fmt.Sprintf(format, args...)}
}

// parseSignature reads the body of a signature packet. An error is a *problem; the packet that
// comes with it holds what could be read.
func parseSignature(body []byte) (*sigPacket, error) {
	s := &sigPacket{revokeReason: reasonNone, body: body}
	if len(body) == 0 {
		return s, malformed("the signature packet is empty")
	}
	s.version = int(body[0])
	switch s.version {
	case 2, 3:
		return s, s.parseV3(body)
	case 4, 6:
		return s, s.parseV4(body)
	}
	return s, unsupported("signature packets of version %d are not supported", s.version)
}

// parseV3 reads a v3 packet (RFC 4880, section 5.2.2) or the v2 packet that differs only in
// its number. The octet that gives the length of the hashed part must be 5; GnuPG ignores it,
// and so do we, for the length never changes what is hashed.
func (s *sigPacket) parseV3(body []byte) error {
	if len(body) < 19 {
		return malformed("the signature packet is cut off")
	}
	s.typ = body[2]
	s.created = time.Unix(int64(binary.BigEndian.Uint32(body[3:7])), 0).UTC()
	s.trailer = body[2:7]
	s.issuerID = string(FingerprintOf(body[7:15]))
	s.setAlgorithms(body[15], body[16])
	s.left16 = [2]byte(body[17:19])
	return s.parseNumbers(body[19:], body)
}

// parseV4 reads a v4 or v6 packet (RFC 9580, section 5.2.3).
func (s *sigPacket) parseV4(body []byte) error {
	lengthSize := 2
	if s.version == 6 {
		lengthSize = 4
	}
	if len(body) < 4+lengthSize {
		return malformed("the signature packet is cut off")
	}
	s.typ = body[1]
	s.setAlgorithms(body[2], body[3])
	hashed, rest, err := cutArea(body[4:], lengthSize)
	if err != nil {
		return malformed("the signature packet is cut off")
	}
	unhashed, rest, err := cutArea(rest, lengthSize)
	if err != nil || len(rest) < 2 {
		return malformed("the signature packet is cut off")
	}
	n := 4 + lengthSize + len(hashed)
	s.trailer = append(bytes.Clone(body[:n]), byte(s.version), 0xff)
	s.trailer = binary.BigEndian.AppendUint32(s.trailer, uint32(n))
	// The unhashed area first, so that what is hashed wins.
	s.readArea(unhashed, false)
	s.readArea(hashed, true)
	s.left16, rest = [2]byte(rest[:2]), rest[2:]
	if s.version == 6 {
		if len(rest) == 0 {
			return malformed("the signature packet is cut off")
		}
		if s.salt, rest, err = pgp.Cut(rest[1:], uint64(rest[0])); err != nil {
			return malformed("the signature packet is cut off")
		}
		if want, err := packet.SaltLengthForHash(s.hash); s.hash != 0 && (err != nil || want != len(s.salt)) {
			return malformed("the salt of the signature has the wrong length")
		}
	}
	if err := s.parseNumbers(rest, body); err != nil {
		return err
	}
	if s.created.IsZero() {
		return malformed("the signature does not say when it was made")
	}
	return nil
}

func cutArea(data []byte, lengthSize int) (area, rest []byte, err error) {
	if len(data) < lengthSize {
		return nil, nil, pgp.ErrTruncated
	}
	var n uint64
	for _, b := range data[:lengthSize] {
		n = n<<8 | uint64(b)
	}
	return pgp.Cut(data[lengthSize:], n)
}

func (s *sigPacket) setAlgorithms(algo, hashID byte) {
	s.algo, s.hashID = packet.PublicKeyAlgorithm(algo), hashID
	s.hash, _ = hashByID(hashID)
}

// parseNumbers reads the numbers of the signature itself. Octets after them are ignored.
func (s *sigPacket) parseNumbers(data, body []byte) error {
	var err error
	switch s.algo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		s.mpis, err = readMPIs(data, 1)
	case packet.PubKeyAlgoDSA, packet.PubKeyAlgoECDSA, packet.PubKeyAlgoEdDSA:
		s.mpis, err = readMPIs(data, 2)
	case packet.PubKeyAlgoEd25519:
		s.fixed, _, err = pgp.Cut(data, 64)
	case packet.PubKeyAlgoEd448:
		s.fixed, _, err = pgp.Cut(data, 114)
	case packet.PubKeyAlgoMldsa65Ed25519, packet.PubKeyAlgoMldsa87Ed448,
		packet.PubKeyAlgoSlhdsaShake128s, packet.PubKeyAlgoSlhdsaShake128f, packet.PubKeyAlgoSlhdsaShake256s:
		s.pq, err = readLibrarySignature(body)
	default:
		return unsupported("signatures with %s are not supported", signatureAlgorithmName(s.algo))
	}
	switch {
	case err != nil:
		return malformed("the signature packet is cut off")
	case !judgedHash(s.hash):
		return unsupported("the hash function %s is not supported", hashName(s.hashID))
	case s.algo >= packet.PubKeyAlgoMldsa65Ed25519 && s.version != 6:
		return unsupported("%s signatures are defined for version 6 only", signatureAlgorithmName(s.algo))
	}
	return nil
}

// readLibrarySignature lets go-crypto take a packet of a post-quantum algorithm apart.
func readLibrarySignature(body []byte) (*packet.Signature, error) {
	p, err := packet.Read(bytes.NewReader(pgp.Append(nil, pgp.TagSignature, body)))
	if err != nil {
		return nil, err
	}
	sig, ok := p.(*packet.Signature)
	if !ok {
		return nil, pgp.ErrNotPacket
	}
	return sig, nil
}

// readMPIs reads count multiprecision integers (RFC 9580, section 3.2). A bit count that
// claims leading zero bits is accepted, as GnuPG does.
func readMPIs(data []byte, count int) ([][]byte, error) {
	out := make([][]byte, 0, count)
	for range count {
		if len(data) < 2 {
			return nil, pgp.ErrTruncated
		}
		n := (uint64(binary.BigEndian.Uint16(data)) + 7) / 8
		m, rest, err := pgp.Cut(data[2:], n)
		if err != nil {
			return nil, err
		}
		out, data = append(out, bytes.TrimLeft(m, "\x00")), rest
	}
	return out, nil
}

// readArea reads the subpackets of one area. Of the unhashed area only hints count: the issuer
// and embedded signatures, which prove themselves.
func (s *sigPacket) readArea(area []byte, hashed bool) {
	for len(area) > 0 {
		n, rest, err := pgp.Length(area)
		var sub []byte
		if err == nil {
			sub, area, err = pgp.Cut(rest, n)
		}
		if err != nil || len(sub) == 0 {
			s.objection = "its subpackets cannot be read"
			return
		}
		typ, critical, body := sub[0]&0x7f, sub[0]&0x80 != 0, sub[1:]
		if critical && !knownSubpacket(typ, body) {
			s.objection = fmt.Sprintf("it carries something critical that is not understood (subpacket type %d)", typ)
		}
		if err := s.readSubpacket(typ, body, hashed); err != nil && hashed {
			s.objection = fmt.Sprintf("its subpacket of type %d makes no sense", typ)
		}
	}
}

var errSubpacket = errors.New("bad length")

func (s *sigPacket) readSubpacket(typ byte, body []byte, hashed bool) error {
	switch typ {
	case pgp.SubIssuer:
		if len(body) != 8 {
			return errSubpacket
		}
		s.issuerID = string(FingerprintOf(body))
		if hashed && !s.issuerHashed {
			s.issuer = "" // a hashed id is worth more than a fingerprint that is not
		}
		return nil
	case pgp.SubIssuerFPR:
		if len(body) != 21 && len(body) != 33 {
			return errSubpacket
		}
		s.issuer, s.issuerHashed = FingerprintOf(body[1:]), hashed
		return nil
	case pgp.SubEmbedded:
		s.embedded = append(s.embedded, body)
		return nil
	}
	if !hashed {
		return nil
	}
	return s.readHashed(typ, body)
}

// readHashed reads the subpackets that count only when they are hashed.
func (s *sigPacket) readHashed(typ byte, body []byte) error {
	word := func() (uint32, error) {
		if len(body) != 4 {
			return 0, errSubpacket
		}
		return binary.BigEndian.Uint32(body), nil
	}
	var err error
	switch typ {
	case pgp.SubCreated:
		var t uint32
		t, err = word()
		s.created = time.Unix(int64(t), 0).UTC()
	case pgp.SubSigExpires:
		var t uint32
		t, err = word()
		if t != 0 && (s.sigLifetime == 0 || t < s.sigLifetime) { // of several the shortest counts
			s.sigLifetime = t
		}
	case pgp.SubExportable:
		s.local = len(body) == 1 && body[0] == 0
	case pgp.SubKeyExpires:
		s.keyLifetime, err = word()
	case pgp.SubKeyFlags:
		s.hasKeyFlags = true
		if len(body) > 0 {
			s.keyFlags = body[0]
		}
	case pgp.SubPrimaryUserID:
		s.primaryUID = len(body) == 1 && body[0] != 0
	case pgp.SubRevokeReason:
		if len(body) > 0 { // else the revocation counts all the same, for no reason that would soften it
			s.revokeReason = int(body[0])
		}
	case pgp.SubRevoker:
		if len(body) != 22 && len(body) != 34 || body[0]&0x80 == 0 {
			return errSubpacket
		}
		s.revokers = append(s.revokers, FingerprintOf(body[2:]))
	}
	return err
}

// knownSubpacket reports whether a critical subpacket is understood: the types of RFC 9580 and
// of RFC 4880 without those that are only reserved, and of notations none but the one that GnuPG knows.
func knownSubpacket(typ byte, body []byte) bool {
	switch typ {
	case pgp.SubCreated, pgp.SubSigExpires, pgp.SubExportable, 5, 6, pgp.SubRevocable, pgp.SubKeyExpires, 11, pgp.SubRevoker,
		pgp.SubIssuer, 21, 22, 23, 24, pgp.SubPrimaryUserID, 26, pgp.SubKeyFlags, 28, pgp.SubRevokeReason, 30,
		pgp.SubEmbedded, pgp.SubIssuerFPR, 35, 39:
		return true
	case pgp.SubNotation:
		const known = "preferred-email-encoding@pgp.com"
		return len(body) >= 8+len(known) && int(binary.BigEndian.Uint16(body[4:])) == len(known) &&
			string(body[8:8+len(known)]) == known
	}
	return false
}

// signatureType is the type in the body of a signature packet (RFC 9580, section 5.2.3; RFC 4880,
// section 5.2.2); 0xff, which is none, for what is no signature.
func signatureType(body []byte) byte {
	switch {
	case len(body) > 2 && body[0] < 4:
		return body[2]
	case len(body) > 1 && body[0] >= 4:
		return body[1]
	}
	return 0xff
}

// olderThan reports whether a signature is dated before the key that is to have made it, which cannot
// be. A revocation counts all the same: to leave one out would be worse.
func (s *sigPacket) olderThan(k *packet.PublicKey) bool {
	revokes := s.typ == pgp.SigKeyRevoke || s.typ == pgp.SigSubkeyRevoke || s.typ == pgp.SigCertRevoke
	return s.created.Unix() < k.CreationTime.Unix() && !revokes
}

// expires is when the signature itself expires; zero for never.
func (s *sigPacket) expires() time.Time {
	if s.sigLifetime == 0 {
		return time.Time{}
	}
	return s.created.Add(time.Duration(s.sigLifetime) * time.Second)
}

// claim is what the packet says of itself.
func (s *sigPacket) claim() Claim {
	c := Claim{Fingerprint: s.issuer, KeyID: s.issuerID, SignedAt: s.created, Version: s.version}
	if s.issuer != "" {
		c.KeyID = s.issuer.KeyID()
	}
	if s.algo != 0 {
		c.Algorithm, c.Hash = signatureAlgorithmName(s.algo), hashName(s.hashID)
	}
	return c
}

// mpi lends a number to go-crypto's packet type, whose own number type is internal.
type mpi []byte

func (m mpi) Bytes() []byte { return m }
func (m mpi) BitLength() uint16 {
	if len(m) == 0 {
		return 0
	}
	return uint16(8*(len(m)-1) + bits.Len8(m[0]))
}
func (m mpi) EncodedBytes() []byte {
	return append(binary.BigEndian.AppendUint16(nil, m.BitLength()), m...)
}
func (m mpi) EncodedLength() uint16 { return uint16(2 + len(m)) }

// ReadFrom completes the interface; the judge never reads through it.
func (mpi) ReadFrom(io.Reader) (int64, error) { return 0, errors.ErrUnsupported }
