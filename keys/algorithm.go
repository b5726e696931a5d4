package keys

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 old signatures are judged, never made
	"crypto/rsa"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/elgamal"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	// The hash functions that signatures of the last thirty years use.
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"

	_ "golang.org/x/crypto/ripemd160" //lint:ignore SA1019 old signatures are judged, never made
)

// minRSABits is the smallest RSA modulus that is not reported as weak.
const minRSABits = 2048

// AlgorithmName is a short lower-case name of a key's algorithm and size, in the words that
// people know from GnuPG: ed25519, rsa4096, nistp256, brainpoolP256r1, dsa1024, cv25519.
func AlgorithmName(p *packet.PublicKey) string {
	switch k := p.PublicKey.(type) {
	case *rsa.PublicKey:
		return rsaName(k)
	case *dsa.PublicKey:
		return fmt.Sprintf("dsa%d", k.P.BitLen())
	case *elgamal.PublicKey:
		return fmt.Sprintf("elg%d", k.P.BitLen())
	}
	curve, err := p.Curve()
	if err != nil {
		return signatureAlgorithmName(p.PubKeyAlgo)
	}
	switch {
	case p.PubKeyAlgo == packet.PubKeyAlgoX25519:
		return "x25519"
	case p.PubKeyAlgo == packet.PubKeyAlgoX448:
		return "x448"
	case p.PubKeyAlgo == packet.PubKeyAlgoECDH && curve == packet.Curve25519:
		return "cv25519"
	case p.PubKeyAlgo == packet.PubKeyAlgoECDH && curve == packet.Curve448:
		return "cv448"
	}
	return curveName(curve)
}

func rsaName(k *rsa.PublicKey) string { return fmt.Sprintf("rsa%d", k.N.BitLen()) }

func curveName(c packet.Curve) string {
	switch c {
	case packet.Curve25519:
		return "ed25519"
	case packet.Curve448:
		return "ed448"
	case packet.CurveNistP256:
		return "nistp256"
	case packet.CurveNistP384:
		return "nistp384"
	case packet.CurveNistP521:
		return "nistp521"
	case packet.CurveSecP256k1:
		return "secp256k1"
	case packet.CurveBrainpoolP256:
		return "brainpoolP256r1"
	case packet.CurveBrainpoolP384:
		return "brainpoolP384r1"
	case packet.CurveBrainpoolP512:
		return "brainpoolP512r1"
	}
	return "unknown curve"
}

// PreferredHash is the digest bulla signs with: SHA-256, which is more than twice as fast as
// SHA-512 on processors with SHA extensions, but a longer one where the curve demands it
// (FIPS 186-5, section 6.1.1: the digest should be as strong as the curve; gpg-agent refuses
// a shorter one).
func PreferredHash(p *packet.PublicKey) crypto.Hash {
	curve, err := p.Curve()
	if err != nil {
		return crypto.SHA256
	}
	switch curve {
	case packet.CurveNistP384, packet.CurveBrainpoolP384:
		return crypto.SHA384
	case packet.CurveNistP521, packet.CurveBrainpoolP512, packet.Curve448:
		return crypto.SHA512
	}
	return crypto.SHA256
}

// signatureAlgorithmName names the algorithm octet of a signature or key packet (RFC 9580,
// section 9.1).
func signatureAlgorithmName(a packet.PublicKeyAlgorithm) string {
	switch a {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
		return "rsa"
	case packet.PubKeyAlgoElGamal, 20:
		return "elgamal"
	case packet.PubKeyAlgoDSA:
		return "dsa"
	case packet.PubKeyAlgoECDH:
		return "ecdh"
	case packet.PubKeyAlgoECDSA:
		return "ecdsa"
	case packet.PubKeyAlgoEdDSA:
		return "eddsa"
	case packet.PubKeyAlgoX25519:
		return "x25519"
	case packet.PubKeyAlgoX448:
		return "x448"
	case packet.PubKeyAlgoEd25519:
		return "ed25519"
	case packet.PubKeyAlgoEd448:
		return "ed448"
	case packet.PubKeyAlgoMldsa65Ed25519:
		return "mldsa65+ed25519"
	case packet.PubKeyAlgoMldsa87Ed448:
		return "mldsa87+ed448"
	case packet.PubKeyAlgoSlhdsaShake128s:
		return "slhdsa-shake128s"
	case packet.PubKeyAlgoSlhdsaShake128f:
		return "slhdsa-shake128f"
	case packet.PubKeyAlgoSlhdsaShake256s:
		return "slhdsa-shake256s"
	}
	return fmt.Sprintf("algorithm %d", a)
}

// hashes are the hash functions by their octets in signatures (RFC 9580, section 9.5).
var hashes = []struct {
	id   byte
	hash crypto.Hash
	name string
}{
	{1, crypto.MD5, "md5"},
	{2, crypto.SHA1, "sha1"},
	{3, crypto.RIPEMD160, "ripemd160"},
	{8, crypto.SHA256, "sha256"},
	{9, crypto.SHA384, "sha384"},
	{10, crypto.SHA512, "sha512"},
	{11, crypto.SHA224, "sha224"},
	{12, crypto.SHA3_256, "sha3-256"},
	{14, crypto.SHA3_512, "sha3-512"},
}

func hashByID(id byte) (crypto.Hash, bool) {
	for _, h := range hashes {
		if h.id == id {
			return h.hash, true
		}
	}
	return 0, false
}

// hashName is the lower-case name of the hash octet of a signature.
func hashName(id byte) string {
	for _, h := range hashes {
		if h.id == id {
			return h.name
		}
	}
	return fmt.Sprintf("hash %d", id)
}

// HashName is what verdicts call a hash function: "sha256" for SHA-256.
func HashName(hash crypto.Hash) string {
	for _, h := range hashes {
		if h.hash == hash {
			return h.name
		}
	}
	return hash.String()
}

// judgedHash reports whether signatures with this hash function are judged at all. MD5 is not,
// although some package always links it: it is broken beyond a warning, and GnuPG refuses it,
// too.
func judgedHash(h crypto.Hash) bool { return h != 0 && h != crypto.MD5 && h.Available() }

// brokenHash reports whether collisions of the hash were shown, or it is too short to resist
// them.
func brokenHash(h crypto.Hash) bool {
	return h == crypto.MD5 || h == crypto.SHA1 || h == crypto.RIPEMD160
}

// weakKey names what is weak about a key's algorithm or size, or "".
func weakKey(p *packet.PublicKey) string {
	switch k := p.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return AlgorithmName(p) + " key"
		}
	case *dsa.PublicKey:
		return AlgorithmName(p) + " key"
	}
	return ""
}
