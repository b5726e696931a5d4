package keys

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

const armorSignature = "PGP SIGNATURE"

// BuildSignature makes a detached signature of type 0x00 (binary document) as a v4 packet
// (RFC 9580, section 5.2.3) from h, a state of the hash function id. h is cloned, not
// consumed: one read of a file serves its checksum and every signature over it.
//
// The result is armored, with a checksum, because gpg 2.2 refuses some armor without, and
// ends in a newline. It carries the issuer's fingerprint and key id and no salt notation, so
// that deterministic algorithms give the same bytes for the same input. What was made is
// verified with the public key before it is returned.
//
// The secret key must be decrypted. A v6 key is refused: its signatures hash a salt before the
// document, which a ready state cannot take back.
func BuildSignature(h hash.Hash, id crypto.Hash, key *packet.PrivateKey, at time.Time) ([]byte, error) {
	return NewSecretKey(key).BuildSignature(h, id, at)
}

// SecretKey makes many signatures with one decrypted secret key that this process holds.
type SecretKey struct {
	key *packet.PrivateKey
	// proved says that a signature was verified with the public key.
	proved atomic.Bool
}

// NewSecretKey is for a key whose secret numbers are in memory. One whose signatures are made
// elsewhere, by an agent or a card, is not trusted with more than one: see BuildSignature.
func NewSecretKey(key *packet.PrivateKey) *SecretKey { return &SecretKey{key: key} }

// Packet is the key itself, to be wiped by who decrypted it.
func (k *SecretKey) Packet() *packet.PrivateKey { return k.key }

// BuildSignature is the function of this name, except that only the first signature is verified:
// it shows that the public key which others will verify with belongs to the secret one. Verifying
// an Ed25519 signature costs more than twice of making one, and gpg and sq do not do it either.
// RSA signatures, of which a faulty one would give the key away, are verified by crypto/rsa, each.
//
// It may be called from several goroutines.
func (k *SecretKey) BuildSignature(h hash.Hash, id crypto.Hash, at time.Time) ([]byte, error) {
	if err := signable(h, id, k.key, at); err != nil {
		return nil, err
	}
	body, err := signState(h, id, k.key, at)
	if err != nil {
		return nil, err
	}
	if !k.proved.Load() {
		if err := verifyState(h, &k.key.PublicKey, body); err != nil {
			return nil, fmt.Errorf("the signature just made does not verify: %w", err)
		}
		k.proved.Store(true)
	}
	return pgp.Encode(armorSignature, nil, body)
}

// signable finds what go-crypto would answer with a panic or a broken packet.
func signable(h hash.Hash, id crypto.Hash, key *packet.PrivateKey, at time.Time) error {
	fpr := FingerprintOf(key.Fingerprint)
	switch {
	case key.Version != 4:
		return &UnusableError{Key: fpr, Reason: fmt.Sprintf("version %d keys are not supported for signing", key.Version)}
	case key.Dummy():
		return &UnusableError{Key: fpr, Reason: "its secret part is not here"}
	case key.Encrypted || key.PrivateKey == nil:
		return &UnusableError{Key: fpr, Reason: "it is locked"}
	case !key.PubKeyAlgo.CanSign():
		return &UnusableError{Key: fpr, Reason: "its algorithm cannot sign"}
	case at.Unix() < key.CreationTime.Unix():
		return &UnusableError{Key: fpr, Reason: "it was made on " + day(key.CreationTime) + ", which is later than the clock says"}
	case !id.Available() || h.Size() != id.Size():
		return fmt.Errorf("a hash state of %d bytes does not fit %v", h.Size(), id)
	case brokenHash(id):
		return fmt.Errorf("refusing to sign with the broken hash function %v", id)
	}
	return nil
}

// signState makes the signature packet over a clone of h.
func signState(h hash.Hash, id crypto.Hash, key *packet.PrivateKey, at time.Time) ([]byte, error) {
	state, err := cloneHash(h)
	if err != nil {
		return nil, err
	}
	k := *key
	var witness signerWitness
	if s, ok := k.PrivateKey.(crypto.Signer); ok && k.PubKeyAlgo != packet.PubKeyAlgoECDSA {
		// go-crypto drops the error of an RSA signer.
		witness.Signer = s
		k.PrivateKey = &witness
	}
	noSalt := false
	cfg := &packet.Config{
		Time:                                  func() time.Time { return at },
		NonDeterministicSignaturesViaNotation: &noSalt,
	}
	keyID := key.KeyId
	sig := &packet.Signature{
		Version:      4,
		SigType:      packet.SigTypeBinary,
		PubKeyAlgo:   key.PubKeyAlgo,
		Hash:         id,
		CreationTime: time.Unix(at.Unix(), 0),
		IssuerKeyId:  &keyID,
	}
	if err := sig.Sign(state, &k, cfg); err != nil {
		return nil, err
	}
	if witness.err != nil {
		return nil, witness.err
	}
	var out bytes.Buffer
	if err := sig.Serialize(&out); err != nil {
		// Sign reports no error when an EdDSA signer fails; then there is nothing to serialise.
		return nil, fmt.Errorf("the key made no signature: %w", err)
	}
	return out.Bytes(), nil
}

// verifyState checks a signature packet against a clone of h.
func verifyState(h hash.Hash, pub *packet.PublicKey, body []byte) error {
	state, err := cloneHash(h)
	if err != nil {
		return err
	}
	p, err := packet.Read(bytes.NewReader(body))
	if err != nil {
		return err
	}
	sig, ok := p.(*packet.Signature)
	if !ok {
		return errors.New("not a signature packet")
	}
	return pub.VerifySignature(state, sig)
}

// signerWitness remembers the error of a signer whose caller drops it.
type signerWitness struct {
	crypto.Signer
	err error
}

func (w *signerWitness) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := w.Signer.Sign(rand, digest, opts)
	w.err = err
	return sig, err
}

// day writes a date the way bulla's sentences do.
func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
