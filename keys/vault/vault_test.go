package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
)

const (
	fpr = "0123456789ABCDEF0123456789ABCDEF01234567"
	// canary is a passphrase that must turn up nowhere.
	canary = "cAnArY-horse battery"
)

var keyA, keyB = Key("openpgp/" + fpr), Key("cosign/" + strings.Repeat("AB", 32))

func secret(s string) keys.Secret { return keys.NewSecret([]byte(s)) }

func reveal(t testing.TB, s keys.Secret) string {
	t.Helper()
	var out string
	if err := s.Use(func(b []byte) error { out = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func mustGet(t testing.TB, v Vault, k Key, want string) {
	t.Helper()
	s, err := v.Get(context.Background(), k)
	if err != nil {
		t.Fatalf("Get(%s): %v", k, err)
	}
	defer s.Destroy()
	if got := reveal(t, s); got != want {
		t.Fatalf("Get(%s) = %q, want %q", k, got, want)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	noCanary(t, err)
}

// noCanary fails if a value shows the canary in any way it can be printed.
func noCanary(t testing.TB, vs ...any) {
	t.Helper()
	for _, v := range vs {
		for _, format := range []string{"%v", "%+v", "%#v", "%q", "%x"} {
			s := fmt.Sprintf(format, v)
			if strings.Contains(s, canary) || strings.Contains(s, fmt.Sprintf("%x", canary)) {
				t.Fatalf("%s shows the passphrase: %s", format, s)
			}
		}
	}
}

// noCanaryInFiles fails if the canary stands in a file below dir.
func noCanaryInFiles(t testing.TB, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		data, err := os.ReadFile(p)
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("%s holds the passphrase", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no file to search: the test proves nothing")
	}
}

func TestKeyCheck(t *testing.T) {
	good := []Key{keyA, keyB, "gpg/" + fpr, "openpgp/a", "x/a/b/c", "token/ghcr.io:443/me@example.org", Key("a/" + strings.Repeat("x", 128))}
	for _, k := range good {
		if err := k.Check(); err != nil {
			t.Error(err)
		}
	}
	bad := []Key{
		"", "x", "/x", "a/", "a//b", "A/b", "-a/b", "a/b/c/d/e", "a/b c", "a/b'c", `a/b"c`, "a/b\nc", "a/b\\c", "a/b$c",
		"a/\x00", "a/\xff", "a/ü", "a/b\n", Key("a/" + strings.Repeat("x", 129)), Key("a" + strings.Repeat("/"+strings.Repeat("x", 128), 3)),
	}
	for _, k := range bad {
		if err := k.Check(); !errors.Is(err, ErrBadKey) {
			t.Errorf("%q passed: %v", k, err)
		}
	}
}

func TestKeyFor(t *testing.T) {
	for purpose, want := range map[keys.PassphrasePurpose]Key{
		keys.PurposeOpenPGP: "openpgp/" + fpr,
		keys.PurposeAgent:   "gpg/" + fpr,
		keys.PurposeImage:   "cosign/" + fpr,
	} {
		if got := KeyFor(keys.PassphraseRequest{Purpose: purpose, ID: fpr, Label: "x"}); got != want || got.Check() != nil {
			t.Errorf("%s: %s", purpose, got)
		}
	}
}

func TestMemory(t *testing.T) {
	ctx, m := context.Background(), NewMemory()
	mine := secret(canary)
	if err := m.Set(ctx, keyA, mine); err != nil {
		t.Fatal(err)
	}
	mine.Destroy() // the copy inside is another
	mustGet(t, m, keyA, canary)
	if err := m.Set(ctx, keyB, secret("")); err != nil {
		t.Fatal(err)
	}
	mustGet(t, m, keyB, "")
	wantErr(t, m.Set(ctx, "bad", secret("x")), ErrBadKey)
	wantErr(t, m.Set(ctx, keyA, keys.Secret{}), keys.ErrNoSecret)
	if names, _ := m.List(ctx); len(names) != 2 || names[0] != keyB {
		t.Fatal(names)
	}
	noCanary(t, m, m.Describe(ctx))

	held := m.entries[keyA] // the very bytes inside
	m.Wipe()
	if !held.IsZero() {
		t.Fatal("Wipe left the passphrase in place")
	}
	_, err := m.Get(ctx, keyA)
	wantErr(t, err, ErrNotFound)
	wantErr(t, m.Delete(ctx, keyA), ErrNotFound)
}
