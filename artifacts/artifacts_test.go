package artifacts

import (
	"bytes"
	"context"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/keystest"
)

// born is when the test keys were made; now is when the tests take place.
var (
	born = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	now  = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
)

func clock() time.Time { return now }

// testSigner signs with an unprotected key in memory.
type testSigner struct {
	entity *openpgp.Entity
	secret *keys.SecretKey
	key    keys.SigningKey
	// spoil, if set, changes what was signed or what is returned.
	spoil  func(h hash.Hash, sign func(hash.Hash) ([]byte, error)) ([]byte, error)
	mu     sync.Mutex
	signed int
}

func (s *testSigner) Key() keys.SigningKey                             { return s.key }
func (s *testSigner) Unlock(context.Context, keys.AskPassphrase) error { return nil }
func (s *testSigner) Close() error                                     { return nil }
func (s *testSigner) Sign(ctx context.Context, h hash.Hash, at time.Time) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.signed++
	s.mu.Unlock()
	sign := func(h hash.Hash) ([]byte, error) {
		return s.secret.BuildSignature(h, s.key.Hash, at)
	}
	if s.spoil != nil {
		return s.spoil(h, sign)
	}
	return sign(h)
}

// newSigner makes a key of the kind cfg asks for; nil stands for Ed25519.
func newSigner(t testing.TB, name string, cfg *packet.Config) *testSigner {
	t.Helper()
	if cfg == nil {
		cfg = &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}
	}
	cfg.Time = func() time.Time { return born }
	e, err := openpgp.NewEntity(name, "", name+"@example.org", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, e)
}

func signerOf(t testing.TB, e *openpgp.Entity) *testSigner {
	t.Helper()
	var pub bytes.Buffer
	if err := e.Serialize(&pub); err != nil {
		t.Fatal(err)
	}
	fpr := keys.FingerprintOf(e.PrimaryKey.Fingerprint)
	return &testSigner{entity: e, secret: keys.NewSecretKey(e.PrivateKey), key: keys.SigningKey{
		Primary: fpr, Fingerprint: fpr,
		Algorithm: keys.AlgorithmName(e.PrimaryKey), Hash: keys.PreferredHash(e.PrimaryKey),
		Source: keys.SourceStore, Public: pub.Bytes(),
	}}
}

// ed25519 is the key of most tests.
var ed25519 = sync.OnceValue(func() *openpgp.Entity {
	e, err := openpgp.NewEntity("Release", "", "release@example.org", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519, Time: func() time.Time { return born },
	})
	if err != nil {
		panic(err)
	}
	return e
})

func defaultSigner(t testing.TB) *testSigner { return signerOf(t, ed25519()) }

func (s *testSigner) keyring(t testing.TB) *keys.Keyring {
	t.Helper()
	ring, err := keys.ReadKeyring(s.key.Public, keys.SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func (s *testSigner) judge(t testing.TB) *keys.Judge {
	return &keys.Judge{Keyring: s.keyring(t), Now: now.Add(time.Hour)}
}

// armored writes the public key into a file for foreign tools.
func (s *testSigner) armored(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.asc")
	write(t, path, armorOf(t, "PGP PUBLIC KEY BLOCK", s.key.Public))
	return path
}

// gpgHome is a GnuPG home that knows the signer's public key.
func (s *testSigner) gpgHome(t testing.TB) string {
	t.Helper()
	home := keystest.GnuPGHome(t)
	if _, errOut, err := keystest.GPG(t, home, nil, "--import", s.armored(t)); err != nil {
		t.Fatalf("gpg --import: %v\n%s", err, errOut)
	}
	return home
}

func (s *testSigner) options() SignOptions { return SignOptions{Signer: s, Now: clock} }

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tree makes files in a new folder, each holding its own name.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		write(t, filepath.Join(dir, filepath.FromSlash(n)), n)
	}
	return dir
}

func find(t testing.TB, dir string, globs ...string) []File {
	t.Helper()
	files, err := Find(t.Context(), dir, globs)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func mustSign(t testing.TB, files []File, o SignOptions) []Signed {
	t.Helper()
	signed, err := Sign(t.Context(), files, o)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// noTemps fails the test if a temporary file was left in dir.
func noTemps(t testing.TB, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, atomicfile.TempPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files left behind: %q, %v", left, err)
	}
}

func absent(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%s exists", path)
	} else if !os.IsNotExist(err) {
		t.Error(err)
	}
}

func statuses(vs []keys.Verdict) (out []keys.Status) {
	for _, v := range vs {
		out = append(out, v.Status)
	}
	return out
}

// gpgSigner lets gpg make an unprotected key and takes it over, so that both sign with it.
func gpgSigner(t testing.TB, algorithm string) (*testSigner, string) {
	t.Helper()
	secret, home := gpgKey(t, algorithm, "")
	return unlocked(t, secret, ""), home
}

// gpgKey lets gpg make a key, protected by a passphrase or by none, and returns its secret form.
func gpgKey(t testing.TB, algorithm, passphrase string) (secret, home string) {
	t.Helper()
	home = keystest.GnuPGHome(t)
	loopback := []string{"--pinentry-mode", "loopback", "--passphrase", passphrase}
	if _, errOut, err := keystest.GPG(t, home, nil, append(loopback,
		"--quick-generate-key", "Release <release@example.org>", algorithm, "sign,cert", "never")...); err != nil {
		t.Fatalf("gpg: %v\n%s", err, errOut)
	}
	secret, errOut, err := keystest.GPG(t, home, nil, append(loopback, "--export-secret-keys")...)
	if err != nil {
		t.Fatalf("gpg: %v\n%s", err, errOut)
	}
	return secret, home
}

// unlocked opens the only secret key in an export of gpg.
func unlocked(t testing.TB, secret, passphrase string) *testSigner {
	t.Helper()
	list, err := openpgp.ReadKeyRing(strings.NewReader(secret))
	if err != nil || len(list) != 1 {
		t.Fatalf("%d keys, %v", len(list), err)
	}
	if passphrase != "" {
		if err := list[0].PrivateKey.Decrypt([]byte(passphrase)); err != nil {
			t.Fatal(err)
		}
	}
	return signerOf(t, list[0])
}

// flipSignature changes the last byte of an armored signature, a part of its mathematics.
func flipSignature(t testing.TB, armored string) string {
	t.Helper()
	block, err := armor.Decode(strings.NewReader(armored))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)-1] ^= 1
	return armorOf(t, "PGP SIGNATURE", body)
}

func armorOf(t testing.TB, label string, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&b, label, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}
