package store

import (
	"context"
	"slices"

	"bulla/keys"
)

// ExportPublic is the public key that sel names, armored. It returns a *keys.NotFoundError or a
// *keys.AmbiguousError.
func (s *Store) ExportPublic(ctx context.Context, sel keys.Selector) ([]byte, error) {
	loaded, _, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	defer forget(loaded)
	k, err := pick(loaded, sel)
	if err != nil {
		return nil, err
	}
	return enarmor(armorPublic, nil, k.bytes())
}

// ExportSecret is the secret key that sel names, armored, with every packet as it came and so
// under the same passphrase as here. The passphrase is asked for and tried first: a backup that
// nobody can open is none. It is tried on the primary key, or where that is offline on the first
// subkey with a secret. A key without a passphrase is exported without asking.
//
// Errors are those of [keys.Select] among the keys with a secret, a *keys.UnusableError if only
// the public part is here, and those of [keys.Unlock].
func (s *Store) ExportSecret(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) ([]byte, error) {
	loaded, _, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	defer forget(loaded)
	k, err := pickSecret(loaded, sel)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(k.secret, func(p secretPacket) bool { return p.protection.kind == protected }); i >= 0 {
		err := keys.Unlock(ctx, ask, passphraseRequest(k.key), func(pass keys.Secret) error {
			private, err := k.secret[i].open(pass)
			wipe(private)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	data := k.weave(k.secret)
	defer clear(data)
	return enarmor(armorSecret, nil, data)
}

// passphraseRequest asks for the passphrase of a key. A vault files it under the primary key's
// fingerprint.
func passphraseRequest(k keys.Key) keys.PassphraseRequest {
	return keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(k.Fingerprint), Label: k.UserID()}
}

// pick finds the one key that sel names.
func pick(list []loadedKey, sel keys.Selector) (loadedKey, error) {
	described := make([]keys.Key, len(list))
	for i := range list {
		described[i] = list[i].key
	}
	k, err := keys.Select(described, sel)
	if err != nil {
		return loadedKey{}, err
	}
	i := slices.IndexFunc(list, func(l loadedKey) bool { return l.key.Fingerprint == k.Fingerprint })
	return list[i], nil
}

// pickSecret finds the one key with secret parts, or stubs for them, that sel names.
func pickSecret(list []loadedKey, sel keys.Selector) (loadedKey, error) {
	with := withSecret(list)
	k, err := pick(with, sel)
	if err == nil || len(with) == len(list) {
		return k, err
	}
	if public, e := pick(list, sel); e == nil && len(public.secret) == 0 {
		err = &keys.UnusableError{Key: public.fpr, Reason: "only its public part is in bulla's store"}
	}
	return k, err
}

func withSecret(list []loadedKey) []loadedKey {
	return slices.DeleteFunc(slices.Clone(list), func(l loadedKey) bool { return len(l.secret) == 0 })
}
