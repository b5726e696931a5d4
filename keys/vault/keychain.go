package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"bulla/keys"

	keyring "github.com/zalando/go-keyring"
)

// DefaultService is the service name under which bulla's items stand in a keychain. It must not
// hold a colon: Windows joins service and name with one.
const DefaultService = "bulla"

// Ring is what [Keychain] needs of a keyring library. Its calls may hang or panic: the guard
// around them copes. Errors are go-keyring's.
type Ring interface {
	Get(service, user string) (string, error)
	Set(service, user, value string) error
	Delete(service, user string) error
}

// KeychainOptions are the parts of a [Keychain]. The zero value is the real keychain of this
// session, without an index.
type KeychainOptions struct {
	// Service replaces DefaultService.
	Service string
	// Index is the path of the file that notes the names of the entries, never their values:
	// no keychain can list them through go-keyring. "" means that List is not possible.
	Index string
	// ProbeTimeout bounds Describe; 2 s by default.
	ProbeTimeout time.Duration
	// CallTimeout bounds a call that needs nobody; 5 s by default.
	CallTimeout time.Duration
	// PromptTimeout bounds a call for which a person may have to answer a dialog; 60 s by
	// default.
	PromptTimeout time.Duration
	// Env looks up the environment variables that tell of a display and of a session; nil for a
	// session that has neither.
	Env func(string) string
	// Ring replaces go-keyring, and Probe the look at the platform's keychain, in tests.
	Ring  Ring
	Probe func(context.Context) Status
}

// Keychain is the operating system's keychain behind a guard. Called bare, go-keyring v0.2.8
// hangs for ever on a dialog that nobody answers, panics when the session bus dies meanwhile,
// and starts a stray dbus-daemon where there is no bus. Keychain looks first, in a way that can
// neither prompt nor start anything; bounds every call; makes one call at a time; turns a panic
// into an error; and reads back what it wrote.
//
// A library call can't be interrupted. One that does not come back in time keeps its goroutine,
// and until it does come back every further call is refused at once.
//
// go-keyring takes and returns strings, which can't be wiped: a passphrase that went through a
// keychain may stay in memory until the garbage collector has reused its place.
type Keychain struct {
	service                                  string
	probeTimeout, callTimeout, promptTimeout time.Duration
	ring                                     Ring
	probe                                    func(context.Context) Status
	index                                    *nameIndex
	guard                                    guard
}

// NewKeychain returns a Keychain. It touches nothing yet.
func NewKeychain(o KeychainOptions) *Keychain {
	k := &Keychain{
		service:       cmp.Or(o.Service, DefaultService),
		probeTimeout:  cmp.Or(o.ProbeTimeout, 2*time.Second),
		callTimeout:   cmp.Or(o.CallTimeout, 5*time.Second),
		promptTimeout: cmp.Or(o.PromptTimeout, time.Minute),
		ring:          o.Ring,
		probe:         o.Probe,
		guard:         newGuard(),
	}
	if k.ring == nil {
		k.ring = systemRing{}
	}
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
	if k.probe == nil {
		k.probe = func(ctx context.Context) Status { return probeSystem(ctx, o.Env) }
	}
	if o.Index != "" {
		k.index = &nameIndex{path: o.Index}
	}
	return k
}

// systemRing is go-keyring.
type systemRing struct{}

func (systemRing) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemRing) Set(service, user, value string) error    { return keyring.Set(service, user, value) }
func (systemRing) Delete(service, user string) error        { return keyring.Delete(service, user) }

// Describe looks at the keychain without a dialog, in at most ProbeTimeout.
func (k *Keychain) Describe(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, k.probeTimeout)
	defer cancel()
	st := k.probe(ctx)
	st.Backend, st.Persistent = BackendKeychain, true
	if k.guard.stuck() {
		st.State, st.Reason = Absent, "an earlier call to it has not come back (is its dialog still open?)"
	}
	st.Sentence = sentenceKeychain(st.Name, st.State, st.Reason)
	return st
}

// Get returns the passphrase kept under key. Where the keychain is locked its dialog appears,
// so tell the person before: see [Status.MayPrompt].
func (k *Keychain) Get(ctx context.Context, key Key) (keys.Secret, error) {
	if err := key.Check(); err != nil {
		return keys.Secret{}, err
	}
	v, err := do(ctx, k, func() (string, error) { return k.ring.Get(k.service, string(key)) })
	if err != nil {
		return keys.Secret{}, err
	}
	return decodeValue(v)
}

