package dct

import (
	"context"
	"errors"
	"slices"
	"testing"

	"bulla/keys"
)

// What Sign would do and refuse is known beforehand, without a key being opened; and once the keys
// are open nobody is asked any more.
func TestProspect(t *testing.T) {
	w := newWorld(t)
	img := w.push("demo/app:v1")
	r := w.client.Repository(w.gun("demo/app"))
	nobody := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		t.Error("somebody was asked")
		return keys.Secret{}, keys.ErrNoPassphrase
	}
	var none *NotInitializedError
	var unpinned *UnpinnedError
	if _, err := r.CanSign(t.Context(), img, Trust{FirstUse: true}); !errors.As(err, &none) {
		t.Errorf("not initialised: %v", err)
	}
	s, err := r.Initialize(t.Context(), rootKey(t, w.client), Trust{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	trust := pinOf(s)
	if _, err := r.CanSign(t.Context(), img, Trust{}); !errors.As(err, &unpinned) {
		t.Errorf("nothing is pinned: %v", err)
	}
	w.client.Close() // forget what is open
	p, err := r.CanSign(t.Context(), img, trust)
	if err != nil || !slices.Equal(p.Roles, []string{"targets"}) || len(p.Keys) != 1 || !p.Released || p.Existing {
		t.Errorf("got %+v, %v", p, err)
	}
	wrong := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte("not this one")), nil
	}
	var locked *keys.UnlockError
	if err := r.Unlock(t.Context(), img, trust, wrong); !errors.As(err, &locked) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if err := r.Unlock(t.Context(), img, trust, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Sign(t.Context(), img, trust, nobody); err != nil {
		t.Fatal(err)
	}
	w.client.Close()
	if p, err := r.CanSign(t.Context(), img, trust); err != nil || !p.Existing {
		t.Errorf("signed already: %+v, %v", p, err)
	}
	if err := r.Unlock(t.Context(), img, trust, nobody); err != nil {
		t.Errorf("signed already, and a key was wanted: %v", err)
	}
	_, stranger := w.person(w.server.URL)
	var missing *MissingKeyError
	if _, err := stranger.Repository(r.GUN()).CanSign(t.Context(), w.push("demo/app:v2"), trust); !errors.As(err, &missing) || missing.Role != "targets" {
		t.Errorf("no key: %v", err)
	}
}

// The first signature of a repository wants the backup of its root key to have been tried, and a
// signer alone releases nothing: both are known beforehand.
func TestProspectRefuses(t *testing.T) {
	w := newWorld(t)
	img := w.push("demo/app:v1")
	r, trust := w.initialized("demo/app")
	fresh := w.clientIn(w.dockerDir, t.TempDir(), w.server.URL) // knows of no backup
	var custody *CustodyError
	if _, err := fresh.Repository(r.GUN()).CanSign(t.Context(), img, trust); !errors.As(err, &custody) {
		t.Errorf("no backup: %v", err)
	}
	if err := fresh.Repository(r.GUN()).Unlock(t.Context(), img, trust, answer); !errors.As(err, &custody) {
		t.Errorf("no backup: %v", err)
	}
	_, alice := w.person(w.server.URL)
	k, pub, err := alice.Keys().Generate(t.Context(), "alice", answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.AddSigner(t.Context(), "alice", []PublicKey{pub}, trust, answer); err != nil {
		t.Fatal(err)
	}
	p, err := alice.Repository(r.GUN()).CanSign(t.Context(), img, trust)
	if err != nil || !slices.Contains(p.Roles, "targets/alice") || !p.Released || !slices.Equal(p.Keys, []string{k.ID}) {
		t.Errorf("alice: %+v, %v", p, err)
	}
}
