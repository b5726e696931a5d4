package store

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"

	"bulla/keys"
	"bulla/keys/pgp"
)

// ChangePassphrase protects every secret part of a key by another passphrase; the zero Secret
// takes the protection off. ask is asked for the present one, and not at all for a key without.
// next stays the caller's to destroy.
//
// Stubs stay what they are. Parts that were under different passphrases end in a *ChangeError.
// The version under the old passphrase stays beside it as the previous one until the next
// change; see [Store.ForgetPrevious]. Backups keep the passphrase they were made with, so the
// key counts as not backed up afterwards.
func (s *Store) ChangePassphrase(ctx context.Context, sel keys.Selector, next keys.Secret, ask keys.AskPassphrase) (keys.Key, error) {
	if !next.IsZero() && next.Len() == 0 {
		return keys.Key{}, &ParamError{Field: "passphrase", Reason: "is empty"}
	}
	k, err := s.withSecret(ctx, sel)
	if err != nil {
		return keys.Key{}, err
	}
	defer k.forget()
	opened, err := k.openAll(ctx, ask)
	defer func() {
		for _, o := range opened {
			wipe(o)
		}
	}()
	if err != nil {
		return keys.Key{}, err
	}
	if len(opened) == 0 {
		return keys.Key{}, &ChangeError{k.fpr, "its secret parts are not here"}
	}
	changed := transferable{certificate: k.certificate, secret: slices.Clone(k.secret)}
	for i, p := range k.secret {
		if o := opened[p.fpr]; o != nil {
			if changed.secret[i], err = p.protect(o, next, s.rand); err != nil {
				return keys.Key{}, err
			}
		}
	}
	defer changed.forget()
	if err := s.commit(ctx, k.stored, changed); err != nil {
		return keys.Key{}, err
	}
	return s.describeKey(k.fpr)
}

// openAll opens every secret part that is here, all with one passphrase.
func (k loadedKey) openAll(ctx context.Context, ask keys.AskPassphrase) (map[keys.Fingerprint]*packet.PrivateKey, error) {
	out := map[keys.Fingerprint]*packet.PrivateKey{}
	openAll := func(pass keys.Secret) error {
		for _, p := range k.secret {
			if !p.protection.usable() {
				continue
			}
			o, err := p.open(pass)
			if errors.Is(err, keys.ErrWrongPassphrase) && len(out) > 0 && p.protection.kind == protected && k.anyProtected(out) {
				return &ChangeError{p.fpr, "it is under another passphrase than the key's other parts"}
			}
			if err != nil {
				return err
			}
			out[p.fpr] = o
		}
		return nil
	}
	if !slices.ContainsFunc(k.secret, func(p secretPacket) bool { return p.protection.kind == protected }) {
		return out, openAll(keys.Secret{})
	}
	return out, keys.Unlock(ctx, ask, passphraseRequest(k.key), openAll)
}

// anyProtected reports whether one of the opened parts took a passphrase to open.
func (k loadedKey) anyProtected(opened map[keys.Fingerprint]*packet.PrivateKey) bool {
	return slices.ContainsFunc(k.secret, func(p secretPacket) bool {
		return p.protection.kind == protected && opened[p.fpr] != nil
	})
}

// protect writes an opened key under a passphrase, or bare for the zero Secret. The public part
// stays as it came, byte for byte.
func (p secretPacket) protect(opened *packet.PrivateKey, pass keys.Secret, rand io.Reader) (secretPacket, error) {
	k := *opened // encrypting drops the opened numbers from the struct; the caller wipes them
	if !pass.IsZero() {
		if err := encryptKeys([]*packet.PrivateKey{&k}, pass, rand); err != nil {
			return secretPacket{}, err
		}
	}
	var out bytes.Buffer
	if err := k.Serialize(&out); err != nil {
		return secretPacket{}, err
	}
	defer clear(out.Bytes())
	written, err := splitPackets(out.Bytes())
	if err != nil {
		return secretPacket{}, err
	}
	n, err := publicLength(written[0].Body)
	if err != nil {
		return secretPacket{}, err
	}
	made, err := readSecret(pgp.New(p.Tag, slices.Concat(p.public, written[0].Body[n:])))
	if err != nil {
		return secretPacket{}, err
	}
	// Read back and opened: what was written is what will be needed.
	check, err := made.open(pass)
	wipe(check)
	return made, err
}

// encryptKeys protects keys as GnuPG 2.2 can read it.
func encryptKeys(list []*packet.PrivateKey, pass keys.Secret, rand io.Reader) error {
	cfg := &packet.Config{
		Rand:          rand,
		DefaultCipher: packet.CipherAES256,
		S2KConfig:     &s2k.Config{S2KMode: s2k.IteratedSaltedS2K, Hash: crypto.SHA256, S2KCount: 65011712},
	}
	return pass.Use(func(b []byte) error { return packet.EncryptPrivateKeys(list, b, cfg) })
}

// passphraseRequest asks for the passphrase of a key. A vault files it under the primary key's
// fingerprint.
func passphraseRequest(k keys.Key) keys.PassphraseRequest {
	return keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(k.Fingerprint), Label: k.UserID()}
}
