package vault

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"bulla/keys"
)

// MaxPassphrase is the longest passphrase, in bytes, that bulla reads and keeps. A keychain
// takes less: see [MaxKeychainValue].
const MaxPassphrase = 4096

// Errors that tell why a vault did not answer. All but ErrNotFound and ErrTooBig come wrapped
// in an [*UnavailableError].
var (
	// ErrNotFound says that the vault works and holds nothing under that name.
	ErrNotFound = errors.New("vault: nothing is kept under this name")
	// ErrLocked says that a person must unlock the vault first, or refused to.
	ErrLocked = errors.New("vault: locked")
	// ErrAbsent says that there is no such vault on this machine or in this session.
	ErrAbsent = errors.New("vault: not available here")
	// ErrNeedsSetup says that the vault has to be created before it can be used.
	ErrNeedsSetup = errors.New("vault: not set up yet")
	// ErrTimeout says that the vault did not answer in time.
	ErrTimeout = errors.New("vault: no answer in time")
	// ErrTooBig says that the passphrase is longer than the vault can keep.
	ErrTooBig = errors.New("vault: the passphrase is too long to be kept here")
	// ErrBadKey says that a name can't be used for an entry.
	ErrBadKey = errors.New("vault: bad entry name")
	// ErrDamaged says that a vault's file is there but can't be read as one.
	ErrDamaged = errors.New("vault: the file is damaged")
	// ErrMismatch says that a keychain gave back something else than it was given.
	ErrMismatch = errors.New("vault: the keychain gave back another value than it was given")
)

// UnavailableError says why a vault could not be used.
type UnavailableError struct {
	Backend Backend
	// Name is the vault's name for a person, such as "GNOME Keyring (login)".
	Name string
	// Reason is a plain sentence fragment. It may quote a system service and must be cleaned
	// before a terminal sees it.
	Reason string
	// Err is ErrLocked, ErrAbsent, ErrNeedsSetup or ErrTimeout.
	Err error
}

func (e *UnavailableError) Error() string {
	if e.Reason == "" {
		return e.Name + ": " + e.Err.Error()
	}
	return e.Name + ": " + e.Reason
}

// Unwrap lets errors.Is find the sentinel.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Key names an entry: the purpose of a passphrase, then what it opens, such as
// "openpgp/<fingerprint>" or "cosign/<SHA-256 of the public key info>".
type Key string

// keyPattern leaves out whatever some keychain treats as special. On macOS go-keyring writes
// the name into a line that `security -i` parses, where a newline would begin a second command
// and quotes and backslashes change the name; a NUL ends a D-Bus connection; on Windows the
// colon separates service and name, which is safe only because the service has none.
var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9-]*(/[A-Za-z0-9._@+:-]{1,128}){1,3}$`)

const maxKey = 255

// Check returns an error that matches ErrBadKey for a name that is not safe in every keychain.
func (k Key) Check() error {
	if len(k) > maxKey || !keyPattern.MatchString(string(k)) {
		return fmt.Errorf("%w: %q", ErrBadKey, string(k[:min(len(k), maxKey)]))
	}
	return nil
}

// KeyFor is the name under which the passphrase of req is kept. It is not checked: a vault
// refuses it if the request's ID holds anything unusual.
func KeyFor(req keys.PassphraseRequest) Key { return Key(string(req.Purpose) + "/" + req.ID) }

// Backend is a kind of place for passphrases. The words stand in the state file.
type Backend string

// The kinds of places.
const (
	BackendKeychain Backend = "keychain" // the operating system's
	BackendFile     Backend = "file"     // encrypted with age
	BackendMemory   Backend = "memory"   // this run only
)

func (b Backend) valid() bool {
	return b == BackendKeychain || b == BackendFile || b == BackendMemory
}

// State says whether a vault can be used.
type State string

// The states of a vault.
const (
	Absent     State = "absent"      // not on this machine, or not in this session
	Locked     State = "locked"      // there, but a person has to unlock it
	NeedsSetup State = "needs-setup" // there, but has to be created first
	Ready      State = "ready"
)

// Status is what a screen shows of a vault. It holds no secret.
type Status struct {
	Backend Backend
	// Name is for a person: "GNOME Keyring (login)", "Encrypted vault file".
	Name string
	// Where is the place more exactly: a path, or the kind of system service.
	Where string
	State State
	// Reason is a plain sentence fragment that says why the vault is not ready, or "". It may
	// quote a system service and must be cleaned before a terminal sees it.
	Reason string
	// Persistent says that what is kept outlives this run.
	Persistent bool
	// MayPrompt says that using the vault can open a dialog which a person has to answer.
	MayPrompt bool
	// Sentence says in plain words where a passphrase lives and who can read it.
	Sentence string
}

// unavailable makes the error for a vault in this state; nil if it is ready.
func (s Status) unavailable() error {
	e := &UnavailableError{Backend: s.Backend, Name: s.Name, Reason: s.Reason}
	switch s.State {
	case Ready:
		return nil
	case Locked:
		e.Err = ErrLocked
	case NeedsSetup:
		e.Err = ErrNeedsSetup
	default:
		e.Err = ErrAbsent
	}
	return e
}

// Vault is one place for passphrases. Implementations are safe for concurrent use, and every
// call ends within a bounded time, also when ctx has no deadline.
type Vault interface {
	// Describe looks at the vault without asking a person anything.
	Describe(ctx context.Context) Status
	// Get returns a Secret that belongs to the caller, or an error that matches ErrNotFound.
	Get(ctx context.Context, k Key) (keys.Secret, error)
	// Set keeps a copy of s and replaces what was there.
	Set(ctx context.Context, k Key, s keys.Secret) error
	// Delete returns an error that matches ErrNotFound if there was nothing.
	Delete(ctx context.Context, k Key) error
	// List returns the names of the entries, sorted.
	List(ctx context.Context) ([]Key, error)
}

var _, _, _ Vault = (*Keychain)(nil), (*File)(nil), (*Memory)(nil)
