package docker

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// updateTries is how often Update writes before it gives up.
const updateTries = 8

// The pause after which a write is read back once more, by how long the registry takes.
const (
	shortestSettle = 50 * time.Millisecond
	longestSettle  = time.Second
	settleFactor   = 3
)

// ErrOverwritten says that others kept overwriting what was written to a tag, or that the registry
// did not keep it.
var ErrOverwritten = errors.New("what was written to the tag was not there when it was read back")

// Update changes what a tag holds where others may do the same at the same moment. The protocol
// has no lock and no conditional write, so the content is read, changed, written and read back;
// and read back once more after a pause longer than the time another needs between its reading
// and its writing. Within one Client updates of a tag take turns.
//
// change gets the manifest, or nil where the tag does not exist. It returns the new one, or nil
// where nothing needs to change. It must keep what others wrote.
func (r *Repo) Update(ctx context.Context, tag, mediaType string, change func(*Manifest) ([]byte, error)) error {
	defer r.client.turn(r.name.Name() + ":" + tag)()
	var wrote, settled bool
	var gap time.Duration
	for try := 0; ; {
		begun := time.Now()
		m, err := r.Manifest(ctx, tag)
		current := &m
		if IsNotFound(err) {
			current = nil
		} else if err != nil {
			return err
		}
		raw, err := change(current)
		switch {
		case err != nil:
			return err
		case raw == nil && (!wrote || settled):
			return nil
		case raw == nil:
			settled = true
			if err := r.client.pause(ctx, gap); err != nil {
				return err
			}
			continue
		case try == updateTries:
			return ErrOverwritten
		}
		if err := r.PutManifest(ctx, tag, mediaType, raw); stumbled(err) {
			if try++; try < updateTries {
				if err := r.client.pause(ctx, firstPause/2+time.Duration(rand.Int64N(int64(firstPause)))); err != nil {
					return err
				}
				continue
			}
			return err
		} else if err != nil {
			return err
		}
		if wrote { // two who overwrote each other must not go on in step
			if err := r.client.pause(ctx, time.Duration(rand.Int64N(int64(gap)))); err != nil {
				return err
			}
		}
		try++
		wrote, settled = true, false
		gap = min(max(settleFactor*time.Since(begun), shortestSettle), longestSettle)
	}
}

// turns lets those who change the same thing in one process go one after the other.
type turns struct {
	mu  sync.Mutex
	all map[string]*turnOf
}

type turnOf struct {
	mu      sync.Mutex
	waiting int
}

// turn waits until nobody else is at it, and returns what ends the turn.
func (c *Client) turn(what string) (end func()) {
	t := &c.turns
	t.mu.Lock()
	if t.all == nil {
		t.all = map[string]*turnOf{}
	}
	own := t.all[what]
	if own == nil {
		own = &turnOf{}
		t.all[what] = own
	}
	own.waiting++
	t.mu.Unlock()
	own.mu.Lock()
	return func() {
		own.mu.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.waiting--; own.waiting == 0 {
			delete(t.all, what)
		}
	}
}
