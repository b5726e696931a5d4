package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/pgp"
)

// BackupError says why a backup is not worth the name. Reason is a sentence fragment.
type BackupError struct {
	Key    keys.Fingerprint // empty if not even that could be read
	Reason string
}

func (e *BackupError) Error() string { return "the backup cannot be used: " + e.Reason }

// Rehearsal says what was tried with a backup, and worked.
type Rehearsal struct {
	// Key is the key as it came out of the backup.
	Key keys.Key
	// Opened are the secret parts that the passphrase opened; Signed those of them that signed
	// something which then verified with the public key.
	Opened, Signed []keys.Fingerprint
	// Protected says that a passphrase was needed.
	Protected bool
	// Older says that the store knows of the key what the backup does not: a new expiry, a user
	// id. Its secret parts are complete all the same.
	Older bool
	// Recorded says that the key is in this store, which now remembers the backup.
	Recorded bool
	At       time.Time
}

// Rehearse tries a backup as if all else were lost: it restores it into a throw-away store,
// opens every secret part with the passphrase that ask gives, lets each that can sign something,
// and verifies that with the public key of this store, or of the backup where the key is not
// here. A backup that lacks a secret part of the stored key is none. What worked is remembered
// as with MarkBackedUp.
//
// data is what [Store.Import] reads. The error is a *BackupError, or one of keys.Unlock.
func (s *Store) Rehearse(ctx context.Context, data []byte, ask keys.AskPassphrase) (r Rehearsal, err error) {
	throwAway, remove, err := s.ThrowAway(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if _, err := throwAway.Import(ctx, bytes.NewReader(data)); err != nil {
		return r, &BackupError{Reason: err.Error()}
	}
	loaded, _, err := throwAway.load(ctx)
	if err != nil {
		return r, err
	}
	defer forget(loaded)
	with := withSecret(loaded)
	if len(with) != 1 {
		return r, &BackupError{Reason: fmt.Sprintf("it holds %d secret keys, not one", len(with))}
	}
	k := with[0]
	r.Key, r.At = k.key, s.now()
	public := k.certificate
	have, haveErr := s.readKey(k.fpr)
	defer have.forget()
	if haveErr == nil {
		public = have.certificate
		if missing := missingSecrets(have.secret, k.secret); missing != "" {
			return r, &BackupError{k.fpr, "the secret part of " + string(missing) + " is not in it"}
		}
		_, r.Older = k.merge(have.certificate)
	}
	if err := k.tryAll(ctx, public, s, ask, &r); err != nil {
		return r, err
	}
	if haveErr == nil {
		r.Recorded = true
		err = s.MarkBackedUp(ctx, k.fpr, r.At)
	}
	return r, err
}

// ThrowAway makes a store beside this one, to try something in, with copies of those of the named
// keys that are here. remove takes it away again; should it never be called, a later ThrowAway does.
func (s *Store) ThrowAway(ctx context.Context, with ...keys.Fingerprint) (t *Store, remove func() error, err error) {
	home := filepath.Dir(s.dir)
	if err := os.MkdirAll(home, dirMode); err != nil {
		return nil, nil, err
	}
	removeOldRehearsals(home, s.now())
	tmp, err := os.MkdirTemp(home, rehearsalPrefix) // 0700
	if err != nil {
		return nil, nil, err
	}
	remove = func() error { return os.RemoveAll(tmp) }
	t = Open(Options{Dir: filepath.Join(tmp, "keys"), Now: s.now, Rand: s.rand})
	err = t.locked(ctx, func() error {
		for _, f := range with {
			k, err := s.readKey(f)
			if err == nil {
				err = t.createKey(k.transferable)
			}
			k.forget()
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return t, remove, nil
}

// rehearsalPrefix begins the name of the folder of a throw-away store.
const rehearsalPrefix = atomicfile.TempPrefix + "rehearsal-"

// removeOldRehearsals clears away what a killed rehearsal left. One of the last hour may be
// another process at work.
func removeOldRehearsals(home string, now time.Time) {
	entries, err := os.ReadDir(home)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), rehearsalPrefix) && now.Sub(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Join(home, e.Name()))
		}
	}
}

// missingSecrets is the first key whose secret is in have and not in backup, or "".
func missingSecrets(have, backup []secretPacket) keys.Fingerprint {
	for _, p := range have {
		i := findSecret(backup, p.fpr)
		if p.protection.usable() && (i < 0 || !backup[i].protection.usable()) {
			return p.fpr
		}
	}
	return ""
}

// tryAll opens the parts of a restored key and signs with those that can.
func (k loadedKey) tryAll(ctx context.Context, public certificate, s *Store, ask keys.AskPassphrase, r *Rehearsal) error {
	opened, err := k.openAll(ctx, ask)
	defer func() {
		for _, o := range opened {
			wipe(o)
		}
	}()
	if err != nil {
		return err
	}
	r.Protected = k.anyProtected(opened)
	text := make([]byte, 32)
	if _, err := io.ReadFull(s.rand, text); err != nil {
		return err
	}
	over := func(w io.Writer) { _, _ = w.Write(text) }
	for _, p := range k.secret {
		o := opened[p.fpr]
		if o == nil {
			continue
		}
		r.Opened = append(r.Opened, p.fpr)
		if !o.PubKeyAlgo.CanSign() || o.Version != 4 {
			continue
		}
		sig, err := signature{kind: pgp.SigBinary}.sign(s.rand, o, s.now(), over)
		if err == nil {
			err = public.verifies(p.fpr, sig, hashFor(o), over)
		}
		if err != nil {
			return &BackupError{k.fpr, err.Error()}
		}
		r.Signed = append(r.Signed, p.fpr)
	}
	if len(r.Opened) == 0 {
		return &BackupError{k.fpr, "it holds stubs instead of secret keys"}
	}
	return nil
}
