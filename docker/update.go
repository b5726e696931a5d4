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

// The pause after which a write is read back once more, by how long the registry takes; and how much
// longer it is once others are seen to write as well.
const (
	shortestSettle  = 50 * time.Millisecond
	longestSettle   = time.Second
	settleFactor    = 3
	contendedFactor = 4
)

// ErrOverwritten says that others kept overwriting what was written to a tag, or that the registry
// did not keep it.
var ErrOverwritten = errors.New("what was written to the tag was not there when it was read back")

// Update changes what a tag holds where others may do the same at the same moment. The protocol
// has no lock and no conditional write, so the content is read, changed, written and read back;
// and read back once more after a pause longer than the time another needs between its reading
// and its writing. Where others are seen to write too, that has to be a long pause in which nothing
// changes: the slowest of them may have read before all the rest. Within one Client updates of a
// tag take turns.
//
// change gets the manifest, or nil where the tag does not exist. It returns the new one, or nil
// where nothing needs to change. It must keep what others wrote.
//
// wrote says, beside an error too, that something was stored under the tag, or may have been: others may
// have it.
func (r *Repo) Update(ctx context.Context, tag, mediaType string, change func(*Manifest) ([]byte, error)) (wrote bool, err error) {
	end, err := r.client.turn(ctx, r.name.Name()+":"+tag)
	if err != nil {
		return false, err
	}
	defer end()
	u := update{client: r.client}
	err = u.run(ctx, r, tag, mediaType, change)
	return u.written != "" || u.lost, err
}

func (u *update) run(ctx context.Context, r *Repo, tag, mediaType string, change func(*Manifest) ([]byte, error)) error {
	for {
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
		case raw == nil:
			if done, err := u.settle(ctx, m.Digest); done || err != nil {
				return err
			}
			continue
		case u.tries == updateTries:
			return ErrOverwritten
		}
		u.tries++
		err = r.PutManifest(ctx, tag, mediaType, raw)
		u.lost = u.lost || Lost(ctx, err)
		if stumbled(err) && u.tries < updateTries {
			err = u.giveWay(ctx, firstPause)
		} else if err == nil {
			err = u.wrote(ctx, digestOf(raw), time.Since(begun))
		}
		if err != nil {
			return err
		}
	}
}

// update is where one Update stands.
type update struct {
	client *Client
	tries  int
	// written is the digest of what was written last, "" before that; seen of what was read last
	// and had the change in it.
	written, seen string
	gap           time.Duration
	contended     bool // others write too
	lost          bool // nobody knows what became of a write
	looks         int
}

// wrote notes a write that took so long from the reading on. Two who overwrote each other must not
// go on in step.
func (u *update) wrote(ctx context.Context, digest string, took time.Duration) error {
	again := u.written != ""
	u.contended = u.contended || again
	u.written, u.seen = digest, ""
	u.gap = max(u.gap, min(max(settleFactor*took, shortestSettle), longestSettle))
	if again {
		return u.giveWay(ctx, u.gap)
	}
	return nil
}

func (u *update) giveWay(ctx context.Context, most time.Duration) error {
	return u.client.pause(ctx, time.Duration(rand.Int64N(int64(most))))
}

// settle takes what was read with the change in it. It reports whether that may be relied on, after a
// pause where it may not.
func (u *update) settle(ctx context.Context, digest string) (done bool, err error) {
	switch {
	case u.written == "", u.seen == digest, u.looks == updateTries: // nothing to do; quiet; never quiet
		return true, nil
	case u.seen != "" || digest != u.written:
		u.contended = true
	}
	u.seen = digest
	u.looks++
	d := u.gap
	if u.contended {
		d = min(contendedFactor*d, longestSettle)
	}
	return false, u.client.pause(ctx, d)
}

// turns lets those who change the same thing in one process go one after the other.
type turns struct {
	mu  sync.Mutex
	all map[string]*turnOf
}

type turnOf struct {
	taken   chan struct{} // holds one while it is somebody's turn
	waiting int           // those whose turn it is or will be
}

// turn waits until nobody else is at it, and returns what ends the turn. The error is what ended ctx
// before.
func (c *Client) turn(ctx context.Context, what string) (end func(), err error) {
	t := &c.turns
	t.mu.Lock()
	if t.all == nil {
		t.all = map[string]*turnOf{}
	}
	own := t.all[what]
	if own == nil {
		own = &turnOf{taken: make(chan struct{}, 1)}
		t.all[what] = own
	}
	own.waiting++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.waiting--; own.waiting == 0 {
			delete(t.all, what)
		}
	}
	select {
	case own.taken <- struct{}{}:
		return func() { <-own.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
