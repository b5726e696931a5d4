package keys

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 old signatures are judged, never made
	"crypto/rsa"
	"errors"
	"hash"
	"math/big"
	"reflect"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

// The largest keys whose signatures are computed: an MPI may have 65,535 bits, and a thousand
// signatures by such a key would keep a processor busy for hours.
const (
	maxRSABits = 16384
	maxDSABits = 8192
	maxDSAExp  = 512
)

// proves reports whether s is a signature by pub over what was written to h. It consumes h and
// says nothing about whether pub may make such signatures.
func proves(pub *packet.PublicKey, h hash.Hash, s *sigPacket) bool {
	if !sameAlgorithm(pub.PubKeyAlgo, s.algo) || (s.version == 6) != (pub.Version == 6) {
		return false
	}
	if k, ok := pub.PublicKey.(*rsa.PublicKey); ok && digestInfo[s.hash] != "" {
		h.Write(s.trailer)
		return verifyRSA(k, s.hash, h.Sum(nil), s.mpis[0])
	}
	return pub.VerifySignature(h, s.library(pub.PubKeyAlgo)) == nil
}

// sameAlgorithm treats the deprecated "RSA sign-only" as RSA: keys of one kind made signatures
// of the other.
func sameAlgorithm(key, sig packet.PublicKeyAlgorithm) bool {
	rsa := func(a packet.PublicKeyAlgorithm) bool {
		return a == packet.PubKeyAlgoRSA || a == packet.PubKeyAlgoRSASignOnly
	}
	return key == sig || rsa(key) && rsa(sig)
}

// library dresses s as go-crypto's packet for its mathematics.
func (s *sigPacket) library(algo packet.PublicKeyAlgorithm) *packet.Signature {
	p := &packet.Signature{
		Version:    s.version,
		SigType:    packet.SignatureType(s.typ),
		PubKeyAlgo: algo,
		Hash:       s.hash,
		HashSuffix: s.trailer,
		HashTag:    s.left16,
	}
	switch algo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		p.RSASignature = mpi(s.mpis[0])
	case packet.PubKeyAlgoDSA:
		p.DSASigR, p.DSASigS = mpi(s.mpis[0]), mpi(s.mpis[1])
	case packet.PubKeyAlgoECDSA:
		p.ECDSASigR, p.ECDSASigS = mpi(s.mpis[0]), mpi(s.mpis[1])
	case packet.PubKeyAlgoEdDSA:
		p.EdDSASigR, p.EdDSASigS = mpi(s.mpis[0]), mpi(s.mpis[1])
	case packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		p.EdSig = s.fixed
	default:
		p.EdSig, p.MldsaSig, p.SlhdsaSig = s.pq.EdSig, s.pq.MldsaSig, s.pq.SlhdsaSig
	}
	return p
}

// digestInfo are the prefixes of PKCS #1 v1.5 (RFC 9580, section 5.2.3.1, and RFC 8017,
// section 9.2).
var digestInfo = map[crypto.Hash]string{
	crypto.SHA1:      "\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
	crypto.RIPEMD160: "\x30\x21\x30\x09\x06\x05\x2b\x24\x03\x02\x01\x05\x00\x04\x14",
	crypto.SHA224:    "\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c",
	crypto.SHA256:    "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
	crypto.SHA384:    "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
	crypto.SHA512:    "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
}

// verifyRSA checks PKCS #1 v1.5 by making the whole block that the signature must hold, and
// comparing (RFC 8017, section 8.2.2). crypto/rsa refuses moduli under 1024 bits and OpenPGP's
// prefix for RIPEMD-160, which are weak, and weak is not the same as forged. It also computes as
// if the numbers were secret, at more than twice the cost; in a history of a thousand tags nearly
// all the time went there. BenchmarkVerifyRSA compares the two.
func verifyRSA(k *rsa.PublicKey, h crypto.Hash, digest, sig []byte) bool {
	size := k.Size()
	s := new(big.Int).SetBytes(sig)
	prefix, ok := digestInfo[h]
	if !ok || k.N.Sign() <= 0 || k.N.Bit(0) == 0 || k.E < 3 || k.E&1 == 0 ||
		s.Cmp(k.N) >= 0 || size < len(prefix)+len(digest)+11 {
		return false
	}
	want := make([]byte, 0, size)
	want = append(want, 0, 1)
	want = append(want, bytes.Repeat([]byte{0xff}, size-3-len(prefix)-len(digest))...)
	want = append(want, 0)
	want = append(want, prefix...)
	want = append(want, digest...)
	got := new(big.Int).Exp(s, big.NewInt(int64(k.E)), k.N)
	return bytes.Equal(want, got.FillBytes(make([]byte, size)))
}

// readKey reads a key packet. A secret key packet begins like a public one and is read like
// it, so that stubs and unknown protections do not matter and no secret is touched.
func readKey(p pgp.Packet) (*packet.PublicKey, error) {
	tag := pgp.TagPublicKey
	if p.Tag == pgp.TagPublicSubkey || p.Tag == pgp.TagSecretSubkey {
		tag = pgp.TagPublicSubkey
	}
	if len(p.Body) > 0 && (p.Body[0] == 2 || p.Body[0] == 3) {
		return nil, errOldKey
	}
	read, err := packet.Read(bytes.NewReader(pgp.Append(nil, tag, p.Body)))
	if err != nil {
		return nil, err
	}
	pub, ok := read.(*packet.PublicKey)
	if !ok {
		return nil, pgp.ErrNotPacket
	}
	switch k := pub.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() > maxRSABits || k.N.BitLen() < 256 {
			return nil, errKeySize
		}
	case *dsa.PublicKey:
		if k.P.BitLen() > maxDSABits || k.Q.BitLen() > maxDSAExp {
			return nil, errKeySize
		}
	}
	return pub, nil
}

var (
	errOldKey  = errors.New("version 3 keys are not supported")
	errKeySize = errors.New("a key of this size is not supported")
)

// cloneHash copies a hash state. crypto's own states can be cloned; RIPEMD-160's is a plain
// struct of arrays and integers, so that copying it is cloning it.
func cloneHash(h hash.Hash) (hash.Hash, error) {
	if c, ok := h.(hash.Cloner); ok {
		return c.Clone()
	}
	if v := reflect.ValueOf(h); v.Kind() == reflect.Pointer && v.Type() == ripemd160State {
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		return c.Interface().(hash.Hash), nil
	}
	return nil, errors.New("this hash state cannot be cloned")
}

var ripemd160State = reflect.TypeOf(crypto.RIPEMD160.New())
