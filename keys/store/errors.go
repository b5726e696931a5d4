package store

import (
	"errors"
	"fmt"
	"io/fs"

	"bulla/keys"
	"bulla/keys/limits"
)

// ErrTooBig says that what was to be imported is longer than [ImportLimit].
var ErrTooBig = fmt.Errorf("more than %d MiB of keys", ImportLimit>>20)

// ErrLocked is what a signer answers that was not unlocked, or was closed.
var ErrLocked = errors.New("the key is locked")

// ErrOnlyRevocation says that a revocation certificate was imported for a key that is not here.
var ErrOnlyRevocation = errors.New("a revocation certificate for a key that is not in the store")

// errStraySignature says that something signed was given where a key should be.
var errStraySignature = errors.New("a signature without its key")

// ProblemError says that one key of the store cannot be read, or is not kept safely. Other keys
// are not affected.
type ProblemError struct {
	// Path is the file or folder concerned.
	Path string
	// Key is the key that cannot be read, "" where the problem is another.
	Key keys.Fingerprint
	Err error
}

func (e *ProblemError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap is the cause.
func (e *ProblemError) Unwrap() error { return e.Err }

// PermissionError says that others on this computer may read a file or folder of the store.
type PermissionError struct{ Mode fs.FileMode }

func (e *PermissionError) Error() string {
	return fmt.Sprintf("mode %#o lets other users in; it should be %#o", e.Mode.Perm(), e.Mode.Perm()&0o700)
}

// SkippedError says which keys of an import were left out, each by a *keys.KeyError where the key
// could be told. The others were stored.
type SkippedError struct{ Skipped []error }

func (e *SkippedError) Error() string {
	if len(e.Skipped) == 1 {
		return fmt.Sprintf("left out a key: %v", e.Skipped[0])
	}
	return fmt.Sprintf("left out %d keys, the first because: %v", len(e.Skipped), e.Skipped[0])
}

// Unwrap lets errors.Is and errors.As look into every reason.
func (e *SkippedError) Unwrap() []error { return e.Skipped }

// ParamError says which parameter of a new key, or of a change to one, cannot be used, and why.
type ParamError struct {
	Field  string // "name", "email", "comment", "algorithm", "lifetime", "passphrase"
	Reason string
}

func (e *ParamError) Error() string { return e.Field + " " + e.Reason }

// ChangeError says why a key cannot be changed. Nothing was changed. Reason is a sentence fragment
// without the key's name, such as "the secret part of its primary key is not here".
type ChangeError struct {
	Key    keys.Fingerprint
	Reason string
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("key %s cannot be changed: %s", e.Key, e.Reason)
}

// LifetimeError says why a lifetime cannot be understood or used.
type LifetimeError struct {
	Text   string
	Reason string
}

func (e *LifetimeError) Error() string { return fmt.Sprintf("lifetime %q: %s", e.Text, e.Reason) }

// asProblem makes sure that an error about a key says where it is.
func asProblem(path string, err error) error {
	var p *ProblemError
	if errors.As(err, &p) {
		return err
	}
	return &ProblemError{Path: path, Err: limits.WithoutPath(err)}
}

// unreadable is a problem with the key that is read at path.
func (s *Store) unreadable(fpr keys.Fingerprint, path string, err error) error {
	err = asProblem(path, err)
	var p *ProblemError
	if errors.As(err, &p) {
		p.Key = fpr
	}
	return err
}

// absent turns "no such folder" into the error for a key that is not here.
func absent(err error, fpr keys.Fingerprint) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &keys.NotFoundError{Selector: string(fpr)}
	}
	return err
}
