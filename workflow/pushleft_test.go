package workflow

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/artifacts"
	"bulla/gitops"
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

// A remote may have several addresses to push to. The plan names them all; a tag that only some of
// them took is public, and its push is not done.
func TestPushedInPart(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	hook := b.origin("") // refuses
	origin, mirror := filepath.Dir(filepath.Dir(hook)), filepath.Join(b.dir, "mirror.git")
	b.git("init", "-q", "--bare", mirror)
	b.git("-C", b.repo, "config", "--add", "remote.origin.pushurl", mirror)
	b.git("-C", b.repo, "config", "--add", "remote.origin.pushurl", origin)
	c := b.choices()
	c.Push = true
	res := b.release(c)
	if got, want := res.Plan.PushAddresses(), []string{mirror, origin}; !slices.Equal(got, want) {
		t.Errorf("planned %q, want %q", got, want)
	}
	var push *gitops.PushError
	if !errors.As(res.PushFailed, &push) || !slices.Equal(push.Arrived, []string{mirror}) {
		t.Fatalf("%v", res.PushFailed)
	}
	if u, err := b.session().Unfinished(ctx); u == nil || err != nil {
		t.Errorf("half pushed, and nothing left to do: %v", err)
	}
	// One address that has it is enough, whether or not the other answers.
	if err := os.Rename(origin, origin+".away"); err != nil {
		t.Fatal(err)
	}
	done, err := b.session().Abandon(ctx)
	if err := os.Rename(origin+".away", origin); err != nil {
		t.Fatal(err)
	}
	if err != nil || len(done.Removed) > 0 || !strings.Contains(strings.Join(done.Kept, " "), mirror) {
		t.Errorf("taken back what is public: %+v, %v", done, err)
	}
	b.git("-C", b.repo, "rev-parse", "--verify", "refs/tags/v1.0.0")

	// The next version is free where git fetches from, and taken at one address of the push.
	b.clean()
	b.git("-C", b.repo, "push", "-q", mirror, "HEAD:refs/tags/v1.0.1")
	c.Version = "1.0.1"
	b.refused(c, RuleTagRemote)
}

// A remote that was renamed since may have the tag all the same.
func TestAbandonAsksWhereThePushWent(t *testing.T) {
	b := newBench(t)
	hook := b.origin("")
	c := b.choices()
	c.Push = true
	if b.release(c).PushFailed == nil {
		t.Fatal("it was pushed")
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	b.git("-C", b.repo, "push", "-q", "origin", "v1.0.0")
	b.git("-C", b.repo, "remote", "remove", "origin")
	if done, err := b.session().Abandon(t.Context()); err != nil || len(done.Removed) > 0 {
		t.Errorf("taken back what is public: %+v, %v", done, err)
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
	if got := p.Shown(record.Name); got != "dist/"+record.Name {
		t.Errorf("the record is shown as %q", got)
	}
	other := t.TempDir()
	p.Files, p.Dir = []PlannedFile{{File: artifacts.File{Path: filepath.Join(other, "x"), Name: filepath.Join(other, "x")}}}, other
	if got := p.Shown(record.Name); got != filepath.Join(other, record.Name) {
		t.Errorf("the record elsewhere is shown as %q", got)
	}
}
