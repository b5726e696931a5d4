package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

func TestFindWithoutGnuPG(t *testing.T) {
	keystest.Peer(t, "gpg")
	t.Run("no home", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		if _, err := Find(t.Context(), Options{Home: dir, Environ: os.Environ()}); !errors.Is(err, ErrAbsent) {
			t.Fatalf("Find = %v", err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Error("the home was created")
		}
	})
	t.Run("default home", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		t.Setenv("GNUPGHOME", dir)
		if _, err := Find(t.Context(), Options{Environ: os.Environ()}); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), dir) {
			t.Fatalf("Find = %v", err)
		}
	})
	t.Run("no programs", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := Find(t.Context(), Options{Environ: os.Environ()}); !errors.Is(err, ErrAbsent) {
			t.Fatalf("Find = %v", err)
		}
	})
}

// Looking into an empty home leaves it empty.
func TestEmptyHome(t *testing.T) {
	h := &home{t, keystest.GnuPGHome(t)}
	g := h.find()
	if list, err := g.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v", list, err)
	}
	if ring, err := g.PublicKeyring(t.Context()); err != nil || len(ring) != 0 {
		t.Errorf("PublicKeyring = %d bytes, %v", len(ring), err)
	}
	var nf *keys.NotFoundError
	if _, err := g.Signer(t.Context(), keys.ParseSelector("a@example.org")); !errors.As(err, &nf) {
		t.Errorf("Signer = %v", err)
	}
	if got := snapshot(t, h.dir); got != "" {
		t.Errorf("the home holds\n%s", got)
	}
}

// snapshot lists the files of a home with their sizes and times, but not its sockets.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			fmt.Fprintln(&b, path, fi.Size(), fi.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// agentRuns reports whether an agent serves the home.
func (h *home) agentRuns() bool {
	l, err := dial(h.t.Context(), h.find().socket)
	if err == nil {
		l.close()
	}
	return err == nil
}

func TestList(t *testing.T) {
	h := newHome(t)
	protected := h.generate("protected@example.org", "ed25519", "cert", passphrase)
	sub := h.addSubkey(protected, "ed25519", passphrase)
	open := h.generate("open@example.org", "nistp256", "cert,sign", "")
	stranger := newHome(t)
	stranger.generate("stranger@example.org", "ed25519", "cert,sign", "")
	h.gpg([]byte(stranger.gpg(nil, "", "--export")), "", "--import")

	withAgent, err := h.find().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.killAgent()
	before := snapshot(t, h.dir)
	list, err := h.find().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.agentRuns() {
		t.Error("listing started an agent")
	}
	if after := snapshot(t, h.dir); after != before {
		t.Errorf("listing changed the home from\n%sto\n%s", before, after)
	}
	if !reflect.DeepEqual(list, withAgent) {
		t.Errorf("without an agent the list is\n%+v\nwith one\n%+v", list, withAgent)
	}
	if len(list) != 2 || list[0].Fingerprint != protected || list[1].Fingerprint != open {
		t.Fatalf("List = %+v", list)
	}
	k := list[0]
	if !k.HasSecret || k.CanSign || !k.CanCertify || k.PrimaryOffline || k.Card != "" || k.Source != keys.SourceGnuPG || k.UserID() != "Test <protected@example.org>" {
		t.Errorf("listed as %+v", k)
	}
	if len(k.Subkeys) != 1 || k.Subkeys[0].Fingerprint != sub || !k.Subkeys[0].CanSign || !k.Subkeys[0].HasSecret {
		t.Errorf("subkeys %+v", k.Subkeys)
	}
	for address, want := range map[string]bool{"protected@example.org": true, "open@example.org": false} {
		if got := h.signer(address).Key().Protected; got != want {
			t.Errorf("%s: Protected = %v", address, got)
		}
	}
}

// The keyring is the same whatever gpg.conf says of the output, and reading it changes nothing.
func TestPublicKeyring(t *testing.T) {
	h := newHome(t)
	a := h.generate("a@example.org", "ed25519", "cert,sign", "")
	h.generate("b@example.org", "rsa2048", "cert,sign", "")
	h.killAgent()
	if err := os.WriteFile(filepath.Join(h.dir, "gpg.conf"), []byte("armor\nverbose\nlocal-user "+string(a)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, h.dir)
	data, err := h.find().PublicKeyring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after := snapshot(t, h.dir); after != before || h.agentRuns() {
		t.Errorf("exporting changed the home from\n%sto\n%s", before, after)
	}
	ring, err := keys.ReadKeyring(data, keys.SourceGnuPG)
	if err != nil || ring.Len() != 2 || bytes.HasPrefix(data, []byte("-----")) {
		t.Fatalf("ReadKeyring: %v", err)
	}
	if parts := splitKeys(data); len(parts) != 2 || !bytes.Equal(bytes.Join(parts, nil), data) {
		t.Errorf("split into %d keys", len(parts))
	}
}

func TestOfflinePrimary(t *testing.T) {
	full := newHome(t)
	primary := full.generate("a@example.org", "ed25519", "cert,sign", passphrase)
	sub := full.addSubkey(primary, "rsa2048", passphrase)
	h := newHome(t)
	h.gpg([]byte(full.gpg(nil, passphrase, "--export-secret-subkeys", string(primary))), passphrase, "--import")
	h.killAgent()

	list, err := h.find().List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("List = %v, %v", list, err)
	}
	if k := list[0]; !k.PrimaryOffline || !k.HasSecret || !k.Subkeys[0].HasSecret {
		t.Errorf("listed as %+v", k)
	}
	s := h.signer("a@example.org")
	if k := s.Key(); k.Primary != primary || k.Fingerprint != sub || k.Algorithm != "rsa2048" {
		t.Errorf("Key() = %+v", k)
	}
	a := answer(passphrase)
	unlock(t, s, a)
	h.judge(sign(t, s), sub)
	if r := a.requests[0]; r.ID != string(primary) {
		t.Errorf("asked for %q, not for the primary key", r.ID)
	}
	var ue *keys.UnusableError
	if _, err := h.find().Signer(t.Context(), keys.ParseSelector(string(primary)+"!")); !errors.As(err, &ue) {
		t.Errorf("the offline primary key: %v", err)
	}
}

