package dct

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/utils"

	"bulla/docker/dct/trusttest"
	"bulla/keys"
)

// aFolder is a folder of keys that belongs to nobody else.
func aFolder(t testing.TB) *KeyFolder {
	t.Helper()
	c := NewClient(Options{DockerDir: t.TempDir(), StateDir: t.TempDir()})
	t.Cleanup(c.Close)
	return c.Keys()
}

// Every kind of key file that Docker and notary have written, old ones too, opens with its
// passphrase and no other.
func TestKindsOfKeyFiles(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := utils.ECDSAToPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsKey, err := utils.RSAToPrivateKey(rs)
	if err != nil {
		t.Fatal(err)
	}
	edKey, err := utils.GenerateED25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 it is what Docker wrote before 2018
	old, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", ecDER, []byte(trusttest.Passphrase), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	old.Headers["role"] = "alice"
	now := func(key data.PrivateKey) []byte {
		b, err := encodeKey(key, "alice", "", keys.NewSecret([]byte(trusttest.Passphrase)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		key       data.PrivateKey
		file      []byte
		encrypted bool
	}{
		"EC":              {ecKey, now(ecKey), true},
		"RSA":             {rsKey, now(rsKey), true},
		"Ed25519":         {edKey, now(edKey), true},
		"EC of old":       {ecKey, pem.EncodeToMemory(old), true},
		"EC without any":  {ecKey, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ecDER}), false},
		"RSA without any": {rsKey, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rs)}), false},
	} {
		f := aFolder(t)
		path := filepath.Join(t.TempDir(), "alice.key")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		wrong := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.NewSecret([]byte("wrong")), nil
		}
		var unlock *keys.UnlockError
		if c.encrypted {
			if _, err := f.Load(t.Context(), path, "alice", wrong); !errors.As(err, &unlock) {
				t.Errorf("%s: a wrong passphrase: %v", name, err)
			}
		}
		k, err := f.Load(t.Context(), path, "alice", answer)
		if err != nil || k.ID != c.key.ID() || k.Role != "alice" || !k.Encrypted {
			t.Errorf("%s: %+v, %v", name, k, err)
			continue
		}
		f.Close()
		if _, _, err := f.unlock(t.Context(), k.ID, answer); err != nil {
			t.Errorf("%s: opened again: %v", name, err)
		}
		if info, err := os.Stat(k.Path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// What is no private key, or one that would do harm, is refused with the reason.
func TestBadKeyFiles(t *testing.T) {
	key, err := utils.GenerateKey(data.ECDSAKey)
	if err != nil {
		t.Fatal(err)
	}
	good, err := encodeKey(key, "alice", "", keys.NewSecret([]byte(trusttest.Passphrase)))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(good)
	with := func(change func(e *envelope)) []byte {
		var e envelope
		if _, err := asn1.Unmarshal(block.Bytes, &e); err != nil {
			t.Fatal(err)
		}
		change(&e)
		der, err := asn1.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: block.Type, Headers: block.Headers, Bytes: der})
	}
	for name, b := range map[string][]byte{
		"nothing":        {},
		"a public key":   publicHalf(key).PEM("alice"),
		"two keys":       append(bytes.Clone(good), good...),
		"too long":       append(bytes.Repeat([]byte("x"), maxKeyFile), good...),
		"rounds":         with(func(e *envelope) { e.Algorithm.Parameters.KDF.Parameters.Iterations = 1 << 30 }),
		"a short IV":     with(func(e *envelope) { e.Algorithm.Parameters.Cipher.IV = e.Algorithm.Parameters.Cipher.IV[:8] }),
		"half a block":   with(func(e *envelope) { e.Data = e.Data[:len(e.Data)-5] }),
		"another cipher": with(func(e *envelope) { e.Algorithm.Parameters.Cipher.ID = oidPBES2 }),
	} {
		path := filepath.Join(t.TempDir(), "x.key")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var e *KeyFileError
		if k, err := aFolder(t).Load(t.Context(), path, "alice", answer); !errors.As(err, &e) || e.Path != path || e.Reason == "" {
			t.Errorf("%s: %+v, %T %v", name, k, err, err)
		}
	}
	for _, name := range []string{"", "Alice", "a/b", "../x", "releases", "root", "-x", strings.Repeat("a", 200)} {
		var e *SignerError
		if _, _, err := aFolder(t).Generate(t.Context(), name, answer); name != "root" && !errors.As(err, &e) {
			t.Errorf("a signer named %q: %v", name, err)
		}
	}
}

func FuzzParseKeyFile(f *testing.F) {
	key, err := utils.GenerateKey(data.ECDSAKey)
	if err != nil {
		f.Fatal(err)
	}
	b, err := encodeKey(key, "targets", "r.example/a", keys.NewSecret([]byte("p")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nDEK-Info: AES-256-CBC,00\nrole: a\n\nMAA=\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKeyFile(b)
		if err != nil {
			return
		}
		var e envelope
		if _, err := asn1.Unmarshal(k.block.Bytes, &e); err == nil && e.Algorithm.Parameters.KDF.Parameters.Iterations > 10_000 {
			return // it may take long, not for ever
		}
		if key, err := k.open([]byte("p")); err == nil && key == nil {
			t.Fatal("no key and no error")
		}
	})
}

