package store

import (
	"bytes"
	"crypto"

	"bulla/keys/pgp"

	//lint:ignore SA1019 old keys are kept going until they are replaced
	"crypto/dsa"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/ed448"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// signature is a v4 signature packet in its parts. A self-signature is made anew by copying its
// subpackets, all of them and in their order: go-crypto's model would drop those it has no field
// for.
type signature struct {
	kind             byte
	hashed, unhashed []subpacket
}

// subpacket is one subpacket; kind is without the bit that marks it as critical.
type subpacket struct {
	kind     byte
	critical bool
	body     []byte
}

var errNoV4 = errors.New("a signature that is not of version 4")

// readSignature takes the body of a v4 signature packet apart.
func readSignature(body []byte) (signature, error) {
	if len(body) < 6 || body[0] != 4 {
		return signature{}, errNoV4
	}
	s := signature{kind: body[1]}
	var err error
	rest := body[4:]
	for _, area := range []*[]subpacket{&s.hashed, &s.unhashed} {
		if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
			return s, errTruncated
		}
		n := 2 + int(binary.BigEndian.Uint16(rest))
		if *area, err = readSubpackets(rest[2:n]); err != nil {
			return s, err
		}
		rest = rest[n:]
	}
	return s, nil
}

func readSubpackets(b []byte) (out []subpacket, err error) {
	for len(b) > 0 {
		n, rest, err := pgp.Length(b)
		var sub []byte
		if err == nil {
			sub, b, err = pgp.Cut(rest, n)
		}
		if err != nil || len(sub) == 0 {
			return nil, errTruncated
		}
		out = append(out, subpacket{kind: sub[0] & 0x7f, critical: sub[0]&0x80 != 0, body: sub[1:]})
	}
	return out, nil
}

func appendSubpackets(dst []byte, list []subpacket) []byte {
	for _, s := range list {
		dst = pgp.AppendLength(dst, len(s.body)+1)
		kind := s.kind
		if s.critical {
			kind |= 0x80
		}
		dst = append(append(dst, kind), s.body...)
	}
	return dst
}

// get is the last hashed subpacket of a kind, or nil.
func (s *signature) get(kind byte) []byte {
	for _, p := range slices.Backward(s.hashed) {
		if p.kind == kind {
			return p.body
		}
	}
	return nil
}

// set replaces the hashed subpackets of a kind by one, where the first of them stood.
func (s *signature) set(kind byte, body []byte) {
	at := slices.IndexFunc(s.hashed, func(p subpacket) bool { return p.kind == kind })
	critical := at >= 0 && s.hashed[at].critical
	s.drop(kind)
	if at < 0 || at > len(s.hashed) {
		at = len(s.hashed)
	}
	s.hashed = slices.Insert(s.hashed, at, subpacket{kind, critical, body})
}

// drop removes the subpackets of a kind, hashed or not.
func (s *signature) drop(kind byte) {
	is := func(p subpacket) bool { return p.kind == kind }
	s.hashed = slices.DeleteFunc(slices.Clone(s.hashed), is)
	s.unhashed = slices.DeleteFunc(slices.Clone(s.unhashed), is)
}

// setKeyLifetime says how many seconds after its creation the key expires; 0 for never.
func (s *signature) setKeyLifetime(seconds uint32) {
	if seconds == 0 {
		s.drop(pgp.SubKeyExpires)
		return
	}
	s.set(pgp.SubKeyExpires, binary.BigEndian.AppendUint32(nil, seconds))
}

// embed puts a back-signature into the hashed area, in place of what was there.
func (s *signature) embed(body []byte) {
	s.drop(pgp.SubEmbedded)
	s.hashed = append(s.hashed, subpacket{kind: pgp.SubEmbedded, body: body})
}

// hashFor is the hash function of the signatures that hold a key together: SHA-512, since they
// are few and long-lived, or for DSA the one that its short subgroup asks for anyway.
func hashFor(k *packet.PrivateKey) crypto.Hash {
	if k.PubKeyAlgo == packet.PubKeyAlgoDSA {
		return crypto.SHA256
	}
	return crypto.SHA512
}

var hashIDs = map[crypto.Hash]byte{crypto.SHA256: 8, crypto.SHA512: 10}

