package vault

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"bulla/keys"
	"bulla/keys/atomicfile"

	"filippo.io/age"
)

// Names of the files of a [File] vault within its folder.
const (
	identityFile = "identity.age"
	entriesFile  = "vault.age"
	lockFile     = ".lock"
)

const (
	// defaultWorkFactor is age's own: about a second and 256 MiB, paid once per run.
	defaultWorkFactor = 18
	// maxWorkFactor keeps a planted file from costing gigabytes: 2^20 takes 1 GiB.
	maxWorkFactor = 20
	maxIdentity   = 64 << 10 // bytes, encrypted
	maxEntries    = 8 << 20  // bytes, encrypted
)

// FileOptions are the parts of a [File].
type FileOptions struct {
	// Dir is the folder of the vault; it is made (0700) by Create.
	Dir string
	// WorkFactor is the logarithm of scrypt's cost for a new master passphrase; 0 means 18.
	// Tests take less.
	WorkFactor int
}

// File keeps passphrases in a folder of two files, both of which stock age opens:
//
//	identity.age  an X25519 identity, encrypted with the master passphrase (scrypt)
//	vault.age     the entries, encrypted to that identity
//
// The recipient stands nowhere in clear, so nobody without the master passphrase can put
// entries into the vault. Putting back an older copy of the files stays possible. scrypt is
// paid once, at Unlock; after that each access costs a few milliseconds.
//
// Several processes may use one vault at a time; each change is made under a lock and appears
// by a rename. Plaintext never touches a file.
type File struct {
	dir        string
	workFactor int
	write      func(path string, data []byte, perm fs.FileMode) error // a file of a new vault

	mu sync.Mutex
	id *age.X25519Identity // nil while locked
}

// NewFile returns a File. It touches nothing yet.
func NewFile(o FileOptions) *File {
	return &File{dir: o.Dir, workFactor: cmp.Or(o.WorkFactor, defaultWorkFactor), write: atomicfile.Create}
}

func (v *File) path(name string) string { return filepath.Join(v.dir, name) }

// Describe looks whether the files are there and the master passphrase was given.
func (v *File) Describe(context.Context) Status {
	st := Status{Backend: BackendFile, Name: "Encrypted vault file", Where: v.dir, Persistent: true}
	_, err := os.Stat(v.path(identityFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		st.State, st.Reason = NeedsSetup, "choose a master passphrase to create it"
	case err != nil:
		st.State, st.Reason = Absent, err.Error()
	case v.identity() == nil:
		st.State, st.Reason = Locked, "its master passphrase was not given yet"
	default:
		st.State = Ready
	}
	st.Sentence = sentenceFile(v.dir, st.State, st.Reason)
	return st
}

func (v *File) identity() *age.X25519Identity {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.id
}

func (v *File) setIdentity(id *age.X25519Identity) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.id = id
}

// ChangeMaster lets master open the vault from now on instead of the passphrase before. The
// vault must be unlocked. Copies of the old identity file still open with the old passphrase.
func (v *File) ChangeMaster(ctx context.Context, master keys.Secret) error {
	id := v.identity()
	if id == nil {
		return v.Describe(ctx).unavailable()
	}
	sealed, err := v.sealIdentity(id, master)
	if err != nil {
		return err
	}
	return withLock(ctx, v.path(lockFile), exclusiveLock, func() error {
		// Entries that this identity can't open belong to a vault made anew meanwhile.
		if _, err := v.load(id); err != nil {
			return err
		}
		return atomicfile.Write(v.path(identityFile), sealed, 0o600)
	})
}

func (v *File) sealIdentity(id *age.X25519Identity, master keys.Secret) ([]byte, error) {
	if master.Len() == 0 {
		return nil, keys.ErrNoSecret
	}
	if master.Len() > MaxPassphrase {
		return nil, ErrTooBig
	}
	var sealed []byte
	err := master.Use(func(b []byte) error {
		r, err := age.NewScryptRecipient(string(b))
		if err != nil {
			return err
		}
		r.SetWorkFactor(v.workFactor)
		plain := []byte(id.String() + "\n")
		defer clear(plain)
		sealed, err = seal(plain, r)
		return err
	})
	return sealed, err
}

