package store

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/pgp"
)

// serialized writes one of go-crypto's entities, with its secrets or without.
func serialized(t testing.TB, e *openpgp.Entity, private bool) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if private {
		err = e.SerializePrivateWithoutSigning(&b, nil)
	} else {
		err = e.Serialize(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func newEntity(t testing.TB, name string, at time.Time) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity(name, "", name+"@example.org", entityConfig(at))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.AddSigningSubkey(entityConfig(at)); err != nil {
		t.Fatal(err)
	}
	return e
}

func entityConfig(at time.Time) *packet.Config {
	return &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, DefaultHash: crypto.SHA256, Time: func() time.Time { return at }}
}

func storedPublic(t testing.TB, s *Store) []byte {
	t.Helper()
	ring, err := s.PublicKeyring(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// TestImportKeepsBytes: what came in comes out again, the unknown and the unread included.
func TestImportKeepsBytes(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	e := newEntity(t, "keep", now)
	public, private := serialized(t, e, false), serialized(t, e, true)
	extra := append(pgp.New(pgp.TagUserAttribute, []byte{3, 1, 0xaa, 0xbb}).Raw, // a photo id, or so
		pgp.New(60, []byte("experimental")).Raw...)
	public, private = append(public, extra...), append(private, extra...)

	s := testStore(t, now)
	im := importAll(t, s, public)[0]
	if !im.New || im.Changed || im.HasSecret || im.Key.HasSecret || len(im.Key.Subkeys) != 2 {
		t.Errorf("public: %+v", im)
	}
	if !bytes.Equal(storedPublic(t, s), public) {
		t.Error("the public key changed")
	}
	im = importAll(t, s, private)[0]
	if im.New || !im.Changed || !im.HasSecret || !im.Key.HasSecret {
		t.Errorf("private: %+v", im)
	}
	if !bytes.Equal(storedPublic(t, s), public) {
		t.Error("the public key changed with the secret one")
	}
	if im = importAll(t, s, private)[0]; im.New || im.Changed {
		t.Errorf("twice: %+v", im)
	}
	armored, err := s.ExportSecret(ctx, keys.Selector{}, nil)
	if err != nil || !bytes.Equal(dearmored(t, armored), private) {
		t.Errorf("exported differently: %v", err)
	}
	fresh := testStore(t, now)
	importAll(t, fresh, armored)
	if !bytes.Equal(storedPublic(t, fresh), public) {
		t.Error("the public part of a secret key differs from the public key")
	}
	if armored, err = fresh.ExportPublic(ctx, keys.Selector{}); err != nil || !bytes.Equal(dearmored(t, armored), public) {
		t.Errorf("exported differently: %v", err)
	}
	// Trust packets belong to the keyring they stood in: dropped, and nothing else.
	cleaned := testStore(t, now)
	importAll(t, cleaned, append(bytes.Clone(public), pgp.New(pgp.TagTrust, []byte{1}).Raw...))
	if !bytes.Equal(storedPublic(t, cleaned), public) {
		t.Error("a trust packet is kept")
	}
}

// TestImportMerges: both copies of a key have something that the other has not.
func TestImportMerges(t *testing.T) {
	ctx := context.Background()
	then, now := time.Now().Add(-time.Hour), time.Now()
	base := newEntity(t, "base", then)
	start := serialized(t, base, true)
	reread := func() *openpgp.Entity {
		list, err := openpgp.ReadKeyRing(bytes.NewReader(start))
		if err != nil {
			t.Fatal(err)
		}
		return list[0]
	}
	left, right := reread(), reread()
	if err := left.AddUserId("Second", "", "second@example.org", entityConfig(now)); err != nil {
		t.Fatal(err)
	}
	if err := right.AddSigningSubkey(entityConfig(now)); err != nil {
		t.Fatal(err)
	}
	other := newEntity(t, "other", then)
	for name := range right.Identities {
		if err := right.SignIdentity(name, other, entityConfig(now)); err != nil {
			t.Fatal(err)
		}
	}
	s := testStore(t, now)
	importAll(t, s, serialized(t, left, true))
	before := storedPublic(t, s)
	if err := s.MarkBackedUp(ctx, keys.FingerprintOf(base.PrimaryKey.Fingerprint), now); err != nil {
		t.Fatal(err)
	}
	im := importAll(t, s, serialized(t, right, false))[0]
	k := im.Key
	if !im.Changed || len(k.UserIDs) != 2 || len(k.Subkeys) != 3 || !k.HasSecret || k.BackedUp.IsZero() {
		t.Errorf("merged: %+v", im)
	}
	merged := storedPublic(t, s)
	for name, e := range map[string]*openpgp.Entity{"left": left, "right": right} {
		packets, err := splitPackets(serialized(t, e, false))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if bytes.Count(merged, p.Raw) != 1 {
				t.Errorf("%s: packet type %d is there %d times", name, p.Tag, bytes.Count(merged, p.Raw))
			}
		}
	}
	previous, err := os.ReadFile(filepath.Join(s.keyDir(k.Fingerprint), "public.previous.pgp"))
	if err != nil || !bytes.Equal(previous, before) {
		t.Errorf("the version before: %v", err)
	}
	if im = importAll(t, s, serialized(t, left, false))[0]; im.Changed || !bytes.Equal(storedPublic(t, s), merged) {
		t.Error("an older copy changed something")
	}
	// The new subkey's secret arrives: now it signs, and the old backup is worth nothing.
	im = importAll(t, s, serialized(t, right, true))[0]
	if !im.Changed || !im.Key.BackedUp.IsZero() {
		t.Errorf("new secret: %+v", im)
	}
	signer := unlocked(t, s, "", nil)
	if want := keys.FingerprintOf(right.Subkeys[2].PublicKey.Fingerprint); signer.Key().Fingerprint != want {
		t.Errorf("signs with %s, not the newest subkey %s", signer.Key().Fingerprint, want)
	}
}

// TestImportManyForms: several keys in one stream, in every packing.
func TestImportManyForms(t *testing.T) {
	now := time.Now()
	var public, armored []byte
	for i := range 3 {
		data := serialized(t, newEntity(t, fmt.Sprintf("k%d", i), now), i == 1)
		public = append(public, data...)
		block, err := pgp.Encode(armorPublic, nil, data)
		if err != nil {
			t.Fatal(err)
		}
		armored = append(append(armored, "a note\n"...), block...)
	}
	one, err := pgp.Encode(armorSecret, nil, public)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"binary": public, "one block": one, "three blocks": armored,
		"crlf":  bytes.ReplaceAll(armored, []byte("\n"), []byte("\r\n")),
		"twice": append(bytes.Clone(public), public...),
	} {
		s := testStore(t, now)
		done := importAll(t, s, data)
		if len(done) != 3 || !done[0].New || done[0].HasSecret || !done[1].HasSecret {
			t.Errorf("%s: %+v", name, done)
		}
		if list, err := s.List(context.Background()); err != nil || len(list) != 3 {
			t.Errorf("%s: %d keys, %v", name, len(list), err)
		}
	}
}

