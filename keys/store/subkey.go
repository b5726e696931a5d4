package store

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
	"bulla/keys/pgp"
)

// SubkeyParams say what signing subkey a key gets.
type SubkeyParams struct {
	// Algorithm is AlgorithmEd25519 or AlgorithmRSA4096; "" means that of the primary key if it
	// is one of them, else AlgorithmEd25519.
	Algorithm string
	// Lifetime counts from now; 0 means that the subkey lasts as long as the primary key.
	Lifetime time.Duration
}

// AddSubkey gives a key another subkey that signs, under the same passphrase. Being the newest it
// is the one that signs from now on. added is its fingerprint. The key counts as not backed up
// afterwards. It takes seconds for RSA; a cancelled ctx ends the wait.
func (s *Store) AddSubkey(ctx context.Context, sel keys.Selector, p SubkeyParams, ask keys.AskPassphrase) (k keys.Key, added keys.Fingerprint, err error) {
	if err := p.check(); err != nil {
		return k, "", err
	}
	k, err = s.change(ctx, sel, ask, func(c *change) error {
		added, err = c.addSubkey(ctx, p)
		return err
	})
	return k, added, err
}

// RotateParams say how a signing subkey is replaced.
type RotateParams struct {
	SubkeyParams
	// KeepOld leaves the old signing subkeys valid until they expire by themselves. Otherwise
	// they are revoked softly, as superseded: what they signed stays good for those who look at
	// the date, though gpg and git warn about it.
	KeepOld bool
}

// Rotated says what a rotation did.
type Rotated struct {
	Key     keys.Key
	Added   keys.Fingerprint
	Retired []keys.Fingerprint
}

// RotateSubkey adds a signing subkey and retires those that signed before it, in one change.
func (s *Store) RotateSubkey(ctx context.Context, sel keys.Selector, p RotateParams, ask keys.AskPassphrase) (r Rotated, err error) {
	if err := p.check(); err != nil {
		return r, err
	}
	sig, err := RevokeParams{Reason: ReasonSuperseded}.packet(pgp.SigSubkeyRevoke)
	if err != nil {
		return r, err
	}
	r.Key, err = s.change(ctx, sel, ask, func(c *change) error {
		old := slices.Clone(c.ties.Subkeys)
		if r.Added, err = c.addSubkey(ctx, p.SubkeyParams); err != nil {
			return err
		}
		for _, t := range old {
			if p.KeepOld || !t.CanSign || t.Revoked {
				continue
			}
			if err := c.revokeSubkey(t.Fingerprint, sig); err != nil {
				return err
			}
			r.Retired = append(r.Retired, t.Fingerprint)
		}
		return nil
	})
	return r, err
}

func (p SubkeyParams) check() error {
	if !slices.Contains([]string{"", AlgorithmEd25519, AlgorithmRSA4096}, p.Algorithm) {
		return &ParamError{Field: "algorithm", Reason: "must be " + AlgorithmEd25519 + " or " + AlgorithmRSA4096}
	}
	return checkLifetime(p.Lifetime)
}

func (c *change) addSubkey(ctx context.Context, p SubkeyParams) (keys.Fingerprint, error) {
	m := maker{rand: c.store.rand, created: c.now, lifetime: uint32(p.Lifetime / time.Second), algorithm: p.Algorithm, primary: c.primary}
	if m.algorithm == "" {
		m.algorithm = AlgorithmEd25519
		if keys.AlgorithmName(&c.primary.PublicKey) == AlgorithmRSA4096 {
			m.algorithm = AlgorithmRSA4096
		}
	}
	defer m.wipe()
	made, err := m.pairs(ctx, 1)
	if err != nil {
		return "", err
	}
	m.subkey = made[0]
	m.subkey.IsSubkey = true
	var public bytes.Buffer
	if err := m.subkey.PublicKey.Serialize(&public); err != nil {
		return "", err
	}
	head, err := splitPackets(public.Bytes())
	if err != nil {
		return "", err
	}
	over := overKey(c.primaryBody(), head[0].Body)
	back, err := signature{kind: pgp.SigPrimaryBinding}.sign(c.store.rand, m.subkey, c.now, over)
	if err != nil {
		return "", err
	}
	binding := signature{kind: pgp.SigSubkeyBinding}
	binding.set(pgp.SubKeyFlags, []byte{pgp.FlagSign})
	binding.setKeyLifetime(m.lifetime)
	binding.embed(back.Body)
	at := c.next.insert(component{head: head[0]})
	if err := c.add(at, binding); err != nil {
		return "", err
	}
	secret, err := c.secretOf(m.subkey)
	if err != nil {
		return "", err
	}
	c.next.secret = append(c.next.secret, secret)
	return secret.fpr, nil
}

// secretOf is the secret packet of a new subkey, under the passphrase of the key.
func (c *change) secretOf(k *packet.PrivateKey) (secretPacket, error) {
	if !c.pass.IsZero() {
		if err := encryptKeys([]*packet.PrivateKey{k}, c.pass, c.store.rand); err != nil {
			return secretPacket{}, err
		}
	}
	var out bytes.Buffer
	if err := k.Serialize(&out); err != nil {
		return secretPacket{}, err
	}
	p, err := splitPackets(out.Bytes())
	if err != nil {
		return secretPacket{}, err
	}
	return readSecret(p[0])
}
