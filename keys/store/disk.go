package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
)

// The names within the folder of a key.
const (
	publicFile    = "public.pgp"
	secretFile    = "secret.pgp"
	backedUpFile  = "backed-up"
	successorFile = "successor"
	// movedFile tells where the revocation certificate was moved to.
	movedFile = "revocation-moved"
	lockFile  = ".lock"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// lockRetry is how often a held lock is tried again.
const lockRetry = 25 * time.Millisecond

// stored is one key of the store as its folder has it.
type stored struct {
	transferable
	backedUp  time.Time
	moved     movedRevocation
	successor keys.Fingerprint
	retires   time.Time
}

// locked runs f while no other bulla writes to the store. It makes the folder, and clears away
// what writers that were killed left behind.
func (s *Store) locked(ctx context.Context, f func() error) (err error) {
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(s.dir, lockFile), flock.SetPermissions(fileMode))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return fmt.Errorf("lock the key store: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := s.removeLeftovers(); err != nil {
		return err
	}
	return f()
}

// removeLeftovers deletes unfinished folders of new keys. The caller holds the lock, so nobody
// is at work in them.
func (s *Store) removeLeftovers() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), atomicfile.TempPrefix) {
			errs = append(errs, os.RemoveAll(filepath.Join(s.dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

func (s *Store) keyDir(fpr keys.Fingerprint) string { return filepath.Join(s.dir, string(fpr)) }

// createKey writes a new key: a whole folder under a temporary name, then one rename. It
// replaces nothing.
func (s *Store) createKey(t transferable) (err error) {
	final := s.keyDir(t.fpr)
	if _, err := os.Lstat(final); err == nil {
		return &fs.PathError{Op: "create", Path: final, Err: fs.ErrExist}
	}
	tmp, err := os.MkdirTemp(s.dir, atomicfile.TempPrefix+"key-") // 0700
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(tmp)
		}
	}()
	if len(t.secret) > 0 {
		secret := secretBytes(t.secret)
		err := atomicfile.Create(filepath.Join(tmp, secretFile), secret, fileMode)
		clear(secret)
		if err != nil {
			return err
		}
	}
	if err := atomicfile.Create(filepath.Join(tmp, publicFile), t.bytes(), fileMode); err != nil {
		return err
	}
	if err := os.Rename(tmp, final); err != nil {
		return err
	}
	syncDir(s.dir)
	return nil
}

// replace writes what next has and before has not, under the lock. The previous files are those
// that the latest change replaced: a file that stays the same has none, so that going back never
// mixes two changes. The secret is written first: one without its public part is passed over by
// readers, should the other write fail.
func (s *Store) replace(before stored, next transferable) error {
	dir := s.keyDir(before.fpr)
	public, secret := filepath.Join(dir, publicFile), filepath.Join(dir, secretFile)
	newPublic := !bytes.Equal(before.bytes(), next.bytes())
	newSecret := !sameSecrets(before.secret, next.secret)
	if !newPublic && !newSecret {
		return nil
	}
	if err := removeAll(previousPath(public), previousPath(secret)); err != nil {
		return err
	}
	if newSecret {
		data := secretBytes(next.secret)
		err := updateFile(secret, data)
		clear(data)
		if err != nil {
			return err
		}
		if err := removeAll(filepath.Join(dir, backedUpFile)); err != nil {
			return err
		}
	}
	if newPublic {
		return updateFile(public, next.bytes())
	}
	return nil
}

// removeAll removes files, those that are there.
func removeAll(paths ...string) error {
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// updateFile replaces a file of a key and keeps the version before, one only.
func updateFile(path string, data []byte) error {
	if err := atomicfile.RemoveTemps(filepath.Dir(path)); err != nil {
		return err
	}
	old, err := readLimited(path)
	switch {
	case err == nil:
		err = atomicfile.Write(previousPath(path), old, fileMode)
		clear(old)
		if err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return atomicfile.Write(path, data, fileMode)
}

func previousPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ".previous" + ext
}

// syncDir makes a rename durable. Where a folder cannot be synced (Windows, some network file
// systems) nothing is lost but that promise.
func syncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	_ = d.Sync()
	_ = d.Close()
}

// readCertificate reads and checks the public part of one key. An absent folder gives
// fs.ErrNotExist, everything else that is wrong a *ProblemError.
func (s *Store) readCertificate(fpr keys.Fingerprint) (certificate, error) {
	dir := s.keyDir(fpr)
	path := filepath.Join(dir, publicFile)
	data, err := readLimited(path)
	if err != nil {
		if _, e := os.Stat(dir); e != nil {
			return certificate{}, e
		}
		return certificate{}, &ProblemError{Path: path, Err: limits.WithoutPath(err)}
	}
	c, err := parseCertificate(data, fpr)
	if err != nil {
		return c, &ProblemError{Path: path, Err: err}
	}
	return c, nil
}

// readKey reads and checks the whole folder of one key, with errors as from readCertificate.
// Whoever is done with the key calls forget.
func (s *Store) readKey(fpr keys.Fingerprint) (k stored, err error) {
	if k.certificate, err = s.readCertificate(fpr); err != nil {
		return k, err
	}
	dir := s.keyDir(fpr)
	path := filepath.Join(dir, secretFile)
	data, err := readLimited(path)
	if err == nil {
		k.secret, err = parseSecrets(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		clear(data)
		return k, &ProblemError{Path: path, Err: limits.WithoutPath(err)}
	}
	if text, err := readLimited(filepath.Join(dir, backedUpFile)); err == nil {
		// Unreadable means not known, which asks for a backup once too often.
		k.backedUp, _ = time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	}
	if text, err := readLimited(filepath.Join(dir, successorFile)); err == nil {
		k.successor, k.retires = parseSuccessor(string(text))
	}
	if text, err := readLimited(filepath.Join(dir, movedFile)); err == nil {
		k.moved = parseMoved(string(text))
	}
	return k, nil
}

// parseCertificate reads what public.pgp must hold: the named key and nothing else.
func parseCertificate(data []byte, want keys.Fingerprint) (c certificate, err error) {
	packets, err := splitPackets(data)
	if err != nil {
		return c, err
	}
	found, _, errs := readTransferables(packets)
	switch {
	case len(errs) > 0:
		return c, errs[0]
	case len(found) != 1:
		return c, fmt.Errorf("%d keys where one should be", len(found))
	case found[0].fpr != want:
		return c, fmt.Errorf("it holds another key, %s", found[0].fpr)
	case len(found[0].secret) > 0:
		return c, errors.New("it holds secret keys where only public ones should be")
	}
	return found[0].certificate, nil
}

// parseSecrets reads what secret.pgp must hold: secret key packets and nothing else.
func parseSecrets(data []byte) ([]secretPacket, error) {
	packets, err := splitPackets(data)
	if err != nil {
		return nil, err
	}
	var out []secretPacket
	for _, p := range packets {
		if !p.Tag.Secret() {
			return nil, fmt.Errorf("packet type %d where only secret keys should be", p.Tag)
		}
		s, err := readSecret(p)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// readLimited reads a file of the store, at most ImportLimit bytes.
func readLimited(path string) ([]byte, error) {
	data, err := limits.ReadFile(path, ImportLimit)
	if errors.Is(err, limits.ErrTooLarge) {
		return nil, ErrTooBig
	}
	return data, err
}

// fingerprints are the keys of the store by the names of their folders, in order, and the
// problems that are seen from outside.
func (s *Store) fingerprints() (list []keys.Fingerprint, problems []error, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(s.dir, name)
		fpr, err := keys.ParseFingerprint(name)
		if err != nil || string(fpr) != name {
			problems = append(problems, &ProblemError{Path: path, Err: errors.New("not the folder of a key")})
			continue
		}
		list = append(list, fpr)
	}
	return list, problems, nil
}

// checkModes finds what other users may read. Windows has no such modes.
func (s *Store) checkModes(fprs []keys.Fingerprint) (problems []error) {
	if runtime.GOOS == "windows" {
		return nil
	}
	paths := []string{s.dir}
	for _, f := range fprs {
		dir := s.keyDir(f)
		secret := filepath.Join(dir, secretFile)
		paths = append(paths, dir, secret, previousPath(secret), s.RevocationPath(f))
	}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.Mode().Perm()&0o077 != 0 {
			problems = append(problems, &ProblemError{Path: p, Err: &PermissionError{Mode: info.Mode()}})
		}
	}
	return problems
}