// sign makes the packet: by key, dated at, over what over writes (RFC 9580, section 5.2.4).
// Creation time and issuer are set here; a signature that had an expiry of its own loses it,
// since what is made anew is meant to last.
func (s signature) sign(rand io.Reader, key *packet.PrivateKey, at time.Time, over func(io.Writer)) (pgp.Packet, error) {
	if key.Version != 4 {
		return pgp.Packet{}, fmt.Errorf("version %d keys are not supported for signing", key.Version)
	}
	s.set(pgp.SubCreated, binary.BigEndian.AppendUint32(nil, uint32(at.Unix())))
	s.drop(pgp.SubSigExpires)
	s.drop(pgp.SubIssuer)
	s.set(pgp.SubIssuerFPR, append([]byte{4}, key.Fingerprint...))
	s.unhashed = append(s.unhashed, subpacket{kind: pgp.SubIssuer, body: binary.BigEndian.AppendUint64(nil, key.KeyId)})

	hash := hashFor(key)
	hashed, unhashed := appendSubpackets(nil, s.hashed), appendSubpackets(nil, s.unhashed)
	if len(hashed) > 0xffff || len(unhashed) > 0xffff {
		return pgp.Packet{}, errors.New("a signature with too much in it")
	}
	body := []byte{4, s.kind, byte(key.PubKeyAlgo), hashIDs[hash]}
	body = binary.BigEndian.AppendUint16(body, uint16(len(hashed)))
	body = append(body, hashed...)

	h := hash.New()
	over(h)
	h.Write(body)
	h.Write(binary.BigEndian.AppendUint32([]byte{4, 0xff}, uint32(len(body))))
	digest := h.Sum(nil)

	body = binary.BigEndian.AppendUint16(body, uint16(len(unhashed)))
	body = append(body, unhashed...)
	body = append(body, digest[:2]...)
	numbers, err := signDigest(rand, key, hash, digest)
	if err != nil {
		return pgp.Packet{}, fmt.Errorf("the key made no signature: %w", err)
	}
	p := pgp.New(pgp.TagSignature, append(body, numbers...))
	return p, verify(&key.PublicKey, hash, p, over)
}

// verify checks a signature just made: a fault while signing would give away the key, or leave
// one that nobody accepts.
func verify(pub *packet.PublicKey, hash crypto.Hash, p pgp.Packet, over func(io.Writer)) error {
	parsed, err := packet.Read(bytes.NewReader(p.Raw))
	sig, ok := parsed.(*packet.Signature)
	if err == nil && ok {
		h := hash.New()
		over(h)
		err = pub.VerifySignature(h, sig)
	}
	if err != nil || !ok {
		return fmt.Errorf("the signature just made does not verify: %w", err)
	}
	return nil
}

// signDigest signs a digest and returns the algorithm-specific end of the packet (RFC 9580,
// section 5.2.3).
func signDigest(rand io.Reader, key *packet.PrivateKey, hash crypto.Hash, digest []byte) ([]byte, error) {
	switch k := key.PrivateKey.(type) {
	case *eddsa.PrivateKey:
		r, s, err := eddsa.Sign(k, digest)
		return appendMPI(appendMPI(nil, r), s), err
	case *ed25519.PrivateKey:
		return ed25519.Sign(k, digest)
	case *ed448.PrivateKey:
		return ed448.Sign(k, digest)
	case *ecdsa.PrivateKey:
		return pair(ecdsa.Sign(rand, k, digest))
	case *dsa.PrivateKey:
		return pair(dsa.Sign(rand, k, digest[:min(len(digest), (k.Q.BitLen()+7)/8)])) // FIPS 186-4, section 4.6
	case crypto.Signer: // RSA
		sig, err := k.Sign(rand, digest, hash)
		return appendMPI(nil, sig), err
	}
	return nil, errors.New("its algorithm cannot sign")
}

func pair(r, s *big.Int, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return appendMPI(appendMPI(nil, r.Bytes()), s.Bytes()), nil
}

// appendMPI writes a multiprecision integer (RFC 9580, section 3.2).
func appendMPI(dst, n []byte) []byte {
	x := new(big.Int).SetBytes(n)
	return append(binary.BigEndian.AppendUint16(dst, uint16(x.BitLen())), x.Bytes()...)
}

// overKey writes key packets as signatures cover them (RFC 9580, section 5.2.4).
func overKey(bodies ...[]byte) func(io.Writer) {
	return func(w io.Writer) {
		for _, b := range bodies {
			_, _ = w.Write(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(b))))
			_, _ = w.Write(b)
		}
	}
}

// overUser writes a primary key and a user id, or a user attribute.
func overUser(primary []byte, user pgp.Packet) func(io.Writer) {
	return func(w io.Writer) {
		overKey(primary)(w)
		mark := byte(0xb4)
		if user.Tag == pgp.TagUserAttribute {
			mark = 0xd1
		}
		_, _ = w.Write(binary.BigEndian.AppendUint32([]byte{mark}, uint32(len(user.Body))))
		_, _ = w.Write(user.Body)
	}
}
