package store

import (
	"context"
	"slices"
	"time"

	"bulla/keys"
	"bulla/keys/paper"
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
	k, err := s.openable(ctx, sel, ask)
	if err != nil {
		return nil, err
	}
	defer k.forget()
	data := k.weave(k.secret)
	defer clear(data)
	return enarmor(armorSecret, nil, data)
}

// ExportPaper is the secret key that sel names as a sheet for paper: the secret parts under their
// passphrase, and of the signatures only those that count now, since each line may have to be
// typed. Errors are those of ExportSecret.
func (s *Store) ExportPaper(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) (paper.Sheet, error) {
	k, err := s.openable(ctx, sel, ask)
	if err != nil {
		return paper.Sheet{}, err
	}
	defer k.forget()
	short, err := k.shortest(s.now())
	if err != nil {
		return paper.Sheet{}, err
	}
	return paper.Sheet{
		Fingerprint: k.fpr, UserID: printable(k.key.UserID()), Made: s.now(), Data: short.weave(k.secret),
		Protected: !slices.ContainsFunc(k.secret, func(p secretPacket) bool { return p.protection.kind == plain }),
	}, nil
}

// openable finds a key with its secret and tries its passphrase.
func (s *Store) openable(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) (loadedKey, error) {
	k, err := s.withSecret(ctx, sel)
	if err != nil {
		return k, err
	}
	if i := slices.IndexFunc(k.secret, func(p secretPacket) bool { return p.protection.kind == protected }); i >= 0 {
		err := keys.Unlock(ctx, ask, passphraseRequest(k.key), func(pass keys.Secret) error {
			private, err := k.secret[i].open(pass)
			wipe(private)
			return err
		})
		if err != nil {
			k.forget()
			return k, err
		}
	}
	return k, nil
}

// shortest is the certificate with what counts now: of the owner's signatures the newest of each
// kind, and every revocation; nothing of others.
func (c certificate) shortest(now time.Time) (certificate, error) {
	ring, err := c.ring()
	if err != nil {
		return c, err
	}
	ties, _ := ring.Ties(c.fpr, now)
	counts := map[string]bool{string(ties.Direct): true}
	for _, u := range ties.Users {
		counts[string(u.Self)] = !u.Revoked
	}
	for _, t := range ties.Subkeys {
		counts[string(t.Binding)] = true
	}
	out := certificate{fpr: c.fpr}
	for i, part := range c.parts {
		short := component{head: part.head}
		for _, s := range part.sigs {
			if counts[string(s.body)] || revokes(s.body) && part.head.tag != tagUserID {
				short.sigs = append(short.sigs, s)
			}
		}
		if i == 0 || len(short.sigs) > 0 {
			out.parts = append(out.parts, short)
		}
	}
	return out, nil
}

// revokes reports whether a signature packet revokes a key or subkey.
func revokes(body []byte) bool {
	return len(body) > 1 && body[0] == 4 && (body[1] == sigKeyRevoke || body[1] == sigSubkeyRevoke)
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
