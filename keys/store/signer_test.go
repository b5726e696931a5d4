package store

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
	"bulla/keys/pgp"
)

// judge gives the status of a detached signature over text by the keys of ring.
func judge(t testing.TB, ring []byte, sig []byte, text string, now time.Time) keys.Verdict {
	t.Helper()
	r, err := keys.ReadKeyring(ring, keys.SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	j := keys.Judge{Keyring: r, Now: now}
	vs, err := j.Verify(keys.KindArtifact, "text", strings.NewReader(text), sig)
	if err != nil || len(vs) != 1 {
		t.Fatalf("%d verdicts, %v", len(vs), err)
	}
	return vs[0]
}

func TestSign(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	s := testStore(t, now)
	g := generate(t, s, GenerateParams{Passphrase: secret(canary), Lifetime: time.Hour})
	signer, err := s.Signer(ctx, keys.ParseSelector("alice@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	k := signer.Key()
	if k.Primary != g.Key.Fingerprint || k.Fingerprint != g.Key.Subkeys[0].Fingerprint || !k.Protected ||
		k.Algorithm != "ed25519" || k.Hash != crypto.SHA256 || k.Source != keys.SourceStore ||
		k.UserID != "Alice Example <alice@example.org>" || !k.Expires.Equal(g.Key.Expires) {
		t.Errorf("%+v", k)
	}
	h := hashed(crypto.SHA256, "text")
	if _, err := signer.Sign(ctx, h, now); !errors.Is(err, ErrLocked) {
		t.Errorf("before Unlock: %v", err)
	}
	ask, asked := answering("wrong", canary)
	if err := signer.Unlock(ctx, ask); err != nil {
		t.Fatal(err)
	}
	if len(*asked) != 2 || (*asked)[1].Attempt != 2 || (*asked)[0].ID != string(k.Primary) ||
		(*asked)[0].Purpose != keys.PurposeOpenPGP || (*asked)[0].Label != k.UserID {
		t.Errorf("asked %+v", *asked)
	}
	if err := signer.Unlock(ctx, notAsked(t)); err != nil { // once is enough
		t.Error(err)
	}
	sig, err := signer.Sign(ctx, h, now)
	if err != nil {
		t.Fatal(err)
	}
	v := judge(t, k.Public, sig, "text", now)
	if v.Status != keys.StatusGood || v.Signer == nil || v.Signer.Fingerprint != k.Fingerprint || v.Signer.Primary != k.Primary {
		t.Errorf("verdict %+v", v)
	}
	if v := judge(t, k.Public, sig, "test", now); v.Status != keys.StatusBad {
		t.Errorf("over another text: %s", v.Status)
	}
	again, err := signer.Sign(ctx, h, now)
	if err != nil || !bytes.Equal(sig, again) {
		t.Errorf("the state was consumed: %v", err)
	}
	var unusable *keys.UnusableError
	if _, err := signer.Sign(ctx, h, now.Add(time.Hour)); !errors.As(err, &unusable) {
		t.Errorf("after expiry: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := signer.Sign(cancelled, h, now); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := signer.Close(); err != nil {
		t.Error(err)
	}
	if _, err := signer.Sign(ctx, h, now); !errors.Is(err, ErrLocked) {
		t.Errorf("after Close: %v", err)
	}
	if err := signer.Unlock(ctx, mustAsk(canary)); err != nil {
		t.Errorf("again after Close: %v", err)
	}
	_ = signer.Close()
}

func TestUnlockFails(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	signer, err := s.Signer(ctx, keys.Selector{})
	if err != nil {
		t.Fatal(err)
	}
	var spent *keys.UnlockError
	ask, asked := answering("", "b", "c", canary)
	if err := signer.Unlock(ctx, ask); !errors.As(err, &spent) || len(*asked) != keys.PassphraseTries {
		t.Errorf("three wrong ones: %v after %d questions", err, len(*asked))
	}
	for name, c := range map[string]struct {
		ask  keys.AskPassphrase
		want error
	}{
		"nobody to ask": {nil, keys.ErrNoPassphrase},
		"no answer":     {func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return keys.Secret{}, nil }, keys.ErrNoPassphrase},
		"refused": {func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.Secret{}, context.Canceled
		}, context.Canceled},
	} {
		if err := signer.Unlock(ctx, c.ask); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.RemoveAll(g.Dir); err != nil {
		t.Fatal(err)
	}
	var notFound *keys.NotFoundError
	if err := signer.Unlock(ctx, notAsked(t)); !errors.As(err, &notFound) {
		t.Errorf("the key is gone: %v", err)
	}
}

func TestUnprotectedKey(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{})
	signer := unlocked(t, s, string(g.Key.Fingerprint), nil)
	if signer.Key().Protected {
		t.Error("protected without a passphrase")
	}
	if _, err := s.ExportSecret(ctx, keys.Selector{}, notAsked(t)); err != nil {
		t.Error(err)
	}
}

func TestSignConcurrently(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	s := testStore(t, now)
	generate(t, s, GenerateParams{})
	signer := unlocked(t, s, "", nil)
	h := hashed(crypto.SHA256, "text")
	want, err := signer.Sign(ctx, h, now)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got, err := signer.Sign(ctx, h, now); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	// Close while others sign: each gets a whole signature or ErrLocked.
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if got, err := signer.Sign(ctx, h, now); !errors.Is(err, ErrLocked) && (err != nil || !bytes.Equal(got, want)) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Go(func() { _ = signer.Close() })
	wg.Wait()
}

func TestSignerSelection(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	old := testStore(t, now.Add(-48*time.Hour))
	expired := generate(t, old, GenerateParams{Name: "Old", Email: "me@example.org", Lifetime: time.Hour}).Key
	s := Open(Options{Dir: old.dir, Now: func() time.Time { return now }})

	var unusable *keys.UnusableError
	if _, err := s.Signer(ctx, keys.ParseSelector("me@example.org")); !errors.As(err, &unusable) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
	first := generate(t, s, GenerateParams{Name: "New", Email: "me@example.org"}).Key
	if signer, err := s.Signer(ctx, keys.ParseSelector("me@example.org")); err != nil || signer.Key().Primary != first.Fingerprint {
		t.Errorf("an expired key is in the way: %v", err)
	}
	second := generate(t, s, GenerateParams{Name: "Newer", Email: "me@example.org"}).Key
	var ambiguous *keys.AmbiguousError
	if _, err := s.Signer(ctx, keys.ParseSelector("me@example.org")); !errors.As(err, &ambiguous) || len(ambiguous.Matches) != 2 {
		t.Errorf("two usable ones: %v", err)
	}
	for selector, want := range map[string]keys.Fingerprint{
		string(second.Fingerprint):                  second.Subkeys[0].Fingerprint,
		second.Fingerprint.KeyID():                  second.Subkeys[0].Fingerprint,
		string(second.Subkeys[0].Fingerprint):       second.Subkeys[0].Fingerprint,
		second.Subkeys[0].Fingerprint.KeyID() + "!": second.Subkeys[0].Fingerprint,
	} {
		if signer, err := s.Signer(ctx, keys.ParseSelector(selector)); err != nil || signer.Key().Fingerprint != want {
			t.Errorf("%s: %v", selector, err)
		}
	}
	if _, err := s.Signer(ctx, keys.ParseSelector(string(second.Fingerprint)+"!")); !errors.As(err, &unusable) {
		t.Errorf("exactly the primary key, which only certifies: %v", err)
	}
	if _, err := s.Signer(ctx, keys.ParseSelector(string(expired.Fingerprint))); !errors.As(err, &unusable) {
		t.Errorf("the expired one by name: %v", err)
	}
	public := testStore(t, now)
	data, err := s.ExportPublic(ctx, keys.ParseSelector(string(first.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	importAll(t, public, data)
	if _, err := public.Signer(ctx, keys.ParseSelector("me@example.org")); !errors.As(err, &unusable) || !strings.Contains(err.Error(), "public part") {
		t.Errorf("public only: %v", err)
	}
}

// dearmored gives the binary content of the one block in data.
func dearmored(t testing.TB, data []byte) []byte {
	t.Helper()
	b, err := armor.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(b.Body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// reprotect replaces what protects the secret parts of an unprotected key made here: under
// passphrase pass, with a plain or salted S2K, and with a SHA-1 or a 16-bit checksum. No program
// at hand makes such keys any more.
func reprotect(t testing.TB, key []byte, mode, usage byte, pass string) []byte {
	t.Helper()
	packets, err := splitPackets(key)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, p := range packets {
		if p.Tag.Secret() {
			s, err := readSecret(p)
			if err != nil {
				t.Fatal(err)
			}
			numbers := p.Body[len(s.public)+1 : len(p.Body)-2]
			p = pgp.New(p.Tag, append(bytes.Clone(s.public), lock(t, numbers, mode, usage, pass)...))
		}
		out = append(out, p.Raw...)
	}
	return out
}

func lock(t testing.TB, numbers []byte, mode, usage byte, pass string) []byte {
	t.Helper()
	salt := []byte("saltsalt")
	iv := []byte("0123456789abcdef")
	k := make([]byte, 32)
	b := []byte{usage, 9, mode, 8} // AES-256, SHA-256
	if mode == 0 {
		s2k.Simple(k, sha256.New(), []byte(pass))
	} else {
		s2k.Salted(k, sha256.New(), []byte(pass), salt)
		b = append(b, salt...)
	}
	var sum []byte
	if usage == 254 {
		h := sha1.Sum(numbers)
		sum = h[:]
	} else {
		var n uint16
		for _, x := range numbers {
			n += uint16(x)
		}
		sum = []byte{byte(n >> 8), byte(n)}
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	clear := append(bytes.Clone(numbers), sum...)
	//lint:ignore SA1019 it is OpenPGP's mode
	cipher.NewCFBEncrypter(block, iv).XORKeyStream(clear, clear)
	return append(append(b, iv...), clear...)
}

// TestForeignProtections: ways to protect a secret key that bulla does not use itself.
func TestForeignProtections(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	origin := testStore(t, now)
	generate(t, origin, GenerateParams{})
	armored, err := origin.ExportSecret(ctx, keys.Selector{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	plainKey := dearmored(t, armored)
	list, err := openpgp.ReadKeyRing(bytes.NewReader(plainKey))
	if err != nil {
		t.Fatal(err)
	}
	argon := &packet.Config{
		AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeOCB},
		S2KConfig:  &s2k.Config{S2KMode: s2k.Argon2S2K, Argon2Config: &s2k.Argon2Config{NumberOfPasses: 1, DegreeOfParallelism: 1, Memory: 16}},
	}
	if err := list[0].EncryptPrivateKeys([]byte(canary), argon); err != nil {
		t.Fatal(err)
	}
	var argonKey bytes.Buffer
	if err := list[0].SerializePrivateWithoutSigning(&argonKey, nil); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{
		"simple":              reprotect(t, plainKey, 0, 254, canary),
		"salted":              reprotect(t, plainKey, 1, 254, canary),
		"salted, checksum":    reprotect(t, plainKey, 1, 255, canary),
		"argon2 and ocb":      argonKey.Bytes(),
		"an empty passphrase": reprotect(t, plainKey, 1, 254, ""),
	} {
		pass := canary
		if name == "an empty passphrase" {
			pass = ""
		}
		s := testStore(t, now)
		if im := importAll(t, s, key); !im[0].HasSecret || !im[0].Key.HasSecret {
			t.Errorf("%s: %+v", name, im)
		}
		signer := unlocked(t, s, "", mustAsk("wrong", pass))
		if sig, err := signer.Sign(ctx, hashed(crypto.SHA256, "x"), now); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if v := judge(t, signer.Key().Public, sig, "x", now); v.Status != keys.StatusGood {
			t.Errorf("%s: %s", name, v.Status)
		}
	}
}

// withSecretTail replaces what follows the public part of every secret packet.
func withSecretTail(t testing.TB, key []byte, tail func(pgp.Tag) []byte) []byte {
	t.Helper()
	packets, err := splitPackets(key)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, p := range packets {
		if p.Tag.Secret() {
			if b := tail(p.Tag); b != nil {
				s, err := readSecret(p)
				if err != nil {
					t.Fatal(err)
				}
				p = pgp.New(p.Tag, append(bytes.Clone(s.public), b...))
			}
		}
		out = append(out, p.Raw...)
	}
	return out
}

// TestStubs: what is said of keys whose secret is not here, and what replaces them.
func TestStubs(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	origin := testStore(t, now)
	g := generate(t, origin, GenerateParams{})
	armored, err := origin.ExportSecret(ctx, keys.Selector{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := dearmored(t, armored)
	onlySubkey := func(b []byte) func(pgp.Tag) []byte {
		return func(tag pgp.Tag) []byte {
			if tag == pgp.TagSecretSubkey {
				return b
			}
			return nil
		}
	}
	card := []byte{255, 0, 101, 0, 'G', 'N', 'U', 2, 4, 0xd2, 0x76, 0x00, 0x01}
	for name, c := range map[string]struct {
		tail   []byte
		reason string
		card   string
	}{
		"offline":  {[]byte{255, 0, 101, 0, 'G', 'N', 'U', 1}, "offline", ""},
		"card":     {card, "card", "D2760001"},
		"obsolete": {[]byte{3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9}, "obsolete", ""},
	} {
		s := testStore(t, now)
		stubbed := withSecretTail(t, whole, onlySubkey(c.tail))
		im := importAll(t, s, stubbed)[0]
		if im.Key.HasSecret || im.Key.Card != c.card || !im.HasSecret { // the primary's secret came
			t.Errorf("%s: %+v", name, im)
		}
		var unusable *keys.UnusableError
		_, err := s.Signer(ctx, keys.Selector{})
		if !errors.As(err, &unusable) || unusable.Key != g.Key.Subkeys[0].Fingerprint || !strings.Contains(unusable.Reason, c.reason) {
			t.Errorf("%s: %v", name, err)
		}
		armored, err := s.ExportSecret(ctx, keys.Selector{}, nil)
		if err != nil || !bytes.Equal(dearmored(t, armored), stubbed) {
			t.Errorf("%s: exported differently: %v", name, err)
		}
		im = importAll(t, s, whole)[0]
		if replaced := c.reason != "obsolete"; im.Changed != replaced || im.Key.HasSecret != replaced {
			t.Errorf("%s: the real secret came later: %+v", name, im)
		}
		if im = importAll(t, s, stubbed)[0]; im.Changed {
			t.Errorf("%s: a stub replaced a secret", name)
		}
	}
	offline := withSecretTail(t, whole, func(tag pgp.Tag) []byte {
		if tag == pgp.TagSecretKey {
			return []byte{255, 0, 101, 0, 'G', 'N', 'U', 1}
		}
		return nil
	})
	s := testStore(t, now)
	if im := importAll(t, s, offline)[0]; !im.Key.PrimaryOffline || !im.Key.HasSecret {
		t.Errorf("offline primary: %+v", im)
	}
	unlocked(t, s, "", nil)
}

// TestDamagedSecret: what can be seen without a passphrase is refused at once.
func TestDamagedSecret(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	origin := testStore(t, now)
	generate(t, origin, GenerateParams{})
	armored, err := origin.ExportSecret(ctx, keys.Selector{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := dearmored(t, armored)
	packets, err := splitPackets(whole)
	if err != nil {
		t.Fatal(err)
	}
	packets[0].Body[len(packets[0].Body)-5] ^= 1
	s := testStore(t, now)
	var keyErr *keys.KeyError
	if _, err := s.Import(ctx, bytes.NewReader(whole)); !errors.As(err, &keyErr) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
	if entries, _ := filepath.Glob(filepath.Join(s.dir, "[0-9A-F]*")); len(entries) != 0 {
		t.Errorf("stored all the same: %v", entries)
	}
}

func BenchmarkSign(b *testing.B) {
	ctx := context.Background()
	now := time.Now()
	s := testStore(b, now)
	generate(b, s, GenerateParams{Passphrase: secret(canary)})
	signer := unlocked(b, s, "", mustAsk(canary))
	h := hashed(crypto.SHA256, "text")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(ctx, h, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnlock(b *testing.B) {
	s := testStore(b, time.Now())
	generate(b, s, GenerateParams{Passphrase: secret(canary)})
	signer, err := s.Signer(context.Background(), keys.Selector{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := signer.Unlock(context.Background(), mustAsk(canary)); err != nil {
			b.Fatal(err)
		}
		_ = signer.Close()
	}
}
