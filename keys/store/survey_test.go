package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"bulla/keys"
)

// examineAll gathers what Examine hands over.
func examineAll(t *testing.T, s *Store) (map[keys.Fingerprint]Examined, []error) {
	t.Helper()
	var mu sync.Mutex
	all := map[keys.Fingerprint]Examined{}
	problems, err := s.Examine(context.Background(), func(e Examined) {
		mu.Lock()
		defer mu.Unlock()
		all[e.Key.Fingerprint] = e
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, problems
}

// What Examine says of a key is what List says, with its health; a broken key does not hide others.
func TestExamine(t *testing.T) {
	s, _ := laterStore(t)
	a := generate(t, s, GenerateParams{Name: "Ada", Email: "ada@example.org"}).Key
	b := generate(t, s, GenerateParams{Name: "Bob", Email: "bob@example.org", Passphrase: secret(canary)}).Key
	if _, err := s.Extend(context.Background(), selector(b), ExtendParams{Lifetime: 1000 * 24 * 3600e9}, mustAsk(canary)); err != nil {
		t.Fatal(err)
	}
	c := generate(t, s, GenerateParams{Name: "Cyd", Email: "cyd@example.org"}).Key
	if err := os.WriteFile(filepath.Join(s.keyDir(c.Fingerprint), publicFile), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "stray"), 0o700); err != nil {
		t.Fatal(err)
	}
	glimpses, err := s.Glimpses(context.Background())
	if err != nil || len(glimpses) != 2 {
		t.Fatal(glimpses, err)
	}
	for _, g := range glimpses {
		want := map[keys.Fingerprint]string{a.Fingerprint: "Ada <ada@example.org>", b.Fingerprint: "Bob <bob@example.org>"}[g.Fingerprint]
		if !reflect.DeepEqual(g.Claims, []string{want}) || !g.Secret || !g.Created.Equal(a.Created) {
			t.Errorf("%+v", g)
		}
	}
	all, problems := examineAll(t, s)
	if len(all) != 3 || len(problems) != 1 {
		t.Fatalf("%d keys, problems %v", len(all), problems)
	}
	list, err := s.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		if e := all[k.Fingerprint]; e.Err != nil || !reflect.DeepEqual(e.Key, k) {
			t.Errorf("%+v, not as listed %+v", e, k)
		}
	}
	if e := all[a.Fingerprint]; !e.Unprotected || e.Changed || len(e.Ailments) == 0 { // it never expires
		t.Errorf("%+v", e)
	}
	if e := all[b.Fingerprint]; e.Unprotected || !e.Changed {
		t.Errorf("%+v", e)
	}
	var broken *ProblemError
	if e := all[c.Fingerprint]; !errors.As(e.Err, &broken) || filepath.Base(broken.Path) != publicFile {
		t.Errorf("%+v", e)
	}
	if e := s.ExamineOne(keys.Fingerprint("0BADC0DE00112233445566778899AABBCCDDEEFF")); !errors.Is(e.Err, os.ErrNotExist) {
		t.Errorf("%+v", e)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Examine(stopped, func(Examined) {}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
