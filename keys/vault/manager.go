package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"bulla/keys"
)

// Lockable is a vault behind a master passphrase, as [File] is.
type Lockable interface {
	Vault
	// Create returns where it moved passphrases to that nothing opened; "" if there were none.
	Create(ctx context.Context, master keys.Secret) (aside string, err error)
	Unlock(ctx context.Context, master keys.Secret) error
	Lock()
}

var _ Lockable = (*File)(nil)

// ManagerOptions are the parts of a [Manager].
type ManagerOptions struct {
	// Dir is the folder of the state file ChoiceFile; it is made (0700) by Choose.
	Dir string
	// Keychain and File are the places that outlive a run; nil for one that is not offered.
	Keychain Vault
	File     Lockable
}

// Manager answers requests for passphrases from the one place that a person picked, and from
// memory. It never picks a place itself: while none is picked, nothing is written. It is safe
// for concurrent use.
type Manager struct {
	dir      string
	keychain Vault
	file     Lockable
	memory   *Memory

	turn chan struct{} // one question at a time

	mu       sync.Mutex
	declined bool                           // nobody gave the master passphrase: not asked again
	recalled map[Key]string                 // answered from the named vault, not known to be right
	refused  map[Key]bool                   // the vault's answer was wrong: not offered again
	typed    map[Key]keys.PassphraseRequest // asked of a person and kept in memory only
	notices  []string
	told     map[string]bool // every notice of this run, so that none is repeated
}

// NewManager returns a Manager. It touches nothing yet.
func NewManager(o ManagerOptions) *Manager {
	return &Manager{
		dir: o.Dir, keychain: o.Keychain, file: o.File, memory: NewMemory(),
		turn:     make(chan struct{}, 1),
		recalled: map[Key]string{},
		refused:  map[Key]bool{},
		typed:    map[Key]keys.PassphraseRequest{},
		told:     map[string]bool{},
	}
}

// Open returns a Manager over this session's keychain and the encrypted file, with all that
// bulla writes for them below dir. env looks up an environment variable, as os.Getenv does. It
// touches nothing yet.
func Open(dir string, env func(string) string) *Manager {
	return NewManager(ManagerOptions{
		Dir:      dir,
		Keychain: NewKeychain(KeychainOptions{Index: filepath.Join(dir, "keychain.names"), Env: env}),
		File:     NewFile(FileOptions{Dir: filepath.Join(dir, "vault")}),
	})
}

// NotChosenError says that a passphrase was to be kept in another place than the one that a
// person picked.
type NotChosenError struct{ Wanted, Chosen Backend }

func (e *NotChosenError) Error() string {
	return fmt.Sprintf("passphrases are kept in the %s; choose the %s first", e.Chosen, e.Wanted)
}

// vault is the place of kind b, or nil if it is not offered.
func (m *Manager) vault(b Backend) Vault {
	switch b {
	case BackendKeychain:
		return m.keychain
	case BackendFile:
		if m.file != nil { // a nil Lockable in a Vault would not be nil
			return m.file
		}
	case BackendMemory:
		return m.memory
	}
	return nil
}

// Describe looks at the place of kind b, in bounded time and without asking anyone.
func (m *Manager) Describe(ctx context.Context, b Backend) Status {
	if v := m.vault(b); v != nil {
		return v.Describe(ctx)
	}
	return Status{Backend: b, Name: string(b), State: Absent, Reason: "it is not offered here"}
}

