package cosign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"bulla/keys"
)

const canary = "canary-7f3a-password"

func secret(s string) keys.Secret { return keys.NewSecret([]byte(s)) }

// answers gives one password after the other and counts how often it was asked.
type answers struct {
	passwords []string
	requests  []keys.PassphraseRequest
}

func (a *answers) ask(_ context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
	a.requests = append(a.requests, r)
	return secret(a.passwords[min(len(a.requests), len(a.passwords))-1]), nil
}

func always(password string) keys.AskPassphrase {
	return func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return secret(password), nil }
}

// newKey makes a key pair in a temporary folder and returns the private key's path.
func newKey(t testing.TB, password string) (path string, pub PublicKey) {
	t.Helper()
	priv, public, err := GenerateKey(t.Context(), rand.Reader, secret(password))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := WriteKeyPair(dir, "release", priv, public); err != nil {
		t.Fatal(err)
	}
	if pub, err = ParsePublicKey(public); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "release.key"), pub
}

func unlockedSigner(t testing.TB, path, password string) *Signer {
	t.Helper()
	s, err := LoadSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Unlock(t.Context(), always(password)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestGenerateLoadUnlock(t *testing.T) {
	path, pub := newKey(t, canary)
	s, err := LoadSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID() != string(pub.Fingerprint()) || len(s.ID()) != 64 || s.ID() != strings.ToUpper(s.ID()) {
		t.Errorf("before the password the identity is %q, want %q", s.ID(), pub.Fingerprint())
	}
	if _, err := Sign(t.Context(), nil, someImage(), s, someTime); !errors.Is(err, ErrLocked) {
		t.Errorf("a locked key: %v", err)
	}
	a := &answers{passwords: []string{"wrong", canary}}
	if err := s.Unlock(t.Context(), a.ask); err != nil {
		t.Fatal(err)
	}
	if err := s.Unlock(t.Context(), a.ask); err != nil || len(a.requests) != 2 {
		t.Errorf("unlocked twice: %v, asked %d times", err, len(a.requests))
	}
	for i, r := range a.requests {
		if r.Purpose != keys.PurposeImage || r.ID != s.ID() || r.Label != "release.key" || r.Attempt != i+1 {
			t.Errorf("request %d: %+v", i, r)
		}
	}
	if s.Public().Algorithm() != "ecdsa-p256" || s.Path() != path {
		t.Errorf("got %s, %s", s.Public().Algorithm(), s.Path())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.unlocked(); !errors.Is(err, ErrLocked) {
		t.Error("still open after Close")
	}
	if err := s.Unlock(t.Context(), always(canary)); err != nil {
		t.Errorf("not to be opened again: %v", err)
	}
}

func TestUnlockFailures(t *testing.T) {
	path, _ := newKey(t, canary)
	s, err := LoadSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	a := &answers{passwords: []string{"wrong"}}
	err = s.Unlock(t.Context(), a.ask)
	var ue *keys.UnlockError
	if !errors.As(err, &ue) || !errors.Is(err, keys.ErrWrongPassphrase) || len(a.requests) != keys.PassphraseTries {
		t.Errorf("got %v after %d tries", err, len(a.requests))
	}
	if err := s.Unlock(t.Context(), nil); !errors.Is(err, keys.ErrNoPassphrase) {
		t.Errorf("nobody to ask: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Unlock(ctx, always(canary)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Without a public key beside it the key has no name until it is open, but the password needs
// one to be remembered under.
func TestUnlockWithoutPublicKey(t *testing.T) {
	path, pub := newKey(t, canary)
	if err := os.Remove(strings.TrimSuffix(path, ".key") + ".pub"); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID() != "" || !s.Public().IsZero() {
		t.Errorf("a name out of nowhere: %q", s.ID())
	}
	a := &answers{passwords: []string{canary}}
	if err := s.Unlock(t.Context(), a.ask); err != nil {
		t.Fatal(err)
	}
	if len(a.requests[0].ID) != 64 || s.ID() != string(pub.Fingerprint()) {
		t.Errorf("asked for %q, is %q", a.requests[0].ID, s.ID())
	}
}

func TestPublicKeyOfAnother(t *testing.T) {
	path, _ := newKey(t, canary)
	_, other := newKey(t, canary)
	if err := os.WriteFile(strings.TrimSuffix(path, ".key")+".pub", other.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	var ke *KeyFileError
	if err := s.Unlock(t.Context(), always(canary)); !errors.As(err, &ke) || ke.Path != path {
		t.Errorf("got %v", err)
	}
	if _, _, err := s.unlocked(); err == nil {
		t.Error("it was unlocked all the same")
	}
}

// someKeyFile is made once: every password hash takes its time.
var someKeyFile = sync.OnceValues(func() ([]byte, error) {
	priv, _, err := GenerateKey(context.Background(), rand.Reader, secret(canary))
	return priv, err
})

// sealed is a key file with the parts of the envelope changed.
func sealed(t testing.TB, change func(*envelope)) []byte {
	t.Helper()
	priv, err := someKeyFile()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(priv)
	var e envelope
	if err := json.Unmarshal(block.Bytes, &e); err != nil {
		t.Fatal(err)
	}
	change(&e)
	b, err := json.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemSigstore, Bytes: b})
}

func TestBrokenKeyFiles(t *testing.T) {
	for name, c := range map[string]struct {
		data   []byte
		reason string
	}{
		"empty":     {nil, "not a PEM file"},
		"text":      {[]byte("hello"), "not a PEM file"},
		"long":      {make([]byte, maxKeyFile+1), "longer than"},
		"public":    {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY"}), "a public key"},
		"plain":     {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY"}), "bulla image key import"},
		"not JSON":  {pem.EncodeToMemory(&pem.Block{Type: pemSigstore, Bytes: []byte("{")}), "not JSON"},
		"kdf":       {sealed(t, func(e *envelope) { e.KDF.Name = "argon2" }), "a method"},
		"cipher":    {sealed(t, func(e *envelope) { e.Cipher.Name = "rot13" }), "a method"},
		"gigabytes": {sealed(t, func(e *envelope) { e.KDF.Params.N = 1 << 24 }), "use up the memory"},
		"long run":  {sealed(t, func(e *envelope) { e.KDF.Params.P = 1000 }), "use up the memory"},
		"wide":      {sealed(t, func(e *envelope) { e.KDF.Params.R = 1 << 20 }), "use up the memory"},
		"nonce":     {sealed(t, func(e *envelope) { e.Cipher.Nonce = e.Cipher.Nonce[1:] }), "wrong length"},
		"salt":      {sealed(t, func(e *envelope) { e.KDF.Salt = nil }), "wrong length"},
		"cut off":   {sealed(t, func(e *envelope) { e.Ciphertext = e.Ciphertext[:16] }), "wrong length"},
	} {
		path := filepath.Join(t.TempDir(), "x.key")
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadSigner(path)
		var ke *KeyFileError
		if !errors.As(err, &ke) || !strings.Contains(ke.Reason, c.reason) || ke.Path != path {
			t.Errorf("%s: got %v, want %q", name, err, c.reason)
		}
		if errors.Is(err, keys.ErrWrongPassphrase) {
			t.Errorf("%s: called a wrong password", name)
		}
	}
	if _, err := LoadSigner(filepath.Join(t.TempDir(), "none.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := LoadSigner(t.TempDir()); err == nil {
		t.Error("a folder was read as a key")
	}
}

// What the password opens may still be no key.
func TestSealedNonsense(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p224)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"nonsense": []byte("nonsense"), "P-224": der} {
		b, err := seal(rand.Reader, content, secret(canary))
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseKeyFile(pem.EncodeToMemory(&pem.Block{Type: pemCosign, Bytes: b}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.open(secret(canary))
		var ke *KeyFileError
		if !errors.As(err, &ke) || errors.Is(err, keys.ErrWrongPassphrase) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The library that cosign uses opens what we seal, and we open what it seals, at each of its
// costs and for each kind of key.
func TestEnvelopeAgainstLibrary(t *testing.T) {
	priv, _, err := GenerateKey(t.Context(), rand.Reader, secret(canary))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(priv)
	der, err := encrypted.Decrypt(block.Bytes, []byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	for _, cost := range []encrypted.KDFParameterStrength{encrypted.Legacy, encrypted.Standard, encrypted.OWASP} {
		b, err := encrypted.EncryptWithCustomKDFParameters(der, []byte(canary), cost)
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseKeyFile(pem.EncodeToMemory(&pem.Block{Type: pemCosign, Bytes: b}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.open(secret(canary)); err != nil {
			t.Errorf("cost %v: %v", cost, err)
		}
		if _, err := e.open(secret("wrong")); !errors.Is(err, keys.ErrWrongPassphrase) {
			t.Errorf("cost %v: %v", cost, err)
		}
	}
}

func TestGenerateKeyWithoutSecret(t *testing.T) {
	if _, _, err := GenerateKey(t.Context(), rand.Reader, keys.Secret{}); !errors.Is(err, keys.ErrNoSecret) {
		t.Errorf("no password at all: %v", err)
	}
	path, _ := newKey(t, "") // an empty one is a choice
	unlockedSigner(t, path, "")
}

func TestWriteKeyPair(t *testing.T) {
	dir := t.TempDir()
	if err := WriteKeyPair(dir, "a", []byte("priv"), []byte("pub")); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		for name, mode := range map[string]fs.FileMode{"a.key": 0o600, "a.pub": 0o644} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	}
	if err := WriteKeyPair(dir, "a", []byte("other"), []byte("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "a.key")); string(b) != "priv" {
		t.Error("a private key was replaced")
	}
	if err := os.WriteFile(filepath.Join(dir, "b.pub"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteKeyPair(dir, "b", []byte("x"), []byte("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b.key")); err == nil {
		t.Error("half a pair was written")
	}
	for _, name := range []string{"", ".", "..", "../a", "a/b", `a\b`, ".hidden"} {
		if err := WriteKeyPair(dir, name, nil, nil); err == nil {
			t.Errorf("%q was taken as a name", name)
		}
	}
}

// The password shows in no file, no error and no format.
func TestPasswordCanary(t *testing.T) {
	path, _ := newKey(t, canary)
	s := unlockedSigner(t, path, canary)
	wrong, err := LoadSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	wrongErr := wrong.Unlock(t.Context(), always(canary+"x"))
	texts := []string{fmt.Sprintf("%v %+v %#v %s", s, s, s, s), fmt.Sprintf("%v %+v %#v", wrongErr, wrongErr, wrongErr)}
	if b, err := json.Marshal(map[string]any{"signer": s}); err == nil {
		texts = append(texts, string(b))
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	for _, text := range texts {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) || strings.Contains(text, fmt.Sprint([]byte(canary))) {
			t.Errorf("the password is in %.200s", text)
		}
	}
}

func TestParsePublicKey(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for want, k := range map[string]any{"ed25519": ed.Public(), "ecdsa-p384": p384.Public(), "rsa2048": r2048.Public()} {
		der, err := x509.MarshalPKIXPublicKey(k)
		if err != nil {
			t.Fatal(err)
		}
		text := append([]byte("a comment\n"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
		p, err := ParsePublicKey(text)
		if err != nil || p.Algorithm() != want || !bytes.HasSuffix(text, p.PEM()) || len(p.Fingerprint()) != 64 {
			t.Errorf("%s: %v, %v", want, p.Algorithm(), err)
		}
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p224.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, []byte("x"), make([]byte, maxKeyFile+1), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})} {
		if _, err := ParsePublicKey(b); !errors.Is(err, ErrNotPublicKey) {
			t.Errorf("%.30q: %v", b, err)
		}
	}
	var zero PublicKey
	if zero.Fingerprint() != "" || zero.PEM() != nil || zero.Algorithm() != "" {
		t.Error("the zero key is something")
	}
	if _, ok := zero.made([]byte("x"), []byte("y")); ok {
		t.Error("the zero key made a signature")
	}
}

func FuzzParseKeyFile(f *testing.F) {
	f.Add(sealed(f, func(*envelope) {}))
	f.Add(sealed(f, func(e *envelope) { e.KDF.Params.N = 1 << 30 }))
	f.Add([]byte("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\ne30=\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseKeyFile(data)
		if err != nil {
			var ke *KeyFileError
			if !errors.As(err, &ke) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if p := e.KDF.Params; 128*p.N*p.R*p.P > 128<<20 {
			t.Fatalf("%+v would cost more than 128 MiB", p)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	_, public, err := GenerateKey(f.Context(), rand.Reader, secret("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(public)
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePublicKey(data)
		if err != nil {
			if !errors.Is(err, ErrNotPublicKey) {
				t.Fatal(err)
			}
			return
		}
		again, err := ParsePublicKey(p.PEM())
		if err != nil || again.Fingerprint() != p.Fingerprint() {
			t.Fatalf("%q: does not survive being written: %v", data, err)
		}
	})
}