func TestSelector(t *testing.T) {
	h := newHome(t)
	primary := h.generate("a@example.org", "ed25519", "cert", "")
	first := h.addSubkey(primary, "ed25519", "")
	second := h.addSubkey(primary, "ed25519", "")
	h.generate("b@example.org", "ed25519", "cert,sign", "")
	for _, f := range []keys.Fingerprint{first, second} {
		s := h.signer(string(f) + "!")
		if got := s.Key().Fingerprint; got != f {
			t.Errorf("%s! selects %s", f, got)
		}
		unlock(t, s, answer())
		h.judge(sign(t, s), f)
	}
	g := h.find()
	var ae *keys.AmbiguousError
	if _, err := g.Signer(t.Context(), keys.Selector{}); !errors.As(err, &ae) {
		t.Errorf("no selector: %v", err)
	}
	var nf *keys.NotFoundError
	if _, err := g.Signer(t.Context(), keys.ParseSelector("example.org")); !errors.As(err, &nf) {
		t.Errorf("part of an address: %v", err)
	}
	var ue *keys.UnusableError
	if _, err := g.Signer(t.Context(), keys.ParseSelector(string(primary)+"!")); !errors.As(err, &ue) {
		t.Errorf("a primary key that only certifies: %v", err)
	}
}

func TestExpiredAndRevokedKeys(t *testing.T) {
	h := newHome(t)
	h.gpg(nil, "", "--quick-gen-key", "Test <a@example.org>", "ed25519", "cert,sign", "1d")
	list, err := h.find().List(t.Context())
	if err != nil || len(list) != 1 || list[0].Expires.IsZero() {
		t.Fatalf("List = %+v, %v", list, err)
	}
	if k := h.signer("a@example.org").Key(); !k.Expires.Equal(list[0].Expires) {
		t.Errorf("the key expires on %v, its signer says %v", list[0].Expires, k.Expires)
	}
	g, err := Find(t.Context(), Options{Home: h.dir, Environ: os.Environ(), Now: func() time.Time { return time.Now().AddDate(0, 0, 2) }})
	if err != nil {
		t.Fatal(err)
	}
	var ue *keys.UnusableError
	if _, err := g.Signer(t.Context(), keys.ParseSelector("a@example.org")); !errors.As(err, &ue) || !strings.Contains(ue.Reason, "expired") {
		t.Errorf("an expired key: %v", err)
	}
	if list, err := g.List(t.Context()); err != nil || len(list) != 1 || !list[0].HasSecret {
		t.Errorf("List = %+v, %v", list, err)
	}
}

// A key that can't be read here is named, and does not hide the others.
func TestUnreadableKeyIsListed(t *testing.T) {
	p := &pair{listed: listed{fingerprint: "AB", userIDs: []string{"A <a@example.org>"}}}
	attach([]*pair{p}, [][]byte{{0x98, 0x01, 0x05}, nil})
	k := p.describe(time.Now())
	if k.Fingerprint != "AB" || k.HasSecret || k.UserID() != "A <a@example.org>" || len(k.Weak) != 1 {
		t.Errorf("listed as %+v", k)
	}
}

