package publish

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish/internal/standin"
	"bulla/keys/publish/web"
)

// Against a stand-in for keys.openpgp.org: what is not confirmed is not found, and gpg agrees.
func TestVerifyingServer(t *testing.T) {
	server := standin.NewVKS(t)
	home, f := ada(t, "Ada <Ada@example.test>", "Ada at home <home@ada.test>")
	p := New(Options{Client: impatient()})
	first := plan(t, ringOf(t, home), f, Choice{AllUserIDs: true}, server.Target())
	if notes := strings.Join(first.Items[0].Notes, " "); !strings.Contains(notes, "Ada@example.test, home@ada.test") && !strings.Contains(notes, "home@ada.test, Ada@example.test") {
		t.Errorf("the plan does not name the mails: %s", notes)
	}
	r := publishOne(t, p, first)
	if r.Err != nil || r.Stage != StageStored || !r.Waiting() || r.State() != "stored, waiting for the mail" {
		t.Fatalf("uploaded: %s, %+v", r.State(), r)
	}
	stranger := keystest.GnuPGHome(t)
	gpg(t, stranger, nil, "--keyserver", server.HKP(), "--recv-keys", string(f))
	if got := gpg(t, stranger, nil, "--list-keys"); strings.Contains(got, "Ada") {
		t.Errorf("gpg takes a key without user id now:\n%s", got)
	}

	confirm(t, server, "ada@example.test")
	if r = checkOne(t, p, first); r.Stage != StageFingerprint || !r.Waiting() || state(r, "Ada@example.test") != AddressFound || state(r, "home@ada.test") != AddressHidden {
		t.Errorf("one address confirmed: %s, %+v", r.State(), r)
	}
	if got := gpg(t, stranger, nil, "--keyserver", server.HKP(), "--recv-keys", string(f)) + gpg(t, stranger, nil, "--list-keys"); !strings.Contains(got, "Ada@example.test") || strings.Contains(got, "home@ada.test") {
		t.Errorf("gpg received:\n%s", got)
	}
	server.LimitEmail(3)
	if r = checkOne(t, p, first); r.Stage != StageFingerprint || state(r, "Ada@example.test") != AddressUnknown {
		t.Errorf("asked too often: %s, %+v", r.State(), r)
	}
	server.LimitEmail(0)
	confirm(t, server, "home@ada.test")
	server.Requests()
	if r = publishOne(t, p, first); !r.Done() || r.Stage != StageAddress {
		t.Errorf("both confirmed: %s, %+v", r.State(), r)
	}
	if slices.ContainsFunc(server.Requests(), func(s string) bool { return strings.Contains(s, "request-verify") }) {
		t.Error("mails were asked for although every address is confirmed")
	}

	// Another key of the same address takes it over.
	home2, f2 := ada(t, "Ada <ada@example.test>")
	second := plan(t, ringOf(t, home2), f2, Choice{}, server.Target())
	if r := publishOne(t, p, second); !r.Waiting() {
		t.Errorf("the second key: %s, %+v", r.State(), r)
	}
	confirm(t, server, "ada@example.test")
	if r = checkOne(t, p, first); state(r, "Ada@example.test") != AddressHidden {
		t.Errorf("the address belongs to another key: %+v", r)
	}
}

