package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish/web"
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

// ada makes a key with real gpg: a primary key that certifies, a subkey that signs, and one user
// id for each that is named.
func ada(t testing.TB, userIDs ...string) (home string, f keys.Fingerprint) {
	t.Helper()
	home = keystest.GnuPGHome(t)
	if err := os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", userIDs[0], "ed25519", "cert", "2y")
	for l := range strings.SplitSeq(gpg(t, home, nil, "--with-colons", "--list-keys"), "\n") {
		if c := strings.Split(l, ":"); c[0] == "fpr" {
			f = keys.Fingerprint(c[9])
			break
		}
	}
	gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", string(f), "ed25519", "sign", "2y")
	for _, u := range userIDs[1:] {
		gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-uid", string(f), u)
	}
	return home, f
}

// ringOf is the public keyring of a GnuPG home.
func ringOf(t testing.TB, home string) *keys.Keyring {
	t.Helper()
	r, err := keys.ReadKeyring([]byte(gpg(t, home, nil, "--export")), keys.SourceGnuPG)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func plan(t testing.TB, ring *keys.Keyring, f keys.Fingerprint, c Choice, targets ...string) Plan {
	t.Helper()
	var list []Target
	for _, s := range targets {
		target, err := ParseTarget(s, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, target)
	}
	p, err := NewPlan(ring, f, list, c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// publishOne publishes to the only target of a plan.
func publishOne(t testing.TB, p *Publisher, plan Plan) Result {
	t.Helper()
	rs, err := p.Publish(t.Context(), plan)
	if err != nil || len(rs) != 1 {
		t.Fatalf("%d results, %v", len(rs), err)
	}
	return rs[0]
}

// impatient is a client that does not wait between two tries.
func impatient() *web.Client {
	return web.New(web.Options{Wait: func(context.Context, time.Duration) error { return nil }})
}

func TestKeyServer(t *testing.T) {
	server := keystest.SKS(t)
	home, f := ada(t, "Ada <ada@example.test>", "Ada at home <home@ada.test>")
	other, otherF := ada(t, "Mallory <mallory@example.test>")
	// Mallory certifies Ada's key; that must not be sent.
	gpg(t, other, []byte(gpg(t, home, nil, "--export")), "--import")
	gpg(t, other, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-sign-key", string(f))
	gpg(t, home, []byte(gpg(t, other, nil, "--export", string(f))), "--import")
	p := New(Options{})

	work := Choice{UserIDs: []string{"ada@example.test"}}
	first := plan(t, ringOf(t, home), f, work, server)
	if got := first.Items[0]; !slices.Equal(got.LeftOut, []string{"Ada at home <home@ada.test>"}) || !got.Permanent {
		t.Errorf("the plan says %+v", got)
	}
	if r, err := p.Check(t.Context(), first); err != nil || r[0].Stage != StageNone || !web.IsNotFound(r[0].Err) {
		t.Errorf("before: %+v, %v", r, err)
	}
	r := publishOne(t, p, first)
	if r.Err != nil || r.Stage != StageAddress || !r.Done() {
		t.Fatalf("published: %s, %+v", r.State(), r)
	}

	stranger := keystest.GnuPGHome(t)
	gpg(t, stranger, nil, "--keyserver", server, "--recv-keys", string(f))
	got := gpg(t, stranger, nil, "--with-colons", "--list-sigs")
	if !strings.Contains(got, "ada@example.test") || strings.Contains(got, "home@ada.test") || strings.Contains(got, otherF.KeyID()) {
		t.Errorf("gpg received:\n%s", got)
	}

	// Renewed, but not sent again: what is there is not current.
	gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-set-expire", string(f), "3y")
	renewed := plan(t, ringOf(t, home), f, work, server)
	rs, _ := p.Check(t.Context(), renewed)
	var differs *DifferenceError
	if !errors.As(rs[0].Err, &differs) || rs[0].Stage != StageStored || differs.Differences[0].What != "expiry" {
		t.Errorf("stale: %s, %v", rs[0].State(), rs[0].Err)
	}
	if r := publishOne(t, p, renewed); !r.Done() {
		t.Errorf("renewed: %+v", r)
	}
	gpg(t, stranger, nil, "--keyserver", server, "--refresh-keys")
	if now, _ := describe([]byte(gpg(t, stranger, nil, "--export"))); !now.Expires.Equal(renewed.Items[0].Key.Expires) {
		t.Errorf("gpg has it until %v, want %v", now.Expires, renewed.Items[0].Key.Expires)
	}
	fetchFromSKS(t, p, server, home, f)
	revokeOnSKS(t, p, server, home, f, work)
}

// fetchFromSKS asks for the key by all its names.
func fetchFromSKS(t *testing.T, p *Publisher, server, home string, f keys.Fingerprint) {
	t.Helper()
	src, err := ParseSource(server, "")
	if err != nil {
		t.Fatal(err)
	}
	sub := ringOf(t, home).Keys()[0].Subkeys[0].Fingerprint
	for _, text := range []string{string(f), string(sub), f.KeyID(), "ada@example.test", "ADA@example.test"} {
		q, err := ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		found, misses, err := p.Fetch(t.Context(), q, []Target{src}, nil)
		if err != nil || len(found) != 1 || found[0].Form != FormWhole || found[0].Key.Fingerprint != f {
			t.Errorf("fetched by %s: %+v, misses %v, %v", text, found, misses, err)
		}
	}
	for _, text := range []string{strings.Repeat("A", 40), "nobody@example.test", "ada@example.tes"} {
		q, _ := ParseQuery(text)
		found, misses, err := p.Fetch(t.Context(), q, []Target{src}, nil)
		if err != nil || len(found) != 0 || len(misses) != 1 || !web.IsNotFound(misses[0].Err) {
			t.Errorf("asked for %s: %+v, misses %+v, %v", text, found, misses, err)
		}
	}
}

// revokeOnSKS revokes the key, publishes that and lets gpg learn of it.
func revokeOnSKS(t *testing.T, p *Publisher, server, home string, f keys.Fingerprint, c Choice) {
	t.Helper()
	rev, err := os.ReadFile(filepath.Join(home, "openpgp-revocs.d", string(f)+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	before := ringOf(t, home)
	cert := []byte(strings.Replace(string(rev), ":-----BEGIN", "-----BEGIN", 1))
	lone := keys.LoneRevocations(cert)
	if len(lone) != 1 || !lone[0].Hard || before.Confirms(lone[0]) != f {
		t.Fatalf("gpg's revocation certificate: %+v", lone)
	}
	gpg(t, home, cert, "--import")
	revoked := plan(t, ringOf(t, home), f, c, server)
	if rs, _ := p.Check(t.Context(), revoked); len(rs[0].Differences) != 1 || rs[0].Differences[0].What != "revocation" {
		t.Errorf("before the revocation is sent: %+v", rs[0])
	}
	if r := publishOne(t, p, revoked); !r.Done() || r.Stage != StageFingerprint {
		t.Errorf("revoked: %s, %+v", r.State(), r)
	}
	stranger := keystest.GnuPGHome(t)
	gpg(t, stranger, nil, "--keyserver", server, "--recv-keys", string(f))
	if got := gpg(t, stranger, nil, "--with-colons", "--list-keys"); !strings.Contains(got, "pub:r:") {
		t.Errorf("gpg received:\n%s", got)
	}
}
