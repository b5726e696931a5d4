package dct

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// Several runs of bulla change pins, and what is known of backups, at the same time: nothing is lost.
func TestChangesAtOnce(t *testing.T) {
	const n = 40
	state, docker := t.TempDir(), t.TempDir()
	id := func(i int) string { return fmt.Sprintf("%064x", i) }
	client := func() *Client { return NewClient(Options{DockerDir: docker, StateDir: state}) }
	if err := client().Pin(mustGUN(t, "r.example.org/old"), []string{id(1)}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := client().Pin(mustGUN(t, fmt.Sprintf("r.example.org/app%d", i)), []string{id(i)}); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := client().Keys().note(id(i), func(c *Custody) { c.Rehearsed = time.Unix(1, 0) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if had, err := client().Unpin(mustGUN(t, "r.example.org/old")); err != nil || !had {
			t.Error(had, err)
		}
	})
	all.Wait()
	pins, err := client().Pins()
	if err != nil || len(pins.Certificates) != n || strings.Contains(fmt.Sprint(pins.Certificates), "old") {
		t.Errorf("%d pins, %v", len(pins.Certificates), err)
	}
	if known, err := client().Keys().custody(); err != nil || len(known) != n {
		t.Errorf("%d keys known, %v", len(known), err)
	}
}

// A run of bulla that was stopped in the middle holds up the others for a while, and not for good.
func TestStoppedRun(t *testing.T) {
	w := newWorld(t)
	r, trust := w.initialized("team/app")
	path, err := r.memoryPath(trust)
	if err != nil {
		t.Fatal(err)
	}
	unlock, _, err := takeTurn(t.Context(), strings.TrimSuffix(path, ".json"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r.client.patience = 50 * time.Millisecond
	if _, err := r.Read(t.Context(), trust); !errors.Is(err, errHeld) {
		t.Errorf("while it stands still: %v", err)
	}
	unlock()
	r.client.patience = turnPatience
	mustRead(t, r, trust)
}
