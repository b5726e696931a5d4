package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

// TestBrokenKey: a key that cannot be read is named with the reason, the others stay usable, and it is
// moved aside with every byte of it, so that a backup takes its place.
func TestBrokenKey(t *testing.T) {
	ctx := t.Context()
	for name, spoil := range map[string]func(dir string) error{
		"no packet":    func(dir string) error { return os.WriteFile(filepath.Join(dir, publicFile), []byte("garbage"), 0o600) },
		"empty":        func(dir string) error { return os.Truncate(filepath.Join(dir, publicFile), 0) },
		"no public":    func(dir string) error { return os.Remove(filepath.Join(dir, publicFile)) },
		"short secret": func(dir string) error { return os.Truncate(filepath.Join(dir, secretFile), 40) },
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
			other := generate(t, s, GenerateParams{Name: "Other", Email: "other@example.org", Passphrase: secret(canary)}).Key
			k := generate(t, s, GenerateParams{Passphrase: secret(canary)}).Key
			sel := keys.ParseSelector(string(k.Fingerprint))
			ask, _ := answering(canary)
			backup, err := s.ExportSecret(ctx, sel, ask)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.MoveAside(ctx, k.Fingerprint); !errors.As(err, new(*ReadableError)) {
				t.Fatalf("moved aside while it could be read: %v", err)
			}
			if err := spoil(s.keyDir(k.Fingerprint)); err != nil {
				t.Fatal(err)
			}
			before := files(t, s.keyDir(k.Fingerprint))

			var p *ProblemError
			if list := s.Problems(ctx); len(list) != 1 || !errors.As(list[0], &p) || p.Key != k.Fingerprint {
				t.Fatalf("problems: %v", list)
			}
			if list, err := s.List(ctx); err != nil || len(list) != 1 || list[0].Fingerprint != other.Fingerprint {
				t.Errorf("the others: %v, %v", list, err)
			}
			if _, err := s.ExportPublic(ctx, sel); !errors.As(err, &p) || p.Key != k.Fingerprint {
				t.Errorf("exporting it: %v", err)
			}
			if _, err := s.ExportPublic(ctx, keys.ParseSelector(string(other.Fingerprint))); err != nil {
				t.Errorf("exporting another: %v", err)
			}
			if name != "no public" { // then nothing tells that there was a secret without a backup
				if _, err := s.Delete(ctx, sel, false); !errors.As(err, new(*NotBackedUpError)) {
					t.Errorf("deleting it without a backup: %v", err)
				}
			}

			path, err := s.MoveAside(ctx, k.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			if after := files(t, path); after != before {
				t.Errorf("aside is %q, was %q", after, before)
			}
			if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%v, %v", info, err)
			}
			if list := s.Problems(ctx); len(list) != 0 {
				t.Errorf("problems are left: %v", list)
			}
			if _, err := s.Import(ctx, bytes.NewReader(backup)); err != nil {
				t.Fatalf("the backup: %v", err)
			}
			if list, _ := s.List(ctx); len(list) != 2 {
				t.Errorf("after the backup came back: %v", list)
			}
			// A second one goes beside the first.
			if err := spoil(s.keyDir(k.Fingerprint)); err != nil {
				t.Fatal(err)
			}
			if second, err := s.MoveAside(ctx, k.Fingerprint); err != nil || second == path {
				t.Errorf("%s, %v", second, err)
			}
			if _, err := s.MoveAside(ctx, k.Fingerprint); !errors.As(err, new(*keys.NotFoundError)) {
				t.Errorf("what is gone: %v", err)
			}
		})
	}
}

// TestDeleteBroken: it goes for good once that is forced, alone.
func TestDeleteBroken(t *testing.T) {
	s := testStore(t, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	generate(t, s, GenerateParams{Name: "Other", Email: "other@example.org", Passphrase: secret(canary)})
	k := generate(t, s, GenerateParams{Passphrase: secret(canary)}).Key
	if err := os.WriteFile(filepath.Join(s.keyDir(k.Fingerprint), publicFile), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := s.Delete(t.Context(), keys.ParseSelector(string(k.Fingerprint)), true)
	if err != nil || got.Fingerprint != k.Fingerprint {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := os.Stat(s.keyDir(k.Fingerprint)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it stayed")
	}
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 || len(s.Problems(t.Context())) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if entries, _ := os.ReadDir(s.dir); len(entries) != 2 { // the other key, and the lock
		t.Errorf("%v", entries)
	}
}

// files are the names and contents of the files in a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(e.Name() + "\x00" + string(data) + "\x00")
	}
	return out.String()
}
