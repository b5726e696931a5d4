package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulla/docker/internal/registrytest"
)

// Others write at the same time: what is ours is only relied on after a long pause in which nothing
// changed, so that one who has read before all of us and writes last is noticed.
func TestUpdateWaitsForQuiet(t *testing.T) {
	reg := registrytest.Faults(t, true)
	const index = "application/vnd.oci.image.index.v1+json"
	// A list of words, as an index: each writer adds one.
	form := func(words ...string) []byte {
		return []byte(`{"schemaVersion":2,"mediaType":"` + index + `","manifests":[],"annotations":{"words":"` + strings.Join(words, " ") + `"}}`)
	}
	words := func(m *Manifest) []string {
		if m == nil {
			return nil
		}
		_, rest, _ := strings.Cut(string(m.Raw), `"words":"`)
		list, _, _ := strings.Cut(rest, `"`)
		return strings.Fields(list)
	}
	other := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1"))
	put := func(list ...string) {
		if err := other.PutManifest(t.Context(), "1", index, form(list...)); err != nil {
			t.Fatal(err)
		}
	}
	c := testClient(Options{})
	var pauses []time.Duration
	c.pause = func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		switch len(pauses) {
		case 1:
			put("ours", "theirs") // somebody who read what we wrote
		case 2:
			put("late", "theirs") // somebody who read before we wrote
		}
		return nil
	}
	wrote, err := c.Repo(mustParse(t, reg.Host+"/demo/app:1")).Update(t.Context(), "1", index, func(m *Manifest) ([]byte, error) {
		list := words(m)
		if slices.Contains(list, "ours") {
			return nil, nil
		}
		return form(append(list, "ours")...), nil
	})
	m, readErr := other.Manifest(t.Context(), "1")
	if got := words(&m); !wrote || err != nil || readErr != nil || !slices.Equal(got, []string{"late", "theirs", "ours"}) {
		t.Errorf("%q, %v, %v", got, err, readErr)
	}
	if len(pauses) < 4 || pauses[1] < min(contendedFactor*shortestSettle, longestSettle) {
		t.Errorf("pauses of %v", pauses)
	}
	// Nobody else: one short pause, as ever.
	pauses = make([]time.Duration, 10)
	if _, err := c.Repo(mustParse(t, reg.Host+"/demo/app:2")).Update(t.Context(), "2", index, func(m *Manifest) ([]byte, error) {
		if m != nil {
			return nil, nil
		}
		return form("ours"), nil
	}); err != nil || len(pauses) != 11 {
		t.Errorf("pauses of %v, %v", pauses[10:], err)
	}
}

// Who waits for their turn can leave it, and nothing is kept of those who have gone.
func TestTurns(t *testing.T) {
	c := testClient(Options{})
	end, err := c.turn(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := c.turn(ctx, "x")
		left <- err
	}()
	if other, err := c.turn(t.Context(), "y"); err != nil {
		t.Error(err)
	} else {
		other()
	}
	cancel(why)
	select {
	case err := <-left:
		if !errors.Is(err, why) {
			t.Errorf("left with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for ever")
	}
	var inside, most int
	var turns sync.WaitGroup
	for range 20 {
		turns.Go(func() {
			end, err := c.turn(t.Context(), "x")
			if err != nil {
				t.Error(err)
				return
			}
			inside++ // the race detector tells if two are in
			most = max(most, inside)
			inside--
			end()
		})
	}
	end()
	turns.Wait()
	if most != 1 || len(c.turns.all) != 0 {
		t.Errorf("%d at a time, %d kept", most, len(c.turns.all))
	}
}
