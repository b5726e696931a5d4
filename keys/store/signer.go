package store

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
)

// Signer makes a locked signer for the key that sel names: its newest valid signing subkey whose
// secret is here, or with "!" exactly the named one. Where several keys match, the only usable
// one is meant: an expired key of the same address is not in the way.
//
// It returns a *keys.NotFoundError, a *keys.AmbiguousError, or a *keys.UnusableError that says
// why the key cannot sign.
func (s *Store) Signer(ctx context.Context, sel keys.Selector) (keys.Signer, error) {
	loaded, _, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	defer forget(loaded)
	var able []*keySigner
	var firstErr error
	for _, k := range withSecret(loaded) {
		if !sel.Matches(k.key) {
			continue
		}
		switch one, err := s.signerFor(k, sel); {
		case err == nil:
			able = append(able, one)
		case firstErr == nil:
			firstErr = err
		}
	}
	if len(able) == 1 {
		return able[0], nil
	}
	if _, err := pickSecret(loaded, sel); err != nil {
		return nil, narrow(err, able)
	}
	return nil, firstErr
}

// narrow drops the unusable keys from the list of those that match.
func narrow(err error, able []*keySigner) error {
	var ambiguous *keys.AmbiguousError
	if !errors.As(err, &ambiguous) || len(able) == 0 {
		return err
	}
	n := &keys.AmbiguousError{Selector: ambiguous.Selector}
	for _, one := range able {
		n.Matches = append(n.Matches, one.key.Primary)
	}
	return n
}

func (s *Store) signerFor(k loadedKey, sel keys.Selector) (*keySigner, error) {
	ring, err := k.ring()
	if err != nil {
		return nil, err
	}
	find := func(p *packet.PublicKey) int { return findSecret(k.secret, keys.FingerprintOf(p.Fingerprint)) }
	public, expires, err := ring.ChooseSigningKey(k.fpr, sel, s.now(), func(p *packet.PublicKey) bool {
		i := find(p)
		return i >= 0 && k.secret[i].protection.usable()
	})
	if err != nil {
		return nil, k.explain(sel, s.now(), err)
	}
	if public.Version != 4 {
		return nil, &keys.UnusableError{Key: k.fpr, Reason: fmt.Sprintf("version %d keys are not supported for signing", public.Version)}
	}
	return &keySigner{
		store:   s,
		request: passphraseRequest(k.key),
		key: keys.SigningKey{
			Primary:     k.fpr,
			Fingerprint: keys.FingerprintOf(public.Fingerprint),
			UserID:      k.key.UserID(),
			Algorithm:   keys.AlgorithmName(public),
			Hash:        keys.PreferredHash(public),
			Expires:     expires,
			Source:      keys.SourceStore,
			Protected:   k.secret[find(public)].protection.kind == protected,
			Public:      k.bytes(),
		},
	}, nil
}

// explain replaces "its secret is not here" by where it is instead, for the key that would sign
// if it were here.
func (k loadedKey) explain(sel keys.Selector, now time.Time, err error) error {
	ring, readErr := k.ring()
	if readErr != nil {
		return err
	}
	public, _, chooseErr := ring.ChooseSigningKey(k.fpr, sel, now, func(*packet.PublicKey) bool { return true })
	if chooseErr != nil {
		return err
	}
	fpr := keys.FingerprintOf(public.Fingerprint)
	i := findSecret(k.secret, fpr)
	if i < 0 || k.secret[i].protection.usable() {
		return err
	}
	return &keys.UnusableError{Key: fpr, Reason: k.secret[i].protection.why()}
}

// keySigner signs with one key of the store. Locked, it holds nothing secret: the packet is read
// when it is unlocked.
type keySigner struct {
	store   *Store
	key     keys.SigningKey
	request keys.PassphraseRequest

	unlocking sync.Mutex // one question at a time
	mu        sync.RWMutex
	// private is nil while locked. It sits behind a func as in keys.Secret, out of the reach of
	// what prints or encodes structures.
	private func() *keys.SecretKey
}

var _ keys.Signer = (*keySigner)(nil)

func (s *keySigner) Key() keys.SigningKey { return s.key }

// Format writes which key signs, for every verb, and nothing of the secret.
func (s *keySigner) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "signer "+string(s.key.Fingerprint))
}

// Unlock reads the secret key and decrypts it. The passphrase is used once and not kept; other
// secret parts of the key stay encrypted.
func (s *keySigner) Unlock(ctx context.Context, ask keys.AskPassphrase) error {
	s.unlocking.Lock()
	defer s.unlocking.Unlock()
	if s.unlocked() {
		return nil
	}
	p, err := s.packet()
	if err != nil {
		return err
	}
	defer clear(p.Raw)
	if p.protection.kind != protected {
		private, err := p.open(keys.Secret{})
		if err != nil {
			return err
		}
		s.set(private)
		return nil
	}
	return keys.Unlock(ctx, ask, s.request, func(pass keys.Secret) error {
		private, err := p.open(pass)
		if err != nil {
			return err
		}
		s.set(private)
		return nil
	})
}

// packet reads the secret packet of the signing key from the store.
func (s *keySigner) packet() (secretPacket, error) {
	k, err := s.store.readKey(s.key.Primary)
	if err != nil {
		return secretPacket{}, absent(err, s.key.Primary)
	}
	defer k.forget()
	i := findSecret(k.secret, s.key.Fingerprint)
	if i < 0 {
		return secretPacket{}, &keys.UnusableError{Key: s.key.Fingerprint, Reason: "its secret part is not in the store any more"}
	}
	return k.secret[i].clone(), nil
}

func (s *keySigner) unlocked() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.private != nil
}

func (s *keySigner) set(private *packet.PrivateKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlocked := keys.NewSecretKey(private)
	s.private = func() *keys.SecretKey { return unlocked }
}

// Sign is SecretKey.BuildSignature with this key. It refuses a time at which the key has expired,
// with a *keys.UnusableError, and answers ErrLocked before Unlock.
func (s *keySigner) Sign(ctx context.Context, h hash.Hash, at time.Time) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.key.Expires.IsZero() && !at.Before(s.key.Expires) {
		return nil, &keys.UnusableError{Key: s.key.Fingerprint, Reason: "it expired on " + s.key.Expires.UTC().Format(time.DateOnly)}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.private == nil {
		return nil, ErrLocked
	}
	return s.private().BuildSignature(h, s.key.Hash, at)
}

// Close waits for signatures under way and wipes the private key. The signer can be unlocked
// again.
func (s *keySigner) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.private != nil {
		wipe(s.private().Packet())
		s.private = nil
	}
	return nil
}
