package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

// TestEveryChangeElsewhere: what each change leaves is imported by gpg, into a home that has the key as
// it was before and into an empty one, public and secret, and listed there; and sq finds nothing
// invalid about it.
func TestEveryChangeElsewhere(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	first := generate(t, s, GenerateParams{Lifetime: 90 * 24 * time.Hour, Passphrase: secret(canary)}).Key
	second := generate(t, s, GenerateParams{Name: "Second", Email: "second@example.org", Passphrase: secret(canary)}).Key
	sel, ask := selector(first), always(canary)
	follows := gnupgHome(t)
	bring := func(home string, data []byte) {
		t.Helper()
		gpg(t, home, data, "--import")
	}
	subkey := func() keys.Fingerprint {
		t.Helper()
		list, err := s.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		k, err := keys.Select(list, sel)
		if err != nil {
			t.Fatal(err)
		}
		return k.Subkeys[len(k.Subkeys)-1].Fingerprint
	}
	const late = "late canary"
	for _, c := range []struct {
		name, pass string
		change     func() error
		pub, uid   string // what gpg lists as validity of the key, and a user id that it lists
	}{
		{"nothing yet", canary, func() error { return nil }, "", "alice@example.org"},
		{"Extend", canary, func() error {
			_, err := s.Extend(ctx, sel, ExtendParams{Lifetime: 800 * 24 * time.Hour}, ask)
			return err
		}, "", "alice@example.org"},
		{"Renew", canary, func() error { _, err := s.Renew(ctx, sel, ask); return err }, "", "alice@example.org"},
		{"AddUserID", canary, func() error {
			_, err := s.AddUserID(ctx, sel, AddUserIDParams{Name: "Alice", Email: "alice@new.example"}, ask)
			return err
		}, "", "alice@new.example"},
		{"SetPrimaryUserID", canary, func() error { _, err := s.SetPrimaryUserID(ctx, sel, "Alice <alice@new.example>", ask); return err }, "", "alice@new.example"},
		{"RevokeUserID", canary, func() error { _, err := s.RevokeUserID(ctx, sel, "alice@example.org", "moved", ask); return err }, "", "alice@new.example"},
		{"AddSubkey", canary, func() error { _, _, err := s.AddSubkey(ctx, sel, SubkeyParams{}, ask); return err }, "", "alice@new.example"},
		{"RotateSubkey", canary, func() error { _, err := s.RotateSubkey(ctx, sel, RotateParams{}, ask); return err }, "", "alice@new.example"},
		{"RevokeSubkey", canary, func() error {
			_, err := s.RevokeSubkey(ctx, sel, subkey(), RevokeParams{Reason: ReasonRetired}, ask)
			return err
		}, "", "alice@new.example"},
		{"Undo", canary, func() error { _, err := s.Undo(ctx, sel); return err }, "", "alice@new.example"},
		{"Vouch", canary, func() error { _, err := s.Vouch(ctx, selector(second), sel, ask); return err }, "", "alice@new.example"},
		{"ChangePassphrase", late, func() error { _, err := s.ChangePassphrase(ctx, sel, secret(late), ask); return err }, "", "alice@new.example"},
		{"ForgetPrevious", late, func() error { return s.ForgetPrevious(ctx, first.Fingerprint) }, "", "alice@new.example"},
		{"Revoke", late, func() error {
			_, err := s.Revoke(ctx, sel, RevokeParams{Reason: ReasonSuperseded, Text: "a new one"}, always(late))
			return err
		}, "r", "alice@new.example"},
		{"Undo of a revocation", late, func() error { _, err := s.Undo(ctx, sel); return err }, "", "alice@new.example"},
		{"ApplyRevocation", late, func() error { _, err := s.ApplyRevocation(ctx, sel); return err }, "r", "alice@new.example"},
	} {
		*now = now.Add(time.Minute)
		if err := c.change(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		public, err := s.ExportPublic(ctx, sel)
		if err != nil {
			t.Fatal(err)
		}
		private, err := s.ExportSecret(ctx, sel, always(c.pass))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		empty := gnupgHome(t)
		bring(empty, public)
		bring(empty, private)
		bring(follows, public) // which has it as it was before
		for kind, list := range map[string]string{"pub": "-k", "sec": "-K"} {
			lines := colons(t, empty, list, kind)
			if len(lines) != 1 || c.pub != "" && lines[0][colonValidity] != c.pub || c.pub == "" && lines[0][colonValidity] == "r" {
				t.Errorf("%s: gpg %s lists %q", c.name, list, lines)
			}
		}
		if out := gpg(t, empty, nil, "--with-colons", "-k"); !strings.Contains(out, c.uid) {
			t.Errorf("%s: gpg does not list %s:\n%s", c.name, c.uid, out)
		}
		if out := gpg(t, follows, nil, "--with-colons", "-k"); !strings.Contains(out, string(first.Fingerprint)) {
			t.Errorf("%s: gpg lists\n%s", c.name, out)
		}
		if _, out := sqInspect(t, s, first); c.pub == "r" && !strings.Contains(out, "Revoked") {
			t.Errorf("%s: sq says\n%s", c.name, out)
		}
	}
}
