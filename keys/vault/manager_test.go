package vault

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"bulla/keys"
)

var (
	reqA = keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: fpr, Label: "A <a@example.org>", Attempt: 1}
	reqB = keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: strings.Repeat("AB", 32), Label: "cosign.key", Attempt: 1}
)

func again(req keys.PassphraseRequest, attempt int) keys.PassphraseRequest {
	req.Attempt = attempt
	return req
}

// face plays the person: it answers by purpose and notes what it was asked.
type face struct {
	mu      sync.Mutex
	answers map[keys.PassphrasePurpose][]string // the last one is repeated; none declines
	asked   []keys.PassphraseRequest
	waits   []Status
}

func (f *face) ask(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, req)
	a := f.answers[req.Purpose]
	if len(a) == 0 {
		return keys.Secret{}, keys.ErrNoPassphrase
	}
	if len(a) > 1 {
		f.answers[req.Purpose] = a[1:]
	}
	return secret(a[0]), nil
}

func (f *face) wait(s Status) { f.waits = append(f.waits, s) }

// purposes lists what was asked since the last call.
func (f *face) purposes() (out []string) {
	for _, r := range f.asked {
		out = append(out, string(r.Purpose))
	}
	f.asked = nil
	return out
}

type bench struct {
	*Manager
	dir   string
	ring  *fakeRing
	chain *Keychain
	vault *File
	face  *face
}

func newBench(t testing.TB) *bench {
	b := &bench{dir: filepath.Join(t.TempDir(), "state"), ring: newFakeRing(), face: &face{answers: map[keys.PassphrasePurpose][]string{}}}
	b.restart()
	return b
}

// restart is the next run of bulla on the same files and keychain.
func (b *bench) restart() {
	b.chain = NewKeychain(KeychainOptions{Ring: b.ring, Probe: inState(Ready, false), Index: filepath.Join(b.dir, "keychain.names")})
	b.vault = NewFile(FileOptions{Dir: filepath.Join(b.dir, "vault"), WorkFactor: 4})
	b.Manager = NewManager(ManagerOptions{Dir: b.dir, Keychain: b.chain, File: b.vault})
}

