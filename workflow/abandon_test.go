package workflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"bulla/gitops"
)

// countdown is a context that is cancelled the n-th time somebody looks whether it is.
type countdown struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newCountdown(n int64) *countdown {
	ctx, cancel := context.WithCancel(context.Background())
	c := &countdown{Context: ctx, cancel: cancel}
	c.left.Store(n)
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// leave runs a release that stops right after the record is made.
func (b *bench) leave(c Choices) {
	b.t.Helper()
	s := b.session()
	plan, err := s.Plan(context.Background(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err = s.Run(ctx, plan, Face{Ask: answer, Emit: func(e Event) {
		if eventName(e) == "StepDone record" {
			cancel()
		}
	}})
	var inc *IncompleteError
	if !errors.As(err, &inc) {
		b.t.Fatalf("the run was not left: %v", err)
	}
}

// Cancelled at any of its looks at the context, taking back says so and tells what is gone, and a
// second try takes back the rest: nothing is half-released in silence.
func TestCancelAbandonAnywhere(t *testing.T) {
	b := newBench(t)
	origin := filepath.Join(b.dir, "origin.git")
	b.git("init", "-q", "--bare", origin)
	b.git("-C", b.repo, "remote", "add", "origin", origin)
	inPart := 0
	for n := int64(0); ; n++ {
		b.leave(b.choices())
		ctx := newCountdown(n)
		a, err := b.session().Abandon(ctx)
		ctx.cancel()
		if err == nil {
			if n < 5 || inPart == 0 {
				t.Fatalf("cancelled at %d looks, %d of them in the middle", n, inPart)
			}
			break
		}
		var stopped *AbandonError
		if !errors.Is(err, context.Canceled) || !errors.As(err, &stopped) {
			t.Fatalf("cancelled at look %d: %v", n, err)
		}
		if strings.Join(stopped.Removed, "\n") != strings.Join(a.Removed, "\n") {
			t.Errorf("look %d: removed %v, told %v", n, a.Removed, stopped.Removed)
		}
		if len(a.Removed) > 0 {
			inPart++
		}
		if tagThere := b.git("-C", b.repo, "tag") != ""; tagThere && (len(b.made()) != 6 || len(a.Removed) > 0) {
			t.Errorf("look %d: the tag stands, beside it %v", n, b.made())
		}
		if u, err := b.session().Unfinished(context.Background()); u == nil || err != nil {
			t.Fatalf("look %d: unfinished %v, %v", n, u, err)
		}
		again, err := b.session().Abandon(context.Background())
		if err != nil || len(again.Kept) > 0 {
			t.Fatalf("look %d: again %+v, %v", n, again, err)
		}
		if got := len(a.Removed) + len(again.Removed); got != 7 {
			t.Errorf("look %d: removed %d things in all", n, got)
		}
		if left := b.made(); len(left) > 0 || b.git("-C", b.repo, "tag") != "" {
			t.Fatalf("look %d: left %v", n, left)
		}
	}
}

// Where the remote cannot be asked, the tag may be public: nothing is removed, nothing given up.
func TestAbandonWhereTheRemoteIsOutOfReach(t *testing.T) {
	ctx := context.Background()
	for name, after := range map[string]func(b *bench){
		"resumed": func(b *bench) {
			if res, err := b.session().Resume(ctx, Face{Ask: answer}); err != nil || !res.Good() {
				t.Error(err)
			}
		},
		"taken back once the remote answers": func(b *bench) {
			b.git("init", "-q", "--bare", filepath.Join(b.dir, "origin.git"))
			if a, err := b.session().Abandon(ctx); err != nil || len(a.Kept) > 0 || len(a.Removed) != 7 {
				t.Errorf("%+v, %v", a, err)
			}
		},
		"taken back on the person's word": func(b *bench) {
			b.git("-C", b.repo, "tag", "-d", "v1.0.0")
			if a, err := b.session().Abandon(ctx); err != nil || len(a.Kept) > 0 || len(a.Removed) != 6 {
				t.Errorf("%+v, %v", a, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.git("-C", b.repo, "remote", "add", "origin", filepath.Join(b.dir, "origin.git"))
			b.leave(b.choices())
			a, err := b.session().Abandon(ctx)
			var stopped *AbandonError
			var remote *gitops.RemoteError
			if !errors.As(err, &stopped) || !errors.As(err, &remote) || len(a.Removed) > 0 {
				t.Fatalf("%+v, %v", a, err)
			}
			if b.git("-C", b.repo, "tag") != "v1.0.0" || len(b.made()) != 6 {
				t.Errorf("something is gone: %v", b.made())
			}
			after(b)
			if u, err := b.session().Unfinished(ctx); u != nil || err != nil {
				t.Errorf("unfinished %v, %v", u, err)
			}
		})
	}
}

// A lock that another program left on the tag stops taking back before anything is removed.
func TestAbandonWithALockedTag(t *testing.T) {
	b := newBench(t)
	b.leave(b.choices())
	lock := b.write(".git/refs/tags/v1.0.0.lock", "")
	a, err := b.session().Abandon(context.Background())
	var locked *gitops.LockedError
	if !errors.As(err, &locked) || locked.Path != lock || len(a.Removed) > 0 || len(b.made()) != 6 {
		t.Errorf("%+v, %v; left %v", a, err, b.made())
	}
}

// forgetStep takes out of the journal of an unfinished release what it says of a step from its beginning on,
// but that it began: as if the program had been killed before it could write the rest.
func (b *bench) forgetStep(step StepID) {
	b.t.Helper()
	path := filepath.Join(b.repo, ".git", "bulla", "release.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	end := bytes.Index(data, fmt.Appendf(nil, `"step":%q`, step)) // the first line about it
	if end < 0 {
		b.t.Fatalf("%s did not begin: %s", step, data)
	}
	end += bytes.IndexByte(data[end:], '\n') + 1
	if err := os.WriteFile(path, data[:end], 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// What taking back says of an image's signature is what the registry tells: one that was never
// published is no signature, and one that nobody can ask for may be there.
func TestAbandonAsksForTheSignature(t *testing.T) {
	for name, c := range map[string]struct {
		event string // after which the release is left
		gone  bool   // the registry, by then
		torn  bool   // the journal: a kill came before it held that the step was done
		want  string // about the signature; "" for nothing
	}{
		"never published":      {"StepStarted image", false, false, ""},
		"nobody can be asked":  {"StepStarted image", true, false, "it may be in the registry"},
		"published":            {"StepDone image", false, false, "it is in the registry"},
		"published, not noted": {"StepDone image", false, true, "it is in the registry"},
		"published, then gone": {"StepDone image", true, false, "it is in the registry"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			reg, _ := b.registry()
			choices := b.choices()
			choices.Images = []string{reg.Host() + "/acme/widget:{version}"}
			s := b.session()
			plan, err := s.Plan(t.Context(), choices)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err = s.Run(ctx, plan, Face{Ask: answer, Emit: func(e Event) {
				if eventName(e) == c.event {
					cancel()
				}
			}})
			var inc *IncompleteError
			if !errors.As(err, &inc) {
				t.Fatalf("the run was not left: %v", err)
			}
			if c.gone {
				reg.Close()
			}
			if c.torn {
				b.forgetStep(StepImage)
			}
			a, err := b.session().Abandon(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if kept := strings.Join(a.Kept, "\n"); (c.want == "") != (kept == "") || !strings.Contains(kept, c.want) {
				t.Errorf("kept %q", kept)
			}
		})
	}
}
