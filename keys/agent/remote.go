package agent

import (
	"crypto"
	"crypto/rsa"
	"encoding/asn1"
	"io"
	"math/big"

	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// hashIDs are the numbers of the hash functions (RFC 9580, section 9.5), which gpg-agent
// shares.
var hashIDs = map[crypto.Hash]byte{crypto.SHA256: 8, crypto.SHA384: 9, crypto.SHA512: 10}

// ed25519Size is the length of an Ed25519 public key and of either half of a signature.
const ed25519Size = 32

// supported reports whether a key of this algorithm can sign through the agent. go-crypto
// offers no way in for DSA and for the curves with algorithm numbers of their own, which GnuPG
// does not have.
func supported(pub *packet.PublicKey) bool {
	switch k := pub.PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
		return true
	case *eddsa.PublicKey:
		return len(k.X) == ed25519Size
	}
	return false
}

// remoteKey is a secret key behind the agent for the time of one signature. It stands in for
// the secret key in go-crypto's calls, which know no contexts and lose some errors: hence the
// func, which has a context in it, and err.
type remoteKey struct {
	pub  *packet.PublicKey
	sign func(digest []byte) (signatureExpr, error)
	err  error
}

// packet is the secret key packet to sign with.
func (r *remoteKey) packet() *packet.PrivateKey {
	k := &packet.PrivateKey{PublicKey: *r.pub, PrivateKey: r}
	if pub, ok := r.pub.PublicKey.(*eddsa.PublicKey); ok {
		own := eddsa.NewPublicKey(remoteCurve{edwardsCurve: pub.GetCurve(), key: r})
		own.X = pub.X
		k.PrivateKey = eddsa.NewPrivateKey(*own)
	}
	return k
}

// Public returns the public key, to satisfy crypto.Signer.
func (r *remoteKey) Public() crypto.PublicKey { return r.pub.PublicKey }

// Sign has the agent sign a digest for RSA or ECDSA.
func (r *remoteKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) (out []byte, err error) {
	defer func() { r.err = err }()
	sig, err := r.sign(digest)
	if err != nil {
		return nil, err
	}
	return r.encode(sig)
}

// encode writes the agent's numbers the way crypto.Signer promises.
func (r *remoteKey) encode(sig signatureExpr) ([]byte, error) {
	if pub, ok := r.pub.PublicKey.(*rsa.PublicKey); ok {
		return sig.number("s", pub.Size())
	}
	const largest = 66 // bytes of a P-521 number
	rb, err := sig.number("r", largest)
	if err != nil {
		return nil, err
	}
	sb, err := sig.number("s", largest)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(rb), new(big.Int).SetBytes(sb)})
}

// edwardsCurve has the methods of go-crypto's internal interface for EdDSA curves, all of them
// over types that anyone may name.
type edwardsCurve interface {
	GetCurveName() string
	MarshalBytePoint(x []byte) []byte
	UnmarshalBytePoint([]byte) (x []byte)
	MarshalByteSecret(d []byte) []byte
	UnmarshalByteSecret(d []byte) []byte
	MarshalSignature(sig []byte) (r, s []byte)
	UnmarshalSignature(r, s []byte) (sig []byte)
	GenerateEdDSA(rand io.Reader) (pub, priv []byte, err error)
	Sign(publicKey, privateKey, message []byte) (sig []byte, err error)
	Verify(publicKey, message, sig []byte) bool
	ValidateEdDSA(publicKey, privateKey []byte) (err error)
}

// remoteCurve is a curve on which only the agent can sign.
type remoteCurve struct {
	edwardsCurve
	key *remoteKey
}

// Sign has the agent sign a digest for Ed25519. Its halves are strings rather than numbers, but
// a card may have dropped the zeros in front.
func (c remoteCurve) Sign(_, _, digest []byte) (out []byte, err error) {
	defer func() { c.key.err = err }()
	sig, err := c.key.sign(digest)
	if err != nil {
		return nil, err
	}
	r, err := sig.number("r", ed25519Size)
	if err != nil {
		return nil, err
	}
	s, err := sig.number("s", ed25519Size)
	if err != nil {
		return nil, err
	}
	return append(r, s...), nil
}