// confirm opens the link of a mail.
func confirm(t testing.TB, s *standin.VKS, address string) {
	t.Helper()
	link := s.Mail(address)
	if link == "" {
		t.Fatalf("no mail was sent to %s", address)
	}
	resp, err := http.Get(link)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

func checkOne(t testing.TB, p *Publisher, plan Plan) Result {
	t.Helper()
	rs, err := p.Check(t.Context(), plan)
	if err != nil || len(rs) != 1 {
		t.Fatalf("%d results, %v", len(rs), err)
	}
	return rs[0]
}

func state(r Result, address string) AddressState {
	for _, a := range r.Addresses {
		if a.Address == address {
			return a.State
		}
	}
	return ""
}

// publisherFor has the token of an account, and signs with gpg.
func publisherFor(t testing.TB, f *standin.Forge, home string) *Publisher {
	return New(Options{
		Client: impatient(),
		Token:  func(context.Context, Target) (keys.Secret, error) { return keys.NewSecret([]byte(f.Token)), nil },
		Sign: func(_ context.Context, fpr keys.Fingerprint, text []byte) ([]byte, error) {
			return []byte(gpg(t, home, text, "--armor", "--detach-sign", "--local-user", string(fpr), "--output", "-")), nil
		},
	})
}

// Against stand-ins for the forges: add, find again, renew, and put back what was taken away when
// the renewed version is refused.
func TestAccounts(t *testing.T) {
	for _, kind := range []string{"github", "gitlab", "gitea"} {
		t.Run(kind, func(t *testing.T) {
			server := standin.NewForge(t, kind)
			server.Emails = []string{"ada@example.test"}
			home, f := ada(t, "Ada <ada@example.test>")
			p := publisherFor(t, server, home)
			first := plan(t, ringOf(t, home), f, Choice{}, server.Target())
			if r := checkOne(t, p, first); !web.IsNotFound(r.Err) || r.Stage != StageNone {
				t.Errorf("before: %+v", r)
			}
			if r := publishOne(t, p, first); !r.Done() || r.Stage != StageAddress {
				t.Fatalf("added: %s, %+v", r.State(), r)
			}
			server.Requests()
			if r := publishOne(t, p, first); !r.Done() || slices.ContainsFunc(server.Requests(), writes) {
				t.Errorf("added again: %s, %+v", r.State(), r)
			}

			gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-set-expire", string(f), "3y")
			renewed := plan(t, ringOf(t, home), f, Choice{}, server.Target())
			n := 0
			server.Refuse(func(string) bool { n++; return n == 1 })
			r := publishOne(t, p, renewed)
			if r.Err == nil || !strings.Contains(strings.Join(r.Notes, " "), "put back") || server.Count() != 1 {
				t.Errorf("refused: %+v", r)
			}
			server.Refuse(nil)
			if r := checkOne(t, p, first); !r.Done() {
				t.Errorf("the old version was not put back: %+v", r)
			}
			// A page that goes on showing the old version is no success.
			server.Freeze(true)
			var differs *DifferenceError
			if r := publishOne(t, p, renewed); !errors.As(r.Err, &differs) || r.Done() || r.Stage != StageStored {
				t.Errorf("a page that lies: %s, %+v", r.State(), r)
			}
			server.Freeze(false)
			if r := checkOne(t, p, renewed); !r.Done() || server.Count() != 1 {
				t.Errorf("renewed: %s, %+v", r.State(), r)
			}
		})
	}
}

func writes(request string) bool { return !strings.HasPrefix(request, "GET ") }

// Gitea takes a key without a confirmed address only with a proof; without one nothing happens.
func TestGiteaProof(t *testing.T) {
	server := standin.NewForge(t, "gitea")
	home, f := ada(t, "Ada <ada@example.test>")
	p := publisherFor(t, server, home)
	first := plan(t, ringOf(t, home), f, Choice{}, server.Target())
	if r := publishOne(t, p, first); r.Err != nil || r.Stage != StageFingerprint || !r.Waiting() {
		t.Errorf("with a proof: %s, %+v", r.State(), r)
	}
	other := standin.NewForge(t, "gitea")
	unable := New(Options{Client: impatient(), Token: p.o.Token})
	if r := publishOne(t, unable, plan(t, ringOf(t, home), f, Choice{}, other.Target())); !web.IsNotFound(r.Err) || other.Count() != 0 {
		t.Errorf("without: %+v", r)
	}
}

// A token appears in no error, whatever the server repeats, and is not sent anywhere else.
func TestTokenLeaks(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	const canary = "canary-5f3a9c-token"
	for _, kind := range []string{"github", "gitlab", "gitea"} {
		server := standin.NewForge(t, kind)
		server.Blab()
		p := New(Options{Client: impatient(), Token: func(context.Context, Target) (keys.Secret, error) { return keys.NewSecret([]byte(canary)), nil }})
		r := publishOne(t, p, plan(t, ringOf(t, home), f, Choice{}, server.Target()))
		var e *web.Error
		if !errors.As(r.Err, &e) || e.Kind != web.KindToken || strings.Contains(r.Err.Error()+strings.Join(r.Notes, ""), canary) {
			t.Errorf("%s: %v", kind, r.Err)
		}
		if !strings.Contains(e.Detail, "[secret]") {
			t.Errorf("%s: the stand-in was to repeat the token: %q", kind, e.Detail)
		}
		for _, asked := range server.Requests() {
			if strings.Contains(asked, canary) {
				t.Errorf("%s: the token stands in an address: %s", kind, asked)
			}
		}
	}
	none := New(Options{Client: impatient()})
	r := publishOne(t, none, plan(t, ringOf(t, home), f, Choice{}, "github:http://127.0.0.1:1"))
	var missing *TokenError
	if !errors.As(r.Err, &missing) {
		t.Errorf("no token: %v", r.Err)
	}
	plain := New(Options{Client: impatient(), Token: func(context.Context, Target) (keys.Secret, error) { return keys.NewSecret([]byte(canary)), nil }})
	r = publishOne(t, plain, plan(t, ringOf(t, home), f, Choice{}, "gitlab:http://gitlab.invalid"))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "TLS only") {
		t.Errorf("a token in plain text: %v", r.Err)
	}
}

