package store

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

// canary is the passphrase of the tests: it must turn up nowhere.
const canary = "canary-7f3a correct horse"

func secret(s string) keys.Secret { return keys.NewSecret([]byte(s)) }

// answering returns an AskPassphrase that gives the answers in turn, and a count of questions.
func answering(answers ...string) (keys.AskPassphrase, *[]keys.PassphraseRequest) {
	var asked []keys.PassphraseRequest
	return func(_ context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
		asked = append(asked, r)
		if len(asked) > len(answers) {
			return keys.Secret{}, errors.New("asked too often")
		}
		return secret(answers[len(asked)-1]), nil
	}, &asked
}

// notAsked fails the test if a passphrase is asked for.
func notAsked(t testing.TB) keys.AskPassphrase {
	return func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		t.Error("a passphrase was asked for")
		return keys.Secret{}, keys.ErrNoPassphrase
	}
}

// testStore makes an empty store in a temporary folder, with the clock standing at now.
func testStore(t testing.TB, now time.Time) *Store {
	t.Helper()
	return Open(Options{Dir: filepath.Join(t.TempDir(), "keys"), Now: func() time.Time { return now }})
}

func generate(t testing.TB, s *Store, p GenerateParams) Generated {
	t.Helper()
	if p.Algorithm == "" {
		p.Algorithm = AlgorithmEd25519
	}
	if p.Name == "" {
		p.Name = "Alice Example"
	}
	if p.Email == "" {
		p.Email = "alice@example.org"
	}
	g, err := s.Generate(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func importAll(t testing.TB, s *Store, data []byte) []Imported {
	t.Helper()
	done, err := s.Import(context.Background(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func unlocked(t testing.TB, s *Store, selector string, ask keys.AskPassphrase) keys.Signer {
	t.Helper()
	signer, err := s.Signer(context.Background(), keys.ParseSelector(selector))
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Unlock(context.Background(), ask); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = signer.Close() })
	return signer
}

func hashed(h crypto.Hash, text string) hash.Hash {
	s := h.New()
	s.Write([]byte(text))
	return s
}

func TestEmptyStore(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	list, err := s.List(ctx)
	if err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v", list, err)
	}
	if p := s.Problems(ctx); len(p) != 0 {
		t.Errorf("Problems = %v", p)
	}
	if ring, err := s.PublicKeyring(ctx); err != nil || len(ring) != 0 {
		t.Errorf("PublicKeyring = %d bytes, %v", len(ring), err)
	}
	var notFound *keys.NotFoundError
	if _, err := s.Signer(ctx, keys.ParseSelector("")); !errors.As(err, &notFound) {
		t.Errorf("Signer = %v", err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading made the folder: %v", err)
	}
}

func TestGenerateAndList(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	s := testStore(t, now)
	life, err := ParseLifetime("2y", now)
	if err != nil {
		t.Fatal(err)
	}
	g := generate(t, s, GenerateParams{Comment: "releases", Lifetime: life, Passphrase: secret(canary)})
	list, err := s.List(ctx)
	if err != nil || len(list) != 1 {
		t.Fatalf("List = %v, %v", list, err)
	}
	k := list[0]
	if k.Fingerprint != g.Key.Fingerprint || k.UserID() != "Alice Example (releases) <alice@example.org>" {
		t.Errorf("key %s %q", k.Fingerprint, k.UserID())
	}
	wantExpiry := time.Date(2028, 3, 1, 12, 0, 0, 0, time.UTC)
	if k.Algorithm != "ed25519" || !k.Created.Equal(now.Truncate(time.Second)) || !k.Expires.Equal(wantExpiry) {
		t.Errorf("%s, created %v, expires %v", k.Algorithm, k.Created, k.Expires)
	}
	if !k.CanCertify || k.CanSign || !k.HasSecret || k.PrimaryOffline || k.Source != keys.SourceStore || len(k.Weak) != 0 {
		t.Errorf("%+v", k)
	}
	if len(k.Subkeys) != 1 {
		t.Fatalf("%d subkeys", len(k.Subkeys))
	}
	if sub := k.Subkeys[0]; !sub.CanSign || sub.CanEncrypt || !sub.HasSecret || !sub.Expires.Equal(wantExpiry) || sub.Algorithm != "ed25519" {
		t.Errorf("subkey %+v", sub)
	}
	if problems := s.Problems(ctx); len(problems) != 0 {
		t.Errorf("Problems = %v", problems)
	}
	ring, err := s.PublicKeyring(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := keys.ReadKeyring(ring, keys.SourceStore); err != nil || r.Len() != 1 || len(r.Problems()) != 0 {
		t.Errorf("keyring: %v", err)
	}
}

func TestGenerateRefuses(t *testing.T) {
	for field, p := range map[string]GenerateParams{
		"name":       {},
		"email":      {Name: "A", Email: "not an address"},
		"comment":    {Name: "A", Comment: "b) <root@example.org"},
		"name ":      {Name: "A\nB"},
		"name  ":     {Name: "A\u202eB"},
		"name   ":    {Name: "A\xff"},
		"algorithm":  {Name: "A", Algorithm: "dsa1024"},
		"lifetime":   {Name: "A", Algorithm: "ed25519", Lifetime: -time.Hour},
		"lifetime ":  {Name: "A", Algorithm: "ed25519", Lifetime: maxLifetime + time.Second},
		"passphrase": {Name: "A", Algorithm: "ed25519", Passphrase: secret("")},
	} {
		s := testStore(t, time.Now())
		_, err := s.Generate(context.Background(), p)
		var param *ParamError
		if !errors.As(err, &param) || param.Field != strings.TrimSpace(field) {
			t.Errorf("%q: %v", field, err)
		}
		if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: the folder was made", field)
		}
	}
}

// TestGenerateLeavesNothingBehind: the key and its certificate appear together or not at all.
func TestGenerateLeavesNothingBehind(t *testing.T) {
	s := testStore(t, time.Now())
	// A file stands where the folder of certificates should be.
	if err := os.WriteFile(filepath.Dir(s.RevocationPath("X")), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.Generate(context.Background(), GenerateParams{Name: "A", Algorithm: AlgorithmEd25519})
	if err == nil {
		t.Fatal("no error")
	}
	if list, _ := s.List(context.Background()); len(list) != 0 {
		t.Errorf("a key without certificate was stored")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Generate(ctx, GenerateParams{Name: "A", Algorithm: AlgorithmEd25519}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestModes: nothing of the store can be read by others, whatever the umask.
func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{})
	if err := s.MarkBackedUp(context.Background(), g.Key.Fingerprint, time.Now()); err != nil {
		t.Fatal(err)
	}
	files := 0
	root := filepath.Dir(s.dir)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %#o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil || files != 5 { // lock, public, secret, backed-up, certificate
		t.Errorf("%d files, %v", files, err)
	}
	secretPath := filepath.Join(g.Dir, secretFile)
	if err := os.Chmod(secretPath, 0o644); err != nil {
		t.Fatal(err)
	}
	var mode *PermissionError
	if p := s.Problems(context.Background()); len(p) != 1 || !errors.As(p[0], &mode) || !strings.Contains(p[0].Error(), secretPath) {
		t.Errorf("Problems = %v", p)
	}
}

// TestCanary: the passphrase is in no file, no error and no printed structure.
func TestCanary(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	p := GenerateParams{Name: "Alice", Algorithm: AlgorithmEd25519, Passphrase: secret(canary)}
	g, err := s.Generate(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	signer := unlocked(t, s, string(g.Key.Fingerprint), mustAsk(canary))
	other, err := s.Signer(ctx, keys.Selector{})
	if err != nil {
		t.Fatal(err)
	}
	private := signer.(*keySigner).private()
	wrong := other.Unlock(ctx, mustAsk(canary+"x", canary+"y", canary+"z"))
	_, exportErr := s.ExportSecret(ctx, keys.Selector{}, mustAsk(canary+"x", canary+"y", canary+"z"))
	if wrong == nil || exportErr == nil {
		t.Fatal("a wrong passphrase was accepted")
	}
	for _, v := range []any{p, g, s, signer, &signer, other, wrong, exportErr} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(format, v)
			if strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T shows the passphrase", format, v)
			}
			if strings.Contains(text, fmt.Sprintf("%p", private)) {
				t.Errorf("%s of %T shows where the private key is", format, v)
			}
		}
	}
	err = filepath.WalkDir(filepath.Dir(s.dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("canary")) {
			t.Errorf("%s holds the passphrase", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mustAsk(answers ...string) keys.AskPassphrase {
	ask, _ := answering(answers...)
	return ask
}

// TestDamagedFolders: what is wrong with one key does not hide the others.
func TestDamagedFolders(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	good := generate(t, s, GenerateParams{Name: "Good"})
	damage := map[string]func(dir string) error{
		"truncated": func(dir string) error { return os.Truncate(filepath.Join(dir, publicFile), 100) },
		"garbage": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, publicFile), []byte("not a key"), 0o600)
		},
		"empty":     func(dir string) error { return os.Truncate(filepath.Join(dir, publicFile), 0) },
		"no public": func(dir string) error { return os.Remove(filepath.Join(dir, publicFile)) },
		"bad secret": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, secretFile), []byte{0xc5, 3, 1, 2}, 0o600)
		},
		"other key": func(dir string) error {
			data, err := os.ReadFile(filepath.Join(good.Dir, publicFile))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, publicFile), data, 0o600)
		},
		"secret in public": func(dir string) error {
			data, err := os.ReadFile(filepath.Join(dir, secretFile))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, publicFile), data, 0o600)
		},
	}
	bad := map[string]bool{}
	for name, f := range damage {
		g := generate(t, s, GenerateParams{Name: name})
		if err := f(g.Dir); err != nil {
			t.Fatal(err)
		}
		bad[g.Dir] = true
	}
	stray := filepath.Join(s.dir, "notes")
	if err := os.Mkdir(stray, 0o700); err != nil {
		t.Fatal(err)
	}
	bad[stray] = true

	list, err := s.List(ctx)
	if err != nil || len(list) != 1 || list[0].Fingerprint != good.Key.Fingerprint {
		t.Errorf("List = %v, %v", list, err)
	}
	problems := s.Problems(ctx)
	for _, p := range problems {
		var pe *ProblemError
		if !errors.As(p, &pe) {
			t.Fatalf("%T: %v", p, p)
		}
		delete(bad, pe.Path)
		delete(bad, filepath.Dir(pe.Path))
	}
	if len(bad) != 0 || len(problems) != len(damage)+1 {
		t.Errorf("%d problems: %v; not named: %v", len(problems), problems, bad)
	}
	if _, err := s.Signer(ctx, keys.ParseSelector(string(good.Key.Fingerprint))); err != nil {
		t.Errorf("the good key: %v", err)
	}
}

func TestMarkBackedUp(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{})
	if !g.Key.BackedUp.IsZero() {
		t.Error("backed up from the start")
	}
	for _, at := range []time.Time{time.Unix(1700000000, 0), time.Unix(1800000000, 0)} {
		if err := s.MarkBackedUp(ctx, g.Key.Fingerprint, at); err != nil {
			t.Fatal(err)
		}
		if list, err := s.List(ctx); err != nil || !list[0].BackedUp.Equal(at) {
			t.Errorf("BackedUp = %v, %v", list, err)
		}
	}
	var notFound *keys.NotFoundError
	if err := s.MarkBackedUp(ctx, keys.Fingerprint(strings.Repeat("A", 40)), time.Now()); !errors.As(err, &notFound) {
		t.Errorf("unknown key: %v", err)
	}
}
