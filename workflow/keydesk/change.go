package keydesk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/keys/store"
	"bulla/keys/vault"
)

// Changes of keys in bulla's store that need no more than the store are called there:
// store.Extend, AddUserID, RotateSubkey, Revoke and the like. Here is what also touches the vault
// or files of a person's choice.

// StaleMemoryError says that a key's passphrase was changed, and the old one could not be
// removed from where passphrases are kept.
type StaleMemoryError struct{ Err error }

func (e *StaleMemoryError) Error() string {
	return fmt.Sprintf("the passphrase was changed, but the old one is still remembered: %v", e.Err)
}

// Unwrap is the cause.
func (e *StaleMemoryError) Unwrap() error { return e.Err }

// ChangePassphrase is store.ChangePassphrase. The old passphrase is forgotten wherever it was
// remembered; the new one is known until the World is closed. A *StaleMemoryError comes together
// with the changed key.
func (w *Places) ChangePassphrase(ctx context.Context, sel keys.Selector, next keys.Secret, ask keys.AskPassphrase) (keys.Key, error) {
	k, err := w.Store.ChangePassphrase(ctx, sel, next, ask)
	if err != nil {
		return k, err
	}
	req := keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(k.Fingerprint)}
	if err := w.Vault.Forget(ctx, req); err != nil {
		return k, &StaleMemoryError{err}
	}
	if next.IsZero() {
		return k, nil
	}
	return k, w.Vault.Remember(ctx, req, next, vault.BackendMemory)
}

// BackupForm is what a backup of a key is written as.
type BackupForm string

// The forms of backups.
const (
	BackupArmored   BackupForm = ""     // the secret key in armor, as gpg writes it too
	BackupPaperText BackupForm = "text" // numbered lines to print
	BackupPaperHTML BackupForm = "html" // the same with QR codes
)

// BackUp writes the secret key that sel names to a file that only its owner can read, protected
// by its passphrase, and tries it: the file is read back and rehearsed, see
// [store.Store.Rehearse]. ask is asked for the passphrase twice, to write and to try. A file that
// exists is replaced only if replace is set. A backup that does not work is removed again, and what it
// replaced is put back.
func (w *Places) BackUp(ctx context.Context, sel keys.Selector, path string, form BackupForm, replace bool, ask keys.AskPassphrase) (store.Rehearsal, error) {
	if !replace { // nobody types a passphrase for nothing
		if err := atomicfile.Free(path); err != nil {
			return store.Rehearsal{}, err
		}
	}
	data, err := w.backupData(ctx, sel, form, ask)
	if err != nil {
		return store.Rehearsal{}, err
	}
	defer clear(data)
	return w.writeBackup(ctx, data, path, replace, ask)
}

func (w *Places) writeBackup(ctx context.Context, data []byte, path string, replace bool, ask keys.AskPassphrase) (store.Rehearsal, error) {
	write := atomicfile.Create
	var old []byte
	if replace {
		var err error
		if old, err = limits.ReadFile(path, store.ImportLimit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return store.Rehearsal{}, err
		}
		defer clear(old)
		write = atomicfile.Write
	}
	if err := write(path, data, 0o600); err != nil {
		return store.Rehearsal{}, err
	}
	r, err := w.RehearseBackup(ctx, path, ask)
	switch {
	case err == nil:
	case old != nil:
		err = errors.Join(err, atomicfile.Write(path, old, 0o600))
	default:
		err = errors.Join(err, os.Remove(path))
	}
	return r, err
}

func (w *Places) backupData(ctx context.Context, sel keys.Selector, form BackupForm, ask keys.AskPassphrase) ([]byte, error) {
	if form == BackupArmored {
		return w.Store.ExportSecret(ctx, sel, ask)
	}
	if form != BackupPaperText && form != BackupPaperHTML {
		return nil, &store.ParamError{Field: "paper", Reason: "must be text or html"}
	}
	sheet, err := w.Store.ExportPaper(ctx, sel, ask)
	if err != nil {
		return nil, err
	}
	defer clear(sheet.Data)
	if form == BackupPaperHTML {
		return sheet.HTML()
	}
	return sheet.Text(), nil
}

// RehearseBackup tries a backup file: an armored or binary secret key, or a paper backup that was
// typed in again.
func (w *Places) RehearseBackup(ctx context.Context, path string, ask keys.AskPassphrase) (store.Rehearsal, error) {
	data, err := limits.ReadIfThere(path, store.ImportLimit)
	if err != nil {
		return store.Rehearsal{}, err
	}
	defer clear(data)
	return w.Store.Rehearse(ctx, data, ask)
}
