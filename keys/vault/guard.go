package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	errNoAnswer = errors.New("the call did not come back in time")
	errStuck    = fmt.Errorf("an earlier call has not come back: %w", errNoAnswer)
)

// guard makes calls to a library that may hang or panic, one at a time.
type guard struct {
	turn chan struct{} // held by the call that runs, even after its caller has given up
	mu   sync.Mutex
	lost int // calls whose callers have given up; at most one, since it holds the turn
}

func newGuard() guard { return guard{turn: make(chan struct{}, 1)} }

// stuck reports whether a call was given up and has not come back.
func (g *guard) stuck() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lost > 0
}

// run makes one call and waits for it at most timeout, its turn included. It returns ctx's
// error if that ended the wait, and errNoAnswer if the time was up.
func run[T any](ctx context.Context, g *guard, timeout time.Duration, call func() (T, error)) (T, error) {
	var zero T
	if g.stuck() {
		return zero, errStuck
	}
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	select {
	case g.turn <- struct{}{}:
	case <-limit.C:
		return zero, errNoAnswer
	case <-ctx.Done():
		return zero, ctx.Err()
	}

	type outcome struct {
		value T
		err   error
	}
	var finished, abandoned bool // guarded by g.mu
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			// go-keyring v0.2.8 dereferences nil when the bus dies during a prompt. The panic's
			// value is not repeated: it could hold anything.
			if recover() != nil {
				o = outcome{err: errors.New("the keychain's library crashed (did the session end?)")}
			}
			g.mu.Lock()
			finished = true
			if abandoned {
				g.lost--
			}
			g.mu.Unlock()
			done <- o
			<-g.turn
		}()
		o.value, o.err = call()
	}()

	giveUp := func(err error) (T, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !finished {
			abandoned = true
			g.lost++
		}
		return zero, err
	}
	select {
	case o := <-done:
		return o.value, o.err
	case <-limit.C:
		return giveUp(errNoAnswer)
	case <-ctx.Done():
		return giveUp(ctx.Err())
	}
}
