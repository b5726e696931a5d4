//go:build unix

package vault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"

	"golang.org/x/term"
)

// TestLeakSubject is no test of its own: .ci/tools/leaktest.py runs it, types a random
// passphrase, and watches every system call for it. It takes the passphrase through everything
// that this package does with one, in the place named by BULLA_LEAK_SUBJECT.
func TestLeakSubject(t *testing.T) {
	place := Backend(os.Getenv("BULLA_LEAK_SUBJECT"))
	if !place.valid() {
		t.Skip("run by .ci/tools/test-keyring.sh")
	}
	if err := Harden(); err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	ctx, dir := context.Background(), filepath.Join(home, "bulla")
	fmt.Print("Passphrase: ")
	b, err := term.ReadPassword(0)
	if err != nil {
		t.Fatal(err)
	}
	typed := keys.NewSecret(b)
	defer typed.Destroy()
	ask := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return typed.Clone(), nil }

	open := func() *Manager {
		return NewManager(ManagerOptions{
			Dir:      dir,
			Keychain: NewKeychain(KeychainOptions{Service: "bulla-leak", Env: os.Getenv, Index: filepath.Join(dir, "names")}),
			File:     NewFile(FileOptions{Dir: filepath.Join(dir, "vault"), WorkFactor: 4}),
		})
	}
	m := open()
	if place == BackendFile { // the canary is both the master passphrase and the entry
		if err := m.SetUp(ctx, ask); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Remember(ctx, reqA, typed, place); err != nil {
		t.Fatal(err)
	}
	next := open()
	s, err := next.Ask(ask, func(st Status) { fmt.Printf("%+v\n", st) })(ctx, reqA)
	if err != nil || !s.Equal(typed) {
		t.Fatal(err)
	}
	fmt.Printf("%v %+v %#v %s\n", s, s, typed, next.Notices())
	wrong := again(reqA, 2)
	if _, err := next.Ask(ask, nil)(ctx, wrong); err != nil {
		t.Fatal(err)
	}
	fmt.Println(next.Notices())
	if err := next.Forget(ctx, reqA); err != nil {
		t.Fatal(err)
	}
	next.Close()
	fmt.Println("done")
}
