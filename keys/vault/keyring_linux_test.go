package vault

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

// The tests called TestKeyring… run against the Secret Service that .ci/tools/test-keyring.sh
// sets up: a real gnome-keyring in several states, or a mock with faults. go-keyring shares one
// connection in a process, so the script runs one process for each case.
const (
	keyringEnv  = "BULLA_TEST_KEYRING" // 1 allows these tests to use the session's keychain
	keyringCase = "BULLA_KEYRING_CASE" // which case; unlocked by default
)

func needKeyring(t *testing.T) string {
	t.Helper()
	if os.Getenv(keyringEnv) != "1" {
		keystest.Missing(t, "no Secret Service to test with: run .ci/tools/test-keyring.sh")
	}
	if c := os.Getenv(keyringCase); c != "" {
		return c
	}
	return "unlocked"
}

// testChain is the real thing with short limits and a service name of its own.
func testChain(t *testing.T) *Keychain {
	return NewKeychain(KeychainOptions{
		Service: "bulla-test", Env: os.Getenv, Index: filepath.Join(t.TempDir(), "names"),
		CallTimeout: 1500 * time.Millisecond, PromptTimeout: 1500 * time.Millisecond,
	})
}

// keyringCases are the failures of facts about go-keyring v0.2.8: bare, it hangs, panics or
// starts a stray bus in many of them.
var keyringCases = map[string]struct {
	state  State
	name   string // of the Status
	reason string // part of the Status' reason
	set    error  // of Set; errAny for whatever error
	then   State  // after Set
	during func(*testing.T)
}{
	"unlocked":       {state: Ready, name: "GNOME Keyring (login)", then: Ready},
	"locked":         {state: Locked, name: "GNOME Keyring (login)", reason: "no display", set: ErrLocked, then: Locked},
	"empty":          {state: NeedsSetup, name: "GNOME Keyring", reason: "default collection", set: ErrNeedsSetup, then: NeedsSetup},
	"no-daemon":      {state: Absent, reason: "no program offers a keychain", set: ErrAbsent, then: Absent},
	"stopped":        {state: Absent, reason: "does not answer", set: ErrAbsent, then: Absent},
	"ok":             {state: Ready, name: "Secret Service (login)", then: Ready},
	"no-login":       {state: Ready, name: "Secret Service (login)", then: Ready},
	"prompt-ok":      {state: Locked, then: Locked},
	"prompt-dismiss": {state: Locked, set: ErrLocked, then: Locked},
	"prompt-never":   {state: Locked, set: ErrTimeout, then: Absent},
	"hang":           {state: Ready, set: ErrTimeout, then: Absent},
	"die-on-get":     {state: Ready, set: errAny, then: Absent},
	"corrupt":        {state: Ready, set: ErrMismatch, then: Ready},
	"bus-dies":       {state: Locked, set: errAny, then: Absent, during: killLater("KEYRING_BUS_PID")},
	"service-dies":   {state: Locked, set: ErrTimeout, then: Absent, during: killLater("MOCK_PID")},
}

var errAny = errors.New("any error")

// killLater ends a process of the script while the prompt is open.
func killLater(env string) func(*testing.T) {
	return func(t *testing.T) {
		pid := pidFrom(t, env)
		time.AfterFunc(400*time.Millisecond, func() { _ = syscall.Kill(pid, syscall.SIGTERM) })
	}
}

func pidFrom(t *testing.T, env string) int {
	t.Helper()
	pid, err := strconv.Atoi(os.Getenv(env))
	if err != nil || pid <= 1 {
		t.Fatalf("%s is %q", env, os.Getenv(env))
	}
	return pid
}

