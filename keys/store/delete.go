package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"bulla/keys"
)

// NotBackedUpError says that a secret key was not deleted because no backup of it was tried.
type NotBackedUpError struct{ Key keys.Fingerprint }

func (e *NotBackedUpError) Error() string {
	return "no backup of the secret key " + string(e.Key) + " was ever made and tried"
}

// Delete removes a key, public and secret, for good. A secret key that was not backed up, see
// [Store.Rehearse], is kept with a *NotBackedUpError unless force is set. The revocation
// certificate stays where it is: it may be needed when the key turns up elsewhere. A key that cannot
// be read is deleted too where sel is its whole fingerprint; then of the Key only that is set.
func (s *Store) Delete(ctx context.Context, sel keys.Selector, force bool) (keys.Key, error) {
	k, err := s.anyKey(ctx, sel)
	if p := (*ProblemError)(nil); errors.As(err, &p) && p.Key != "" {
		return keys.Key{Fingerprint: p.Key, Source: keys.SourceStore}, s.deleteBroken(ctx, p.Key, force)
	}
	if err != nil {
		return keys.Key{}, err
	}
	defer k.forget()
	if len(k.secret) > 0 && k.backedUp.IsZero() && !force {
		return keys.Key{}, &NotBackedUpError{k.fpr}
	}
	return k.key, s.locked(ctx, func() error { return s.remove(k.fpr) })
}

// Previous describes the version of a key before its latest change. It reports false where there
// is none.
func (s *Store) Previous(fpr keys.Fingerprint) (keys.Key, bool) {
	k, err := s.readKey(fpr)
	if err != nil {
		return keys.Key{}, false
	}
	defer k.forget()
	old, changed, err := s.previous(k)
	if err != nil || !changed {
		return keys.Key{}, false
	}
	defer old.forget()
	d, err := old.describe(s.now())
	return d, err == nil
}

// Undo goes back to the version before the latest change; a second Undo takes that back. It
// undoes nothing that was published: what others have of the key, they have.
//
// A key without a previous version is a *ChangeError.
func (s *Store) Undo(ctx context.Context, sel keys.Selector) (keys.Key, error) {
	k, err := s.anyKey(ctx, sel)
	if err != nil {
		return keys.Key{}, err
	}
	defer k.forget()
	old, changed, err := s.previous(k.stored)
	if err != nil {
		return keys.Key{}, err
	}
	defer old.forget()
	if !changed {
		return keys.Key{}, &ChangeError{k.fpr, "there is no earlier version of it"}
	}
	if err := s.commit(ctx, k.stored, old.transferable); err != nil {
		return keys.Key{}, err
	}
	return s.describeKey(k.fpr)
}

// ForgetPrevious removes the version before the latest change, such as a secret key under its old
// passphrase.
func (s *Store) ForgetPrevious(ctx context.Context, fpr keys.Fingerprint) error {
	return s.locked(ctx, func() error {
		dir := s.keyDir(fpr)
		if _, err := os.Stat(dir); err != nil {
			return absent(err, fpr)
		}
		return removeAll(previousPath(filepath.Join(dir, publicFile)), previousPath(filepath.Join(dir, secretFile)))
	})
}

// previous reads the version before the latest change: the previous files where there are any,
// and the present ones for what that change left alone.
func (s *Store) previous(now stored) (old stored, changed bool, err error) {
	dir := s.keyDir(now.fpr)
	old = now
	old.secret = nil
	data, err := readLimited(previousPath(filepath.Join(dir, publicFile)))
	switch {
	case err == nil:
		changed = true
		if old.certificate, err = parseCertificate(data, now.fpr); err != nil {
			return old, false, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return old, false, err
	}
	data, err = readLimited(previousPath(filepath.Join(dir, secretFile)))
	switch {
	case err == nil:
		changed = true
		old.secret, err = parseSecrets(data)
		return old, changed, err
	case !errors.Is(err, fs.ErrNotExist):
		return old, false, err
	}
	for _, p := range now.secret {
		old.secret = append(old.secret, p.clone())
	}
	return old, changed, nil
}
