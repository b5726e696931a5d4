package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/agent/assuan"
	"bulla/keys/keystest"
)

// passphrase is what every protected test key has. It looks like nothing else, so that tests
// can search for it where it must not be.
const passphrase = "canary vögel 7% +x"

// A home is a GnuPG home for one test.
type home struct {
	t   testing.TB
	dir string
}

func newHome(t testing.TB) *home {
	t.Helper()
	h := &home{t, keystest.GnuPGHome(t)}
	h.configure("")
	return h
}

// gpg runs gpg and expects it to succeed. pass goes to --passphrase of the throw-away key.
func (h *home) gpg(stdin []byte, pass string, args ...string) string {
	h.t.Helper()
	args = append([]string{"--quiet", "--pinentry-mode", "loopback", "--passphrase", pass}, args...)
	out, stderr, err := keystest.GPG(h.t, h.dir, stdin, args...)
	if err != nil {
		h.t.Fatalf("gpg %q: %v\n%s", args, err, stderr)
	}
	return out
}

// generate makes a key that certifies and signs, and returns its fingerprint.
func (h *home) generate(address, algorithm, usage, pass string) keys.Fingerprint {
	h.t.Helper()
	h.gpg(nil, pass, "--quick-gen-key", "Test <"+address+">", algorithm, usage, "0")
	return h.fingerprints(address)[0]
}

// addSubkey adds a signing subkey and returns its fingerprint.
func (h *home) addSubkey(primary keys.Fingerprint, algorithm, pass string) keys.Fingerprint {
	h.t.Helper()
	h.gpg(nil, pass, "--quick-add-key", string(primary), algorithm, "sign", "0")
	all := h.fingerprints(string(primary))
	return all[len(all)-1]
}

// fingerprints are those of a key and its subkeys, in order.
func (h *home) fingerprints(name string) (all []keys.Fingerprint) {
	h.t.Helper()
	for line := range strings.Lines(h.gpg(nil, "", "--with-colons", "--list-keys", name)) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			all = append(all, keys.Fingerprint(f[9]))
		}
	}
	return all
}

// configure writes gpg-agent.conf, which an agent reads when it starts. The agent would measure
// how long it can afford to stretch a passphrase; tests have no time for that.
func (h *home) configure(lines string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, "gpg-agent.conf"), []byte("s2k-count 65536\n"+lines), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// killAgent ends the agent and with it everything it remembers.
func (h *home) killAgent() {
	h.t.Helper()
	h.conf("--kill", "gpg-agent")
}

func (h *home) conf(args ...string) {
	h.t.Helper()
	if _, stderr, err := keystest.Run(h.t, nil, nil, keystest.Peer(h.t, "gpgconf"), append([]string{"--homedir", h.dir}, args...)...); err != nil {
		h.t.Fatalf("gpgconf %q: %v\n%s", args, err, stderr)
	}
}

// find opens the home with the clock one minute ahead, so that keys just made are not from the
// future.
func (h *home) find() *GnuPG {
	h.t.Helper()
	g, err := Find(h.t.Context(), Options{Home: h.dir, Environ: os.Environ(), Now: func() time.Time { return time.Now().Add(time.Minute) }})
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

func (h *home) signer(selector string) keys.Signer {
	h.t.Helper()
	s, err := h.find().Signer(h.t.Context(), keys.ParseSelector(selector))
	if err != nil {
		h.t.Fatalf("Signer(%s): %v", selector, err)
	}
	h.t.Cleanup(func() { _ = s.Close() })
	return s
}

// An asker answers requests with given passphrases in turn and then with ErrNoPassphrase.
type asker struct {
	answers  []string
	requests []keys.PassphraseRequest
	mu       sync.Mutex
}

func answer(with ...string) *asker { return &asker{answers: with} }

func (a *asker) ask(_ context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, r)
	if len(a.requests) > len(a.answers) {
		return keys.Secret{}, keys.ErrNoPassphrase
	}
	return keys.NewSecret([]byte(a.answers[len(a.requests)-1])), nil
}

