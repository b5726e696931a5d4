package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

// laterStore makes an empty store whose clock the test moves. It starts an hour ago, so that
// nothing signed here lies in the future for gpg and sq.
func laterStore(t testing.TB) (*Store, *time.Time) {
	t.Helper()
	now := time.Now().Add(-time.Hour).Truncate(time.Second)
	s := Open(Options{Dir: filepath.Join(t.TempDir(), "keys"), Now: func() time.Time { return now }})
	return s, &now
}

// always answers every question with the same passphrase.
func always(pass string) keys.AskPassphrase {
	return func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return secret(pass), nil }
}

var wrongAsk = always("wrong")

func selector(k keys.Key) keys.Selector { return keys.ParseSelector(string(k.Fingerprint)) }

// atGnuPG imports the store's key with its secret into a new GnuPG home.
func atGnuPG(t testing.TB, s *Store, k keys.Key, pass string) string {
	t.Helper()
	data, err := s.ExportSecret(context.Background(), selector(k), mustAsk(pass))
	if err != nil {
		t.Fatal(err)
	}
	home := gnupgHome(t)
	gpg(t, home, data, "--import")
	return home
}

// gnupgSigns lets gpg sign with the key under the passphrase, and bulla judge it.
func gnupgSigns(t testing.TB, s *Store, home, pass string, now time.Time) keys.Verdict {
	t.Helper()
	data := writeFile(t, "data", []byte("signed by gpg"))
	gpg(t, home, []byte(pass), "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--armor", "--detach-sign", data)
	theirs, err := os.ReadFile(data + ".asc")
	if err != nil {
		t.Fatal(err)
	}
	return judge(t, storedPublic(t, s), theirs, "signed by gpg", now)
}

// signsFor signs here and lets gpg and sq verify it with the key as the store exports it.
func signsFor(t testing.TB, s *Store, k keys.Key, home, pass string, now time.Time) {
	t.Helper()
	signer := unlocked(t, s, string(k.Fingerprint), mustAsk(pass))
	sig, err := signer.Sign(context.Background(), hashed(signer.Key().Hash, "signed by bulla"), now)
	if err != nil {
		t.Fatal(err)
	}
	status := gpgVerifies(t, home, sig, "signed by bulla")
	if !keystest.HasStatus(status, "GOODSIG") || !strings.Contains(strings.Join(status, "\n"), "VALIDSIG "+string(signer.Key().Fingerprint)) {
		t.Errorf("gpg says %q", status)
	}
	cert, _ := sqInspect(t, s, k)
	_, errOut, err := keystest.Run(t, nil, nil, keystest.Peer(t, "sq"), "verify", "--signer-cert", cert,
		"--detached", writeFile(t, "sig", sig), writeFile(t, "text", []byte("signed by bulla")))
	if err != nil || !strings.Contains(errOut, "1 good signature") {
		t.Errorf("sq verify: %v\n%s", err, errOut)
	}
}

// sqInspect is what sq says of the key as it is exported, and the file that it read.
func sqInspect(t testing.TB, s *Store, k keys.Key) (cert, out string) {
	t.Helper()
	public, err := s.ExportPublic(context.Background(), selector(k))
	if err != nil {
		t.Fatal(err)
	}
	cert = writeFile(t, "cert.asc", public)
	out, errOut, err := keystest.Run(t, nil, nil, keystest.Peer(t, "sq"), "inspect", cert)
	if err != nil || strings.Contains(out, "Invalid") {
		t.Errorf("sq inspect: %v\n%s%s", err, out, errOut)
	}
	return cert, out
}

// expiries are the ends that gpg lists for the primary key and the subkeys.
func expiries(t testing.TB, home string) (out []string) {
	t.Helper()
	for _, kind := range []string{"pub", "sub"} {
		for _, f := range colons(t, home, "-k", kind) {
			out = append(out, f[colonExpires])
		}
	}
	return out
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func checkFileModes(t testing.TB, s *Store) {
	t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if d.Type().IsRegular() && strings.HasPrefix(d.Name(), ".bulla-tmp") {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestExtend: the new end is what gpg and sq read, the subkey's confirmation survives, the old
// self-signatures stay, and what was signed before and after verifies.
func TestExtend(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Lifetime: 40 * 24 * time.Hour, Passphrase: secret(canary)})
	before := storedPublic(t, s)

	*now = now.Add(10 * time.Minute)
	life, err := ParseLifetime("3y", *now)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.Extend(ctx, selector(g.Key), ExtendParams{Lifetime: life}, mustAsk(canary))
	if err != nil {
		t.Fatal(err)
	}
	want := now.Add(life)
	if !k.Expires.Equal(want) || !k.Subkeys[0].Expires.Equal(want) || !k.Subkeys[0].CanSign {
		t.Errorf("expires %v, subkey %+v, want %v", k.Expires, k.Subkeys[0], want)
	}
	old, err := splitPackets(before)
	if err != nil {
		t.Fatal(err)
	}
	after := storedPublic(t, s)
	for _, p := range old {
		if !strings.Contains(string(after), string(p.Raw)) {
			t.Errorf("a packet of type %d is not there any more", p.Tag)
		}
	}
	home := atGnuPG(t, s, k, canary)
	if got := expiries(t, home); !slices.Equal(got, []string{unix(want), unix(want)}) {
		t.Errorf("gpg reads the ends %q, want %d", got, want.Unix())
	}
	if _, out := sqInspect(t, s, k); strings.Count(out, "Expiration time: "+want.UTC().Format("2006-01-02 15:04")) != 2 {
		t.Errorf("sq reads\n%s", out)
	}
	signsFor(t, s, k, home, canary, *now)
	if v := gnupgSigns(t, s, home, canary, time.Now().Add(time.Minute)); v.Status != keys.StatusGood {
		t.Errorf("gpg's signature: %+v", v)
	}
	checkFileModes(t, s)

	// Shorter, and never, in the same second: the later word counts.
	if k, err = s.Extend(ctx, selector(g.Key), ExtendParams{Lifetime: 24 * time.Hour}, mustAsk(canary)); err != nil || !k.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("expires %v, %v", k.Expires, err)
	}
	if k, err = s.Extend(ctx, selector(g.Key), ExtendParams{}, mustAsk(canary)); err != nil || !k.Expires.IsZero() {
		t.Errorf("expires %v, %v", k.Expires, err)
	}
	home = atGnuPG(t, s, k, canary)
	if got := expiries(t, home); !slices.Equal(got, []string{"", ""}) {
		t.Errorf("gpg reads the ends %q, want none", got)
	}
}

