package publish

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish/internal/standin"
	"bulla/keys/publish/web"
)

// giver is a key server that gives the same to whoever asks.
func giver(t testing.TB, data []byte) Target {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }))
	t.Cleanup(s.Close)
	return Target{KindHKP, "hkp://" + strings.TrimPrefix(s.URL, "http://")}
}

func fetch(t testing.TB, q string, from Target, known *keys.Keyring) ([]Found, []Miss) {
	t.Helper()
	query, err := ParseQuery(q)
	if err != nil {
		t.Fatal(err)
	}
	found, misses, err := New(Options{Client: impatient()}).Fetch(t.Context(), query, []Target{from}, known)
	if err != nil {
		t.Fatal(err)
	}
	return found, misses
}

// Another key than the one that was asked for is refused: also one that carries the subkey without
// its consent.
func TestOtherKeyRefused(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	other, otherF := ada(t, "Mallory <mallory@example.test>")
	from := giver(t, []byte(gpg(t, other, nil, "--armor", "--export")))
	sub := ringOf(t, home).Keys()[0].Subkeys[0].Fingerprint
	for _, q := range []string{string(f), f.KeyID(), string(sub)} {
		found, misses := fetch(t, q, from, nil)
		var wrong *WrongKeyError
		if len(found) != 0 || len(misses) != 1 || !errors.As(misses[0].Err, &wrong) || len(wrong.Got) != 1 || wrong.Got[0] != otherF {
			t.Errorf("%s: %+v, %+v", q, found, misses)
		}
	}
	// Mallory's key with Ada's subkey and binding behind it: the binding is by another key.
	stolen := append([]byte(gpg(t, other, nil, "--export")), subkeyPackets(t, home)...)
	found, misses := fetch(t, string(sub), giver(t, keys.ArmorPublicKey(stolen)), nil)
	if len(found) != 0 || len(misses) != 1 {
		t.Errorf("a stolen subkey: %+v, %+v", found, misses)
	}
	// Both at once: the right one is taken out.
	both := gpg(t, other, nil, "--armor", "--export") + gpg(t, home, nil, "--armor", "--export")
	if found, misses := fetch(t, string(f), giver(t, []byte(both)), nil); len(found) != 1 || found[0].Key.Fingerprint != f || len(misses) != 0 {
		t.Errorf("both: %+v, %+v", found, misses)
	}
}

// subkeyPackets are the last packets of a key made by ada: the subkey and its binding.
func subkeyPackets(t testing.TB, home string) []byte {
	t.Helper()
	dump := gpg(t, home, []byte(gpg(t, home, nil, "--export")), "--list-packets")
	i := strings.LastIndex(dump, "# off=")
	i = strings.LastIndex(dump[:i], "# off=")
	at := 0
	for _, c := range dump[i+len("# off="):] {
		if c < '0' || c > '9' {
			break
		}
		at = at*10 + int(c-'0')
	}
	return []byte(gpg(t, home, nil, "--export"))[at:]
}

