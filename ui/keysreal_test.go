package ui

import (
	"bytes"
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

// TestKeysForReal does with a real store and a real GnuPG what a person does on the page: a key is
// made, extended, gets a user id and a new subkey, is backed up, published to a KEYS file, copied to
// GnuPG, revoked, brought back, and deleted; gpg judges what comes out. The passphrase is on no
// screen and in no file.
func TestKeysForReal(t *testing.T) {
	home, gnupg := t.TempDir(), keystest.GnuPGHome(t)
	if err := os.WriteFile(filepath.Join(gnupg, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := world.New(context.Background(), world.Options{
		Home: filepath.Join(home, "bulla"), GnuPGHome: gnupg, NoKeychain: true, Registry: docker.Options{}, Env: func(string) string { return "" }, Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	path := func(name string) string { return filepath.Join(home, name) }
	p := playKeys(t, nil, func(o *KeysOptions) {
		o.Open = func(context.Context) (Keys, error) { return keydesk.New(&w.Places), nil }
		o.Path, o.Now = path, time.Now
	}, false).size(130, 60).see("No keys yet")
	list := func() keys.Key {
		t.Helper()
		list, err := w.Store.List(context.Background())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	gpgShows := func(file string, want ...string) {
		t.Helper()
		data, err := os.ReadFile(path(file))
		if err != nil {
			t.Fatal(err)
		}
		out, errOut, err := keystest.GPG(t, gnupg, data, "--with-colons", "--show-keys")
		if err != nil {
			t.Fatal(errOut)
		}
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("gpg does not see %q in %s:\n%s", text, file, out)
			}
		}
	}

	p.press("n", "Rhea", "enter", "rhea@acme.org", "enter", "enter", "ctrl+u", "1y", "enter").see("make it").press("y").see("once more").answer().answer().see("The key is made").press("esc").see("1 key · 1 with the secret key, 1 of them")
	first := list()
	p.press("e", "ctrl+u", "3y", "enter").see("extend it").press("y").answer().see("p publishes it")
	if end := list().Expires; !end.After(first.Expires) {
		t.Errorf("it expires %s", end)
	}
	p.choose("Add a user id").press("tab", "rhea@new.example", "tab", "tab", "enter").see("add it").press("y").see("Added Rhea")
	p.choose("Replace the subkey").press("tab", "tab", "enter").see("replace it").press("y").see("1 subkey retired")
	p.press("b", "enter", "key.asc", "enter").see("back it up").press("y").answer().see("Once more").answer().see("The backup works").press("esc")
	gpgShows("key.asc", "sec:", "rhea@acme.org", "rhea@new.example", string(first.Fingerprint))

	p.press("p").see("Where shall")
	for range 4 {
		p.press("down")
	}
	for range 6 {
		if strings.Contains(p.r.View(), "> [ ] the file KEYS") {
			break
		}
		p.press("down")
	}
	p.press(" ", "enter").see("make it public").press("y").see("in the file as it is now").press("esc").see("1 place")
	gpgShows("KEYS", "pub:", "rhea@acme.org")
	if data, err := os.ReadFile(path("KEYS")); err != nil || bytes.Contains(data, []byte("PRIVATE")) {
		t.Error(err)
	}

	p.choose("Copy it to GnuPG").see("copy it").press("y").see("GnuPG has the key").see("both")
	if out, _, err := keystest.GPG(t, gnupg, nil, "--with-colons", "--list-secret-keys"); err != nil || !strings.Contains(out, string(first.Fingerprint)) {
		t.Errorf("%v\n%s", err, out)
	}
	p.choose("Revoke it").see("Why?").press("enter", "enter").see("end of the fingerprint").press(string(first.Fingerprint[32:]), "enter").see("The key is revoked").see("1 stale")
	if !list().Revoked {
		t.Error("not revoked")
	}
	p.press("u").see("not revoked").press("y").see("as it was before")
	if k := list(); k.Revoked || len(k.UserIDs) != 2 {
		t.Errorf("%+v", k)
	}
	p.choose("Delete it").see("end of the fingerprint").press(string(first.Fingerprint[32:]), "enter").see("Deleted the key").see("GnuPG")
	if left, err := w.Store.List(context.Background()); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
	p.press("i", "key.asc", "enter").see("import them").see("with its secret key").press("y").see("1 new key").see("both")
	if k := list(); k.Fingerprint != first.Fingerprint || !k.HasSecret {
		t.Errorf("%+v", k)
	}
	notInFiles(t, home)
}

// notInFiles fails when a file below dir holds a part of the passphrase.
func notInFiles(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(keyCanary[:11])) {
			t.Errorf("a part of the passphrase is in %s", path)
		}
		return err
	})
	if err != nil || n < 5 {
		t.Fatal(n, err)
	}
}
