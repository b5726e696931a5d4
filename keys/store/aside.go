package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bulla/keys"
	"bulla/keys/atomicfile"
)

// ReadableError says that a key was to be moved aside that can be read.
type ReadableError struct{ Key keys.Fingerprint }

func (e *ReadableError) Error() string {
	return "key " + string(e.Key) + " can be read: only what cannot be read is moved aside"
}

// MoveAside moves the folder of a key that cannot be read out of the store, so that a backup of the
// key can be imported in its place, and returns where it is now: in the folder "aside" beside the
// store's. Nothing in it is changed, for part of it may be of use still. A key that can be read is a
// *ReadableError, one that is not here a *keys.NotFoundError.
func (s *Store) MoveAside(ctx context.Context, fpr keys.Fingerprint) (path string, err error) {
	err = s.locked(ctx, func() error {
		if _, err := s.broken(fpr); err != nil {
			return err
		}
		dir := filepath.Join(filepath.Dir(s.dir), "aside")
		if err := os.MkdirAll(dir, dirMode); err != nil {
			return err
		}
		path, err = freeName(filepath.Join(dir, string(fpr)))
		if err != nil {
			return err
		}
		if err := os.Rename(s.keyDir(fpr), path); err != nil {
			return err
		}
		syncDir(dir)
		syncDir(s.dir)
		return nil
	})
	if err != nil {
		return "", err
	}
	return path, nil
}

// freeName is path, or path with a number behind it, whichever does not exist.
func freeName(path string) (string, error) {
	const most = 1000
	name := path
	for n := 2; n < most; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
		name = fmt.Sprintf("%s-%d", path, n)
	}
	return "", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
}

// broken is why a key cannot be read, a *ProblemError; err says that there is no such key.
func (s *Store) broken(fpr keys.Fingerprint) (why, err error) {
	if _, err := os.Lstat(s.keyDir(fpr)); err != nil {
		return nil, absent(err, fpr)
	}
	if e := s.ExamineOne(fpr); e.Err != nil {
		return e.Err, nil
	}
	return nil, &ReadableError{fpr}
}

// deleteBroken is Delete for a key that cannot be read.
func (s *Store) deleteBroken(ctx context.Context, fpr keys.Fingerprint, force bool) error {
	if _, err := s.broken(fpr); err != nil {
		return err
	}
	_, secret := os.Lstat(filepath.Join(s.keyDir(fpr), secretFile))
	_, backedUp := os.Lstat(filepath.Join(s.keyDir(fpr), backedUpFile))
	if secret == nil && backedUp != nil && !force {
		return &NotBackedUpError{fpr}
	}
	return s.locked(ctx, func() error { return s.remove(fpr) })
}

// remove deletes the folder of a key by one rename: a reader sees the key or none. The rest is cleared
// away by the next writer if this one is killed.
func (s *Store) remove(fpr keys.Fingerprint) error {
	gone, err := os.MkdirTemp(s.dir, atomicfile.TempPrefix+"gone-")
	if err != nil {
		return err
	}
	if err := os.Rename(s.keyDir(fpr), filepath.Join(gone, string(fpr))); err != nil {
		return errors.Join(err, os.Remove(gone))
	}
	syncDir(s.dir)
	return os.RemoveAll(gone)
}