// A KEYS file is read by gpg, a renewed key replaces its block, and the rest stays to the byte.
func TestKeysFile(t *testing.T) {
	bob, bobF := ada(t, "Bob <bob@example.test>")
	home, f := ada(t, "Ada <ada@example.test>")
	path := filepath.Join(t.TempDir(), "KEYS")
	prose := "This file has the keys of the developers.\r\nImport it with gpg --import KEYS.\r\n\r\n"
	block := prose + strings.ReplaceAll(gpg(t, bob, nil, "--list-sigs")+"\n"+gpg(t, bob, nil, "--armor", "--export"), "\n", "\r\n")
	if err := os.WriteFile(path, []byte(block), 0o640); err != nil {
		t.Fatal(err)
	}
	p := New(Options{})
	target := "file:" + path
	if r := publishOne(t, p, plan(t, ringOf(t, home), f, Choice{}, target)); !r.Done() {
		t.Fatalf("added: %+v", r)
	}
	added := readAll(t, path)
	if !strings.HasPrefix(added, block) || strings.Contains(strings.ReplaceAll(added, "\r\n", ""), "\n") {
		t.Errorf("what stood there was changed:\n%s", added)
	}
	if r := publishOne(t, p, plan(t, ringOf(t, home), f, Choice{}, target)); !r.Done() || readAll(t, path) != added {
		t.Errorf("again: %+v", r)
	}
	if err := os.WriteFile(path, []byte(added+"\r\nEnd of the file\r\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-set-expire", string(f), "3y")
	renewed := plan(t, ringOf(t, home), f, Choice{}, target)
	if r := checkOne(t, p, renewed); r.Done() || len(r.Differences) == 0 {
		t.Errorf("stale: %+v", r)
	}
	if r := publishOne(t, p, renewed); !r.Done() {
		t.Errorf("renewed: %+v", r)
	}
	got := readAll(t, path)
	if !strings.HasPrefix(got, block) || !strings.HasSuffix(got, "-----END PGP PUBLIC KEY BLOCK-----\r\n\r\nEnd of the file\r\n") || strings.Count(got, "BEGIN PGP") != 2 || strings.Count(got, "uid           Ada") != 1 {
		t.Errorf("renewed:\n%s", got)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	stranger := keystest.GnuPGHome(t)
	gpg(t, stranger, nil, "--import", path)
	for _, k := range ringOf(t, stranger).Keys() {
		if k.Fingerprint == f && !k.Expires.Equal(renewed.Items[0].Key.Expires) || k.Fingerprint != f && k.Fingerprint != bobF {
			t.Errorf("gpg imported %+v", k)
		}
	}
}

func readAll(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The lines that are printed are those that gpg prints.
func TestPrintedLines(t *testing.T) {
	home, f := ada(t, "Ada <ada.l@example.test>")
	p := New(Options{})
	ring := ringOf(t, home)
	r := publishOne(t, p, plan(t, ring, f, Choice{}, "dns"))
	dane := gpg(t, home, nil, "--export", "--export-options", "export-dane", string(f))
	owner, _, _ := strings.Cut(r.Lines[0], "._openpgpkey.example.test. IN OPENPGPKEY ")
	if len(r.Lines) != 2 || !strings.Contains(dane, "\n"+owner+" TYPE61") || !strings.HasPrefix(r.Lines[1], `ada\.l.example.test. IN CERT PGP 0 0 `) {
		t.Errorf("records %q\ngpg's:\n%s", r.Lines, dane)
	}
	sub := ring.Keys()[0].Subkeys[0].Fingerprint
	r = publishOne(t, p, plan(t, ring, f, Choice{}, "allowed-signers"))
	want := strings.Fields(gpg(t, home, nil, "--export-ssh-key", string(sub)+"!"))
	if len(r.Lines) != 1 || !strings.HasPrefix(r.Lines[0], "ada.l@example.test namespaces=\"git\",valid-after=") || !strings.HasSuffix(r.Lines[0], " "+want[0]+" "+want[1]) {
		t.Errorf("lines %q\ngpg's %q", r.Lines, want)
	}
}
