package firstkey

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/keys/store"
	"bulla/workflow/keydesk"
)

// Path makes the name of a file that a person typed absolute: ~/ is their home, other names begin in
// the folder they stand in. A folder that is there stands for the file called own in it.
func (w *Wizard) Path(name, own string) string {
	path := w.absolute(name)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, own)
	}
	return path
}

func (w *Wizard) absolute(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home := cmp.Or(w.world.Env("HOME"), w.world.Env("USERPROFILE")); home != "" {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(w.dir, name)
}

// FileName is a name for a file about a key, such as "~/bulla-key-C0DEEE87.asc".
func FileName(f keys.Fingerprint, what, ext string) string {
	id := f.KeyID()
	return "~/bulla-" + what + "-" + id[max(0, len(id)-8):] + ext
}

// Exposed warns of a secret in the working tree of a repository, "" where path is in none.
func (w *Wizard) Exposed(path string) string { return keydesk.Exposed(path) }

// BackUp writes a backup of the key and tries it as if all else were lost. The file is made with the
// passphrase that this run knows; for the trial person is asked, unless they typed it just before: a
// passphrase that a computer remembers proves nothing for the day when the computer is gone. A file
// that exists is never replaced, and one that did not work is removed.
//
// Errors are those of world.World.BackUp; a passphrase that nobody knew is a *ForgottenError.
func (w *Wizard) BackUp(ctx context.Context, f keys.Fingerprint, path string, person keys.AskPassphrase) (store.Rehearsal, error) {
	var typed keys.Secret
	defer func() { typed.Destroy() }()
	known := w.world.Vault.Ask(func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		s, err := person(ctx, req)
		if err == nil {
			typed.Destroy()
			typed = s.Clone()
		}
		return s, err
	}, nil)
	round := 0
	ask := func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if req.Attempt == 1 {
			round++
		}
		switch {
		case round == 1:
			return known(ctx, req)
		case req.Attempt == 1 && !typed.IsZero():
			return typed.Clone(), nil
		}
		return person(ctx, req)
	}
	r, err := w.world.BackUp(ctx, keys.ParseSelector(string(f)), path, keydesk.BackupArmored, false, ask)
	if unlock := (*keys.UnlockError)(nil); errors.As(err, &unlock) {
		err = &ForgottenError{Key: f, Err: err}
	}
	return r, err
}

// ForgottenError says that the passphrase of a key was typed wrong each time when its backup was to be
// tried, so that none was kept.
type ForgottenError struct {
	Key keys.Fingerprint
	Err error
}

func (e *ForgottenError) Error() string { return e.Err.Error() }

// Unwrap is the cause, a *keys.UnlockError.
func (e *ForgottenError) Unwrap() error { return e.Err }

// Paper writes the key for the printer and tries what was written. The file is made and tried with
// the passphrase that this run knows; person is asked where it knows none.
func (w *Wizard) Paper(ctx context.Context, f keys.Fingerprint, path string, person keys.AskPassphrase) (store.Rehearsal, error) {
	form := keydesk.BackupPaperText
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".html" || ext == ".htm" {
		form = keydesk.BackupPaperHTML
	}
	return w.world.BackUp(ctx, keys.ParseSelector(string(f)), path, form, false, w.world.Vault.Ask(person, nil))
}

// RevocationError says that a revocation certificate does not do what it should.
type RevocationError struct{ Path, Reason string }

func (e *RevocationError) Error() string {
	return "the revocation certificate " + e.Path + " " + e.Reason
}

// MoveRevocation puts the revocation certificate of a key to another place: it is copied to path,
// read back, tried in a throw-away store, and only then removed from bulla's own folder, which remembers
// where it went. A file that exists is never replaced.
func (w *Wizard) MoveRevocation(ctx context.Context, f keys.Fingerprint, path string) error {
	from := w.world.Store.RevocationPath(f)
	data, err := limits.ReadFile(from, store.ImportLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return &RevocationError{from, "is not there any more: it was moved before"}
	}
	if err != nil {
		return err
	}
	if err := w.tryRevocation(ctx, f, data); err != nil {
		return errors.Join(&RevocationError{from, "does not revoke the key; make another one with bulla keys revcert"}, err)
	}
	if err := atomicfile.Create(path, data, 0o600); err != nil {
		return err
	}
	back, err := limits.ReadFile(path, store.ImportLimit)
	if err == nil && !bytes.Equal(back, data) {
		err = &RevocationError{path, "reads back otherwise than it was written"}
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if err := os.Remove(from); err != nil {
		return err
	}
	return w.world.Store.MarkRevocationMoved(ctx, f, path, w.world.Now())
}

// tryRevocation revokes the key in a throw-away store.
func (w *Wizard) tryRevocation(ctx context.Context, f keys.Fingerprint, certificate []byte) (err error) {
	dir, err := os.MkdirTemp("", "bulla-revocation-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sel := keys.ParseSelector(string(f))
	public, err := w.world.Store.ExportPublic(ctx, sel)
	if err != nil {
		return err
	}
	s := store.Open(store.Options{Dir: filepath.Join(dir, "keys"), Now: w.world.Now, Rand: w.world.Rand})
	for _, data := range [][]byte{public, certificate} {
		if _, err := s.Import(ctx, bytes.NewReader(data)); err != nil {
			return err
		}
	}
	list, err := s.List(ctx)
	if err != nil {
		return err
	}
	k, err := keys.Select(list, sel)
	if err == nil && !k.Revoked {
		err = errors.New("the key is as valid after it as before")
	}
	return err
}
