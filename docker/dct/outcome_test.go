package dct

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
)

// Somebody else has signed the same tag for the same digest: that makes no success of a signature
// that never reached the server, nor of one that was taken back in vain.
func TestLostIsNotDone(t *testing.T) {
	a := newAttacked(t)
	img := a.push("team/app:2")
	gun := a.owner.GUN()
	_, alice := a.person(a.server.URL)
	_, bob := a.person(a.attacker.url)
	for name, c := range map[string]*Client{"alice": alice, "bob": bob} {
		_, pub, err := c.Keys().Generate(t.Context(), name, answer)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.owner.AddSigner(t.Context(), name, []PublicKey{pub}, a.trust, answer); err != nil {
			t.Fatal(err)
		}
	}
	mustSign(t, alice.Repository(gun), img, a.trust)
	drop := func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	a.attacker.set(drop)
	var locked *keys.UnlockError
	if got, err := bob.Repository(gun).Sign(t.Context(), img, a.trust, answer); err == nil || errors.As(err, &locked) {
		t.Errorf("%+v, %v", got, err)
	}
	wantSigners(t, mustRead(t, a.owner, a.trust), "2", "alice")
	a.attacker.set(nil)
	mustSign(t, bob.Repository(gun), img, a.trust)
	wantSigners(t, mustRead(t, a.owner, a.trust), "2", "alice", "bob")
	a.attacker.set(drop)
	if got, err := bob.Repository(gun).Revoke(t.Context(), "2", a.trust, answer); err == nil {
		t.Errorf("%+v", got)
	}
	wantSigners(t, mustRead(t, a.owner, a.trust), "2", "alice", "bob")
}

// What becomes of a change on its way: the server refuses it, never gets it, gets it after the client
// gave up, or its answer is lost. A new key is deleted only where the server cannot have it.
func TestOutcomes(t *testing.T) {
	changes := map[string]func(a *attacked, c *Client) (*Repository, error){
		"sign": func(a *attacked, c *Client) (*Repository, error) {
			_, err := c.Repository(a.owner.GUN()).Sign(a.t.Context(), a.push("team/app:2"), a.trust, answer)
			return a.owner, err
		},
		"rotate targets": func(a *attacked, c *Client) (*Repository, error) {
			_, err := c.Repository(a.owner.GUN()).RotateTargets(a.t.Context(), a.trust, answer)
			return a.owner, err
		},
		"add a signer": func(a *attacked, c *Client) (*Repository, error) {
			_, other := a.person(a.server.URL)
			_, pub, err := other.Keys().Generate(a.t.Context(), "carol", answer)
			if err != nil {
				a.t.Fatal(err)
			}
			_, _, err = c.Repository(a.owner.GUN()).AddSigner(a.t.Context(), "carol", []PublicKey{pub}, a.trust, answer)
			return a.owner, err
		},
		"initialize": func(a *attacked, c *Client) (*Repository, error) {
			r := c.Repository(a.gun("team/new"))
			roots, err := c.Keys().List()
			if err != nil || len(roots) == 0 || roots[0].Role != roleRoot {
				a.t.Fatal(roots, err)
			}
			_, err = r.Initialize(a.t.Context(), roots[0].ID, Trust{}, answer)
			return r, err
		},
	}
	for what, do := range changes {
		for _, way := range []string{"refused", "dropped", "late", "answer lost", "gateway"} {
			t.Run(what+", "+way, func(t *testing.T) { testOutcome(t, what, way, do) })
		}
	}
}

func testOutcome(t *testing.T, what, way string, do func(*attacked, *Client) (*Repository, error)) {
	a := newAttacked(t)
	_ = a.push("team/app:2")
	dir, c := a.person(a.attacker.url)
	private := filepath.Join("trust", "private")
	if err := os.CopyFS(filepath.Join(dir, private), os.DirFS(filepath.Join(a.dockerDir, private))); err != nil {
		t.Fatal(err)
	}
	copyCustody(t, a.client, c)
	late := func() {}
	a.attacker.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || strings.HasSuffix(r.URL.Path, ".key") {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		deliver := func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.server.URL+r.URL.Path, bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = r.Header.Clone()
			resp, err := a.server.CA.Client(t).Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
				t.Errorf("the server took nothing: %d", resp.StatusCode)
			}
		}
		switch way {
		case "refused":
			w.WriteHeader(http.StatusForbidden)
			return true
		case "gateway":
			w.WriteHeader(http.StatusBadGateway)
			late = deliver
			return true
		case "late":
			late = deliver
		case "answer lost":
			deliver()
		}
		panic(http.ErrAbortHandler)
	})
	before := len(keyFiles(t, dir))
	r, err := do(a, c)
	a.attacker.set(nil)
	made := len(keyFiles(t, dir)) - before
	makes := 0
	if what == "initialize" || what == "rotate targets" {
		makes = 1
	}
	var server *ServerError
	var lost *UnknownOutcomeError
	switch unknown := errors.As(err, &lost); {
	case way == "refused" && (!errors.As(err, &server) || unknown || made != 0):
		t.Errorf("%d keys made; %T: %v", made, err, err)
	case way == "answer lost" && (err != nil || made != makes):
		t.Errorf("%d keys made; %T: %v", made, err, err)
	case way != "refused" && way != "answer lost" && (!unknown || made != makes):
		t.Errorf("%d keys made; %T: %v", made, err, err)
	}
	if late(); makes == 0 || way != "late" && way != "gateway" && way != "answer lost" {
		return
	}
	s, err := r.Read(t.Context(), Trust{FirstUse: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range s.role(roleTargets).KeyIDs {
		if !c.Keys().has(id) {
			t.Error("the targets key that the server has now is gone")
		}
	}
}

// copyCustody lets a client know of the backups that another has tried.
func copyCustody(t *testing.T, from, to *Client) {
	t.Helper()
	b, err := os.ReadFile(from.Keys().custodyPath())
	if err == nil {
		err = os.WriteFile(to.Keys().custodyPath(), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
