package store

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// TestEveryAlgorithmOfGnuPG: keys of every signing algorithm that gpg 2.2 makes are imported,
// sign for gpg, are extended, and go back to gpg under another passphrase.
func TestEveryAlgorithmOfGnuPG(t *testing.T) {
	ctx := context.Background()
	const other = "canary-99b1 other"
	origin := gnupgHome(t)
	for _, algorithm := range []string{
		"rsa1024", "rsa2048", "rsa3072", "rsa4096", "dsa1024", "dsa2048", "dsa3072", "ed25519",
		"nistp256", "nistp384", "nistp521", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "secp256k1",
	} {
		t.Run(algorithm, func(t *testing.T) {
			if testing.Short() && (algorithm == "rsa4096" || algorithm == "dsa3072") {
				t.Skip("making it takes seconds")
			}
			k := makeGnuPGKey(t, origin, "", canary, algorithm+" sign,cert 30d")
			now := time.Now().Add(2 * time.Second)
			s := testStore(t, now)
			im := importAll(t, s, k.secret)[0]
			if !im.Key.HasSecret || im.Key.Algorithm != algorithm {
				t.Fatalf("%+v", im.Key)
			}
			signer := unlocked(t, s, "", mustAsk(canary))
			sig, err := signer.Sign(ctx, hashed(signer.Key().Hash, "text"), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if status := gpgVerifies(t, origin, sig, "text"); !keystest.HasStatus(status, "GOODSIG") {
				t.Errorf("gpg says %q", status)
			}
			extended, err := s.Extend(ctx, selector(im.Key), ExtendParams{Lifetime: 90 * 24 * time.Hour}, mustAsk(canary))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.ChangePassphrase(ctx, selector(im.Key), secret(other), mustAsk(canary)); err != nil {
				t.Fatal(err)
			}
			home := atGnuPG(t, s, extended, other)
			if got := expiries(t, home); !slices.Equal(got, []string{unix(extended.Expires)}) {
				t.Errorf("gpg reads the end %q", got)
			}
			if v := gnupgSigns(t, s, home, other, time.Now().Add(time.Minute)); v.Status != keys.StatusGood && v.Status != keys.StatusWeak {
				t.Errorf("gpg's signature: %+v", v)
			}
		})
	}
}

// TestBrokenSelfSignatures: a key with a self-signature that is damaged, is over something else,
// stands in the wrong place, or is missing, is read all the same, and never loses its packets.
func TestBrokenSelfSignatures(t *testing.T) {
	ctx := context.Background()
	home := gnupgHome(t)
	k := makeGnuPGKey(t, home, "", "", "ed25519 cert never", "ed25519 sign never", "cv25519 encr never")
	gpg(t, home, nil, "--quick-add-uid", k.primary, "Second <second@example.org>")
	k.export(t, home, "", "--export-secret-keys")
	whole, err := splitPackets(dearmored(t, k.secret))
	if err != nil {
		t.Fatal(err)
	}
	// primary, user id, its signature, user id, its signature, subkey, binding, subkey, binding
	if len(whole) != 9 {
		t.Fatalf("%d packets", len(whole))
	}
	damaged := pgp.New(pgp.TagSignature, bytes.Clone(whole[2].Body))
	damaged.Body[len(damaged.Body)-1] ^= 1
	with := func(edit func(p []pgp.Packet) []pgp.Packet) []byte {
		var out []byte
		for _, p := range edit(slices.Clone(whole)) {
			out = append(out, p.Raw...)
		}
		return out
	}
	for name, data := range map[string][]byte{
		"damaged beside a good one": with(func(p []pgp.Packet) []pgp.Packet { return slices.Insert(p, 2, damaged) }),
		"one user id damaged":       with(func(p []pgp.Packet) []pgp.Packet { p[2] = damaged; return p }),
		"binding missing":           with(func(p []pgp.Packet) []pgp.Packet { return slices.Delete(p, 8, 9) }),
		"user ids last":             with(func(p []pgp.Packet) []pgp.Packet { return slices.Concat(p[:1], p[5:], p[1:5]) }),
		"signature of another":      with(func(p []pgp.Packet) []pgp.Packet { return slices.Insert(p, 3, p[4]) }),
		"cut signature": with(func(p []pgp.Packet) []pgp.Packet {
			return slices.Insert(p, 2, pgp.New(pgp.TagSignature, p[2].Body[:20]))
		}),
		"signatures swapped":    with(func(p []pgp.Packet) []pgp.Packet { p[2], p[4] = p[4], p[2]; return p }),
		"bindings at the front": with(func(p []pgp.Packet) []pgp.Packet { return slices.Concat(p[:1], p[6:7], p[8:9], p[1:6], p[7:8]) }),
	} {
		s := testStore(t, time.Now().Add(time.Second))
		im := importAll(t, s, data)
		if len(im) != 1 || !im[0].Key.HasSecret || !im[0].Key.CanCertify {
			t.Errorf("%s: %+v", name, im)
			continue
		}
		signer := unlocked(t, s, k.primary, notAsked(t))
		sig, err := signer.Sign(ctx, hashed(signer.Key().Hash, "text"), time.Now())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v := judge(t, storedPublic(t, s), sig, "text", time.Now().Add(time.Minute)); v.Status != keys.StatusGood {
			t.Errorf("%s: %+v", name, v)
		}
		if list, err := s.List(ctx); err != nil || len(list) != 1 || len(s.Problems(ctx)) != 0 {
			t.Errorf("%s: %v %v", name, err, s.Problems(ctx))
		}
		// A renewal makes it sound for gpg and sq too.
		if _, err := s.Renew(ctx, keys.Selector{}, notAsked(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		public, err := s.ExportPublic(ctx, keys.Selector{})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := keystest.Run(t, nil, nil, keystest.Peer(t, "sq"), "inspect", writeFile(t, "cert.asc", public))
		if head, _, _ := strings.Cut(out, "Subkey:"); err != nil || strings.Contains(head, "Invalid") {
			t.Errorf("%s: sq says %v\n%s", name, err, out)
		}
	}
}