// TestExtendOnly: the subkey alone, and what cannot be extended.
func TestExtendOnly(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Lifetime: 40 * 24 * time.Hour, Passphrase: secret(canary)})
	sub := g.Key.Subkeys[0].Fingerprint
	k, err := s.Extend(ctx, selector(g.Key), ExtendParams{Lifetime: 20 * 24 * time.Hour, Only: []keys.Fingerprint{sub}}, mustAsk(canary))
	if err != nil || !k.Expires.Equal(g.Key.Expires) || !k.Subkeys[0].Expires.Equal(now.Add(20*24*time.Hour)) {
		t.Errorf("%v: %v and %v", err, k.Expires, k.Subkeys[0].Expires)
	}
	home := atGnuPG(t, s, k, canary)
	if got := expiries(t, home); !slices.Equal(got, []string{unix(k.Expires), unix(k.Subkeys[0].Expires)}) {
		t.Errorf("gpg reads the ends %q", got)
	}
	before := storedPublic(t, s)
	var notFound *keys.NotFoundError
	if _, err := s.Extend(ctx, selector(g.Key), ExtendParams{Only: []keys.Fingerprint{"00"}}, mustAsk(canary)); !errors.As(err, &notFound) {
		t.Errorf("unknown subkey: %v", err)
	}
	if _, err := s.Extend(ctx, selector(g.Key), ExtendParams{}, wrongAsk); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	var param *ParamError
	if _, err := s.Extend(ctx, selector(g.Key), ExtendParams{Lifetime: maxLifetime + time.Second}, notAsked(t)); !errors.As(err, &param) {
		t.Errorf("too long: %v", err)
	}
	*now = now.Add(-time.Hour)
	var change *ChangeError
	if _, err := s.Extend(ctx, selector(g.Key), ExtendParams{}, mustAsk(canary)); !errors.As(err, &change) || !strings.Contains(change.Reason, "clock") {
		t.Errorf("a clock that is behind: %v", err)
	}
	if string(storedPublic(t, s)) != string(before) {
		t.Error("what failed changed the key")
	}
}

// TestExtendFromGnuPG: keys of every signing algorithm of gpg, whatever it put into their
// self-signatures.
func TestExtendFromGnuPG(t *testing.T) {
	ctx := context.Background()
	origin := gnupgHome(t)
	for name, parts := range map[string][]string{
		"ed25519":  {"ed25519 sign,cert 30d", "cv25519 encr 30d", "nistp256/ecdsa sign 30d"},
		"rsa3072":  {"rsa3072 sign,cert 30d"},
		"dsa2048":  {"dsa2048 sign,cert 30d"},
		"nistp521": {"nistp521 sign,cert 30d"},
	} {
		t.Run(name, func(t *testing.T) {
			k := makeGnuPGKey(t, origin, "", canary, parts...)
			now := time.Now().Add(2 * time.Second)
			s := testStore(t, now)
			im := importAll(t, s, k.secret)[0]
			year := 365 * 24 * time.Hour
			changed, err := s.Extend(ctx, selector(im.Key), ExtendParams{Lifetime: year}, mustAsk(canary))
			if err != nil {
				t.Fatal(err)
			}
			want := time.Unix(now.Unix(), 0).Add(year)
			home := atGnuPG(t, s, changed, canary)
			for _, end := range expiries(t, home) {
				if end != unix(want) {
					t.Errorf("gpg reads the end %q, want %d", end, want.Unix())
				}
			}
			if status := gnupgSigns(t, s, home, canary, time.Now().Add(time.Minute)); status.Status != keys.StatusGood && name != "dsa2048" {
				t.Errorf("gpg's signature: %+v", status)
			}
		})
	}
}