// Set keeps a copy of s under key, and reads it back to make sure. It returns ErrTooBig for
// more than MaxKeychainValue bytes and ErrMismatch if the keychain did not keep what it was
// given.
func (k *Keychain) Set(ctx context.Context, key Key, s keys.Secret) error {
	if err := key.Check(); err != nil {
		return err
	}
	v, err := encodeValue(s)
	if err != nil {
		return err
	}
	// The name is noted first: an index with a name too many is harmless, an item that no list
	// shows is not.
	added, err := k.index.add(ctx, key)
	if err != nil {
		return err
	}
	_, err = do(ctx, k, func() (struct{}, error) { return struct{}{}, k.ring.Set(k.service, string(key), v) })
	if err != nil {
		// After a timeout the item may still come to be, once somebody answers the dialog.
		if added && !errors.Is(err, ErrTimeout) && ctx.Err() == nil {
			err = errors.Join(err, k.index.remove(ctx, key))
		}
		return err
	}
	return k.readBack(ctx, key, s)
}

// readBack makes sure that key holds s. Anything else is removed again, so that it is not taken
// for the passphrase later.
func (k *Keychain) readBack(ctx context.Context, key Key, s keys.Secret) error {
	got, err := k.Get(ctx, key)
	var ue *UnavailableError
	if errors.As(err, &ue) || ctx.Err() != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	defer got.Destroy()
	if err == nil && got.Equal(s) {
		return nil
	}
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, errNotBase64) {
		err = ErrMismatch
	}
	if e := k.Delete(ctx, key); e != nil && !errors.Is(e, ErrNotFound) {
		err = errors.Join(err, e)
	}
	return err
}

// Delete removes the entry under key.
func (k *Keychain) Delete(ctx context.Context, key Key) error {
	if err := key.Check(); err != nil {
		return err
	}
	_, err := do(ctx, k, func() (struct{}, error) { return struct{}{}, k.ring.Delete(k.service, string(key)) })
	if err == nil || errors.Is(err, ErrNotFound) {
		err = errors.Join(err, k.index.remove(ctx, key))
	}
	return err
}

// List returns the names that the index notes. A name may stand there although the item was
// removed by another program.
func (k *Keychain) List(ctx context.Context) ([]Key, error) {
	if k.index == nil {
		return nil, errors.New("vault: the keychain has no index of names")
	}
	return k.index.list(ctx)
}

// do looks at the keychain and then makes one guarded call with the deadline that fits what
// was seen. It is a function because methods can't have type parameters.
func do[T any](ctx context.Context, k *Keychain, call func() (T, error)) (T, error) {
	var zero T
	st := k.Describe(ctx)
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	timeout := k.callTimeout
	if st.MayPrompt {
		timeout = k.promptTimeout
	}
	if st.State != Ready && st.State != Locked {
		return zero, st.unavailable()
	}
	v, err := run(ctx, &k.guard, timeout, call)
	return v, k.classify(st, err)
}

// Exit codes of macOS's security(1): the low byte of the Security framework's error.
const (
	exitNotFound       = 44  // errSecItemNotFound, -25300
	exitNoInteraction  = 36  // errSecInteractionNotAllowed, -25308
	exitAuthFailed     = 51  // errSecAuthFailed, -25293
	exitUserCanceled   = 128 // errSecUserCanceled, -128
	unlockFailedPrefix = "failed to unlock correct collection"
)

// classify turns go-keyring's errors into ours. A dismissed dialog and a collection that can't
// be unlocked give the same text; exit codes occur on macOS only.
func (k *Keychain) classify(st Status, err error) error {
	unavailable := func(sentinel error, reason string) error {
		return &UnavailableError{Backend: BackendKeychain, Name: st.Name, Reason: reason, Err: sentinel}
	}
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return ErrTooBig
	case errors.Is(err, errNoAnswer) && st.MayPrompt:
		return unavailable(ErrTimeout, "its dialog was not answered in time")
	case errors.Is(err, errNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return unavailable(ErrTimeout, "it did not answer in time")
	case strings.HasPrefix(err.Error(), unlockFailedPrefix):
		return unavailable(ErrLocked, "it is locked and was not unlocked")
	case errors.As(err, &exit):
		switch exit.ExitCode() {
		case exitNotFound:
			return ErrNotFound
		case exitNoInteraction, exitAuthFailed, exitUserCanceled:
			return unavailable(ErrLocked, "it is locked and was not unlocked")
		}
	}
	return fmt.Errorf("%s: %w", st.Name, err)
}
