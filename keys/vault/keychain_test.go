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
	"testing/synctest"
	"time"

	"bulla/keys"

	keyring "github.com/zalando/go-keyring"
)

// fakeRing is a keyring in memory whose calls can be replaced by failures.
type fakeRing struct {
	mu    sync.Mutex
	items map[string]string
	// before runs at the start of every call; an error of it ends the call.
	before func(op string) error
	// mangle changes a value on its way in.
	mangle func(string) string
}

func newFakeRing() *fakeRing { return &fakeRing{items: map[string]string{}} }

func (r *fakeRing) call(op string, f func() error) error {
	if r.before != nil {
		if err := r.before(op); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return f()
}

func (r *fakeRing) Get(service, user string) (v string, err error) {
	err = r.call("get", func() error {
		var ok bool
		if v, ok = r.items[service+"\x00"+user]; !ok {
			return keyring.ErrNotFound
		}
		return nil
	})
	return v, err
}

func (r *fakeRing) Set(service, user, value string) error {
	return r.call("set", func() error {
		if r.mangle != nil {
			value = r.mangle(value)
		}
		r.items[service+"\x00"+user] = value
		return nil
	})
}

func (r *fakeRing) Delete(service, user string) error {
	return r.call("delete", func() error {
		if _, ok := r.items[service+"\x00"+user]; !ok {
			return keyring.ErrNotFound
		}
		delete(r.items, service+"\x00"+user)
		return nil
	})
}

func inState(s State, prompts bool) func(context.Context) Status {
	return func(context.Context) Status {
		return Status{Name: "Fake Keyring (login)", State: s, MayPrompt: prompts, Reason: "as the test says"}
	}
}

func fakeKeychain(t testing.TB, r *fakeRing) *Keychain {
	return NewKeychain(KeychainOptions{
		Ring: r, Probe: inState(Ready, false), Index: filepath.Join(t.TempDir(), "state", "names"),
	})
}

func TestKeychainKeeps(t *testing.T) {
	ctx, r := context.Background(), newFakeRing()
	k := fakeKeychain(t, r)
	_, err := k.Get(ctx, keyA)
	wantErr(t, err, ErrNotFound)
	values := []string{
		canary, "", " ", " x", "x\n", "a\nb", "\x00", "p\xffw", "Grüße 🔑", valuePrefix, valuePrefix + "x",
		strings.Repeat("x", MaxKeychainValue),
	}
	for _, v := range values {
		if err := k.Set(ctx, keyA, secret(v)); err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		mustGet(t, k, keyA, v)
	}
	stored := r.items["bulla\x00"+string(keyA)]
	if stored != values[len(values)-1] {
		t.Errorf("a plain passphrase is stored as %q", stored)
	}
	if err := k.Set(ctx, keyB, secret(canary)); err != nil {
		t.Fatal(err)
	}
	names, err := k.List(ctx)
	if err != nil || !slices.Equal(names, []Key{keyB, keyA}) {
		t.Fatal(names, err)
	}
	noCanary(t, k.Describe(ctx))
	noCanaryInFiles(t, filepath.Dir(k.index.path))
	if fi, err := os.Stat(k.index.path); err != nil || fi.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Error(fi.Mode(), err)
	}
	if err := k.Delete(ctx, keyA); err != nil {
		t.Fatal(err)
	}
	wantErr(t, k.Delete(ctx, keyA), ErrNotFound)
	if names, err := k.List(ctx); err != nil || !slices.Equal(names, []Key{keyB}) {
		t.Fatal(names, err)
	}
}