// attempts are the numbers of the attempts asked for.
func (a *asker) attempts() (n []int) {
	for _, r := range a.requests {
		n = append(n, r.Attempt)
	}
	return n
}

func unlock(t testing.TB, s keys.Signer, a *asker) {
	t.Helper()
	if err := s.Unlock(t.Context(), a.ask); err != nil {
		t.Fatalf("Unlock: %v", err)
	}
}

const document = "bulla 1.4.0\n"

// sign signs the document.
func sign(t testing.TB, s keys.Signer) []byte {
	t.Helper()
	sig, err := trySign(t.Context(), s)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	return sig
}

func trySign(ctx context.Context, s keys.Signer) ([]byte, error) {
	h := s.Key().Hash.New()
	h.Write([]byte(document))
	return s.Sign(ctx, h, time.Now())
}

// judge lets gpg and sq verify a signature of the document by the key fpr.
func (h *home) judge(sig []byte, fpr keys.Fingerprint) {
	h.t.Helper()
	h.judgeAs(sig, fpr, true)
}

// judgeAs is judge, without sq for the curves that it does not know.
func (h *home) judgeAs(sig []byte, fpr keys.Fingerprint, sq bool) {
	h.t.Helper()
	dir := h.t.TempDir()
	doc, asc, cert := filepath.Join(dir, "doc"), filepath.Join(dir, "doc.asc"), filepath.Join(dir, "cert")
	for path, content := range map[string][]byte{
		doc: []byte(document), asc: sig, cert: []byte(h.gpg(nil, "", "--export", string(fpr))),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	status := keystest.GPGStatus(h.t, h.dir, asc, doc)
	if !keystest.HasStatus(status, "GOODSIG") || !keystest.HasStatus(status, "VALIDSIG "+string(fpr)) {
		h.t.Errorf("gpg does not call the signature good:\n%s\n%s", strings.Join(status, "\n"), sig)
	}
	if !sq {
		return
	}
	if _, stderr, err := keystest.Run(h.t, nil, nil, keystest.Peer(h.t, "sq"), "verify", "--signer-cert", cert, "--detached", asc, doc); err != nil {
		h.t.Errorf("sq verify: %v\n%s", err, stderr)
	}
}

func TestSignaturesVerifyElsewhere(t *testing.T) {
	h := newHome(t)
	for _, tt := range []struct{ algorithm, pass string }{
		{"ed25519", ""}, {"ed25519", passphrase},
		{"rsa3072", passphrase},
		{"nistp256", ""}, {"nistp384", passphrase}, {"nistp521", ""},
		{"brainpoolP256r1", ""},
	} {
		name, protected := tt.algorithm+"-open", tt.pass != ""
		if protected {
			name = tt.algorithm + "-protected"
		}
		t.Run(name, func(t *testing.T) {
			h := &home{t, h.dir}
			fpr := h.generate(name+"@example.org", tt.algorithm, "cert,sign", tt.pass)
			h.killAgent()
			s := h.signer(name + "@example.org")
			k := s.Key()
			if k.Primary != fpr || k.Fingerprint != fpr || k.Algorithm != tt.algorithm || k.Protected != protected || k.Source != keys.SourceGnuPG {
				t.Errorf("Key() = %+v", k)
			}
			a := answer(passphrase)
			unlock(t, s, a)
			if want := len(tt.pass) > 0; (len(a.requests) > 0) != want {
				t.Errorf("asked %d times", len(a.requests))
			}
			for range 2 {
				h.judgeAs(sign(t, s), fpr, !strings.HasPrefix(tt.algorithm, "brainpool"))
			}
			if protected {
				if r := a.requests[0]; r.Purpose != keys.PurposeAgent || r.ID != string(fpr) || r.Label != "Test <"+name+"@example.org>" || r.Attempt != 1 {
					t.Errorf("asked with %+v", r)
				}
			}
		})
	}
}

// Bulla's judge and Key().Public agree with what the agent signed.
func TestPublicKeyOfSignerVerifies(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("a@example.org", "ed25519", "cert,sign", "")
	s := h.signer(string(fpr))
	unlock(t, s, answer())
	ring, err := keys.ReadKeyring(s.Key().Public, keys.SourceGnuPG)
	if err != nil {
		t.Fatal(err)
	}
	j := keys.Judge{Keyring: ring, Now: time.Now().Add(time.Minute)}
	vs, err := j.Verify(keys.KindArtifact, "doc", strings.NewReader(document), sign(t, s))
	if err != nil || len(vs) != 1 || vs[0].Status != keys.StatusGood || vs[0].Signer.Primary != fpr {
		t.Fatalf("Verify = %+v, %v", vs, err)
	}
}

func TestWrongPassphrase(t *testing.T) {
	h := newHome(t)
	fpr := string(h.generate("a@example.org", "ed25519", "cert,sign", passphrase))
	h.killAgent()

	t.Run("three times", func(t *testing.T) {
		s := (&home{t, h.dir}).signer(fpr)
		a := answer("wrong "+passphrase, "", strings.Repeat("x", 300), passphrase)
		err := s.Unlock(t.Context(), a.ask)
		var ue *keys.UnlockError
		if !errors.As(err, &ue) || ue.Tries != 3 || !errors.Is(err, keys.ErrWrongPassphrase) {
			t.Fatalf("Unlock = %v", err)
		}
		if got := a.attempts(); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("attempts %v", got)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error tells the passphrase: %v", err)
		}
		if _, err := trySign(t.Context(), s); err == nil {
			t.Error("a locked signer signs")
		}
	})
	t.Run("nobody to ask", func(t *testing.T) {
		s := (&home{t, h.dir}).signer(fpr)
		if err := s.Unlock(t.Context(), nil); !errors.Is(err, keys.ErrNoPassphrase) {
			t.Fatalf("Unlock = %v", err)
		}
	})
	t.Run("asker gives up", func(t *testing.T) {
		s := (&home{t, h.dir}).signer(fpr)
		if err := s.Unlock(t.Context(), answer("wrong").ask); !errors.Is(err, keys.ErrNoPassphrase) {
			t.Fatalf("Unlock = %v", err)
		}
	})
	t.Run("corrected", func(t *testing.T) {
		h := &home{t, h.dir}
		s := h.signer(fpr)
		a := answer("wrong", passphrase)
		unlock(t, s, a)
		if got := a.attempts(); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("attempts %v", got)
		}
		h.judge(sign(t, s), keys.Fingerprint(fpr))
	})
	t.Run("then cached", func(t *testing.T) {
		h := &home{t, h.dir}
		s, a := h.signer(fpr), answer()
		unlock(t, s, a)
		h.judge(sign(t, s), keys.Fingerprint(fpr))
		if len(a.requests) != 0 {
			t.Errorf("asked %d times though the agent knows the passphrase", len(a.requests))
		}
	})
}