// A restricted socket, as forwarded over SSH, reached through a redirection: nothing can be
// listed, and passphrases are asked for at the other end.
func TestRestrictedSocket(t *testing.T) {
	far := newHome(t)
	fpr := far.generate("a@example.org", "ed25519", "cert,sign", "")
	near := newHome(t)
	near.gpg([]byte(far.gpg(nil, "", "--export")), "", "--import")
	other := newHome(t)
	for i := range gripsPerCommand { // a primary key and a subkey each
		f := other.generate(fmt.Sprintf("b%d@example.org", i), "ed25519", "cert,sign", "")
		other.addSubkey(f, "ed25519", "")
	}
	near.gpg([]byte(other.gpg(nil, "", "--export")), "", "--import")
	near.killAgent()
	socket := fmt.Sprintf("%%Assuan%%\nsocket=%s\n", filepath.Join(far.dir, "S.gpg-agent.extra"))
	if err := os.WriteFile(filepath.Join(near.dir, "S.gpg-agent"), []byte(socket), 0o600); err != nil {
		t.Fatal(err)
	}
	far.conf("--launch", "gpg-agent")

	list, err := near.find().List(t.Context())
	if err != nil || len(list) != 1 || list[0].Fingerprint != fpr || !list[0].HasSecret {
		t.Fatalf("List = %+v, %v", list, err)
	}
	s := near.signer(string(fpr))
	if !s.Key().Protected {
		t.Error("a restricted agent does not tell: the key must count as protected")
	}
	a := answer()
	unlock(t, s, a)
	near.judge(sign(t, s), fpr)

	far.gpg(nil, "", "--yes", "--delete-secret-keys", string(fpr))
	var ue *keys.UnusableError
	if err := s.Unlock(t.Context(), a.ask); !errors.As(err, &ue) {
		t.Errorf("Unlock of a key that is gone = %v", err)
	}
}

func TestLoopbackRefused(t *testing.T) {
	h := newHome(t)
	protected := h.generate("p@example.org", "ed25519", "cert,sign", passphrase)
	open := h.generate("o@example.org", "ed25519", "cert,sign", "")
	h.killAgent()
	h.configure("no-allow-loopback-pinentry\n")

	a := answer(passphrase)
	err := h.signer(string(protected)).Unlock(t.Context(), a.ask)
	var le *LoopbackError
	if !errors.As(err, &le) || le.Config != filepath.Join(h.dir, "gpg-agent.conf") {
		t.Fatalf("Unlock = %v", err)
	}
	if len(a.requests) != 0 {
		t.Error("asked for a passphrase that can't be handed on")
	}
	s := h.signer(string(open))
	unlock(t, s, answer())
	h.judge(sign(t, s), open)
}

// stopAgent makes the agent hang, and returns the func that lets it go on.
func (h *home) stopAgent() (resume func()) {
	h.t.Helper()
	out, stderr, err := keystest.Run(h.t, nil, nil, keystest.Peer(h.t, "gpg-connect-agent"), "--homedir", h.dir, "GETINFO pid", "/bye")
	if err != nil {
		h.t.Fatalf("gpg-connect-agent: %v %s", err, stderr)
	}
	pid, err := strconv.Atoi(strings.Fields(out)[1])
	if err != nil {
		h.t.Fatal(err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		h.t.Fatal(err)
	}
	signalStop(h.t, p)
	resume = func() { signalContinue(p) }
	h.t.Cleanup(resume)
	return resume
}

func TestCancelWhileAgentHangs(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("a@example.org", "ed25519", "cert,sign", passphrase)
	s := h.signer(string(fpr))
	unlock(t, s, answer(passphrase))
	fresh := h.signer(string(fpr))
	resume := h.stopAgent()

	for name, call := range map[string]func(context.Context) error{
		"sign":   func(ctx context.Context) error { _, err := trySign(ctx, s); return err },
		"unlock": func(ctx context.Context) error { return fresh.Unlock(ctx, answer(passphrase).ask) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want cancelled", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := h.find().List(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("List = %v, want the deadline", err)
	}
	// Without a deadline of the caller's, the listing makes do with the disk.
	if list, err := h.find().List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("List = %v, %v", list, err)
	}
	resume()
	h.judge(sign(t, s), fpr)
}

// An agent that goes away at the worst moment, during a signature, is started again.
func TestAgentStopsWhileSigning(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("a@example.org", "ed25519", "cert,sign", passphrase)
	h.conf("--reload", "gpg-agent")
	s, a := h.signer(string(fpr)), answer(passphrase)
	cut := make(chan struct{}, 1)
	g := s.(*signer).g
	g.socket = cuttingProxy(t, g.socket, "PKSIGN", cut)
	unlock(t, s, a)
	cut <- struct{}{}
	h.judge(sign(t, s), fpr)
	if len(cut) != 0 || len(a.requests) != 1 {
		t.Errorf("%d cuts are left after %d questions", len(cut), len(a.requests))
	}
}

// cuttingProxy stands before a socket. For each token in cut it closes the connection instead of
// passing on the command.
func cuttingProxy(t *testing.T, socket, command string, cut <-chan struct{}) string {
	t.Helper()
	path := socket + ".proxy"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	pass := func(client net.Conn) {
		defer client.Close()
		server, err := net.Dial("unix", socket)
		if err != nil {
			return
		}
		defer server.Close()
		go func() { _, _ = io.Copy(client, server) }()
		lines := bufio.NewScanner(client)
		for lines.Scan() {
			if lines.Text() == command {
				select {
				case <-cut:
					return
				default:
				}
			}
			if _, err := io.WriteString(server, lines.Text()+"\n"); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pass(c)
		}
	}()
	return path
}
