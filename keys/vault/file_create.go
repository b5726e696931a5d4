package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"bulla/keys"
	"bulla/keys/atomicfile"

	"filippo.io/age"
)

// Create makes a new vault that master opens, and leaves it unlocked. It fails with an error
// that matches fs.ErrExist rather than replace one.
//
// An interruption at any point leaves a whole vault, or none and nothing in the way of the next
// Create. Entries without an identity, as it may leave behind, are moved aside, for a backup of
// their identity might still open them: aside is their new path, also beside an error; "" if there
// were none.
func (v *File) Create(ctx context.Context, master keys.Secret) (aside string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	identity, err := v.sealIdentity(id, master)
	if err != nil {
		return "", err
	}
	empty, err := seal(formatEntries(nil), id.Recipient())
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return "", err
	}
	if err := os.Chmod(v.dir, 0o700); err != nil { // it may have been made by hand
		return "", err
	}
	err = withLock(ctx, v.path(lockFile), exclusiveLock, func() (err error) {
		if _, err := os.Lstat(v.path(identityFile)); err == nil {
			return &fs.PathError{Op: "create", Path: v.path(identityFile), Err: fs.ErrExist}
		}
		if err := atomicfile.RemoveTemps(v.dir); err != nil {
			return err
		}
		if aside, err = v.moveOrphan(); err != nil {
			return err
		}
		return v.writeBoth(empty, identity)
	})
	if err != nil {
		return aside, err
	}
	v.setIdentity(id)
	return aside, nil
}

// writeBoth writes the files of a new vault. The identity comes last: without it there is no vault.
func (v *File) writeBoth(entries, identity []byte) error {
	err := v.write(v.path(entriesFile), entries, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return err // somebody else's, and not for us to remove
	}
	if err == nil {
		err = v.write(v.path(identityFile), identity, 0o600)
	}
	if err == nil {
		return nil
	}
	// A failure to sync leaves a file in its place.
	if _, e := os.Lstat(v.path(identityFile)); errors.Is(e, fs.ErrNotExist) {
		if e := os.Remove(v.path(entriesFile)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// maxOrphans bounds how many entries without an identity may lie aside.
const maxOrphans = 1000

// moveOrphan moves entries without an identity out of the way of a new vault, to a name that was
// free, and returns that; "" if there are none. The lock must be held.
func (v *File) moveOrphan() (aside string, err error) {
	from := v.path(entriesFile)
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	for n := 1; n <= maxOrphans; n++ {
		to := v.path(fmt.Sprintf("vault-without-identity-%d.age", n))
		if _, err := os.Lstat(to); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := os.Rename(from, to); err != nil {
			return "", err
		}
		return to, atomicfile.SyncDir(v.dir)
	}
	return "", fmt.Errorf("%s: %d others lie beside it already: %w", from, maxOrphans, fs.ErrExist)
}
