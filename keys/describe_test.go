package keys

import (
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

var testEpoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testConfig(at time.Time) *packet.Config {
	noSalt := false
	return &packet.Config{
		Time:                                  func() time.Time { return at },
		Algorithm:                             packet.PubKeyAlgoEdDSA,
		Curve:                                 packet.Curve25519,
		DefaultHash:                           crypto.SHA256,
		NonDeterministicSignaturesViaNotation: &noSalt,
	}
}

// newTestKey makes a key that signs with its primary key and has an encryption subkey.
func newTestKey(t testing.TB, at time.Time, lifetime time.Duration) *openpgp.Entity {
	t.Helper()
	cfg := testConfig(at)
	cfg.KeyLifetimeSecs = uint32(lifetime.Seconds())
	e, err := openpgp.NewEntity("Test Key", "", "test@example.org", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func addSigningSubkey(t testing.TB, e *openpgp.Entity, at time.Time, lifetime time.Duration) *openpgp.Subkey {
	t.Helper()
	cfg := testConfig(at)
	cfg.KeyLifetimeSecs = uint32(lifetime.Seconds())
	if err := e.AddSigningSubkey(cfg); err != nil {
		t.Fatal(err)
	}
	return &e.Subkeys[len(e.Subkeys)-1]
}

func TestDescribeKey(t *testing.T) {
	e := newTestKey(t, testEpoch, 365*24*time.Hour)
	sub := addSigningSubkey(t, e, testEpoch.Add(time.Hour), 24*time.Hour)
	k := DescribeKey(e, testEpoch.Add(2*time.Hour), SourceStore)
	if k.Fingerprint != FingerprintOf(e.PrimaryKey.Fingerprint) || k.Algorithm != "ed25519" || k.Source != SourceStore {
		t.Errorf("identity: %+v", k)
	}
	if k.UserID() != "Test Key <test@example.org>" || !k.CanCertify || !k.CanSign || !k.HasSecret || k.Revoked || len(k.Weak) != 0 {
		t.Errorf("properties: %+v", k)
	}
	if want := testEpoch.Add(365 * 24 * time.Hour); !k.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", k.Expires, want)
	}
	if len(k.Subkeys) != 2 {
		t.Fatalf("%d subkeys, want 2", len(k.Subkeys))
	}
	enc, sig := k.Subkeys[0], k.Subkeys[1]
	if enc.Algorithm != "cv25519" || enc.CanSign || !enc.CanEncrypt {
		t.Errorf("encryption subkey: %+v", enc)
	}
	if sig.Fingerprint != FingerprintOf(sub.PublicKey.Fingerprint) || !sig.CanSign || sig.CanEncrypt || !sig.HasSecret ||
		!sig.Expires.Equal(testEpoch.Add(25*time.Hour)) {
		t.Errorf("signing subkey: %+v", sig)
	}
}

func TestChooseSigningKey(t *testing.T) {
	e := newTestKey(t, testEpoch, 365*24*time.Hour)
	enc := FingerprintOf(e.Subkeys[0].PublicKey.Fingerprint)
	primary := FingerprintOf(e.PrimaryKey.Fingerprint)
	short := addSigningSubkey(t, e, testEpoch.Add(2*time.Hour), 24*time.Hour)
	shortFPR := FingerprintOf(short.PublicKey.Fingerprint)
	long := addSigningSubkey(t, e, testEpoch.Add(time.Hour), 0)
	longFPR := FingerprintOf(long.PublicKey.Fingerprint)
	exact := func(f Fingerprint) Selector { return Selector{Text: string(f), Exact: true} }
	none := func(*packet.PublicKey) bool { return false }
	onlyPrimary := func(p *packet.PublicKey) bool { return !p.IsSubkey }

	for _, tt := range []struct {
		name   string
		sel    Selector
		now    time.Time
		usable func(*packet.PublicKey) bool
		want   Fingerprint
		reason string
	}{
		{"newest subkey", Selector{}, testEpoch.Add(3 * time.Hour), nil, shortFPR, ""},
		{"not yet made", Selector{}, testEpoch.Add(90 * time.Minute), nil, longFPR, ""},
		{"newest expired", Selector{}, testEpoch.Add(48 * time.Hour), nil, longFPR, ""},
		{"exact", exact(longFPR), testEpoch.Add(3 * time.Hour), nil, longFPR, ""},
		{"exact primary", exact(primary), testEpoch.Add(3 * time.Hour), nil, primary, ""},
		{"exact expired", exact(shortFPR), testEpoch.Add(48 * time.Hour), nil, "", "it expired on 2 March 2026"},
		{"exact encryption", exact(enc), testEpoch.Add(3 * time.Hour), nil, "", "it is not meant for signatures"},
		{"secret missing", Selector{}, testEpoch.Add(3 * time.Hour), none, "", "the secret part of its primary key is not here"},
		{"subkey secrets missing", Selector{}, testEpoch.Add(3 * time.Hour), onlyPrimary, primary, ""},
		{"all expired", Selector{}, testEpoch.Add(366 * 24 * time.Hour), nil, "", "it expired on 1 March 2027"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, expires, err := ChooseSigningKey(e, tt.sel, tt.now, tt.usable)
			if tt.reason != "" {
				var unusable *UnusableError
				if !errors.As(err, &unusable) || unusable.Reason != tt.reason {
					t.Fatalf("error %v, want the reason %q", err, tt.reason)
				}
				if about := tt.sel.Text; tt.sel.Exact && string(unusable.Key) != about || !tt.sel.Exact && unusable.Key != primary {
					t.Fatalf("%v is about another key than the one named", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if f := FingerprintOf(got.Fingerprint); f != tt.want {
				t.Errorf("chose %s, want %s", f, tt.want)
			}
			if tt.want == longFPR && !expires.Equal(testEpoch.Add(365*24*time.Hour)) {
				t.Errorf("expiry %v is not the primary key's", expires)
			}
		})
	}
	var notFound *NotFoundError
	if _, _, err := ChooseSigningKey(e, exact(Fingerprint(strings.Repeat("A", 40))), testEpoch, nil); !errors.As(err, &notFound) {
		t.Errorf("a selector that names none of the keys: %v", err)
	}
}

func TestChooseSigningKeyRevoked(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	if err := e.Revoke(packet.KeyRetired, "", testConfig(testEpoch.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ChooseSigningKey(e, Selector{}, testEpoch.Add(time.Minute), nil); err != nil {
		t.Errorf("before it was retired: %v", err)
	}
	_, _, err := ChooseSigningKey(e, Selector{}, testEpoch.Add(2*time.Hour), nil)
	var unusable *UnusableError
	if !errors.As(err, &unusable) || unusable.Reason != "it was revoked on 1 March 2026" {
		t.Errorf("after it was retired: %v", err)
	}
}
