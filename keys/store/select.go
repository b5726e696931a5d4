package store

import (
	"context"
	"slices"

	"bulla/keys"
)

// withSecret finds the one key with secret parts that sel names. A full fingerprint is found
// without reading the others.
func (s *Store) withSecret(ctx context.Context, sel keys.Selector) (loadedKey, error) {
	if k, err := s.byFingerprint(sel); err == nil && len(k.secret) > 0 {
		return k, nil
	}
	loaded, _, err := s.load(ctx)
	if err != nil {
		return loadedKey{}, err
	}
	k, err := pickSecret(loaded, sel)
	for _, l := range loaded {
		if err != nil || l.fpr != k.fpr {
			l.forget()
		}
	}
	return k, err
}

// anyKey is withSecret for what needs no secret.
func (s *Store) anyKey(ctx context.Context, sel keys.Selector) (loadedKey, error) {
	if k, err := s.byFingerprint(sel); err == nil {
		return k, nil
	}
	loaded, _, err := s.load(ctx)
	if err != nil {
		return loadedKey{}, err
	}
	defer forget(loaded)
	k, err := pick(loaded, sel)
	if err != nil {
		err = s.whyNot(sel, err)
	}
	k.secret = slices.Clone(k.secret)
	for i := range k.secret {
		k.secret[i] = k.secret[i].clone()
	}
	return k, err
}

// whyNot is the reason why the key with the fingerprint of sel cannot be read, or err where that is no
// such key.
func (s *Store) whyNot(sel keys.Selector, err error) error {
	if fpr, e := keys.ParseFingerprint(sel.Text); e == nil {
		if why, e := s.broken(fpr); e == nil {
			return why
		}
	}
	return err
}

func (s *Store) byFingerprint(sel keys.Selector) (loadedKey, error) {
	fpr, err := keys.ParseFingerprint(sel.Text)
	if err != nil {
		return loadedKey{}, err
	}
	k, err := s.readKey(fpr)
	if err != nil {
		return loadedKey{}, err
	}
	d, err := k.describe(s.now())
	if err != nil {
		k.forget()
		return loadedKey{}, err
	}
	return loadedKey{stored: k, key: d}, nil
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

// withSecret are those with secret parts, or stubs for them.
func withSecret(list []loadedKey) []loadedKey {
	return slices.DeleteFunc(slices.Clone(list), func(l loadedKey) bool { return len(l.secret) == 0 })
}