func (b *bench) answer(t testing.TB, req keys.PassphraseRequest, want string) {
	t.Helper()
	s, err := b.Ask(b.face.ask, b.face.wait)(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := reveal(t, s); got != want {
		t.Fatalf("answered %q, want %q", got, want)
	}
	s.Destroy()
}

func (b *bench) wantAsked(t testing.TB, want ...string) {
	t.Helper()
	if got := b.face.purposes(); !slices.Equal(got, want) {
		t.Fatalf("asked for %v, want %v", got, want)
	}
}

func (b *bench) wantNotice(t testing.TB, parts ...string) {
	t.Helper()
	got := b.Notices()
	if len(got) != len(parts) {
		t.Fatalf("notices %q, want %d", got, len(parts))
	}
	for i, p := range parts {
		if !strings.Contains(got[i], p) || !strings.HasSuffix(got[i], ".") {
			t.Errorf("notice %q, want one with %q", got[i], p)
		}
	}
	noCanary(t, got)
}

func TestAskOncePerRun(t *testing.T) {
	b := newBench(t)
	b.face.answers[keys.PurposeOpenPGP] = []string{canary}
	b.answer(t, reqA, canary)
	b.answer(t, reqA, canary)
	b.wantAsked(t, "openpgp")
	if got := b.Unsaved(); len(got) != 1 || got[0] != reqA {
		t.Errorf("%v", got)
	}
	b.Close()
	b.answer(t, reqA, canary)
	b.wantAsked(t, "openpgp")
	if _, err := os.Stat(b.dir); !os.IsNotExist(err) {
		t.Error("something was written although nothing was chosen")
	}
	if len(b.ring.items) != 0 {
		t.Error("something was saved although nothing was chosen")
	}
}

func TestAskWrongFromMemory(t *testing.T) {
	b := newBench(t)
	b.face.answers[keys.PurposeOpenPGP] = []string{"wrong", canary}
	b.answer(t, reqA, "wrong")
	b.answer(t, again(reqA, 2), canary)
	b.wantAsked(t, "openpgp", "openpgp")
	b.answer(t, reqA, canary)
	b.wantAsked(t)
	b.wantNotice(t)
}

// TestAskThroughUnlock runs the loop that every signer runs.
func TestAskThroughUnlock(t *testing.T) {
	b := newBench(t)
	if err := b.Remember(context.Background(), reqA, secret("saved and wrong"), BackendKeychain); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.face.answers[keys.PurposeOpenPGP] = []string{"mistyped", canary}
	tries := 0
	try := func(s keys.Secret) error {
		tries++
		if reveal(t, s) != canary {
			return keys.ErrWrongPassphrase
		}
		return nil
	}
	for range 2 {
		if err := keys.Unlock(context.Background(), b.Ask(b.face.ask, b.face.wait), reqA, try); err != nil {
			t.Fatal(err)
		}
	}
	if tries != 4 { // saved, mistyped, right; then from memory
		t.Errorf("%d tries", tries)
	}
	b.wantAsked(t, "openpgp", "openpgp")
	b.wantNotice(t, "Fake Keyring (login) was wrong")
	if err := b.Keep(context.Background(), reqA, BackendKeychain); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.answer(t, reqA, canary)
	b.wantAsked(t)
}

// TestAskWrongSavedOnce: a saved passphrase that proved wrong is not offered again in this run,
// also when nobody typed the right one: behind a card each wrong one costs a try.
func TestAskWrongSavedOnce(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	if err := b.Remember(ctx, reqA, secret("saved and wrong"), BackendKeychain); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.answer(t, reqA, "saved and wrong")
	_, err := b.Ask(b.face.ask, b.face.wait)(ctx, again(reqA, 2))
	wantErr(t, err, keys.ErrNoPassphrase)
	b.face.answers[keys.PurposeOpenPGP] = []string{canary}
	b.answer(t, reqA, canary)
	b.wantAsked(t, "openpgp", "openpgp")
	b.wantNotice(t, "was wrong")
}

func TestAskNewAndMasterPassBy(t *testing.T) {
	b := newBench(t)
	b.face.answers[keys.PurposeOpenPGP] = []string{canary}
	b.face.answers[keys.PurposeVault] = []string{master}
	fresh := reqA
	fresh.New = true
	b.answer(t, fresh, canary)
	b.answer(t, fresh, canary)
	vault := keys.PassphraseRequest{Purpose: keys.PurposeVault, ID: "file", Attempt: 1}
	b.answer(t, vault, master)
	b.answer(t, vault, master)
	b.wantAsked(t, "openpgp", "openpgp", "vault", "vault")
	wantErr(t, b.Remember(context.Background(), vault, secret(master), ""), ErrBadKey)
	wantErr(t, b.Remember(context.Background(), keys.PassphraseRequest{Purpose: "x", ID: "a b"}, secret("x"), ""), ErrBadKey)
	if len(b.Unsaved()) != 0 {
		t.Error("offers to keep what must not be kept")
	}
}

func TestAskKeychain(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	if err := b.Choose(ctx, BackendKeychain); err != nil {
		t.Fatal(err)
	}
	if err := b.Remember(ctx, reqA, secret(canary), BackendKeychain); err != nil {
		t.Fatal(err)
	}
	b.restart()
	// Headless: nobody to ask, nobody to tell.
	s, err := b.Ask(nil, nil)(ctx, reqA)
	if err != nil || reveal(t, s) != canary {
		t.Fatal(err)
	}
	_, err = b.Ask(nil, nil)(ctx, reqB)
	wantErr(t, err, keys.ErrNoPassphrase)

	// The session asks the keychain once.
	b.ring.before = func(op string) error { t.Errorf("%s was called again", op); return nil }
	b.answer(t, reqA, canary)
	b.wantAsked(t)
	b.wantNotice(t)
	if len(b.Unsaved()) != 0 {
		t.Error("offers to keep what is kept")
	}
}

func TestAskLockedKeychain(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	if err := b.Remember(ctx, reqA, secret(canary), BackendKeychain); err != nil {
		t.Fatal(err)
	}
	locked := func() {
		b.restart()
		b.chain.probe = inState(Locked, true)
	}

	locked()
	called := false
	b.ring.before = func(string) error {
		called = true
		if len(b.face.waits) != 1 || b.face.waits[0].Name != "Fake Keyring (login)" {
			t.Error("the dialog came before the person was told")
		}
		return nil
	}
	b.answer(t, reqA, canary)
	b.wantAsked(t)
	if !called {
		t.Error("the keychain was not used")
	}

	// A passphrase that bulla never saved is no reason for a dialog.
	b.face.answers[keys.PurposeImage] = []string{canary}
	b.ring.before = func(string) error { t.Error("opened a dialog for nothing"); return nil }
	b.answer(t, reqB, canary)
	b.wantAsked(t, "cosign")

	// With nobody to tell, a locked keychain is left alone.
	locked()
	_, err := b.Ask(nil, nil)(ctx, reqA)
	wantErr(t, err, keys.ErrNoPassphrase)
	b.wantNotice(t, "was not used")

	// A dismissed dialog: the person types it instead, and is told why.
	locked()
	b.face.answers[keys.PurposeOpenPGP] = []string{canary}
	b.ring.before = func(string) error { return errors.New(unlockFailedPrefix + " 'x'") }
	b.answer(t, reqA, canary)
	b.wantAsked(t, "openpgp")
	b.wantNotice(t, "was not unlocked")
}

// TestAskNeverFallsBack: the place that was picked is gone; nothing is read or written elsewhere.
func TestAskNeverFallsBack(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	b.face.answers[keys.PurposeVault] = []string{master}
	if err := b.SetUp(ctx, b.face.ask); err != nil {
		t.Fatal(err)
	}
	b.face.purposes()
	if err := b.vault.Set(ctx, keyA, secret("from the file")); err != nil {
		t.Fatal(err)
	}
	if err := b.Choose(ctx, BackendKeychain); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.chain.probe = inState(Absent, false)
	b.face.answers[keys.PurposeOpenPGP] = []string{canary}
	b.answer(t, reqA, canary)
	b.wantAsked(t, "openpgp")
	b.wantNotice(t, "Fake Keyring (login) can't be used: as the test says")
	b.answer(t, reqA, canary)
	b.wantNotice(t)

	err := b.Keep(ctx, reqA, BackendKeychain)
	wantErr(t, err, ErrAbsent)
	err = b.Keep(ctx, reqA, BackendFile)
	var other *NotChosenError
	if !errors.As(err, &other) || other.Chosen != BackendKeychain || other.Wanted != BackendFile || !strings.Contains(err.Error(), "choose the file first") {
		t.Fatal(err)
	}
	noCanaryInFiles(t, b.dir)
	if len(b.ring.items) != 0 {
		t.Error("written all the same")
	}
	if c, ok := b.Choice(ctx); !ok || c != BackendKeychain {
		t.Error("the choice moved to", c)
	}
}

func TestAskVaultFile(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	b.face.answers[keys.PurposeVault] = []string{master}
	if err := b.SetUp(ctx, b.face.ask); err != nil {
		t.Fatal(err)
	}
	if len(b.face.asked) != 1 || !b.face.asked[0].New || b.face.asked[0].Label != b.vault.dir {
		t.Errorf("%+v", b.face.asked)
	}
	b.face.purposes()
	for _, req := range []keys.PassphraseRequest{reqA, reqB} {
		if err := b.Remember(ctx, req, secret(canary), BackendFile); err != nil {
			t.Fatal(err)
		}
	}
	noCanaryInFiles(t, b.dir)

	b.restart()
	b.face.answers[keys.PurposeVault] = []string{"mistyped", master}
	b.answer(t, reqA, canary)
	if n := len(b.face.asked); n != 2 || b.face.asked[1].Attempt != 2 || b.face.asked[1].New {
		t.Errorf("%+v", b.face.asked)
	}
	b.face.purposes()
	b.answer(t, reqB, canary) // the master was asked once
	b.wantAsked(t)

	b.restart() // declined: the key's own is asked, and the master not again
	b.face.answers = map[keys.PassphrasePurpose][]string{keys.PurposeOpenPGP: {"typed"}, keys.PurposeImage: {"typed too"}}
	b.answer(t, reqA, "typed")
	b.answer(t, reqB, "typed too")
	b.wantAsked(t, "vault", "openpgp", "cosign")
	b.wantNotice(t, "was not given")
	err := b.Remember(ctx, reqA, secret(canary), BackendFile)
	wantErr(t, err, ErrLocked)
	b.face.answers[keys.PurposeVault] = []string{master}
	if err := b.UnlockFile(ctx, b.face.ask); err != nil {
		t.Fatal(err)
	}
	if err := b.Remember(ctx, reqA, secret(canary), BackendFile); err != nil {
		t.Fatal(err)
	}
	b.face.purposes()

	b.restart() // wrong three times
	b.face.answers = map[keys.PassphrasePurpose][]string{keys.PurposeVault: {"no"}, keys.PurposeOpenPGP: {"typed"}}
	b.answer(t, reqA, "typed")
	b.wantAsked(t, "vault", "vault", "vault", "openpgp")
	b.wantNotice(t, "wrong 3 times")

	b.restart() // headless
	_, err = b.Ask(nil, nil)(ctx, reqA)
	wantErr(t, err, keys.ErrNoPassphrase)
	b.wantNotice(t, "stays locked")

	b.restart() // damaged
	if err := os.WriteFile(b.vault.path(identityFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.face.answers[keys.PurposeVault] = []string{master}
	b.answer(t, reqA, "typed")
	b.wantNotice(t, "could not be opened")
}

// TestAskCancelled: a person who cancels at the master passphrase is not asked another one.
func TestAskCancelled(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	b.face.answers[keys.PurposeVault] = []string{master}
	if err := b.SetUp(ctx, b.face.ask); err != nil {
		t.Fatal(err)
	}
	b.restart()
	asked := 0
	_, err := b.Ask(func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		asked++
		return keys.Secret{}, context.Canceled
	}, nil)(ctx, reqA)
	wantErr(t, err, context.Canceled)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err = b.Ask(b.face.ask, b.face.wait)(ctx, reqA)
	wantErr(t, err, context.Canceled)
}

// TestAskOneQuestionAtATime: several signers want the same passphrase; a person types it once.
func TestAskOneQuestionAtATime(t *testing.T) {
	b := newBench(t)
	var open, asked atomic.Int32
	ask := b.Ask(func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		if open.Add(1) != 1 {
			t.Error("two questions at a time")
		}
		defer open.Add(-1)
		asked.Add(1)
		return secret(canary), nil
	}, nil)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			s, err := ask(context.Background(), []keys.PassphraseRequest{reqA, reqB}[i%2])
			if err != nil || s.Len() != len(canary) {
				t.Error(err)
			}
			s.Destroy()
		})
	}
	wg.Wait()
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestForget(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	b.face.answers[keys.PurposeVault] = []string{master}
	b.face.answers[keys.PurposeOpenPGP] = []string{"typed"}
	if err := b.Remember(ctx, reqA, secret(canary), BackendKeychain); err != nil {
		t.Fatal(err)
	}
	if err := b.SetUp(ctx, b.face.ask); err != nil { // the choice moves; the keychain keeps its copy
		t.Fatal(err)
	}
	if err := b.Remember(ctx, reqA, secret(canary), BackendFile); err != nil {
		t.Fatal(err)
	}
	b.face.purposes()
	if err := b.Forget(ctx, reqA); err != nil {
		t.Fatal(err)
	}
	if len(b.ring.items) != 0 {
		t.Error("the keychain still has it")
	}
	b.answer(t, reqA, "typed")
	b.wantAsked(t, "openpgp")
	if err := b.Forget(ctx, reqB); err != nil {
		t.Error("forgetting nothing is an error:", err)
	}
	b.vault.Lock()
	wantErr(t, b.Forget(ctx, reqA), ErrLocked)
}