func TestKeychainRefusesBeforeCalling(t *testing.T) {
	ctx, r := context.Background(), newFakeRing()
	r.before = func(op string) error { t.Errorf("%s reached the keyring", op); return nil }
	k := fakeKeychain(t, r)
	bad := Key("openpgp/a\nadd-generic-password -a x")
	_, err := k.Get(ctx, bad)
	wantErr(t, err, ErrBadKey)
	wantErr(t, k.Set(ctx, bad, secret(canary)), ErrBadKey)
	wantErr(t, k.Delete(ctx, bad), ErrBadKey)
	wantErr(t, k.Set(ctx, keyA, secret(strings.Repeat("x", MaxKeychainValue+1))), ErrTooBig)
	wantErr(t, k.Set(ctx, keyA, secret(strings.Repeat("\xff", MaxKeychainValue*3/4))), ErrTooBig)
	wantErr(t, k.Set(ctx, keyA, keys.Secret{}), keys.ErrNoSecret)
	for state, want := range map[State]error{Absent: ErrAbsent, NeedsSetup: ErrNeedsSetup} {
		k.probe = inState(state, false)
		_, err := k.Get(ctx, keyA)
		wantErr(t, err, want)
		wantErr(t, k.Set(ctx, keyA, secret(canary)), want)
		var ue *UnavailableError
		if !errors.As(err, &ue) || ue.Backend != BackendKeychain || ue.Reason != "as the test says" {
			t.Errorf("%#v", ue)
		}
	}
	if names, err := k.List(ctx); err != nil || len(names) != 0 {
		t.Errorf("failed Sets are listed: %v %v", names, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	k.probe = inState(Ready, false)
	_, err = k.Get(ctx, keyA)
	wantErr(t, err, context.Canceled)
}

func TestKeychainErrors(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		ring error
		want error
	}{
		"too big":      {keyring.ErrSetDataTooBig, ErrTooBig},
		"not found":    {keyring.ErrNotFound, ErrNotFound},
		"not unlocked": {errors.New("failed to unlock correct collection '/org/freedesktop/secrets/aliases/default'"), ErrLocked},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFakeRing()
			r.before = func(string) error { return c.ring }
			_, err := fakeKeychain(t, r).Get(ctx, keyA)
			wantErr(t, err, c.want)
		})
	}
	other := errors.New("dbus: connection closed by user")
	r := newFakeRing()
	r.before = func(string) error { return other }
	k := fakeKeychain(t, r)
	err := k.Set(ctx, keyA, secret(canary))
	wantErr(t, err, other)
	if !strings.HasPrefix(err.Error(), "Fake Keyring (login): ") {
		t.Error(err)
	}
	if names, err := k.List(ctx); err != nil || len(names) != 0 {
		t.Errorf("a failed Set is listed: %v %v", names, err)
	}
}

// TestKeychainReadsBack: KeePassXC drops what is not UTF-8 without a word; others may lose more.
// What is wrong does not stay.
func TestKeychainReadsBack(t *testing.T) {
	ctx := context.Background()
	for name, mangle := range map[string]func(string) string{
		"cut":        func(s string) string { return s[:len(s)-1] },
		"not base64": func(string) string { return valuePrefix + "!!" + canary },
	} {
		t.Run(name, func(t *testing.T) {
			r := newFakeRing()
			k := fakeKeychain(t, r)
			r.mangle = mangle
			wantErr(t, k.Set(ctx, keyA, secret(canary)), ErrMismatch)
			if len(r.items) != 0 {
				t.Error("the wrong value is still there")
			}
			if names, err := k.List(ctx); err != nil || len(names) != 0 {
				t.Errorf("listed: %v %v", names, err)
			}
		})
	}
	r := newFakeRing()
	k := fakeKeychain(t, r)
	r.before = func(op string) error {
		if op == "get" {
			return keyring.ErrNotFound
		}
		return nil
	}
	wantErr(t, k.Set(ctx, keyA, secret(canary)), ErrMismatch)
}

func TestKeychainPanic(t *testing.T) {
	r := newFakeRing()
	r.before = func(string) error { panic(canary) }
	k := fakeKeychain(t, r)
	_, err := k.Get(context.Background(), keyA)
	if err == nil || !strings.Contains(err.Error(), "crashed") {
		t.Fatal(err)
	}
	noCanary(t, err)
	r.before = nil
	if err := k.Set(context.Background(), keyA, secret(canary)); err != nil {
		t.Fatal("the keychain is of no use after a panic:", err)
	}
}

// TestKeychainHang runs in synctest's fake time, so the real limits are tried.
func TestKeychainHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, r := context.Background(), newFakeRing()
		release := make(chan struct{})
		r.before = func(string) error { <-release; return nil }
		r.items["bulla\x00"+string(keyA)] = canary
		k := NewKeychain(KeychainOptions{Ring: r, Probe: inState(Ready, false)})

		start := time.Now()
		_, err := k.Get(ctx, keyA)
		wantErr(t, err, ErrTimeout)
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("gave up after %s", d)
		}
		// While the call is stuck everything else is refused at once.
		start = time.Now()
		if st := k.Describe(ctx); st.State != Absent || !strings.Contains(st.Reason, "not come back") {
			t.Errorf("%+v", st)
		}
		_, err = k.Get(ctx, keyA)
		wantErr(t, err, ErrAbsent)
		if d := time.Since(start); d != 0 {
			t.Errorf("refused after %s", d)
		}
		// It comes back late: all is well again.
		close(release)
		synctest.Wait()
		mustGet(t, k, keyA, canary)
	})
}

func TestKeychainPromptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, r := context.Background(), newFakeRing()
		release := make(chan struct{})
		r.before = func(string) error { <-release; return nil }
		k := NewKeychain(KeychainOptions{Ring: r, Probe: inState(Locked, true), Index: filepath.Join(t.TempDir(), "names")})
		start := time.Now()
		err := k.Set(ctx, keyA, secret(canary))
		wantErr(t, err, ErrTimeout)
		if d := time.Since(start); d != time.Minute || !strings.Contains(err.Error(), "dialog") {
			t.Errorf("gave up after %s: %v", d, err)
		}
		// The dialog may still be answered, and the item come to be: it stays listed.
		close(release)
		synctest.Wait()
		if names, err := k.List(ctx); err != nil || !slices.Equal(names, []Key{keyA}) {
			t.Error(names, err)
		}
		mustGet(t, k, keyA, canary)
	})
}

// TestKeychainCancel: a person who does not want to wait for the dialog gets on at once.
func TestKeychainCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRing()
		release := make(chan struct{})
		r.before = func(string) error { <-release; return nil }
		k := NewKeychain(KeychainOptions{Ring: r, Probe: inState(Locked, true)})
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := k.Get(ctx, keyA)
		wantErr(t, err, context.Canceled)
		if d := time.Since(start); d != time.Second {
			t.Errorf("came back after %s", d)
		}
		close(release)
	})
}

func TestKeychainOneCallAtATime(t *testing.T) {
	var running, most atomic.Int32
	r := newFakeRing()
	r.before = func(string) error {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(100 * time.Microsecond)
		return nil
	}
	k := fakeKeychain(t, r)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			key := keyA
			if i%2 == 0 {
				key = keyB
			}
			if err := k.Set(context.Background(), key, secret(canary)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d calls at a time", most.Load())
	}
}

func TestKeychainNoIndex(t *testing.T) {
	k := NewKeychain(KeychainOptions{Ring: newFakeRing(), Probe: inState(Ready, false)})
	if err := k.Set(context.Background(), keyA, secret(canary)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.List(context.Background()); err == nil {
		t.Error("List without an index succeeded")
	}
}

func TestIndexConcurrent(t *testing.T) {
	dir := t.TempDir()
	a, b := &nameIndex{path: filepath.Join(dir, "n")}, &nameIndex{path: filepath.Join(dir, "n")}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			x := []*nameIndex{a, b}[i%2]
			if _, err := x.add(context.Background(), Key("openpgp/"+strings.Repeat("A", i+1))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if names, err := a.list(context.Background()); err != nil || len(names) != 40 {
		t.Fatal(len(names), err)
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("cosign/AB\nopenpgp/0123\n"))
	f.Add([]byte("openpgp/0123\ncosign/AB\n"))
	f.Add([]byte("openpgp/0123\r\n"))
	f.Add([]byte("openpgp/0123"))
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := parseIndex(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			return
		}
		if string(formatIndex(names)) != string(data) {
			t.Errorf("%q parses as %q", data, names)
		}
	})
}

func FuzzDecodeValue(f *testing.F) {
	for _, s := range []string{"", "x", valuePrefix, valuePrefix + "eA==", valuePrefix + "eA=", "p\xffw", " x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeValue(string(b)) // must not panic
		if len(b) > MaxKeychainValue/2 {
			return
		}
		v, err := encodeValue(keys.NewSecret(append([]byte{}, b...)))
		if err != nil {
			t.Fatal(err)
		}
		s, err := decodeValue(v)
		if err != nil || reveal(t, s) != string(b) {
			t.Fatalf("%q came back as %v %v", b, s, err)
		}
	})
}

func FuzzParseDefaultKeychain(f *testing.F) {
	f.Add([]byte("    \"/Users/me/Library/Keychains/login.keychain-db\"\n"))
	f.Add([]byte("\"\"\n"))
	f.Add([]byte("\"/\""))
	f.Fuzz(func(t *testing.T, out []byte) {
		if name, ok := parseDefaultKeychain(out); ok && (name == "" || strings.ContainsAny(name, "/\n\"")) {
			t.Errorf("%q gives %q", out, name)
		}
	})
}

func TestParseDefaultKeychain(t *testing.T) {
	name, ok := parseDefaultKeychain([]byte("    \"/Users/me/Library/Keychains/login.keychain-db\"\n"))
	if name != "login" || !ok {
		t.Error(name, ok)
	}
	for _, s := range []string{"", "login", `"`, `""`, `"/"`, "security: SecKeychainCopyDomainDefault: No default"} {
		if name, ok := parseDefaultKeychain([]byte(s)); ok {
			t.Errorf("%q gives %q", s, name)
		}
	}
}