// A backup counts when it was restored and opened as if the original were lost, and only then.
func TestCustody(t *testing.T) {
	f := aFolder(t)
	k, _, err := f.Generate(t.Context(), "root", answer)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "backup.key")
	if err := f.Backup(k.ID, path); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Custody(k.ID); err != nil || c.Backup != path || c.Written.IsZero() || !c.Rehearsed.IsZero() {
		t.Errorf("written: %+v, %v", c, err)
	}
	if err := f.Backup(k.ID, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup was replaced: %v", err)
	}
	var e *KeyFileError
	if _, err := f.Rehearse(t.Context(), k.Path, answer); !errors.As(err, &e) {
		t.Errorf("the original passes for a backup: %v", err)
	}
	wrong := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte("wrong")), nil
	}
	var unlock *keys.UnlockError
	if _, err := f.Rehearse(t.Context(), path, wrong); !errors.As(err, &unlock) {
		t.Errorf("a forgotten passphrase: %v", err)
	}
	broken := filepath.Join(t.TempDir(), "broken.key")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Rehearse(t.Context(), broken, answer); !errors.As(err, &e) {
		t.Errorf("half a backup: %v", err)
	}
	if c, _ := f.Custody(k.ID); !c.Rehearsed.IsZero() {
		t.Errorf("counts already: %+v", c)
	}
	if id, err := f.Rehearse(t.Context(), path, answer); err != nil || id != k.ID {
		t.Fatal(id, err)
	}
	if c, err := f.Custody(k.ID); err != nil || c.Rehearsed.IsZero() || len(c.SHA256) != 64 {
		t.Errorf("%+v, %v", c, err)
	}
	// Lost, and taken back.
	f.Close()
	if err := os.Remove(k.Path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.unlock(t.Context(), k.ID, answer); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("lost: %v", err)
	}
	if got, err := f.Restore(t.Context(), path, answer); err != nil || got.ID != k.ID || got.Role != "root" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, _, err := f.unlock(t.Context(), k.ID, answer); err != nil {
		t.Error(err)
	}
}

// No passphrase and no opened key shows in any format, error, or file; nothing is logged.
func TestNothingLeaks(t *testing.T) {
	const canary = "canary-7f3a91"
	ask := func(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte(canary)), nil
	}
	var log bytes.Buffer
	logrus.AddHook(logHook{&log})
	w := newWorld(t)
	c := w.client
	k, _, err := c.Keys().Generate(t.Context(), "root", ask)
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "b")
	if err := c.Keys().Backup(k.ID, backup); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Keys().Rehearse(t.Context(), backup, ask); err != nil {
		t.Fatal(err)
	}
	r := c.Repository(w.gun("team/app"))
	s, err := r.Initialize(t.Context(), k.ID, Trust{}, ask)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := r.Sign(t.Context(), w.push("team/app:1"), pinOf(s), ask)
	if err != nil {
		t.Fatal(err)
	}
	private := c.Keys().open[k.ID].key.Private()
	again := w.clientIn(w.dockerDir, c.stateDir, w.server.URL)
	_, wrong := again.Repository(r.GUN()).Sign(t.Context(), w.push("team/app:2"), pinOf(s), func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte(canary + "-wrong")), nil
	})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, x := range []any{c.Keys(), s, signed, wrong, k} {
			text := fmt.Sprintf(verb, x)
			if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprint(private)) {
				t.Errorf("%T by %s: %s", x, verb, text)
			}
		}
	}
	for _, dir := range []string{w.dockerDir, c.stateDir} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(canary)) || bytes.Contains(b, private) {
				t.Errorf("%s holds a secret", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
	if logrus.StandardLogger().Out == os.Stderr {
		t.Error("the library logs to standard error")
	}
	c.Close()
	for _, b := range private {
		if b != 0 {
			t.Fatal("an opened key was not wiped")
		}
	}
}

// logHook keeps what is logged.
type logHook struct{ out *bytes.Buffer }

func (logHook) Levels() []logrus.Level { return logrus.AllLevels }

func (h logHook) Fire(e *logrus.Entry) error {
	h.out.WriteString(e.Message + "\n")
	return nil
}

// A link to the original is no backup, of whichever kind and however far away; a copy is.
func TestLinkIsNoBackup(t *testing.T) {
	f := aFolder(t)
	k, _, err := f.Generate(t.Context(), "root", answer)
	if err != nil {
		t.Fatal(err)
	}
	away := t.TempDir()
	folder := filepath.Join(away, "folder")
	if err := os.Symlink(filepath.Dir(k.Path), folder); err != nil {
		t.Fatal(err)
	}
	links := []string{filepath.Join(away, "stick.key"), filepath.Join(away, "hard.key"), filepath.Join(folder, filepath.Base(k.Path))}
	if err := os.Symlink(k.Path, links[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(k.Path, links[1]); err != nil {
		t.Fatal(err)
	}
	for _, path := range links {
		var e *KeyFileError
		if id, err := f.Rehearse(t.Context(), path, answer); !errors.As(err, &e) || !strings.Contains(e.Reason, "original") {
			t.Errorf("%s: %q, %v", path, id, err)
		}
	}
	var none *CustodyError
	if err := f.inCustody(GUN{}, k.ID); !errors.As(err, &none) {
		t.Errorf("%v", err)
	}
	b, err := os.ReadFile(k.Path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(away, "copy.key")
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := f.Rehearse(t.Context(), copied, answer); err != nil || id != k.ID || f.inCustody(GUN{}, id) != nil {
		t.Errorf("%q, %v", id, err)
	}
}

// Who breaks off at the first of two keys is not asked for the second; who has lost its passphrase is.
func TestBreakOffAsksNoMore(t *testing.T) {
	f := aFolder(t)
	var ids []string
	for _, name := range []string{"alice", "bob"} {
		k, _, err := f.Generate(t.Context(), name, answer)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, k.ID)
	}
	f.Close()
	for name, c := range map[string]struct {
		ask   keys.AskPassphrase
		asked int
		is    error
	}{
		"broken off": {func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.Secret{}, context.Canceled
		}, 1, context.Canceled},
		"not at hand": {func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.Secret{}, keys.ErrNoPassphrase
		}, 2, keys.ErrNoPassphrase},
		"lost": {func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
			if req.ID == ids[0] {
				return keys.NewSecret([]byte("wrong")), nil
			}
			return answer(ctx, req)
		}, keys.PassphraseTries + 1, nil},
	} {
		asked := 0
		a := &keyAccess{ctx: t.Context(), folder: f, ask: func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
			asked++
			return c.ask(ctx, req)
		}}
		if err := a.unlockOne(GUN{}, roleReleases, ids); !errors.Is(err, c.is) || asked != c.asked {
			t.Errorf("%s: asked %d times, %v", name, asked, err)
		}
		f.Close()
	}
}