func TestKeyring(t *testing.T) {
	name := needKeyring(t)
	c, ok := keyringCases[name]
	if !ok {
		t.Fatalf("no case %q", name)
	}
	if name == "stopped" {
		pid := pidFrom(t, "KEYRING_DAEMON_PID")
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	}
	ctx, k := context.Background(), testChain(t)
	st := k.Describe(ctx)
	t.Logf("%s: %s %s (%s)", name, st.Name, st.State, st.Reason)
	if st.State != c.state || c.name != "" && st.Name != c.name || !strings.Contains(st.Reason, c.reason) {
		t.Fatalf("%+v", st)
	}
	if st.State == Locked != st.MayPrompt {
		t.Errorf("locked and may prompt differ: %+v", st)
	}
	if c.during != nil {
		c.during(t)
	}
	err := k.Set(ctx, keyA, secret(canary))
	t.Logf("Set: %v", err)
	noCanary(t, err)
	if c.set == errAny && err == nil || c.set != errAny && !errors.Is(err, c.set) {
		t.Fatalf("Set: %v, want %v", err, c.set)
	}
	if st := k.Describe(ctx); st.State != c.then {
		t.Errorf("then: %+v", st)
	}
	if c.set == nil {
		mustGet(t, k, keyA, canary)
		if err := k.Delete(ctx, keyA); err != nil {
			t.Error(err)
		}
		return
	}
	if _, err := k.Get(ctx, keyA); err == nil || errors.Is(err, ErrNotFound) != (name == "corrupt") {
		t.Errorf("Get: %v", err)
	}
}

