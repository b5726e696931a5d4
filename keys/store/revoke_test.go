package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

// userIDs are gpg's user ids with their validity, the primary one first.
func userIDs(t testing.TB, home string) (out []string) {
	t.Helper()
	for _, f := range colons(t, home, "-k", "uid") {
		out = append(out, f[colonValidity]+" "+f[9])
	}
	return out
}

// TestUserIDs: added, made the primary one, revoked and brought back, as gpg and sq see it.
func TestUserIDs(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Lifetime: 90 * 24 * time.Hour, Passphrase: secret(canary)})
	sel := selector(g.Key)
	const first, second = "Alice Example <alice@example.org>", "Alice Releases <alice@acme.example>"

	k, err := s.AddUserID(ctx, sel, AddUserIDParams{Name: "Alice Releases", Email: "alice@acme.example"}, mustAsk(canary))
	if err != nil || !slices.Equal(k.UserIDs, []string{first, second}) || !k.Expires.Equal(g.Key.Expires) || !k.CanCertify || k.CanSign {
		t.Fatalf("%v: %+v", err, k)
	}
	home := atGnuPG(t, s, k, canary)
	if got := userIDs(t, home); !slices.Equal(got, []string{"- " + first, "- " + second}) && len(got) != 2 {
		t.Errorf("gpg lists %q", got)
	} else if !strings.HasSuffix(got[0], first) {
		t.Errorf("gpg takes %q for the primary user id", got[0])
	}
	if _, out := sqInspect(t, s, k); !strings.Contains(out, second) {
		t.Errorf("sq reads\n%s", out)
	}

	*now = now.Add(time.Minute)
	if k, err = s.SetPrimaryUserID(ctx, sel, "ALICE@acme.example", mustAsk(canary)); err != nil || k.UserID() != second {
		t.Errorf("%v: %q", err, k.UserIDs)
	}
	*now = now.Add(time.Minute)
	if k, err = s.RevokeUserID(ctx, sel, first, "moved on", mustAsk(canary)); err != nil || !slices.Equal(k.UserIDs, []string{second}) {
		t.Errorf("%v: %q", err, k.UserIDs)
	}
	home = atGnuPG(t, s, k, canary)
	if got := userIDs(t, home); len(got) != 2 || !strings.HasSuffix(got[0], second) || got[1] != "r "+first {
		t.Errorf("gpg lists %q", got)
	}
	signsFor(t, s, k, home, canary, *now)

	var change *ChangeError
	if _, err := s.RevokeUserID(ctx, sel, second, "", mustAsk(canary)); !errors.As(err, &change) {
		t.Errorf("the last user id: %v", err)
	}
	var param *ParamError
	for _, id := range []string{"nobody@example.org", first} {
		if _, err := s.RevokeUserID(ctx, sel, id, "", mustAsk(canary)); !errors.As(err, &param) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := s.AddUserID(ctx, sel, AddUserIDParams{Name: "Alice Releases", Email: "alice@acme.example"}, mustAsk(canary)); !errors.As(err, &param) {
		t.Errorf("twice: %v", err)
	}
	*now = now.Add(time.Minute)
	if k, err = s.AddUserID(ctx, sel, AddUserIDParams{Name: "Alice Example", Email: "alice@example.org", Primary: true}, mustAsk(canary)); err != nil || !slices.Equal(k.UserIDs, []string{first, second}) {
		t.Errorf("%v: %q", err, k.UserIDs)
	}
	home = atGnuPG(t, s, k, canary)
	if got := userIDs(t, home); len(got) != 2 || !strings.HasSuffix(got[0], first) || strings.HasPrefix(got[0], "r") {
		t.Errorf("gpg lists %q", got)
	}
}

