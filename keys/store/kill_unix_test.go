//go:build unix

package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"bulla/keys"
)

const killVariable = "BULLA_TEST_KILL_STORE"

func init() {
	if dir := os.Getenv(killVariable); dir != "" {
		changeForEver(dir)
	}
}

// killPasses are the two passphrases between which the child below changes.
var killPasses = [2]string{"first canary", "second canary"}

// killAsk tries one passphrase, then the other.
func killAsk() keys.AskPassphrase {
	return func(_ context.Context, r keys.PassphraseRequest) (keys.Secret, error) {
		return secret(killPasses[(r.Attempt-1)%2]), nil
	}
}

// changeForEver changes the only key of a store, one way after the other, until it is killed. It
// says on standard output that it began.
func changeForEver(dir string) {
	fail := func(err error) {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	ctx := context.Background()
	s := Open(Options{Dir: dir})
	fmt.Println("ready")
	for i := 1; ; i++ {
		var err error
		switch i % 4 {
		case 0:
			_, err = s.Extend(ctx, keys.Selector{}, ExtendParams{Lifetime: time.Duration(i) * 24 * time.Hour}, killAsk())
		case 1:
			_, _, err = s.AddSubkey(ctx, keys.Selector{}, SubkeyParams{}, killAsk())
		case 2:
			_, err = s.ChangePassphrase(ctx, keys.Selector{}, secret(killPasses[i/4%2]), killAsk())
		case 3:
			_, err = s.Undo(ctx, keys.Selector{})
		}
		var change *ChangeError // dated ahead of the clock, after many changes in a second
		if err != nil && !errors.As(err, &change) {
			fail(err)
		}
	}
}

// TestKilledChange: whenever a change is killed, the key that is left is the old one or the new
// one: it can be read, opened, changed again and signs, and nothing is left lying about.
func TestKilledChange(t *testing.T) {
	ctx := context.Background()
	s := testStore(t, time.Now())
	g := generate(t, s, GenerateParams{Passphrase: secret(killPasses[0])})
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), killVariable+"="+s.dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("the child says %q", lines.Text())
		}
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if lines.Scan() {
			t.Fatalf("the child says %q", lines.Text())
		}
		_ = child.Wait()

		later := Open(Options{Dir: s.dir, Now: func() time.Time { return time.Now().Add(time.Hour) }})
		list, err := later.List(ctx)
		if err != nil || len(list) != 1 || list[0].Fingerprint != g.Key.Fingerprint || !list[0].HasSecret {
			t.Fatalf("after a kill: %v, %+v, %v", err, list, later.Problems(ctx))
		}
		if problems := later.Problems(ctx); len(problems) != 0 {
			t.Errorf("problems: %v", problems)
		}
		signer, err := later.Signer(ctx, keys.Selector{})
		if err != nil {
			t.Fatal(err)
		}
		if err := signer.Unlock(ctx, killAsk()); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Hour)
		sig, err := signer.Sign(ctx, hashed(signer.Key().Hash, "text"), at)
		if err != nil {
			t.Fatal(err)
		}
		_ = signer.Close()
		if v := judge(t, storedPublic(t, later), sig, "text", at.Add(time.Minute)); v.Status != keys.StatusGood {
			t.Errorf("after a kill: %+v", v)
		}
		if k, err := later.ChangePassphrase(ctx, keys.Selector{}, secret(killPasses[0]), killAsk()); err != nil || !k.HasSecret {
			t.Errorf("after a kill: %v", err)
		}
		if _, ok := later.Previous(g.Key.Fingerprint); !ok {
			t.Error("no previous version")
		}
		checkFileModes(t, later)
	}
}