// TestImportLeavesOut: one bad key does not stop the others, and says what is wrong with it.
func TestImportLeavesOut(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	good := serialized(t, newEntity(t, "good", now), false)
	noUser := serialized(t, newEntity(t, "nobody", now), false)
	packets, err := splitPackets(noUser)
	if err != nil {
		t.Fatal(err)
	}
	noUser = packets[0].Raw
	victim, err := splitPackets(serialized(t, newEntity(t, "victim", now), false))
	if err != nil {
		t.Fatal(err)
	}
	forged := append(bytes.Clone(victim[0].Raw), pgp.New(pgp.TagUserID, []byte("mallory")).Raw...)
	forged = append(forged, victim[2].Raw...) // the signature was made for another user id
	for name, c := range map[string]struct {
		data   []byte
		reason string
	}{
		"version 3":            {pgp.New(pgp.TagPublicKey, []byte{3, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1}).Raw, "version 3"},
		"unknown algorithm":    {pgp.New(pgp.TagPublicKey, []byte{4, 0, 0, 0, 0, 99, 1, 2, 3}).Raw, "algorithm 99"},
		"no user id":           {noUser, "without user ids"},
		"no self-signature":    {forged, "self-signature"},
		"truncated":            {good[:len(good)-3], ""},
		"a detached signature": {victim[2].Raw, "signature"},
	} {
		s := testStore(t, now)
		first := c.data
		if name == "truncated" { // damage behind a key ends the stream
			first = nil
		}
		done, err := s.Import(ctx, bytes.NewReader(append(bytes.Clone(first), good...)))
		if name == "truncated" {
			done, err = s.Import(ctx, bytes.NewReader(append(bytes.Clone(good), c.data...)))
		}
		var skipped *SkippedError
		if len(done) != 1 || !errors.As(err, &skipped) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %d imported, %v", name, len(done), err)
		}
		if list, _ := s.List(ctx); len(list) != 1 || len(s.Problems(ctx)) != 0 {
			t.Errorf("%s: %d keys, problems %v", name, len(list), s.Problems(ctx))
		}
	}
}

