package ui

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/store"
	wizard "bulla/workflow/firstkey"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

// listener is a key server that takes everything, gives nothing, and remembers all it was asked.
type listener struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	keys  []string // armored, as they came
}

func listen(t *testing.T) *listener {
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked = append(l.asked, r.Method+" "+r.URL.RequestURI())
		if r.Method == http.MethodPost {
			l.keys = append(l.keys, r.FormValue("keytext"))
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) target() string { return "hkp://" + strings.TrimPrefix(l.URL, "http://") }

// silent fails the test if anything was asked.
func (l *listener) silent(t *testing.T, when string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.asked) > 0 {
		t.Fatalf("%s the server was asked: %q", when, l.asked)
	}
}

// got checks that one key came, first of all, and with these user ids alone.
func (l *listener) got(t *testing.T, f keys.Fingerprint, ids ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.keys) != 1 || !strings.HasPrefix(l.asked[0], "POST ") {
		t.Fatalf("%d keys, asked %q", len(l.keys), l.asked)
	}
	ring, err := keys.ReadKeyring([]byte(l.keys[0]), keys.SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	list := ring.Keys()
	if len(list) != 1 || list[0].Fingerprint != f || strings.Join(list[0].UserIDs, "|") != strings.Join(ids, "|") {
		t.Errorf("sent %+v, want %s with %q", list, f, ids)
	}
	for _, other := range []string{"users.noreply", "PRIVATE"} {
		if data := keys.ArmorPublicKey(ring.Export(f)); bytes.Contains(data, []byte(other)) || strings.Contains(l.keys[0], other) {
			t.Errorf("%q was sent", other)
		}
	}
}

const hiddenAddress = "77+ada@users.noreply.github.com"

// unpublished is a world with a key of two user ids that was backed up and is published nowhere.
func unpublished(t *testing.T) (*world.World, string, keys.Fingerprint) {
	t.Helper()
	dir := t.TempDir()
	for k, v := range map[string]string{"HOME": dir, "XDG_CONFIG_HOME": filepath.Join(dir, "none"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": filepath.Join(dir, "gitconfig"), "GNUPGHOME": filepath.Join(dir, "none")} {
		t.Setenv(k, v)
	}
	w, err := world.New(t.Context(), world.Options{Home: filepath.Join(dir, "home"), NoGnuPG: true, NoKeychain: true, Registry: docker.Options{}, Env: os.Getenv, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	pass := keys.NewSecret([]byte(wizardCanary))
	defer pass.Destroy()
	m, err := wizard.New(w, dir).Make(t.Context(), wizard.Params{Name: "Ada", Email: "ada@example.org", Also: []string{hiddenAddress}, Algorithm: store.AlgorithmEd25519, Passphrase: pass})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Store.MarkBackedUp(t.Context(), m.Key.Fingerprint, time.Now()); err != nil {
		t.Fatal(err)
	}
	return w, dir, m.Key.Fingerprint
}

// TestWizardSendsNothingUnasked: a server hears nothing before the preview was agreed to, nor where it
// was not; then it gets the key with the user ids that were shown, and no other.
func TestWizardSendsNothingUnasked(t *testing.T) {
	w, dir, f := unpublished(t)
	server := listen(t)
	p := playWizard(t, wizard.New(w, dir), func(o *FirstKeyOptions) { o.Now, o.Key = time.Now, f }, false)
	p.see("The backup works").press("enter").see("A backup on paper").press("enter").see("It declares").press("down", "enter").see("is its fingerprint").press("enter")
	p.see("keys.openpgp.org").press(" ").press("end", "up", "up", server.target(), "enter").see(strings.TrimPrefix(server.target(), "hkp://"))
	server.silent(t, "before a preview was asked for")
	p.press("enter").see("This would become public").see("not sent").readOn()
	server.silent(t, "while the preview was read")
	p.press("enter").see("Make this public?")
	server.silent(t, "while it was asked")
	p.press("n").press("esc").see("shall others find it")
	server.silent(t, "after it was declined")
	p.press("enter").see("This would become public").readOn().press("enter").see("Make this public?").press("y").see("What became of it")
	server.got(t, f, "Ada <ada@example.org>")
}

// TestKeysSendNothingUnasked: the same on the page of all keys.
func TestKeysSendNothingUnasked(t *testing.T) {
	w, dir, f := unpublished(t)
	server := listen(t)
	p := playKeys(t, nil, func(o *KeysOptions) {
		o.Now, o.Path = time.Now, func(s string) string { return filepath.Join(dir, s) }
		o.Open = func(context.Context) (Keys, error) { return keydesk.New(&w.Places), nil }
	}, false).size(100, 50)
	look := func() {
		p.see("Nowhere, as far as bulla knows").press("p").see("Where shall it be published?")
		for range 20 {
			if strings.Contains(p.r.View(), "> other") {
				break
			}
			p.press("down")
		}
		p.press(server.target(), "enter", "enter", "enter").see("This would become public").see("not sent")
	}
	look()
	server.silent(t, "while the preview was read")
	p.press("n")
	server.silent(t, "after it was declined")
	look()
	p.press("y").see("does not have the key")
	server.got(t, f, "Ada <ada@example.org>")
}