// TestSubkeys: an added subkey signs, the old one's signatures stay good after a rotation, and a
// revoked one signs no more.
func TestSubkeys(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	sel := selector(g.Key)
	old := g.Key.Subkeys[0].Fingerprint
	signer := unlocked(t, s, "", mustAsk(canary))
	early, err := signer.Sign(ctx, hashed(signer.Key().Hash, "early"), *now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.MarkBackedUp(ctx, g.Key.Fingerprint, *now); err != nil {
		t.Fatal(err)
	}

	*now = now.Add(10 * time.Minute)
	k, added, err := s.AddSubkey(ctx, sel, SubkeyParams{Lifetime: 24 * time.Hour}, mustAsk(canary))
	if err != nil || len(k.Subkeys) != 2 || !k.BackedUp.IsZero() || added == old {
		t.Fatalf("%v: %+v", err, k)
	}
	if sub := k.Subkeys[1]; sub.Fingerprint != added || !sub.CanSign || !sub.HasSecret || sub.Algorithm != AlgorithmEd25519 || !sub.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("%+v", sub)
	}
	if got := unlocked(t, s, "", mustAsk(canary)).Key().Fingerprint; got != added {
		t.Errorf("%s signs, not the new one", got)
	}
	home := atGnuPG(t, s, k, canary)
	signsFor(t, s, k, home, canary, *now)
	if ssb := colons(t, home, "-K", "ssb"); len(ssb) != 2 || ssb[1][colonUsage] != "s" || ssb[1][colonToken] != "+" {
		t.Errorf("gpg lists %q", ssb)
	}

	*now = now.Add(10 * time.Minute)
	r, err := s.RotateSubkey(ctx, sel, RotateParams{}, mustAsk(canary))
	if err != nil || len(r.Key.Subkeys) != 3 || len(r.Retired) != 2 {
		t.Fatalf("%v: %+v", err, r)
	}
	for _, sub := range r.Key.Subkeys {
		if sub.Revoked != (sub.Fingerprint != r.Added) {
			t.Errorf("%+v", sub)
		}
	}
	home = atGnuPG(t, s, r.Key, canary)
	signsFor(t, s, r.Key, home, canary, *now)
	if v := gnupgSigns(t, s, home, canary, time.Now().Add(time.Minute)); v.Status != keys.StatusGood || v.Signer.Fingerprint != r.Added {
		t.Errorf("gpg's signature: %+v", v)
	}
	for i, f := range colons(t, home, "-k", "sub") {
		if (f[colonValidity] == "r") != (i < 2) {
			t.Errorf("gpg lists %q", f)
		}
	}
	if v := judge(t, storedPublic(t, s), early, "early", *now); v.Status != keys.StatusGoodExpiredSince {
		t.Errorf("signed before the rotation: %+v", v)
	}
	if _, out := sqInspect(t, s, r.Key); strings.Count(out, "Key is superseded") < 2 {
		t.Errorf("sq reads\n%s", out)
	}

	*now = now.Add(10 * time.Minute)
	if k, err = s.RevokeSubkey(ctx, sel, r.Added, RevokeParams{Reason: ReasonCompromised, Text: "stolen laptop"}, mustAsk(canary)); err != nil {
		t.Fatal(err)
	}
	var unusable *keys.UnusableError
	if _, err := s.Signer(ctx, sel); !errors.As(err, &unusable) {
		t.Errorf("every subkey is revoked, and yet: %v", err)
	}
	var change *ChangeError
	if _, err := s.RevokeSubkey(ctx, sel, r.Added, RevokeParams{Reason: ReasonRetired}, mustAsk(canary)); !errors.As(err, &change) {
		t.Errorf("revoked twice: %v", err)
	}
	checkFileModes(t, s)
}

// TestRotateKeepsOld: the old subkey stays valid where that was asked for; RSA follows RSA.
func TestRotateKeepsOld(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Lifetime: 48 * time.Hour})
	*now = now.Add(time.Minute)
	r, err := s.RotateSubkey(ctx, selector(g.Key), RotateParams{KeepOld: true}, notAsked(t))
	if err != nil || len(r.Retired) != 0 || r.Key.Subkeys[0].Revoked || r.Key.Subkeys[1].Fingerprint != r.Added || !r.Key.Subkeys[1].Expires.Equal(g.Key.Expires) {
		t.Errorf("%v: %+v", err, r)
	}
	home := atGnuPG(t, s, r.Key, "")
	signsFor(t, s, r.Key, home, "", *now)
}

// TestRevoke: what each reason means to gpg, to sq and to the judge of older signatures.
func TestRevoke(t *testing.T) {
	ctx := context.Background()
	for reason, words := range map[RevocationReason]struct {
		sq     string
		before keys.Status
	}{
		ReasonNone:        {"No reason specified", keys.StatusRevoked},
		ReasonSuperseded:  {"Key is superseded", keys.StatusGoodExpiredSince},
		ReasonCompromised: {"Key material has been compromised", keys.StatusRevoked},
		ReasonRetired:     {"Key is retired and no longer used", keys.StatusGoodExpiredSince},
	} {
		t.Run(string(reason), func(t *testing.T) {
			s, now := laterStore(t)
			g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
			signer := unlocked(t, s, "", mustAsk(canary))
			early, err := signer.Sign(ctx, hashed(signer.Key().Hash, "early"), *now)
			if err != nil {
				t.Fatal(err)
			}
			*now = now.Add(10 * time.Minute)
			k, err := s.Revoke(ctx, selector(g.Key), RevokeParams{Reason: reason, Text: "see https://example.org/new"}, mustAsk(canary))
			if err != nil || !k.Revoked {
				t.Fatalf("%v: %+v", err, k)
			}
			home := gnupgHome(t)
			gpg(t, home, storedPublic(t, s), "--import")
			if pub := colons(t, home, "-k", "pub"); len(pub) != 1 || pub[0][colonValidity] != "r" {
				t.Errorf("gpg lists %q", pub)
			}
			if _, out := sqInspect(t, s, k); !strings.Contains(out, words.sq) || !strings.Contains(out, "see https://example.org/new") {
				t.Errorf("sq reads\n%s", out)
			}
			if v := judge(t, storedPublic(t, s), early, "early", *now); v.Status != words.before {
				t.Errorf("signed before: %s, want %s", v.Status, words.before)
			}
			if reason.Hard() != (words.before == keys.StatusRevoked) {
				t.Errorf("Hard() = %v", reason.Hard())
			}
			if !keystest.HasStatus(gpgVerifies(t, home, early, "early"), "REVKEYSIG") {
				t.Error("gpg does not warn, which Effect says it does")
			}
		})
	}
}

