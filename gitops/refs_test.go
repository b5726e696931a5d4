package gitops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRace lets many create the same ref, bulla both ways and git beside them: one wins, and
// the ref is the winner's.
func TestRace(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", true)
	cli := gitcli{r.git, r.loc}
	ids := strings.Fields(w.git("r", "rev-parse", "HEAD", "HEAD~1", "HEAD^{tree}"))
	for round := range 6 {
		name := fmt.Sprintf("refs/tags/deep/v%d", round)
		type result struct {
			id  string
			err error
		}
		results := make([]result, 9)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				<-start
				id := ids[i%len(ids)]
				var err error
				switch i % 3 {
				case 0, 1:
					err = r.own.createRef(context.Background(), name, id)
				case 2:
					err = cli.createRef(context.Background(), name, id)
				}
				results[i] = result{id, err}
			})
		}
		close(start)
		wg.Wait()
		winner := ""
		for i, res := range results {
			var exists *ExistsError
			var locked *LockedError
			switch {
			case res.err == nil && winner != "":
				t.Errorf("round %d: two creators won", round)
			case res.err == nil:
				winner = res.id
			case !errors.As(res.err, &exists) && !errors.As(res.err, &locked):
				t.Errorf("round %d, creator %d: %v", round, i, res.err)
			}
		}
		if got := w.git("r", "rev-parse", name); got != winner {
			t.Errorf("round %d: the ref is %s, the winner wrote %s", round, got, winner)
		}
	}
}

func TestCreateRefOverPacked(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.git("r", "tag", "-am", "x", "v1")
	w.git("r", "tag", "dir/v2")
	w.git("r", "tag", "gone/deep/v3")
	w.git("r", "pack-refs", "--all", "--prune")
	w.git("r", "tag", "-d", "gone/deep/v3")
	if err := os.MkdirAll(w.path("r/.git/refs/tags/gone/deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	id := w.git("r", "rev-parse", "HEAD")
	for _, own := range []backend{w.open("r", false).own, gitcli{w.open("r", true).git, w.open("r", true).loc}} {
		ctx := context.Background()
		var exists *ExistsError
		if err := own.createRef(ctx, "refs/tags/v1", id); !errors.As(err, &exists) || exists.ID != w.git("r", "rev-parse", "v1") {
			t.Errorf("%T: packed ref: %v", own, err)
		}
		var conflict *ConflictError
		if err := own.createRef(ctx, "refs/tags/dir", id); !errors.As(err, &conflict) || conflict.With != "refs/tags/dir/v2" {
			t.Errorf("%T: folder of a packed ref: %v", own, err)
		}
		if err := own.createRef(ctx, "refs/tags/v1/x", id); !errors.As(err, &conflict) || conflict.With != "refs/tags/v1" {
			t.Errorf("%T: below a packed ref: %v", own, err)
		}
		if err := own.createRef(ctx, "refs/tags/gone", id); err != nil {
			t.Errorf("%T: empty folders in the way: %v", own, err)
		}
		if err := own.deleteRef(ctx, "refs/tags/gone", id); err != nil {
			t.Errorf("%T: delete: %v", own, err)
		}
	}
}

// TestDeletePacked removes refs that are packed, loose, and both, and leaves the others alone.
func TestDeletePacked(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	for _, n := range []string{"a", "v1", "z"} {
		w.git("r", "tag", "-am", n, n)
	}
	w.git("r", "pack-refs", "--all")
	w.git("r", "tag", "-f", "-am", "newer", "v1") // packed and loose, with different values
	r := w.open("r", false)
	ctx := context.Background()
	var moved *MovedError
	if err := r.DeleteTag(ctx, "v1", w.git("r", "rev-parse", "a")); !errors.As(err, &moved) {
		t.Errorf("wrong object: %v", err)
	}
	if err := r.DeleteTag(ctx, "v1", w.git("r", "rev-parse", "v1")); err != nil {
		t.Fatal(err)
	}
	if got := w.git("r", "tag", "-l"); got != "a\nz" {
		t.Errorf("left: %q", got)
	}
	if err := r.DeleteTag(ctx, "z", w.git("r", "rev-parse", "z")); err != nil {
		t.Fatal(err)
	}
	if got := w.git("r", "show-ref", "-d", "--tags"); !strings.Contains(got, "refs/tags/a^{}") || strings.Count(got, "\n") != 1 {
		t.Errorf("peeled values after a deletion: %q", got)
	}
	w.git("r", "fsck", "--strict")
	for _, bad := range []string{"", "../../config", "/etc/passwd"} {
		if err := r.DeleteTag(ctx, bad, id1); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestLocked(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.write("r/.git/refs/tags/v1.lock", "")
	id := w.git("r", "rev-parse", "HEAD")
	r := w.open("r", true)
	for _, own := range []backend{r.own, gitcli{r.git, r.loc}} {
		var locked *LockedError
		if err := own.createRef(context.Background(), "refs/tags/v1", id); !errors.As(err, &locked) || !strings.HasSuffix(locked.Path, "v1.lock") {
			t.Errorf("%T: %v", own, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := r.own.createRef(ctx, "refs/tags/v1", id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait for a lock is not cancelled: %v", err)
	}
	if _, err := os.Stat(w.path("r/.git/refs/tags/v1.lock")); err != nil {
		t.Error("somebody else's lock is gone")
	}
}