func TestKeyringValues(t *testing.T) {
	if c := needKeyring(t); c != "unlocked" {
		t.Skip("the case is " + c)
	}
	ctx, k := context.Background(), testChain(t)
	for _, v := range []string{canary, "", " x ", "a\nb", "\x00", "p\xffw", "Grüße 🔑", strings.Repeat("x", MaxKeychainValue)} {
		if err := k.Set(ctx, keyA, secret(v)); err != nil {
			t.Fatalf("%.20q: %v", v, err)
		}
		mustGet(t, k, keyA, v)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := Key("openpgp/" + strconv.Itoa(i))
			if err := k.Set(ctx, key, secret(canary)); err != nil {
				t.Error(err)
			}
			if err := k.Delete(ctx, key); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if names, err := k.List(ctx); err != nil || !slices.Equal(names, []Key{keyA}) {
		t.Error(names, err)
	}
	if err := k.Delete(ctx, keyA); err != nil {
		t.Error(err)
	}
	_, err := k.Get(ctx, keyA)
	wantErr(t, err, ErrNotFound)
}

// TestKeyringPeer lets libsecret's own tool read what bulla stored, and the other way round.
func TestKeyringPeer(t *testing.T) {
	if c := needKeyring(t); c != "unlocked" {
		t.Skip("the case is " + c)
	}
	tool := keystest.Peer(t, "secret-tool")
	ctx, k := context.Background(), testChain(t)
	attributes := []string{"service", "bulla-test", "username", string(keyA)}
	if err := k.Set(ctx, keyA, secret(canary)); err != nil {
		t.Fatal(err)
	}
	out, errOut, err := keystest.Run(t, nil, nil, tool, append([]string{"lookup"}, attributes...)...)
	if err != nil || out != canary {
		t.Fatalf("%q %s %v", out, errOut, err)
	}
	_, errOut, err = keystest.Run(t, []byte("from the tool"), nil, tool, append([]string{"store", "--label=x"}, attributes...)...)
	if err != nil {
		t.Fatal(errOut, err)
	}
	mustGet(t, k, keyA, "from the tool")
	if _, errOut, err = keystest.Run(t, nil, nil, tool, append([]string{"clear"}, attributes...)...); err != nil {
		t.Fatal(errOut, err)
	}
	_, err = k.Get(ctx, keyA)
	wantErr(t, err, ErrNotFound)
}

// TestKeyringManager runs a release's view of it: saved in one run, used without a person in
// the next; where that is not possible the person is asked, told why, and nothing is written.
func TestKeyringManager(t *testing.T) {
	name := needKeyring(t)
	if name == "bus-dies" || name == "service-dies" || name == "stopped" {
		t.Skip("nothing new for the manager")
	}
	c := keyringCases[name]
	ctx, dir := context.Background(), t.TempDir()
	k := testChain(t)
	m := NewManager(ManagerOptions{Dir: dir, Keychain: k})
	err := m.Remember(ctx, reqA, secret(canary), BackendKeychain)
	noCanary(t, err)
	if c.set == nil {
		if err != nil {
			t.Fatal(err)
		}
		next := NewManager(ManagerOptions{Dir: dir, Keychain: k})
		s, err := next.Ask(nil, func(Status) {})(ctx, reqA)
		if err != nil || reveal(t, s) != canary {
			t.Fatal(err, next.Notices())
		}
		if err := next.Forget(ctx, reqA); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err == nil {
		t.Fatal("saved in a keychain that does not work")
	}
	if _, ok := m.Choice(ctx); ok {
		t.Error("a keychain that does not work was chosen")
	}
	if err := saveChoice(dir, BackendKeychain); err != nil {
		t.Fatal(err)
	}
	if _, err := k.index.add(ctx, keyA); err != nil {
		t.Fatal(err)
	}
	f := &face{answers: map[keys.PassphrasePurpose][]string{keys.PurposeOpenPGP: {canary}}}
	s, err := m.Ask(f.ask, f.wait)(ctx, reqA)
	if err != nil || reveal(t, s) != canary || len(f.asked) != 1 {
		t.Fatal(err, f.asked)
	}
	notices := m.Notices()
	if len(notices) != 1 && name != "corrupt" { // there the keychain simply has nothing
		t.Errorf("%q", notices)
	}
	noCanary(t, notices)
	noCanaryInFiles(t, dir)
}

// The cases without a bus need none to test with.

func TestProbeNoBus(t *testing.T) {
	if _, err := os.Stat(filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "bus")); err == nil {
		t.Skip("this session has a bus")
	}
	// go-keyring would run this, and leave the bus running that it starts.
	bin, marker := t.TempDir(), filepath.Join(t.TempDir(), "launched")
	script := "#!/bin/sh\n: >'" + marker + "'\n"
	if err := os.WriteFile(filepath.Join(bin, "dbus-launch"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, address := range []string{"", "autolaunch:"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		k := testChain(t)
		if st := k.Describe(context.Background()); st.State != Absent || st.Name == "" {
			t.Errorf("%+v", st)
		}
		wantErr(t, k.Set(context.Background(), keyA, secret(canary)), ErrAbsent)
		if got := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); got != address {
			t.Errorf("the address became %q", got)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("dbus-launch was run")
	}
	if err := exec.Command("dbus-launch").Run(); err != nil {
		t.Fatal("the trap does not work:", err)
	}
	if _, err := os.Stat(marker); err != nil {
		t.Error("the trap does not work:", err)
	}
}

func TestProbeDeadBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	st := testChain(t).Describe(context.Background())
	if st.State != Absent || !strings.Contains(st.Reason, "can't be reached") {
		t.Errorf("%+v", st)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "nonsense")
	if st := testChain(t).Describe(context.Background()); st.State != Absent {
		t.Errorf("%+v", st)
	}
}

// TestProbeMuteBus: the socket takes connections and never answers.
func TestProbeMuteBus(t *testing.T) {
	dir, err := os.MkdirTemp("", "bb") // short: the path of a Unix socket ends at 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+l.Addr().String())
	k := testChain(t)
	k.probeTimeout = 100 * time.Millisecond
	st := k.Describe(context.Background())
	if st.State != Absent || !strings.Contains(st.Reason, "does not answer") {
		t.Errorf("%+v", st)
	}
}

func TestKeeperOf(t *testing.T) {
	for comm, want := range map[string]string{
		"gnome-keyring-d": "GNOME Keyring", "kwalletd6": "KWallet", "ksecretd": "KWallet", "keepassxc": "KeePassXC",
		"mockss": "Secret Service", "": "Secret Service",
	} {
		if got := keeperOf(comm).name; got != want {
			t.Errorf("%s: %s", comm, got)
		}
	}
	if !keeperOf("keepassxc").confirms {
		t.Error("KeePassXC asks before each access")
	}
}

func TestLockedReason(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if got := lockedReason(os.Getenv); !strings.Contains(got, "no display") {
		t.Error(got)
	}
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	if got := lockedReason(os.Getenv); !strings.Contains(got, "dialog will ask") {
		t.Error(got)
	}
}