func TestOffers(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		keychain State
		vault    bool
		want     []Backend
	}{
		"desktop":                 {Ready, false, []Backend{BackendKeychain, BackendFile, BackendMemory}},
		"locked":                  {Locked, false, []Backend{BackendKeychain, BackendFile, BackendMemory}},
		"ssh":                     {Absent, false, []Backend{BackendFile, BackendMemory, BackendKeychain}},
		"ssh, vault made":         {Absent, true, []Backend{BackendFile, BackendMemory, BackendKeychain}},
		"keychain not set up yet": {NeedsSetup, false, []Backend{BackendFile, BackendMemory, BackendKeychain}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.chain.probe = inState(c.keychain, false)
			if c.vault {
				if _, err := b.vault.Create(ctx, secret(master)); err != nil {
					t.Fatal(err)
				}
			}
			var got []Backend
			for _, st := range b.Offers(ctx) {
				got = append(got, st.Backend)
				if !strings.HasSuffix(st.Sentence, ".") || st.Name == "" {
					t.Errorf("%+v", st)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	if got := NewManager(ManagerOptions{Dir: t.TempDir()}).Offers(ctx); len(got) != 1 || got[0].Backend != BackendMemory {
		t.Errorf("%v", got)
	}
}

// TestOpen: everything is below the folder, and nothing is there before it is needed.
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	m := Open(dir, os.Getenv)
	if st := m.Describe(context.Background(), BackendFile); st.State != NeedsSetup || filepath.Dir(st.Where) != dir {
		t.Errorf("%+v", st)
	}
	if _, ok := m.Choice(context.Background()); ok || len(m.Notices()) != 0 {
		t.Error("something was chosen")
	}
	m.Close()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("looking made the folder")
	}
}

func TestSentences(t *testing.T) {
	b := newBench(t)
	want := "Saved in Fake Keyring (login). Any program you run can read it while it is unlocked."
	if got := b.Describe(context.Background(), BackendKeychain).Sentence; got != want {
		t.Error(got)
	}
	b.chain.probe = inState(Absent, false)
	if got := b.Describe(context.Background(), BackendKeychain).Sentence; got != "No keychain in this session: as the test says." {
		t.Error(got)
	}
}

func TestChoose(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	if c, ok := b.Choice(ctx); ok {
		t.Error(c)
	}
	wantErr(t, b.Choose(ctx, BackendFile), ErrNeedsSetup)
	if err := b.Choose(ctx, "cloud"); err == nil {
		t.Error("chose a place that does not exist")
	}
	for _, want := range []Backend{BackendMemory, BackendKeychain} {
		if err := b.Choose(ctx, want); err != nil {
			t.Fatal(err)
		}
		b.restart()
		if c, ok := b.Choice(ctx); !ok || c != want {
			t.Error(c, ok)
		}
	}
	none := NewManager(ManagerOptions{Dir: b.dir})
	wantErr(t, none.Choose(ctx, BackendKeychain), ErrAbsent)
	wantErr(t, none.SetUp(ctx, b.face.ask), ErrAbsent)
	wantErr(t, none.UnlockFile(ctx, b.face.ask), ErrAbsent)
	wantErr(t, none.Remember(ctx, reqA, secret("x"), BackendKeychain), ErrAbsent)
	wantErr(t, b.SetUp(ctx, nil), keys.ErrNoPassphrase)
	wantErr(t, b.SetUp(ctx, b.face.ask), keys.ErrNoPassphrase)
	wantErr(t, b.UnlockFile(ctx, b.face.ask), ErrNeedsSetup)

	// A state file that can't be read is no choice, and nothing is written by guesswork.
	if err := os.WriteFile(filepath.Join(b.dir, ChoiceFile), []byte("backend = \"keychain\"\nsync = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, ok := b.Choice(ctx); ok {
		t.Error(c)
	}
	b.wantNotice(t, "does not know")
	if err := b.Remember(ctx, reqA, secret(canary), BackendKeychain); err == nil || len(b.ring.items) != 0 {
		t.Error(err)
	}
}

// TestRememberChoosesOnSuccess: a place that failed is not picked for the next time.
func TestRememberChoosesOnSuccess(t *testing.T) {
	ctx, b := context.Background(), newBench(t)
	broken := errors.New("broken")
	b.ring.before = func(string) error { return broken }
	wantErr(t, b.Remember(ctx, reqA, secret(canary), BackendKeychain), broken)
	if c, ok := b.Choice(ctx); ok {
		t.Error(c)
	}
	b.ring.before = nil
	if err := b.Remember(ctx, reqA, secret(canary), BackendKeychain); err != nil {
		t.Fatal(err)
	}
	if c, _ := b.Choice(ctx); c != BackendKeychain {
		t.Error(c)
	}
	wantErr(t, b.Keep(ctx, reqB, BackendKeychain), ErrNotFound)
	if err := b.Remember(ctx, reqB, secret(canary), ""); err != nil {
		t.Fatal(err)
	}
	if len(b.ring.items) != 1 {
		t.Error("memory went into the keychain")
	}
}

func FuzzParseChoice(f *testing.F) {
	for _, b := range []Backend{BackendKeychain, BackendFile, BackendMemory, "", "other"} {
		f.Add(formatChoice(b))
	}
	f.Add([]byte("backend = 1"))
	f.Add([]byte("backend = \"file\"\nother = 1"))
	f.Add([]byte("[backend]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseChoice(data)
		if err != nil {
			return
		}
		if c, err := parseChoice(formatChoice(b)); err != nil || c != b {
			t.Errorf("%q: %v %v", b, c, err)
		}
	})
}