// A key without user id is explained, refused for keeping, and added to what is known.
func TestKeyWithoutUserID(t *testing.T) {
	server := standin.NewVKS(t)
	home, f := ada(t, "Ada <ada@example.test>")
	old := ringOf(t, home)
	gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", string(f), "ed25519", "sign", "1y")
	ring := ringOf(t, home)
	p := New(Options{Client: impatient()})
	if r := publishOne(t, p, plan(t, ring, f, Choice{}, server.Target())); r.Err != nil {
		t.Fatal(r.Err)
	}
	src, err := ParseSource(server.Target(), "")
	if err != nil {
		t.Fatal(err)
	}
	found, misses := fetch(t, string(f), src, nil)
	if len(found) != 1 || found[0].Form != FormWithoutUserID || found[0].Data != nil || !strings.Contains(found[0].Note, "without a user id") {
		t.Errorf("unknown: %+v, %+v", found, misses)
	}
	found, _ = fetch(t, string(f), src, old)
	if len(found) != 1 || !found[0].Merged || len(found[0].Key.Subkeys) != 2 || found[0].Key.UserID() != "Ada <ada@example.test>" {
		t.Fatalf("known: %+v", found)
	}
	stranger := keystest.GnuPGHome(t)
	gpg(t, stranger, found[0].Data, "--import")
	if n := strings.Count(gpg(t, stranger, nil, "--with-colons", "--list-keys"), "\nsub:"); n != 2 {
		t.Errorf("gpg sees %d subkeys", n)
	}
	found, _ = fetch(t, string(f), src, ring)
	if len(found) != 1 || !strings.Contains(found[0].Note, "nothing in what came is new") {
		t.Errorf("nothing new: %+v", found)
	}
	confirm(t, server, "ada@example.test")
	for _, q := range []string{string(f), f.KeyID(), "Ada@example.test"} {
		if found, misses := fetch(t, q, src, nil); len(found) != 1 || found[0].Form != FormWhole {
			t.Errorf("%s: %+v, %+v", q, found, misses)
		}
	}
	if _, misses := fetch(t, "other@example.test", src, nil); len(misses) != 1 || !web.IsNotFound(misses[0].Err) {
		t.Errorf("misses %+v", misses)
	}
}

// A bare revocation, as Hockeypuck gives it, is checked with the key at hand.
func TestBareRevocation(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	rev, err := os.ReadFile(filepath.Join(home, "openpgp-revocs.d", string(f)+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	bare := []byte(strings.Replace(string(rev), ":-----BEGIN", "-----BEGIN", 1))
	from, ring := giver(t, bare), ringOf(t, home)
	found, misses := fetch(t, string(f), from, nil)
	if len(found) != 1 || found[0].Form != FormRevocation || found[0].Data != nil || !found[0].Revocation.Hard || !strings.Contains(found[0].Note, "cannot be checked") {
		t.Errorf("unknown: %+v, %+v", found, misses)
	}
	found, _ = fetch(t, string(f), from, ring)
	if len(found) != 1 || !found[0].Merged || !found[0].Key.Revoked || !strings.Contains(found[0].Note, "Nothing that it ever signed counts") {
		t.Fatalf("known: %+v", found)
	}
	gpg(t, home, found[0].Data, "--import")
	if got := gpg(t, home, nil, "--with-colons", "--list-keys"); !strings.Contains(got, "pub:r:") {
		t.Errorf("gpg:\n%s", got)
	}
	// What gpg says of it is what would be published, and a server that gives the bare
	// revocation has it.
	p := New(Options{Client: impatient()})
	if r := checkOne(t, p, plan(t, ringOf(t, home), f, Choice{}, from.String())); !r.Done() {
		t.Errorf("published and given as a bare revocation: %+v", r)
	}
	// Somebody else's revocation is none of Ada's key.
	bob, bobF := ada(t, "Bob <bob@example.test>")
	if found, misses := fetch(t, string(bobF), from, ringOf(t, bob)); len(found) != 0 || len(misses) != 1 {
		t.Errorf("another's: %+v, %+v", found, misses)
	}
	lines := strings.Split(strings.TrimSpace(string(bare)), "\n")
	last := lines[len(lines)-3] // before checksum and end
	lines[len(lines)-3] = strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}, last[:4]) + last[4:]
	forged := strings.Join(append(lines[:len(lines)-2], lines[len(lines)-1]), "\n") + "\n"
	if v := keys.LoneRevocations([]byte(forged)); len(v) != 1 {
		t.Fatalf("the broken one does not read: %v", v)
	}
	if found, _ := fetch(t, string(f), giver(t, []byte(forged)), ring); len(found) != 0 {
		t.Errorf("a broken one: %+v", found)
	}
}