// TestRenew: a self-signature by SHA-1 is mended, and the end stays.
func TestRenew(t *testing.T) {
	ctx := context.Background()
	origin := gnupgHome(t)
	conf := "cert-digest-algo SHA1\nallow-weak-digest-algos\n"
	if err := os.WriteFile(filepath.Join(origin, "gpg.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	k := makeGnuPGKey(t, origin, "", canary, "rsa2048 sign,cert 30d")
	s := testStore(t, time.Now().Add(2*time.Second))
	im := importAll(t, s, k.secret)[0]
	if len(im.Key.Weak) == 0 {
		t.Fatalf("gpg made no SHA-1 self-signature: %+v", im.Key)
	}
	mended, err := s.Renew(ctx, selector(im.Key), mustAsk(canary))
	if err != nil || len(mended.Weak) != 0 || !mended.Expires.Equal(im.Key.Expires) {
		t.Errorf("%v: %+v", err, mended)
	}
	home := atGnuPG(t, s, mended, canary)
	if v := gnupgSigns(t, s, home, canary, time.Now().Add(time.Minute)); v.Status != keys.StatusGood {
		t.Errorf("gpg's signature: %+v", v)
	}
}

// TestChangePassphrase: the new one opens every part, here and in gpg; the old one does not.
func TestChangePassphrase(t *testing.T) {
	ctx := context.Background()
	const other = "canary-99b1 Другой пароль"
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	if err := s.MarkBackedUp(ctx, g.Key.Fingerprint, *now); err != nil {
		t.Fatal(err)
	}
	public := storedPublic(t, s)
	k, err := s.ChangePassphrase(ctx, selector(g.Key), secret(other), mustAsk(canary))
	if err != nil || !k.HasSecret || !k.BackedUp.IsZero() {
		t.Fatalf("%v: %+v", err, k)
	}
	if string(storedPublic(t, s)) != string(public) {
		t.Error("the public part changed")
	}
	if _, err := s.ExportSecret(ctx, selector(k), always(canary)); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("the old passphrase: %v", err)
	}
	home := atGnuPG(t, s, k, other)
	if v := gnupgSigns(t, s, home, other, time.Now().Add(time.Minute)); v.Status != keys.StatusGood {
		t.Errorf("gpg's signature: %+v", v)
	}
	signsFor(t, s, k, home, other, *now)
	checkFileModes(t, s)

	if _, err := s.ChangePassphrase(ctx, selector(g.Key), secret(canary), wrongAsk); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	var param *ParamError
	if _, err := s.ChangePassphrase(ctx, selector(g.Key), secret(""), notAsked(t)); !errors.As(err, &param) {
		t.Errorf("empty passphrase: %v", err)
	}
	// Off, and on again.
	if _, err = s.ChangePassphrase(ctx, selector(g.Key), keys.Secret{}, mustAsk(other)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ExportSecret(ctx, selector(k), notAsked(t)); err != nil {
		t.Error(err)
	}
	if _, err = s.ChangePassphrase(ctx, selector(g.Key), secret(canary), notAsked(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ExportSecret(ctx, selector(k), mustAsk(canary)); err != nil {
		t.Error(err)
	}
}

// TestChangePassphraseFromGnuPG: keys of every algorithm, encryption subkeys and stubs among
// them, are still gpg's own afterwards.
func TestChangePassphraseFromGnuPG(t *testing.T) {
	ctx := context.Background()
	const other = "canary-99b1 other"
	origin := gnupgHome(t)
	for name, parts := range map[string][]string{
		"curves":  {"ed25519 sign,cert never", "cv25519 encr never", "nistp384/ecdsa sign never"},
		"rsa":     {"rsa3072 sign,cert never", "rsa2048 encr never"},
		"dsa":     {"dsa2048 sign,cert never", "elg2048 encr never"},
		"offline": {"ed25519 cert never", "ed25519 sign never"},
	} {
		t.Run(name, func(t *testing.T) {
			k := makeGnuPGKey(t, origin, "", canary, parts...)
			if name == "offline" {
				k.export(t, origin, canary, "--export-secret-subkeys")
			}
			s := testStore(t, time.Now().Add(time.Second))
			im := importAll(t, s, k.secret)[0]
			changed, err := s.ChangePassphrase(ctx, selector(im.Key), secret(other), mustAsk(canary))
			if err != nil {
				t.Fatal(err)
			}
			home := atGnuPG(t, s, changed, other)
			if v := gnupgSigns(t, s, home, other, time.Now().Add(time.Minute)); v.Status != keys.StatusGood && name != "dsa" {
				t.Errorf("gpg's signature: %+v", v)
			}
			if name == "offline" {
				return
			}
			text := writeFile(t, "text", []byte("a secret letter"))
			gpg(t, home, nil, "--trust-model", "always", "-r", k.primary, "--output", text+".gpg", "--encrypt", text)
			if out := gpg(t, home, []byte(other), "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--decrypt", text+".gpg"); name != "offline" && out != "a secret letter" {
				t.Errorf("gpg decrypts %q", out)
			}
		})
	}
}