// Unlock opens the vault with its master passphrase. A wrong one is keys.ErrWrongPassphrase.
// The derivation can't be interrupted: it takes about a second.
func (v *File) Unlock(ctx context.Context, master keys.Secret) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if st := v.Describe(ctx); st.State == NeedsSetup || st.State == Absent {
		return st.unavailable()
	}
	if master.Len() == 0 && !master.IsZero() {
		return keys.ErrWrongPassphrase // age has no empty passphrases
	}
	sealed, err := readLimited(v.path(identityFile), maxIdentity)
	if err != nil {
		return err
	}
	var id *age.X25519Identity
	err = master.Use(func(b []byte) error {
		si, err := age.NewScryptIdentity(string(b))
		if err != nil {
			return err
		}
		si.SetMaxWorkFactor(maxWorkFactor)
		plain, err := unseal(sealed, si)
		defer clear(plain)
		if errors.Is(err, age.ErrIncorrectIdentity) {
			return keys.ErrWrongPassphrase
		}
		if err != nil {
			return v.damaged(identityFile, err)
		}
		if id, err = age.ParseX25519Identity(string(bytes.TrimSpace(plain))); err != nil {
			// The parser's error may quote what it read.
			return v.damaged(identityFile, errors.New("it holds no age identity"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.setIdentity(id)
	return nil
}

// Lock forgets what Unlock learned.
func (v *File) Lock() { v.setIdentity(nil) }

// forget locks the vault, unless another identity has opened it meanwhile.
func (v *File) forget(id *age.X25519Identity) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.id == id {
		v.id = nil
	}
}

func (v *File) damaged(name string, cause error) error {
	return fmt.Errorf("%w: %s: %w", ErrDamaged, v.path(name), cause)
}

// seal encrypts in memory: plaintext never touches a file, not even a temporary one.
func seal(plain []byte, to age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(plain); err != nil {
		return nil, err
	}
	if err = w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unseal decrypts into a buffer that needs no growing, so that no copy stays behind: the
// plaintext is shorter than the ciphertext. The caller clears it, also after an error.
func unseal(sealed []byte, id age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(sealed))
	n, err := io.ReadFull(r, plain)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return plain[:n], err
}

// Get returns the entry under k.
func (v *File) Get(ctx context.Context, k Key) (s keys.Secret, err error) {
	err = v.read(ctx, func(e entries) error {
		b, ok := e[k]
		if !ok {
			return ErrNotFound
		}
		s = keys.NewSecret(bytes.Clone(b))
		return nil
	})
	return s, err
}

// Set keeps a copy of s under k.
func (v *File) Set(ctx context.Context, k Key, s keys.Secret) error {
	if err := k.Check(); err != nil {
		return err
	}
	if s.Len() > MaxPassphrase {
		return ErrTooBig
	}
	return s.Use(func(b []byte) error {
		return v.change(ctx, func(e entries) error {
			clear(e[k])
			e[k] = append([]byte{}, b...)
			return nil
		})
	})
}

// Delete removes the entry under k.
func (v *File) Delete(ctx context.Context, k Key) error {
	return v.change(ctx, func(e entries) error {
		if _, ok := e[k]; !ok {
			return ErrNotFound
		}
		clear(e[k])
		delete(e, k)
		return nil
	})
}

// List returns the names of the entries, sorted.
func (v *File) List(ctx context.Context) (names []Key, err error) {
	err = v.read(ctx, func(e entries) error { names = e.names(); return nil })
	return names, err
}

// read lends the entries to f. They are wiped afterwards.
func (v *File) read(ctx context.Context, f func(entries) error) error {
	return v.with(ctx, sharedLock, func(_ *age.X25519Identity, e entries) error { return f(e) })
}

// change lets f alter the entries and writes them back, unless f fails.
func (v *File) change(ctx context.Context, f func(entries) error) error {
	return v.with(ctx, exclusiveLock, func(id *age.X25519Identity, e entries) error {
		if err := f(e); err != nil {
			return err
		}
		plain := formatEntries(e)
		defer clear(plain)
		sealed, err := seal(plain, id.Recipient())
		if err != nil {
			return err
		}
		if len(sealed) > maxEntries {
			return fmt.Errorf("%w: the vault would exceed %d bytes", ErrTooBig, maxEntries)
		}
		return atomicfile.Write(v.path(entriesFile), sealed, 0o600)
	})
}

func (v *File) with(ctx context.Context, kind lockKind, f func(*age.X25519Identity, entries) error) error {
	id := v.identity()
	if id == nil {
		st := v.Describe(ctx)
		if st.State == Ready { // unlocked a moment ago by another goroutine
			return v.with(ctx, kind, f)
		}
		return st.unavailable()
	}
	return withLock(ctx, v.path(lockFile), kind, func() error {
		if kind == exclusiveLock {
			if err := atomicfile.RemoveTemps(v.dir); err != nil {
				return err
			}
		}
		e, err := v.load(id)
		if err != nil {
			return err
		}
		defer e.wipe()
		return f(id, e)
	})
}

func (v *File) load(id *age.X25519Identity) (entries, error) {
	sealed, err := readLimited(v.path(entriesFile), maxEntries)
	if err != nil {
		return nil, err
	}
	plain, err := unseal(sealed, id)
	defer clear(plain)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		v.forget(id)
		return nil, &UnavailableError{
			Backend: BackendFile, Name: "Encrypted vault file", Err: ErrLocked,
			Reason: "it was made anew since it was unlocked",
		}
	}
	if err != nil {
		return nil, v.damaged(entriesFile, err)
	}
	e, err := parseEntries(plain)
	if err != nil {
		return nil, v.damaged(entriesFile, err)
	}
	return e, nil
}