func TestNonsenseAnswers(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	for name, data := range map[string]string{
		"onak's page":  "<html><body>Key not found</body></html>",
		"an empty key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\nNote: none\n\n=twTO\n-----END PGP PUBLIC KEY BLOCK-----\n",
		"cut off":      "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEaQ",
		"too big":      strings.Repeat("x", 3<<20),
		"nothing":      "",
	} {
		from := giver(t, []byte(data))
		found, misses := fetch(t, string(f), from, nil)
		var e *web.Error
		if len(found) != 0 || len(misses) != 1 || !errors.As(misses[0].Err, &e) {
			t.Errorf("%s: %+v, %+v", name, found, misses)
		}
		r := checkOne(t, New(Options{Client: impatient()}), plan(t, ringOf(t, home), f, Choice{}, from.String()))
		if r.Err == nil || r.Stage != StageNone {
			t.Errorf("%s: %+v", name, r)
		}
		// A server that takes everything and has nothing.
		r = publishOne(t, New(Options{Client: impatient()}), plan(t, ringOf(t, home), f, Choice{}, from.String()))
		if r.Err == nil || r.Stage != StageSent {
			t.Errorf("%s: published %+v", name, r)
		}
	}
}

// By URL the key is whatever is there; the place is named, and plain pages are refused.
func TestFetchURLAndFile(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("A project's keys.\n\n" + gpg(t, home, nil, "--armor", "--export")))
	}))
	defer s.Close()
	found, misses := fetch(t, s.URL+"/KEYS", Target{}, nil)
	if len(found) != 1 || found[0].Key.Fingerprint != f || found[0].From != strings.TrimPrefix(s.URL, "http://") {
		t.Errorf("%+v, %+v", found, misses)
	}
	path := filepath.Join(t.TempDir(), "KEYS")
	if err := os.WriteFile(path, []byte(gpg(t, home, nil, "--armor", "--export")), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := ParseSource("file:"+path, "")
	if err != nil {
		t.Fatal(err)
	}
	if found, misses := fetch(t, "ada@example.test", src, nil); len(found) != 1 {
		t.Errorf("%+v, %+v", found, misses)
	}
	var none *keys.NotFoundError
	if _, misses := fetch(t, strings.Repeat("B", 40), src, nil); len(misses) != 1 || !errors.As(misses[0].Err, &none) {
		t.Errorf("%+v", misses)
	}
}

func TestParseQuery(t *testing.T) {
	for text, want := range map[string]Query{
		"3e9c 0e14 0000 0000 0000  0000 0000 0000 0000 ee87": {Fingerprint: "3E9C0E1400000000000000000000" + "00000000EE87"},
		"0x3E9C0E140000EE87":          {KeyID: "3E9C0E140000EE87"},
		"ada@example.test":            {Address: "ada@example.test"},
		"https://github.com/ada.gpg":  {URL: "https://github.com/ada.gpg"},
		"":                            {},
		"EE87":                        {},
		"ada":                         {},
		"Ada <ada@example.test>":      {},
		"file:///etc/passwd":          {},
		"ada@example.test@evil.test":  {},
		"3E9C0E140000EE87 and others": {},
	} {
		got, err := ParseQuery(text)
		if got != want || (err != nil) != (want == Query{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{
		"hkps://keys.example.org": "hkps://keys.example.org", "hkp://127.0.0.1:11371/": "hkp://127.0.0.1:11371",
		"keys.openpgp.org": "vks:https://keys.openpgp.org", "keyserver.ubuntu.com": "hkps://keyserver.ubuntu.com",
		"github": "github:https://api.github.com", "codeberg": "gitea:https://codeberg.org", "gitea:https://git.example.org/": "gitea:https://git.example.org",
		"KEYS": "file:/proj/KEYS", "file:doc/KEYS": "file:/proj/doc/KEYS", "wkd:/srv/www": "wkd:/srv/www", "dns": "dns", "allowed-signers": "allowed-signers",
		"": "", "ubuntu": "", "https://keys.example.org": "", "hkps://": "", "hkps://a/path": "", "gitea:git.example.org": "", "gitlab:https://me:pw@host": "", "wkd:": "", "ldap://x": "",
	} {
		got, err := ParseTarget(text, "/proj")
		if err == nil && filepath.ToSlash(got.String()) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if err != nil {
			continue
		}
		if again, err := ParseTarget(got.String(), "/elsewhere"); again != got || err != nil {
			t.Errorf("%q reads as %q, %v", got, again, err)
		}
	}
}
