package store

import (
	"bytes"
	//lint:ignore SA1019 old keys may be imported and must be wiped too
	"crypto/dsa"
	"crypto/rsa"
	"errors"
	"math/big"

	"bulla/keys"

	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/ed448"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// parse reads the packet into go-crypto's model. A key without a passphrase comes out opened,
// and checked against its public part.
func (p secretPacket) parse() (*packet.PrivateKey, error) {
	if !p.protection.usable() {
		return nil, &keys.UnusableError{Key: p.fpr, Reason: p.protection.why()}
	}
	parsed, err := packet.Read(bytes.NewReader(p.Raw))
	var unsupported pgperrors.UnsupportedError
	if errors.As(err, &unsupported) {
		return nil, &keys.UnusableError{Key: p.fpr, Reason: "its secret part is protected in a way that is not supported"}
	}
	private, ok := parsed.(*packet.PrivateKey)
	if err != nil || !ok {
		return nil, p.damaged()
	}
	return private, nil
}

// check finds damage that can be seen without a passphrase.
func (p secretPacket) check() error {
	private, err := p.parse()
	wipe(private)
	var damaged *keys.KeyError
	if errors.As(err, &damaged) {
		return err
	}
	return nil
}

func (p secretPacket) damaged() error {
	return &keys.KeyError{Fingerprint: p.fpr, Reason: "its secret part is damaged"}
}

// open decrypts the secret key. The error is keys.ErrWrongPassphrase whenever the passphrase may
// be the cause: for a key under a passphrase, damage looks the same.
func (p secretPacket) open(passphrase keys.Secret) (*packet.PrivateKey, error) {
	private, err := p.parse()
	if err != nil || !private.Encrypted {
		return private, err
	}
	err = passphrase.Use(func(pass []byte) error {
		err := private.Decrypt(pass)
		var invalid pgperrors.KeyInvalidError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &invalid) && p.strongChecksum():
			return p.damaged()
		}
		return keys.ErrWrongPassphrase
	})
	if errors.Is(err, keys.ErrNoSecret) {
		err = keys.ErrNoPassphrase
	}
	if err != nil {
		wipe(private)
		return nil, err
	}
	return private, nil
}

// strongChecksum reports whether a passphrase that passed the packet's own test is right. The
// 16-bit sum of usage octet 255 lets one wrong passphrase in 65,536 pass.
func (p secretPacket) strongChecksum() bool { return p.Body[len(p.public)] != 255 }

// wipe overwrites the private numbers of k as far as Go allows: what the library copied on its
// way, and what the runtime moved, stays until the memory is used again.
func wipe(k *packet.PrivateKey) {
	if k == nil {
		return
	}
	switch p := k.PrivateKey.(type) {
	case *eddsa.PrivateKey:
		clear(p.D)
	case *ed25519.PrivateKey:
		clear(p.Key)
	case *ed448.PrivateKey:
		clear(p.Key)
	case *ecdsa.PrivateKey:
		wipeInt(p.D)
	case *dsa.PrivateKey:
		wipeInt(p.X)
	case *rsa.PrivateKey:
		wipeInt(p.D)
		for _, prime := range p.Primes {
			wipeInt(prime)
		}
		wipeInt(p.Precomputed.Dp)
		wipeInt(p.Precomputed.Dq)
		wipeInt(p.Precomputed.Qinv)
		p.Precomputed = rsa.PrecomputedValues{} // holds another copy, out of reach
	}
	k.PrivateKey = nil
}

func wipeInt(n *big.Int) {
	if n == nil {
		return
	}
	words := n.Bits()
	clear(words[:cap(words)])
	n.SetInt64(0)
}
