package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// gpg runs gpg and fails the test if gpg does.
func gpg(t testing.TB, home string, stdin []byte, args ...string) string {
	t.Helper()
	out, errOut, err := keystest.GPG(t, home, stdin, args...)
	if err != nil {
		t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, errOut)
	}
	return out
}

// gnupgHome is a GnuPG home whose agent does not spend time on passphrases.
func gnupgHome(t testing.TB) string {
	t.Helper()
	home := keystest.GnuPGHome(t)
	if err := os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// colons are the lines of one kind from gpg's machine-readable listing, in fields.
func colons(t testing.TB, home, list, kind string) (lines [][]string) {
	t.Helper()
	for l := range strings.SplitSeq(gpg(t, home, nil, "--with-colons", "--fixed-list-mode", list), "\n") {
		if f := strings.Split(l, ":"); f[0] == kind {
			lines = append(lines, f)
		}
	}
	return lines
}

// The fields of a colon listing (GnuPG, doc/DETAILS), counted from 0.
const (
	colonValidity = 1
	colonExpires  = 6
	colonUsage    = 11
	colonToken    = 14
)

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// gpgVerifies lets gpg judge a detached signature over text and returns its status lines.
func gpgVerifies(t testing.TB, home string, sig []byte, text string) []string {
	t.Helper()
	return keystest.GPGStatus(t, home, writeFile(t, "text.asc", sig), writeFile(t, "text", []byte(text)))
}

// TestPeersTakeOurKeys: gpg and sq take the keys made here, read the same from them, sign with
// them and verify what they signed.
func TestPeersTakeOurKeys(t *testing.T) {
	sq := keystest.Peer(t, "sq")
	ctx := context.Background()
	now := time.Now()
	for _, algorithm := range []string{AlgorithmEd25519, AlgorithmRSA4096} {
		t.Run(algorithm, func(t *testing.T) {
			if testing.Short() && algorithm == AlgorithmRSA4096 {
				t.Skip("making an RSA-4096 key takes seconds")
			}
			s := testStore(t, now)
			life, err := ParseLifetime("2y", now)
			if err != nil {
				t.Fatal(err)
			}
			g := generate(t, s, GenerateParams{Comment: "Größe", Algorithm: algorithm, Lifetime: life, Passphrase: secret(canary)})
			if g.Key.Algorithm != algorithm || g.Key.Subkeys[0].Algorithm != algorithm {
				t.Errorf("made %s with %s", g.Key.Algorithm, g.Key.Subkeys[0].Algorithm)
			}
			exported, err := s.ExportSecret(ctx, keys.Selector{}, mustAsk(canary))
			if err != nil {
				t.Fatal(err)
			}
			home := gnupgHome(t)
			gpg(t, home, exported, "--import")
			checkListing(t, home, g.Key)

			data := writeFile(t, "data", []byte("signed by gpg"))
			gpg(t, home, []byte(canary), "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--armor", "--detach-sign", data)
			theirs, err := os.ReadFile(data + ".asc")
			if err != nil {
				t.Fatal(err)
			}
			if v := judge(t, storedPublic(t, s), theirs, "signed by gpg", now.Add(time.Minute)); v.Status != keys.StatusGood {
				t.Errorf("gpg's signature with our key: %+v", v)
			}
			signer := unlocked(t, s, "", mustAsk(canary))
			ours, err := signer.Sign(ctx, hashed(signer.Key().Hash, "signed by bulla"), now)
			if err != nil {
				t.Fatal(err)
			}
			status := gpgVerifies(t, home, ours, "signed by bulla")
			if !keystest.HasStatus(status, "GOODSIG") || !strings.Contains(strings.Join(status, "\n"), "VALIDSIG "+string(signer.Key().Fingerprint)) {
				t.Errorf("gpg says %q", status)
			}
			checkSequoia(t, sq, s, exported, ours)

			gpg(t, home, nil, "--import", g.Revocation)
			if pub := colons(t, home, "-k", "pub"); len(pub) != 1 || pub[0][colonValidity] != "r" {
				t.Errorf("not revoked by its certificate: %q", pub)
			}
		})
	}
}

// checkListing compares what gpg lists with what bulla does.
func checkListing(t *testing.T, home string, k keys.Key) {
	t.Helper()
	expires := strconv.FormatInt(k.Expires.Unix(), 10)
	sec, ssb := colons(t, home, "-K", "sec"), colons(t, home, "-K", "ssb")
	if len(sec) != 1 || sec[0][colonExpires] != expires || !strings.HasPrefix(sec[0][colonUsage], "c") || strings.Contains(sec[0][colonUsage], "s") {
		t.Errorf("primary key: %q, want expiry %s", sec, expires)
	}
	if len(ssb) != 1 || ssb[0][colonExpires] != expires || ssb[0][colonUsage] != "s" {
		t.Errorf("subkey: %q, want expiry %s", ssb, expires)
	}
	if uid := colons(t, home, "-K", "uid"); len(uid) != 1 || uid[0][9] != k.UserID() {
		t.Errorf("user id: %q, want %q", uid, k.UserID())
	}
	fprs := colons(t, home, "-K", "fpr")
	if len(fprs) != 2 || fprs[0][9] != string(k.Fingerprint) || fprs[1][9] != string(k.Subkeys[0].Fingerprint) {
		t.Errorf("fingerprints: %q", fprs)
	}
}

// checkSequoia lets sq read the key and verify the signature over "signed by bulla".
func checkSequoia(t *testing.T, sq string, s *Store, exported, sig []byte) {
	t.Helper()
	public, err := s.ExportPublic(context.Background(), keys.Selector{})
	if err != nil {
		t.Fatal(err)
	}
	cert := writeFile(t, "cert.asc", public)
	for _, path := range []string{cert, writeFile(t, "key.asc", exported)} {
		out, errOut, err := keystest.Run(t, nil, nil, sq, "inspect", path)
		if err != nil || !strings.Contains(out, "Key flags: certification\n") || !strings.Contains(out, "Key flags: signing\n") || strings.Contains(strings.ToLower(out), "invalid") {
			t.Errorf("sq inspect: %v\n%s%s", err, out, errOut)
		}
	}
	_, errOut, err := keystest.Run(t, nil, nil, sq, "verify", "--signer-cert", cert,
		"--detached", writeFile(t, "sig", sig), writeFile(t, "text", []byte("signed by bulla")))
	if err != nil || !strings.Contains(errOut, "1 good signature") {
		t.Errorf("sq verify: %v\n%s", err, errOut)
	}
}

// gnupgKey is a key made by gpg for the tests below.
type gnupgKey struct {
	primary, selector string
	secret, public    []byte
}

// makeGnuPGKey makes a primary key and subkeys, each "algorithm usage expiry", under the
// passphrase pass. faked, if set, is the time at which gpg believes to be.
func makeGnuPGKey(t testing.TB, home, faked, pass string, parts ...string) gnupgKey {
	t.Helper()
	common := []string{"--pinentry-mode", "loopback", "--passphrase", pass}
	if faked != "" {
		common = append(common, "--faked-system-time", faked)
	}
	email := fmt.Sprintf("k%d@example.org", time.Now().UnixNano())
	run := func(args ...string) { gpg(t, home, nil, append(slices.Clone(common), args...)...) }
	run(append([]string{"--quick-gen-key", "Gnu <" + email + ">"}, strings.Fields(parts[0])...)...)
	k := gnupgKey{selector: email}
	for _, f := range strings.Split(gpg(t, home, nil, "--with-colons", "-k", email), "\n") {
		if c := strings.Split(f, ":"); c[0] == "fpr" && k.primary == "" {
			k.primary = c[9]
		}
	}
	for _, p := range parts[1:] {
		run(append([]string{"--quick-add-key", k.primary}, strings.Fields(p)...)...)
	}
	k.export(t, home, pass, "--export-secret-keys")
	return k
}

func (k *gnupgKey) export(t testing.TB, home, pass, how string) {
	t.Helper()
	k.secret = []byte(gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", pass, "--armor", how, k.primary))
	k.public = []byte(gpg(t, home, nil, "--armor", "--export", k.primary))
}

// TestImportFromGnuPG: what gpg exports is kept byte for byte and signs here, and gpg verifies
// the result.
func TestImportFromGnuPG(t *testing.T) {
	home := gnupgHome(t)
	ctx := context.Background()
	for name, parts := range map[string][]string{
		"ed25519":  {"ed25519 sign,cert 1y"},
		"rsa3072":  {"rsa3072 sign,cert never"},
		"nistp256": {"nistp256 sign,cert never"},
		"nistp384": {"nistp384 cert never", "nistp384/ecdsa sign 1y"},
		"several":  {"ed25519 cert never", "ed25519 sign 1y", "cv25519 encr 1y", "ed25519 auth 1y", "nistp256/ecdsa sign 2y"},
		"offline":  {"ed25519 cert never", "ed25519 sign 1y", "cv25519 encr 1y"},
	} {
		t.Run(name, func(t *testing.T) {
			k := makeGnuPGKey(t, home, "", canary, parts...)
			if name == "offline" {
				k.export(t, home, canary, "--export-secret-subkeys")
			}
			now := time.Now().Add(time.Second) // gpg reads a clock that ticks on
			s := testStore(t, now)
			im := importAll(t, s, k.secret)
			if len(im) != 1 || !im[0].HasSecret || !im[0].Key.HasSecret || im[0].Key.PrimaryOffline != (name == "offline") {
				t.Errorf("%+v", im)
			}
			back, err := s.ExportSecret(ctx, keys.Selector{}, mustAsk(canary))
			if err != nil || !bytes.Equal(dearmored(t, back), dearmored(t, k.secret)) {
				t.Errorf("exported differently: %v", err)
			}
			samePackets(t, storedPublic(t, s), dearmored(t, k.public))
			if im := importAll(t, s, k.public); im[0].Changed {
				t.Error("the public key had something new")
			}
			signer := unlocked(t, s, k.selector, mustAsk(canary))
			// Several, because gpg 2.2 refuses armor without a checksum only at some lengths, those
			// of RSA-3072 among them.
			for _, text := range []string{"", "text", "more text"} {
				sig, err := signer.Sign(ctx, hashed(signer.Key().Hash, text), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				status := gpgVerifies(t, home, sig, text)
				if !keystest.HasStatus(status, "GOODSIG") || !strings.Contains(strings.Join(status, "\n"), "VALIDSIG "+string(signer.Key().Fingerprint)) {
					t.Errorf("gpg says %q", status)
				}
			}
		})
	}
}

// samePackets compares two streams packet by packet, whatever the form of their headers.
func samePackets(t testing.TB, a, b []byte) {
	t.Helper()
	pa, errA := splitPackets(a)
	pb, errB := splitPackets(b)
	same := func(x, y pgp.Packet) bool { return x.Tag == y.Tag && bytes.Equal(x.Body, y.Body) }
	if errA != nil || errB != nil || !slices.EqualFunc(pa, pb, same) {
		t.Errorf("%d and %d packets differ: %v, %v", len(pa), len(pb), errA, errB)
	}
}

// TestNamedSubkey: with "!" exactly the named subkey signs, otherwise the newest.
func TestNamedSubkey(t *testing.T) {
	home := gnupgHome(t)
	ctx := context.Background()
	k := makeGnuPGKey(t, home, "20250101T000000!", "", "ed25519 cert never", "ed25519 sign never")
	gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", k.primary, "nistp256/ecdsa", "sign", "never")
	k.export(t, home, "", "--export-secret-keys")
	s := testStore(t, time.Now().Add(time.Second))
	im := importAll(t, s, k.secret)[0]
	older, newer := im.Key.Subkeys[0].Fingerprint, im.Key.Subkeys[1].Fingerprint
	for selector, want := range map[string]keys.Fingerprint{
		k.primary:                  newer,
		string(older):              newer,
		string(older) + "!":        older,
		"0x" + older.KeyID() + "!": older,
	} {
		signer, err := s.Signer(ctx, keys.ParseSelector(selector))
		if err != nil || signer.Key().Fingerprint != want {
			t.Errorf("%s: %v", selector, err)
		}
	}
}

// TestUnusableFromGnuPG: expired, revoked and encrypt-only keys are kept and listed, but not
// signed with.
func TestUnusableFromGnuPG(t *testing.T) {
	home := gnupgHome(t)
	ctx := context.Background()
	revoked := makeGnuPGKey(t, home, "", "", "ed25519 sign,cert never")
	certificate, err := os.ReadFile(filepath.Join(home, "openpgp-revocs.d", revoked.primary+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	certificate = bytes.Replace(certificate, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1) // gpg's guard
	for name, c := range map[string]struct {
		key    gnupgKey
		also   []byte
		reason string
	}{
		"expired":        {makeGnuPGKey(t, home, "20240101T000000!", "", "ed25519 cert never", "ed25519 sign 1d"), nil, "expired"},
		"expired whole":  {makeGnuPGKey(t, home, "20240101T000000!", "", "ed25519 sign,cert 1d"), nil, "expired"},
		"encrypt only":   {makeGnuPGKey(t, home, "", "", "ed25519 cert never", "cv25519 encr never"), nil, "may"},
		"revoked by gpg": {revoked, certificate, "revoked"},
	} {
		s := testStore(t, time.Now().Add(time.Second))
		importAll(t, s, c.key.secret)
		if c.also != nil {
			if im := importAll(t, s, c.also); !im[0].Key.Revoked {
				t.Errorf("%s: not revoked", name)
			}
		}
		list, err := s.List(ctx)
		if err != nil || len(list) != 1 {
			t.Errorf("%s: %v, %v", name, list, err)
		}
		var unusable *keys.UnusableError
		if _, err := s.Signer(ctx, keys.ParseSelector(c.key.selector)); !errors.As(err, &unusable) || !strings.Contains(unusable.Reason, c.reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStubsForGnuPG: what is exported for secrets that are elsewhere means the same to gpg.
func TestStubsForGnuPG(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	origin := testStore(t, now)
	generate(t, origin, GenerateParams{})
	armored, err := origin.ExportSecret(ctx, keys.Selector{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const serial = "D2760001240102000006123456780000"
	aid, err := hex.DecodeString(serial)
	if err != nil {
		t.Fatal(err)
	}
	onCard := withSecretTail(t, dearmored(t, armored), func(tag pgp.Tag) []byte {
		if tag == pgp.TagSecretKey {
			return []byte{255, 0, 101, 0, 'G', 'N', 'U', 1}
		}
		return append([]byte{255, 0, 101, 0, 'G', 'N', 'U', 2, byte(len(aid))}, aid...)
	})
	s := testStore(t, now)
	if k := importAll(t, s, onCard)[0].Key; k.Card != serial || k.HasSecret {
		t.Errorf("%+v", k)
	}
	exported, err := s.ExportSecret(ctx, keys.Selector{}, notAsked(t))
	if err != nil {
		t.Fatal(err)
	}
	home := gnupgHome(t)
	listed := gpg(t, home, exported, "--list-packets")
	for _, want := range []string{"gnu-dummy", "gnu-divert-to-card", "serial-number:  " + strings.ToLower(serial)} {
		if !strings.Contains(strings.ToLower(strings.ReplaceAll(listed, " ", "")), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("gpg does not list %q:\n%s", want, listed)
		}
	}

	// The primary key's secret never came: the export fills its place.
	public, err := splitPackets(storedPublic(t, origin))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := splitPackets(dearmored(t, armored))
	if err != nil {
		t.Fatal(err)
	}
	whole[0] = public[0]
	var mixed []byte
	for _, p := range whole {
		mixed = append(mixed, p.Raw...)
	}
	s = testStore(t, now)
	if k := importAll(t, s, mixed)[0].Key; !k.PrimaryOffline || !k.HasSecret {
		t.Errorf("%+v", k)
	}
	if exported, err = s.ExportSecret(ctx, keys.Selector{}, nil); err != nil {
		t.Fatal(err)
	}
	gpg(t, home, exported, "--import")
	sec, ssb := colons(t, home, "-K", "sec"), colons(t, home, "-K", "ssb")
	if len(sec) != 1 || sec[0][colonToken] != "#" || len(ssb) != 1 || ssb[0][colonToken] != "+" {
		t.Errorf("gpg lists %q, %q", sec, ssb)
	}
}

// TestBigKeyring: 200 public keys as gpg exports them, in and out again.
func TestBigKeyring(t *testing.T) {
	const n = 200
	home := gnupgHome(t)
	now := time.Now()
	var all []byte
	for i := range n {
		all = append(all, serialized(t, newEntity(t, fmt.Sprintf("k%03d", i), now), false)...)
	}
	gpg(t, home, all, "--import")
	ring := []byte(gpg(t, home, nil, "--export"))
	s := testStore(t, now)
	if im := importAll(t, s, ring); len(im) != n {
		t.Errorf("%d imported", len(im))
	}
	if list, err := s.List(context.Background()); err != nil || len(list) != n || len(s.Problems(context.Background())) != 0 {
		t.Errorf("%d listed, %v", len(list), err)
	}
	// The same packets, in the store's own order of keys.
	stored := storedPublic(t, s)
	packets, err := splitPackets(ring)
	if err != nil || len(stored) != len(ring) {
		t.Errorf("%d bytes became %d, %v", len(ring), len(stored), err)
	}
	for _, p := range packets {
		if !bytes.Contains(stored, p.Raw) {
			t.Fatalf("a packet of type %d was lost", p.Tag)
		}
	}
}