// TestApplyRevocation: the stored certificate needs no passphrase, and a new one can be made.
func TestApplyRevocation(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	sel := selector(g.Key)
	if _, err := s.MakeRevocation(ctx, sel, mustAsk(canary)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("there is one already: %v", err)
	}
	if err := os.Remove(g.Revocation); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyRevocation(ctx, sel); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is none: %v", err)
	}
	*now = now.Add(time.Minute)
	path, err := s.MakeRevocation(ctx, sel, mustAsk(canary))
	if err != nil || path != g.Revocation || !s.HasRevocation(g.Key.Fingerprint) {
		t.Fatalf("%q, %v", path, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	home := gnupgHome(t)
	gpg(t, home, storedPublic(t, s), "--import")
	gpg(t, home, nil, "--import", path)
	if pub := colons(t, home, "-k", "pub"); pub[0][colonValidity] != "r" {
		t.Errorf("gpg lists %q", pub)
	}
	if k, err := s.ApplyRevocation(ctx, sel); err != nil || !k.Revoked {
		t.Errorf("%v: %+v", err, k)
	}
}

// TestUndo: back to the version before, whichever files it has, and forth again.
func TestUndo(t *testing.T) {
	ctx := context.Background()
	const other = "another passphrase"
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Lifetime: 24 * time.Hour, Passphrase: secret(canary)})
	sel := selector(g.Key)
	var change *ChangeError
	if _, err := s.Undo(ctx, sel); !errors.As(err, &change) {
		t.Errorf("nothing to undo: %v", err)
	}
	if _, ok := s.Previous(g.Key.Fingerprint); ok {
		t.Error("a new key has a previous version")
	}
	if _, err := s.ChangePassphrase(ctx, sel, secret(other), mustAsk(canary)); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Minute)
	extended, err := s.Extend(ctx, sel, ExtendParams{Lifetime: 48 * time.Hour}, mustAsk(other))
	if err != nil {
		t.Fatal(err)
	}
	if old, ok := s.Previous(g.Key.Fingerprint); !ok || !old.Expires.Equal(g.Key.Expires) {
		t.Errorf("previous: %+v", old)
	}
	for _, want := range []time.Time{g.Key.Expires, extended.Expires} {
		k, err := s.Undo(ctx, sel)
		if err != nil || !k.Expires.Equal(want) {
			t.Errorf("%v: expires %v, want %v", err, k.Expires, want)
		}
		// The passphrase was changed before the last change and stays.
		if _, err := s.ExportSecret(ctx, sel, mustAsk(other)); err != nil {
			t.Error(err)
		}
	}
	before, err := s.ExportSecret(ctx, sel, mustAsk(other))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.AddSubkey(ctx, sel, SubkeyParams{}, mustAsk(other)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Undo(ctx, sel); err != nil {
		t.Fatal(err)
	}
	if after, err := s.ExportSecret(ctx, sel, mustAsk(other)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("not the same as before: %v", err)
	}
	if err := s.ForgetPrevious(ctx, g.Key.Fingerprint); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Previous(g.Key.Fingerprint); ok {
		t.Error("the previous version was not forgotten")
	}
	if _, err := s.ExportSecret(ctx, sel, mustAsk(other)); err != nil {
		t.Error(err)
	}
	checkFileModes(t, s)
}

// TestDelete: never without a backup unless forced, and the certificate stays.
func TestDelete(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	other := generate(t, s, GenerateParams{Name: "Other"})
	var refused *NotBackedUpError
	if _, err := s.Delete(ctx, selector(g.Key), false); !errors.As(err, &refused) || refused.Key != g.Key.Fingerprint {
		t.Errorf("without a backup: %v", err)
	}
	if err := s.MarkBackedUp(ctx, g.Key.Fingerprint, *now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(ctx, selector(g.Key), false); err != nil {
		t.Error(err)
	}
	if _, err := s.Delete(ctx, selector(other.Key), true); err != nil {
		t.Error(err)
	}
	if list, err := s.List(ctx); err != nil || len(list) != 0 || len(s.Problems(ctx)) != 0 {
		t.Errorf("%v, %v, %v", list, err, s.Problems(ctx))
	}
	if !s.HasRevocation(g.Key.Fingerprint) {
		t.Error("the certificate went with the key")
	}
	var notFound *keys.NotFoundError
	if _, err := s.Delete(ctx, selector(g.Key), true); !errors.As(err, &notFound) {
		t.Errorf("deleted twice: %v", err)
	}
	checkFileModes(t, s)
}
