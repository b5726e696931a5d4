package cosign

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"bulla/keys"
	"bulla/keys/limits"
)

// Signer signs images with one private key. It is safe for concurrent use.
type Signer struct {
	path     string
	envelope *envelope // nil for a key that is not in a file
	fileID   string    // stands in for the fingerprint while that is not known

	mu     sync.Mutex
	public PublicKey
	key    crypto.Signer // nil while locked
}

// ErrLocked says that a Signer was used before Unlock.
var ErrLocked = errors.New("the image key is locked")

// LoadSigner reads a private key file as cosign generate-key-pair makes it, without opening it.
// If a public key lies beside it (NAME.pub beside NAME.key), it tells the key's identity before
// the password is known; Unlock checks that the two belong together. Errors are *KeyFileError.
func LoadSigner(path string) (*Signer, error) {
	data, err := limits.ReadFile(path, maxKeyFile)
	if errors.Is(err, limits.ErrTooLarge) {
		return nil, &KeyFileError{Path: path, Reason: fmt.Sprintf("longer than %d bytes, so not a cosign private key", maxKeyFile)}
	}
	if err != nil {
		return nil, &KeyFileError{Path: path, Reason: "it cannot be read", Err: limits.WithoutPath(err)}
	}
	env, err := parseKeyFile(data)
	if err != nil {
		return nil, withPath(err, path)
	}
	h := sha256.Sum256(data)
	s := &Signer{path: path, envelope: env, fileID: string(keys.FingerprintOf(h[:]))}
	if base, ok := strings.CutSuffix(path, ".key"); ok {
		if b, err := limits.ReadFile(base+".pub", maxKeyFile); err == nil {
			s.public, _ = ParsePublicKey(b) // one that can't be read is as good as none
		}
	}
	return s, nil
}

// NewSigner makes an unlocked Signer of a key that lives elsewhere: on a token, in a service. k
// signs SHA-256 digests by ECDSA (P-256, P-384, P-521) or RSA PKCS #1 v1.5, or whole messages by
// Ed25519; RSA keys have at least 2048 bits.
func NewSigner(k crypto.Signer) (*Signer, error) {
	p, err := publicKeyOf(k.Public())
	if err != nil {
		return nil, err
	}
	if w := p.weakness(); w != "" {
		return nil, &KeyFileError{Reason: "too short to sign with (" + w + ")"}
	}
	return &Signer{public: p, key: k}, nil
}

// withPath names the file in a KeyFileError.
func withPath(err error, path string) error {
	var e *KeyFileError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
}

// Format writes the path alone for every verb: fmt would walk into the private key.
func (s *Signer) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "image key %s", s.path) }

// ID is the SHA-256 of the public key info, upper-case hexadecimal, or "" while it is not known:
// no public key lies beside the file and the key was not unlocked.
func (s *Signer) ID() string { return string(s.Public().Fingerprint()) }

// Path is the key file, or "".
func (s *Signer) Path() string { return s.path }

// Public is the public key: known from the file beside the private key, or once the key is
// unlocked; else the zero PublicKey.
func (s *Signer) Public() PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.public
}

// Unlock opens the key, asking for its password; once is enough until Close. Deriving the key
// takes a good part of a second on purpose. A wrong password ends in *keys.UnlockError, a
// broken file in *KeyFileError.
func (s *Signer) Unlock(ctx context.Context, ask keys.AskPassphrase) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return nil
	}
	if s.envelope == nil {
		return ErrLocked // a key from elsewhere, closed
	}
	id := string(s.public.Fingerprint())
	if id == "" {
		id = s.fileID
	}
	req := keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: id, Label: filepath.Base(s.path)}
	return keys.Unlock(ctx, ask, req, func(pass keys.Secret) error {
		k, err := s.envelope.open(pass)
		if err != nil {
			return withPath(err, s.path)
		}
		p, err := publicKeyOf(k.Public())
		if err != nil {
			return &KeyFileError{Path: s.path, Reason: "its public half cannot be used", Err: err}
		}
		if !s.public.IsZero() && s.public.Fingerprint() != p.Fingerprint() {
			return &KeyFileError{Path: s.path, Reason: "the public key beside it (.pub) belongs to another private key"}
		}
		s.key, s.public = k, p
		return nil
	})
}

// Close forgets the private key. Go's collector decides when its memory is used again.
func (s *Signer) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = nil
	return nil
}

// unlocked is the private key and its public half, or ErrLocked.
func (s *Signer) unlocked() (crypto.Signer, PublicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == nil {
		return nil, PublicKey{}, ErrLocked
	}
	return s.key, s.public, nil
}