// The agent may forget while the walk of a release goes on.
func TestAgentForgets(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("a@example.org", "ed25519", "cert,sign", passphrase)

	t.Run("passphrase given at unlock", func(t *testing.T) {
		h := &home{t, h.dir}
		h.killAgent()
		s, a := h.signer(string(fpr)), answer(passphrase)
		unlock(t, s, a)
		h.conf("--reload", "gpg-agent")
		h.judge(sign(t, s), fpr)
		h.killAgent()
		h.judge(sign(t, s), fpr)
		if len(a.requests) != 1 {
			t.Errorf("asked %d times", len(a.requests))
		}
	})
	t.Run("passphrase cached at unlock", func(t *testing.T) {
		h := &home{t, h.dir}
		s, a := h.signer(string(fpr)), answer("wrong", passphrase)
		unlock(t, s, a)
		h.conf("--reload", "gpg-agent")
		if len(a.requests) != 0 {
			t.Fatalf("asked %d times at unlock", len(a.requests))
		}
		h.judge(sign(t, s), fpr)
		h.conf("--reload", "gpg-agent")
		h.judge(sign(t, s), fpr)
		if got := a.attempts(); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("attempts %v", got)
		}
	})
	t.Run("never caches", func(t *testing.T) {
		h := &home{t, h.dir}
		h.killAgent()
		h.configure("max-cache-ttl 0\ndefault-cache-ttl 0\nignore-cache-for-signing\n")
		s, a := h.signer(string(fpr)), answer(passphrase)
		unlock(t, s, a)
		for range 2 {
			h.judge(sign(t, s), fpr)
		}
		if len(a.requests) != 1 {
			t.Errorf("asked %d times", len(a.requests))
		}
		h.killAgent()
		h.configure("")
	})
	t.Run("passphrase changed", func(t *testing.T) {
		h := &home{t, h.dir}
		s, a := h.signer(string(fpr)), answer(passphrase, "new")
		unlock(t, s, a)
		h.changePassphrase(passphrase, "new")
		h.conf("--reload", "gpg-agent")
		h.judge(sign(t, s), fpr)
		if got := a.attempts(); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("attempts %v", got)
		}
	})
}