// Offers describes the places, best first: those that can be used at once, then an encrypted
// file that can be made, then memory, then those that can't be used here, with the reason.
func (m *Manager) Offers(ctx context.Context) []Status {
	var out []Status
	for _, b := range []Backend{BackendKeychain, BackendFile, BackendMemory} {
		if m.vault(b) != nil {
			out = append(out, m.Describe(ctx, b))
		}
	}
	rank := func(s Status) int {
		switch {
		case s.State == Absent, s.State == NeedsSetup && s.Backend != BackendFile:
			return 3
		case s.Backend == BackendMemory:
			return 2
		case s.State == NeedsSetup:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b Status) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// Choice returns the place that a person picked, and false if none was. A state file that
// can't be read counts as none and leaves a notice.
func (m *Manager) Choice(context.Context) (Backend, bool) {
	b, err := loadChoice(m.dir)
	if err != nil {
		m.notice("The choice of a place for passphrases can't be read: %v.", err)
	}
	return b, b != ""
}

// Choose records the place that a person picked. It refuses one that can't be used here, with
// an *UnavailableError: make an encrypted file first, with SetUp.
func (m *Manager) Choose(ctx context.Context, b Backend) error {
	if !b.valid() {
		return fmt.Errorf("vault: no place is called %q", b)
	}
	if st := m.Describe(ctx, b); st.State != Ready && st.State != Locked {
		return st.unavailable()
	}
	return saveChoice(m.dir, b)
}

// masterRequest asks for the master passphrase of the vault file.
func (m *Manager) masterRequest(ctx context.Context) keys.PassphraseRequest {
	return keys.PassphraseRequest{Purpose: keys.PurposeVault, ID: string(BackendFile), Label: m.file.Describe(ctx).Where, Attempt: 1}
}

// SetUp makes the encrypted file with a new master passphrase, which ask should let a person
// type twice, and records it as the choice.
func (m *Manager) SetUp(ctx context.Context, ask keys.AskPassphrase) error {
	if m.file == nil {
		return m.Describe(ctx, BackendFile).unavailable()
	}
	if ask == nil {
		return keys.ErrNoPassphrase
	}
	req := m.masterRequest(ctx)
	req.New = true
	master, err := ask(ctx, req)
	if err != nil {
		return err
	}
	defer master.Destroy()
	aside, err := m.file.Create(ctx, master)
	if aside != "" {
		m.notice("There were passphrases in the folder of the vault file, but not the file that opens them. They were moved to %s, where nothing was changed.", aside)
	}
	if err != nil {
		return err
	}
	return m.Choose(ctx, BackendFile)
}

// UnlockFile asks for the master passphrase of the vault file, at most keys.PassphraseTries
// times, unless it is unlocked already.
func (m *Manager) UnlockFile(ctx context.Context, ask keys.AskPassphrase) error {
	if m.file == nil {
		return m.Describe(ctx, BackendFile).unavailable()
	}
	switch st := m.file.Describe(ctx); st.State {
	case Ready:
		return nil
	case Absent, NeedsSetup:
		return st.unavailable()
	}
	err := keys.Unlock(ctx, ask, m.masterRequest(ctx), func(master keys.Secret) error {
		return m.file.Unlock(ctx, master)
	})
	if err == nil {
		m.mu.Lock()
		m.declined = false
		m.mu.Unlock()
	}
	return err
}

// Remember keeps a copy of s as the answer to req. In memory (also for b = "") it lasts until
// Close. Another place must be the one that was picked, else the error is a *NotChosenError;
// while none was, b becomes the choice once it has taken the passphrase. Where the place fails
// nothing is written anywhere else.
//
// A keychain may open its dialog, see [Status.MayPrompt]; a vault file must be unlocked.
func (m *Manager) Remember(ctx context.Context, req keys.PassphraseRequest, s keys.Secret, b Backend) error {
	k := KeyFor(req)
	if err := k.Check(); err != nil {
		return err
	}
	if req.Purpose == keys.PurposeVault {
		return fmt.Errorf("%w: a master passphrase is never kept", ErrBadKey)
	}
	if b == "" || b == BackendMemory {
		return m.memory.Set(ctx, k, s)
	}
	chosen, err := loadChoice(m.dir)
	if err != nil {
		return err
	}
	if chosen != "" && chosen != b {
		return &NotChosenError{Wanted: b, Chosen: chosen}
	}
	v := m.vault(b)
	if v == nil {
		return m.Describe(ctx, b).unavailable()
	}
	if err := v.Set(ctx, k, s); err != nil {
		return err
	}
	m.mu.Lock()
	delete(m.refused, k)
	delete(m.recalled, k)
	delete(m.typed, k)
	m.mu.Unlock()
	if chosen == "" {
		err = saveChoice(m.dir, b)
	}
	return errors.Join(err, m.memory.Set(ctx, k, s))
}

// Unsaved lists the requests that a person answered in this run and whose answers are in memory
// only: what a face can offer to keep, once they have proved right.
func (m *Manager) Unsaved() []keys.PassphraseRequest {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []keys.PassphraseRequest
	for _, req := range m.typed {
		out = append(out, req)
	}
	slices.SortFunc(out, func(a, b keys.PassphraseRequest) int { return cmp.Compare(KeyFor(a), KeyFor(b)) })
	return out
}

// Keep is Remember with what is in memory for req. It returns ErrNotFound if nothing is.
func (m *Manager) Keep(ctx context.Context, req keys.PassphraseRequest, b Backend) error {
	s, err := m.memory.Get(ctx, KeyFor(req))
	if err != nil {
		return err
	}
	defer s.Destroy()
	return m.Remember(ctx, req, s, b)
}

// Forget removes the answer to req from memory and from the place that was picked, and from
// the others as far as they need nobody for it. It is no error if there was nothing.
func (m *Manager) Forget(ctx context.Context, req keys.PassphraseRequest) error {
	k := KeyFor(req)
	if err := k.Check(); err != nil {
		return err
	}
	_ = m.memory.Delete(ctx, k)
	m.mu.Lock()
	delete(m.refused, k)
	delete(m.recalled, k)
	delete(m.typed, k)
	m.mu.Unlock()
	chosen, err := loadChoice(m.dir)
	errs := []error{err}
	for _, b := range []Backend{BackendKeychain, BackendFile} {
		v := m.vault(b)
		if v == nil {
			continue
		}
		if b != chosen && !m.holds(ctx, v, k) {
			continue
		}
		if err := v.Delete(ctx, k); err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// holds reports whether v is ready without anybody's help and lists k.
func (m *Manager) holds(ctx context.Context, v Vault, k Key) bool {
	if st := v.Describe(ctx); st.State != Ready || st.MayPrompt {
		return false
	}
	names, err := v.List(ctx)
	return err == nil && slices.Contains(names, k)
}

// Notices returns what a person should be told since the last call: why a saved passphrase was
// not used. They are plain sentences that may quote system services: clean them before a
// terminal sees them. None is repeated within a run.
func (m *Manager) Notices() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.notices
	m.notices = nil
	return out
}

func (m *Manager) notice(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.told[s] {
		m.told[s] = true
		m.notices = append(m.notices, s)
	}
}

// Close wipes what is in memory and locks the vault file.
func (m *Manager) Close() {
	m.memory.Wipe()
	if m.file != nil {
		m.file.Lock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.typed)
	clear(m.recalled)
}