func TestImportNothing(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	for _, data := range []string{"", "hello", "\x99", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n????\n-----END PGP PUBLIC KEY BLOCK-----\n"} {
		if _, err := s.Import(ctx, strings.NewReader(data)); !errors.Is(err, keys.ErrNoKeys) {
			t.Errorf("%q: %v", data, err)
		}
	}
	if _, err := s.Import(ctx, bytes.NewReader(make([]byte, ImportLimit+1))); !errors.Is(err, ErrTooBig) {
		t.Errorf("too big: %v", err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder was made for nothing")
	}
}

// TestBadUpdate: a copy that go-crypto cannot read must not make a good key unreadable.
func TestBadUpdate(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	data := serialized(t, newEntity(t, "good", now), false)
	s := testStore(t, now)
	importAll(t, s, data)
	packets, err := splitPackets(data)
	if err != nil {
		t.Fatal(err)
	}
	for name, junk := range map[string]pgp.Packet{
		"signature": pgp.New(pgp.TagSignature, []byte{4, 0x13, 22}),
		"subkey":    pgp.New(pgp.TagPublicSubkey, []byte{4, 0}),
		"user id":   pgp.New(pgp.TagUserID, []byte("mallory")),
	} {
		bad := append(bytes.Clone(packets[0].Raw), junk.Raw...)
		_, err := s.Import(ctx, bytes.NewReader(bad))
		list, listErr := s.List(ctx)
		if listErr != nil || len(list) != 1 || len(list[0].UserIDs) != 1 || len(s.Problems(ctx)) != 0 {
			t.Errorf("%s: import %v; then %v, problems %v", name, err, list, s.Problems(ctx))
		}
	}
}

func TestImportRevocationCertificate(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{})
	generate(t, s, GenerateParams{Name: "Bob"})
	file, err := os.ReadFile(g.Revocation)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := testStore(t, time.Now())
	if _, err := elsewhere.Import(ctx, bytes.NewReader(file)); !errors.Is(err, ErrOnlyRevocation) {
		t.Errorf("without its key: %v", err)
	}
	im := importAll(t, s, file)
	if len(im) != 1 || !im[0].Changed || !im[0].Key.Revoked || im[0].Key.Fingerprint != g.Key.Fingerprint {
		t.Errorf("%+v", im)
	}
	var unusable *keys.UnusableError
	if _, err := s.Signer(ctx, keys.ParseSelector(string(g.Key.Fingerprint))); !errors.As(err, &unusable) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("signs with a revoked key: %v", err)
	}
	if im := importAll(t, s, file); im[0].Changed {
		t.Error("revoked twice")
	}
}

// TestExportSecretAsks: a wrong passphrase exports nothing.
func TestExportSecretAsks(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	ask, asked := answering("a", "b", "c")
	var spent *keys.UnlockError
	if data, err := s.ExportSecret(ctx, keys.Selector{}, ask); data != nil || !errors.As(err, &spent) || len(*asked) != 3 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	data, err := s.ExportSecret(ctx, keys.Selector{}, mustAsk(canary))
	if err != nil {
		t.Fatal(err)
	}
	copied := testStore(t, time.Now())
	if im := importAll(t, copied, data); !im[0].HasSecret || im[0].Key.Fingerprint != g.Key.Fingerprint {
		t.Errorf("%+v", im)
	}
	unlocked(t, copied, "", mustAsk(canary))

	public, err := s.ExportPublic(ctx, keys.Selector{})
	if err != nil {
		t.Fatal(err)
	}
	only := testStore(t, time.Now())
	importAll(t, only, public)
	var unusable *keys.UnusableError
	if _, err := only.ExportSecret(ctx, keys.Selector{}, nil); !errors.As(err, &unusable) {
		t.Errorf("public only: %v", err)
	}
	var notFound *keys.NotFoundError
	if _, err := s.ExportPublic(ctx, keys.ParseSelector("nobody@example.org")); !errors.As(err, &notFound) {
		t.Errorf("unknown: %v", err)
	}
}