// changePassphrase gives the one secret key of the home another passphrase.
func (h *home) changePassphrase(from, to string) {
	h.t.Helper()
	l, err := dial(h.t.Context(), h.find().socket)
	if err != nil {
		h.t.Fatal(err)
	}
	defer l.close()
	all, err := l.secretKeys(h.t.Context())
	if err != nil || len(all) != 1 {
		h.t.Fatalf("secret keys %v, %v", all, err)
	}
	for grip := range all {
		_, err = l.conn.Do(h.t.Context(), "PASSWD "+grip, assuan.Handler{Inquire: func(keyword, _ string) (keys.Secret, error) {
			if keyword == "NEW_PASSPHRASE" {
				return keys.NewSecret([]byte(to)), nil
			}
			return keys.NewSecret([]byte(from)), nil
		}})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestRemovedKey(t *testing.T) {
	h := newHome(t)
	fpr := string(h.generate("a@example.org", "ed25519", "cert,sign", ""))
	s := h.signer(fpr)
	h.gpg(nil, "", "--yes", "--delete-secret-keys", fpr)
	var ue *keys.UnusableError
	if err := s.Unlock(t.Context(), answer().ask); !errors.As(err, &ue) {
		t.Fatalf("Unlock = %v", err)
	}
}

func TestConcurrentSigning(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("a@example.org", "ed25519", "cert,sign", "")
	s := h.signer(string(fpr))
	unlock(t, s, answer())
	sigs := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range sigs {
		wg.Go(func() { sigs[i], _ = trySign(t.Context(), s) })
	}
	wg.Wait()
	for i, sig := range sigs {
		if len(sig) == 0 {
			t.Fatalf("signature %d failed", i)
		}
	}
	h.judge(sigs[0], fpr)
}

func TestCloseLocks(t *testing.T) {
	h := newHome(t)
	s := h.signer(string(h.generate("a@example.org", "ed25519", "cert,sign", "")))
	unlock(t, s, answer())
	sign(t, s)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := trySign(t.Context(), s); err == nil {
		t.Error("a closed signer signs")
	}
	unlock(t, s, answer())
	sign(t, s)
}

// The passphrase is in no file of the home, whatever happened before.
func TestPassphraseLeavesNoTrace(t *testing.T) {
	h := newHome(t)
	fpr := h.generate("a@example.org", "ed25519", "cert,sign", passphrase)
	h.killAgent()
	s := h.signer(string(fpr))
	unlock(t, s, answer("wrong "+passphrase, passphrase))
	sign(t, s)
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "canary") {
			t.Errorf("the passphrase is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
