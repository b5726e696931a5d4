package workflow

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"bulla/keys"
	"bulla/workflow/record"
)

// A release that only waits for its push needs no passphrase any more: resumed, it checks and pushes;
// and once somebody pushed by hand, nothing is unfinished. Where something is gone meanwhile, it is
// made again.
func TestOnlyThePushIsLeft(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	origin := filepath.Join(b.dir, "origin.git")
	b.git("init", "-q", "--bare", origin)
	b.git("-C", b.repo, "remote", "add", "origin", origin)
	hook := filepath.Join(origin, "hooks", "pre-receive")
	closed := func(yes bool) {
		err := os.Remove(hook)
		if yes {
			err = os.WriteFile(hook, []byte("#!/bin/sh\nexit 1\n"), 0o755)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	unpushed := func(version string) *Result {
		closed(true)
		b.clean()
		c := b.choices()
		c.Version, c.Push = version, true
		res := b.release(c)
		if res.PushFailed == nil {
			t.Fatal("it was pushed")
		}
		closed(false)
		return res
	}
	asked := 0
	count := Face{First: func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		asked++
		return keys.NewSecret([]byte(testPassphrase)), nil
	}}
	for _, c := range []struct {
		version string
		lose    bool
	}{{"1.0.0", false}, {"1.0.1", true}} {
		first := unpushed(c.version)
		if c.lose {
			if err := os.Remove(first.Record + ".asc"); err != nil {
				t.Fatal(err)
			}
		}
		asked = 0
		res, err := b.session().Resume(ctx, count)
		if err != nil || !res.Pushed || !res.Good() || (asked > 0) != c.lose {
			t.Fatalf("%s: asked %d times; %+v, %v", c.version, asked, res, err)
		}
		if res.TagID != first.TagID || len(res.Files) != len(first.Files) || res.Files[0].SHA256 != first.Files[0].SHA256 || !slices.Equal(res.Checksums, first.Checksums) || res.Record != first.Record {
			t.Errorf("%s: %+v, not %+v", c.version, res, first)
		}
		if got := b.git("-C", origin, "rev-parse", "v"+c.version); got != first.TagID {
			t.Errorf("the remote has %s", got)
		}
	}
	unpushed("1.0.2")
	if u, err := b.session().Unfinished(ctx); u == nil || err != nil {
		t.Errorf("not pushed, and not unfinished: %v", err)
	}
	b.git("-C", b.repo, "push", "-q", "origin", "v1.0.2")
	c := b.choices() // the next one begins as if nothing had been
	b.clean()
	if c.Version, c.Push = "1.0.3", true; !b.release(c).Pushed {
		t.Error("it was not pushed")
	}
	if u, err := b.session().Unfinished(ctx); u != nil || err != nil {
		t.Errorf("unfinished %+v, %v", u, err)
	}
}

// The plan names the lists that it writes anew.
func TestPlanNamesWhatItReplaces(t *testing.T) {
	b := newBench(t)
	b.release(b.choices())
	c := b.choices()
	c.Version, c.Replace = "1.0.1", true
	p, err := b.session().Plan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"SHA256SUMS", "SHA256SUMS.asc", record.Name, record.Name + ".asc"}; !slices.Equal(p.Replaced, want) {
		t.Errorf("%q", p.Replaced)
	}
}
