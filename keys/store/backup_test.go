package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

// TestRehearse: a backup is restored, opened, signed with and remembered; one that would fail on
// the day it is needed fails now.
func TestRehearse(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Lifetime: time.Hour, Passphrase: secret(canary)})
	sel := selector(g.Key)
	data, err := s.ExportSecret(ctx, sel, mustAsk(canary))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Rehearse(ctx, data, mustAsk(canary))
	if err != nil || len(r.Opened) != 2 || len(r.Signed) != 2 || !r.Protected || !r.Recorded || r.Older || r.Key.Fingerprint != g.Key.Fingerprint {
		t.Fatalf("%v: %+v", err, r)
	}
	if k, err := s.describeKey(g.Key.Fingerprint); err != nil || !k.BackedUp.Equal(*now) {
		t.Errorf("%v: %+v", err, k)
	}

	// Expired by now, and extended here since: the backup is as good as ever.
	*now = now.Add(2 * time.Hour)
	if _, err := s.Extend(ctx, sel, ExtendParams{}, mustAsk(canary)); err != nil {
		t.Fatal(err)
	}
	if r, err = s.Rehearse(ctx, data, mustAsk(canary)); err != nil || len(r.Signed) != 2 || !r.Older {
		t.Errorf("%v: %+v", err, r)
	}
	// Elsewhere, where the key is not known.
	elsewhere := testStore(t, *now)
	if r, err = elsewhere.Rehearse(ctx, data, mustAsk(canary)); err != nil || r.Recorded {
		t.Errorf("%v: %+v", err, r)
	}
	if list, err := elsewhere.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("the rehearsal left a key: %v, %v", list, err)
	}

	if err := os.Remove(filepath.Join(s.keyDir(g.Key.Fingerprint), backedUpFile)); err != nil {
		t.Fatal(err)
	}
	var bad *BackupError
	public, err := s.ExportPublic(ctx, sel)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(data, []byte("\n\n"), []byte("\n\nAAAA"), 1)
	for name, backup := range map[string][]byte{"public only": public, "damaged": damaged, "empty": nil, "cut": data[:len(data)/2]} {
		if _, err := s.Rehearse(ctx, backup, always(canary)); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Rehearse(ctx, data, wrongAsk); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, _, err := s.AddSubkey(ctx, sel, SubkeyParams{}, mustAsk(canary)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rehearse(ctx, data, mustAsk(canary)); !errors.As(err, &bad) || bad.Key != g.Key.Fingerprint {
		t.Errorf("without the new subkey: %v", err)
	}
	if k, _ := s.describeKey(g.Key.Fingerprint); !k.BackedUp.IsZero() {
		t.Error("what failed was remembered as a backup")
	}
	entries, err := os.ReadDir(filepath.Dir(s.dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// TestHalfWritten: a change that was cut off between its two files left the old key.
func TestHalfWritten(t *testing.T) {
	ctx := context.Background()
	s, now := laterStore(t)
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	public := filepath.Join(s.keyDir(g.Key.Fingerprint), publicFile)
	before, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.AddSubkey(ctx, selector(g.Key), SubkeyParams{}, mustAsk(canary)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(previousPath(public)); err != nil {
		t.Fatal(err)
	}
	list, err := s.List(ctx)
	if err != nil || len(list) != 1 || len(list[0].Subkeys) != 1 || !list[0].HasSecret || len(s.Problems(ctx)) != 0 {
		t.Fatalf("%v: %+v, %v", err, list, s.Problems(ctx))
	}
	home := atGnuPG(t, s, list[0], canary)
	signsFor(t, s, list[0], home, canary, *now)
	k, err := s.Undo(ctx, selector(g.Key))
	if err != nil || len(k.Subkeys) != 1 || !k.HasSecret {
		t.Errorf("%v: %+v", err, k)
	}
}
