package dct

import (
	"errors"
	"net/http"
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
