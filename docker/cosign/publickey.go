package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // for what cosign makes on P-384, P-521 and with Ed25519
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"bulla/keys"
)

// maxKeyFile bounds what is read as a key, in bytes. A cosign key file is under 1 KiB.
const maxKeyFile = 64 << 10

// The sizes of RSA keys that are looked at: below, no signature means anything and Go's
// crypto/rsa refuses; above, checking one takes too long.
const (
	minRSABits = 1024
	maxRSABits = 16384
)

// PublicKey is a key that image signatures are checked with. The zero PublicKey checks nothing.
type PublicKey struct {
	key  crypto.PublicKey
	spki []byte // DER SubjectPublicKeyInfo
}

// ErrNotPublicKey says that a text holds no public key that image signatures can be made with.
var ErrNotPublicKey = errors.New("not a public key for image signatures")

// ParsePublicKey reads the first PEM block of type PUBLIC KEY, as in cosign.pub: ECDSA on
// P-256, P-384 or P-521, Ed25519, or RSA. Errors match ErrNotPublicKey.
func ParsePublicKey(data []byte) (PublicKey, error) {
	if len(data) > maxKeyFile {
		return PublicKey{}, fmt.Errorf("%w: longer than %d bytes", ErrNotPublicKey, maxKeyFile)
	}
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return PublicKey{}, fmt.Errorf("%w: there is no PEM block PUBLIC KEY", ErrNotPublicKey)
		}
		if block.Type == "PUBLIC KEY" {
			return parseSPKI(block.Bytes)
		}
		data = rest
	}
}

func parseSPKI(der []byte) (PublicKey, error) {
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrNotPublicKey, err)
	}
	return publicKeyOf(k)
}

// publicKeyOf checks the kind of k and encodes it anew, so that the fingerprint does not depend
// on how a file was written.
func publicKeyOf(k crypto.PublicKey) (PublicKey, error) {
	if algorithmName(k) == "" {
		return PublicKey{}, fmt.Errorf("%w: an algorithm or a size that cosign does not use", ErrNotPublicKey)
	}
	spki, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrNotPublicKey, err)
	}
	return PublicKey{key: k, spki: spki}, nil
}

// Fingerprint is the SHA-256 of the public key info (SPKI), upper-case hexadecimal. The hint in
// a bundle is the same hash.
func (p PublicKey) Fingerprint() keys.Fingerprint {
	if p.IsZero() {
		return ""
	}
	h := sha256.Sum256(p.spki)
	return keys.FingerprintOf(h[:])
}

// PEM is the key as cosign.pub holds it.
func (p PublicKey) PEM() []byte {
	if p.IsZero() {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.spki})
}

// IsZero reports whether there is no key.
func (p PublicKey) IsZero() bool { return p.key == nil }

// Algorithm is a short lower-case name: ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, rsa3072.
func (p PublicKey) Algorithm() string { return algorithmName(p.key) }

func algorithmName(k crypto.PublicKey) string {
	switch k := k.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return "ecdsa-p256"
		case elliptic.P384():
			return "ecdsa-p384"
		case elliptic.P521():
			return "ecdsa-p521"
		}
	case ed25519.PublicKey:
		return "ed25519"
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n >= minRSABits && n <= maxRSABits {
			return fmt.Sprintf("rsa%d", n)
		}
	}
	return ""
}

// weakness names what is wrong with the key itself: RSA under 2048 bits.
func (p PublicKey) weakness() string {
	if k, ok := p.key.(*rsa.PublicKey); ok && k.N.BitLen() < 2048 {
		return p.Algorithm() + " key"
	}
	return ""
}

// hashes are the digests under which cosign makes signatures with the key. SHA-256 is first: it
// is what cosign verify --key expects of every ECDSA and RSA key. cosign sign (3.1.3) takes
// SHA-384 for P-384 and SHA-512 for P-521, after sigstore's algorithm registry, which cosign
// verify then accepts only with --signature-digest-algorithm.
func (p PublicKey) hashes() []crypto.Hash {
	if k, ok := p.key.(*ecdsa.PublicKey); ok {
		switch k.Curve {
		case elliptic.P384():
			return []crypto.Hash{crypto.SHA256, crypto.SHA384}
		case elliptic.P521():
			return []crypto.Hash{crypto.SHA256, crypto.SHA512}
		}
	}
	return []crypto.Hash{crypto.SHA256}
}

// family is the public-key algorithm without its size.
func (p PublicKey) family() string {
	switch p.key.(type) {
	case *ecdsa.PublicKey:
		return "ecdsa"
	case ed25519.PublicKey:
		return "ed25519"
	case *rsa.PublicKey:
		return "rsa"
	}
	return ""
}

// made reports whether sig is a signature of this key over message, and by which hash.
func (p PublicKey) made(message, sig []byte) (hash string, ok bool) {
	switch k := p.key.(type) {
	case *ecdsa.PublicKey:
		for _, h := range p.hashes() {
			if ecdsa.VerifyASN1(k, sum(h, message), sig) {
				return hashName(h), true
			}
		}
	case *rsa.PublicKey:
		return "sha256", rsa.VerifyPKCS1v15(k, crypto.SHA256, sum(crypto.SHA256, message), sig) == nil
	case ed25519.PublicKey:
		// cosign verify wants the pure form; cosign sign (3.1.3) writes the pre-hashed one.
		return "sha512", ed25519.Verify(k, message, sig) ||
			ed25519.VerifyWithOptions(k, sum(crypto.SHA512, message), sig, &ed25519.Options{Hash: crypto.SHA512}) == nil
	}
	return "", false
}

// signMessage signs message with k, whose public half is p, in the form that cosign verify --key
// accepts without further flags, and checks what it made.
func signMessage(k crypto.Signer, p PublicKey, message []byte) ([]byte, error) {
	digest, opts := sum(crypto.SHA256, message), crypto.SHA256
	if p.family() == "ed25519" {
		digest, opts = message, crypto.Hash(0) // pure
	}
	sig, err := k.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("sign with the image key: %w", err)
	}
	if _, ok := p.made(message, sig); !ok {
		return nil, errors.New("the signature that the image key made does not fit its public key")
	}
	return sig, nil
}

// hashName is the hash as verdicts name it.
func hashName(h crypto.Hash) string {
	switch h {
	case crypto.SHA384:
		return "sha384"
	case crypto.SHA512:
		return "sha512"
	}
	return "sha256"
}

func sum(h crypto.Hash, message []byte) []byte {
	w := h.New()
	w.Write(message) // a hash never fails
	return w.Sum(nil)
}