// TestLeftovers: what a killed process left is cleared away by the next writer.
func TestLeftovers(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{})
	folder := filepath.Join(s.dir, atomicfile.TempPrefix+"key-1")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, secretFile), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(ctx); err != nil || len(list) != 1 || len(s.Problems(ctx)) != 0 {
		t.Errorf("readers stumble: %v, %v", list, s.Problems(ctx))
	}
	if err := s.MarkBackedUp(ctx, g.Key.Fingerprint, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

// TestLockWaits: a writer waits for the lock, as long as its context lets it.
func TestLockWaits(t *testing.T) {
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{})
	err := s.locked(context.Background(), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Millisecond)
		defer cancel()
		if err := s.MarkBackedUp(ctx, g.Key.Fingerprint, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		list, err := s.List(context.Background()) // readers do not wait
		if err == nil && len(list) != 1 {
			t.Error("no key")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// helperDir makes the test binary a second bulla that writes to the store in that folder.
const helperDir = "BULLA_STORE_TEST_DIR"

func TestMain(m *testing.M) {
	dir := os.Getenv(helperDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	s := Open(Options{Dir: dir})
	for _, path := range os.Args[1:] {
		data, err := os.ReadFile(path)
		if err == nil {
			_, err = s.Import(context.Background(), bytes.NewReader(data))
		}
		if err == nil {
			_, err = s.Generate(context.Background(), GenerateParams{Name: filepath.Base(path), Algorithm: AlgorithmEd25519})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// TestTwoProcesses: several processes teach one key different things and make keys of their
// own, all at once. Nothing may be lost.
func TestTwoProcesses(t *testing.T) {
	const processes, rounds = 3, 5
	now := time.Now()
	base := serialized(t, newEntity(t, "base", now), true)
	s := testStore(t, now)
	importAll(t, s, base)
	dir := t.TempDir()
	var running []*exec.Cmd
	for p := range processes {
		cmd := exec.Command(os.Args[0])
		for r := range rounds {
			list, err := openpgp.ReadKeyRing(bytes.NewReader(base))
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("u%d-%d", p, r)
			if err := list[0].AddUserId(name, "", "", entityConfig(now)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, serialized(t, list[0], false), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd.Args = append(cmd.Args, path)
		}
		cmd.Env = append(os.Environ(), helperDir+"="+s.dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	list, err := s.List(context.Background())
	if err != nil || len(list) != 1+processes*rounds || len(s.Problems(context.Background())) != 0 {
		t.Errorf("%d keys, %v, %v", len(list), err, s.Problems(context.Background()))
	}
	for _, k := range list {
		if len(k.Subkeys) == 2 && len(k.UserIDs) != 1+processes*rounds {
			t.Errorf("%d user ids", len(k.UserIDs))
		}
	}
}

// FuzzImport: whatever comes in, the store stays readable, and what it took comes out the same.
func FuzzImport(f *testing.F) {
	now := time.Unix(1770000000, 0)
	e := newEntity(f, "seed", now)
	public, private := serialized(f, e, false), serialized(f, e, true)
	armored, err := pgp.Encode(armorSecret, nil, private)
	if err != nil {
		f.Fatal(err)
	}
	packets, err := splitPackets(private)
	if err != nil {
		f.Fatal(err)
	}
	s, err := readSecret(packets[0])
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{public, private, armored, packets[0].Raw, offlineStub(s.publicPacket()).Raw, packets[2].Raw, {0x99, 0, 1, 4}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx := context.Background()
		s := testStore(t, now)
		input := bytes.Clone(data)
		done, err := s.Import(ctx, bytes.NewReader(data))
		if !bytes.Equal(data, input) {
			t.Fatal("the input was changed")
		}
		if err == nil && len(done) == 0 {
			t.Fatal("nothing imported and no error")
		}
		list, listErr := s.List(ctx)
		if problems := s.Problems(ctx); listErr != nil || len(problems) != 0 {
			t.Fatalf("the store is damaged: %v, %v", listErr, problems)
		}
		for _, k := range list {
			sel := keys.ParseSelector(string(k.Fingerprint))
			once, err := s.ExportPublic(ctx, sel)
			if err != nil {
				t.Fatal(err)
			}
			copied := testStore(t, now)
			importAll(t, copied, once)
			twice, err := copied.ExportPublic(ctx, sel)
			if err != nil || !bytes.Equal(once, twice) {
				t.Fatalf("does not survive a round trip: %v", err)
			}
			_, _ = s.Signer(ctx, sel)
		}
	})
}

func FuzzSplitPackets(f *testing.F) {
	f.Add([]byte{0xc6, 3, 1, 2, 3, 0x99, 0, 1, 4})
	f.Add([]byte{0xc5, 255, 0, 0, 0, 1, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		packets, err := splitPackets(data)
		var all []byte
		for _, p := range packets {
			all = append(all, p.Raw...)
			if p.Tag.Secret() {
				if s, err := readSecret(p); err == nil && !bytes.HasPrefix(p.Body, s.public) {
					t.Fatal("the public part is not the beginning")
				}
			}
		}
		if !bytes.HasPrefix(data, all) || (err == nil && len(all) != len(data)) {
			t.Fatal("the packets do not add up")
		}
	})
}