// A key that could not be written is wiped, and so is one that is taken back. One that was loaded from a
// file without a passphrase goes on signing after what was read of the file is wiped.
func TestKeysWiped(t *testing.T) {
	f := aFolder(t)
	gone := errors.New("gone")
	zero := func(b []byte) bool { return len(b) > 0 && bytes.Equal(b, make([]byte, len(b))) }
	for name, ask := range map[string]keys.AskPassphrase{
		"nobody to ask": nil,
		"broken off":    func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return keys.Secret{}, gone },
		"empty":         func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return keys.NewSecret(nil), nil },
		"taken back":    answer,
	} {
		key, err := utils.GenerateKey(data.ECDSAKey)
		if err != nil {
			t.Fatal(err)
		}
		if zero(key.Private()) {
			t.Fatal("a key of zeros")
		}
		err = f.add(t.Context(), key, "alice", "", ask)
		if name == "taken back" && err == nil {
			err = f.remove(key.ID())
		} else if err == nil {
			t.Errorf("%s: no error", name)
		}
		if !zero(key.Private()) {
			t.Errorf("%s: it is still there, %v", name, err)
		}
	}
	ed, err := utils.GenerateED25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old.key")
	block := pem.EncodeToMemory(&pem.Block{Type: "ED25519 PRIVATE KEY", Bytes: ed.Private()})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := f.Load(t.Context(), path, "alice", answer)
	if err != nil || k.ID != ed.ID() {
		t.Fatal(k, err)
	}
	for _, when := range []string{"kept open", "opened again"} {
		key, _, err := f.unlock(t.Context(), k.ID, answer)
		if err != nil || !bytes.Equal(key.Private(), ed.Private()) || signs(key) != nil {
			t.Errorf("%s: %v", when, err)
		}
		f.Close()
	}
}

// What is restored is what was tried, whatever lies in the file by then: a stick may be another one.
func TestRestoreWhatWasTried(t *testing.T) {
	folder := func() *KeyFolder { return NewClient(Options{DockerDir: t.TempDir(), StateDir: t.TempDir()}).Keys() }
	backup := func() (id, path string) {
		f := folder()
		k, _, err := f.Generate(t.Context(), "root", answer)
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(t.TempDir(), "root.key")
		if err := f.Backup(k.ID, path); err != nil {
			t.Fatal(err)
		}
		return k.ID, path
	}
	id, path := backup()
	_, other := backup()
	f := folder()
	k, err := f.Restore(t.Context(), path, func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		b, err := os.ReadFile(other)
		if err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
		return answer(ctx, req)
	})
	if err != nil || k.ID != id {
		t.Fatalf("%+v, %v", k, err)
	}
	if _, _, err := f.unlock(t.Context(), id, answer); err != nil {
		t.Errorf("what was restored is not the key: %v", err)
	}
}
