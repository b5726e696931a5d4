// Package gather is what the pages of a list have in common: they read something in the background,
// show it as it comes, look for words in it, and read it again when they are asked to.
package gather

import (
	"context"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// pace is how long items are gathered before the screen is drawn anew: a drawing for each of ten
// thousand would take longer than finding them.
const pace = 40 * time.Millisecond

// run is one reading, from the opening to the end: what is opened, and after it what is found.
type run[B, T any] struct {
	over chan struct{} // closed when nothing is at work any more

	mu    sync.Mutex
	open  bool
	what  B
	items []T
	ended bool
	err   error
	ready chan struct{}
}

// opened tells that the run has something to look at, or that there is nothing because of err.
type opened[B, T any] struct {
	run  *run[B, T]
	what B
	err  error
}

// found is what a run found since the last one. Nothing follows once the run has ended.
type found[B, T any] struct {
	run   *run[B, T]
	items []T
	ended bool
	err   error
}

func newRun[B, T any]() *run[B, T] {
	return &run[B, T]{over: make(chan struct{}), ready: make(chan struct{}, 1)}
}

// do opens and looks, until all is found or ctx ends.
func (r *run[B, T]) do(ctx context.Context, open func(context.Context) (B, error), look func(context.Context, B, func(T)) error) {
	defer close(r.over)
	b, err := open(ctx)
	if err == nil {
		r.change(func() { r.what, r.open = b, true })
		err = look(ctx, b, func(item T) {
			if ctx.Err() == nil { // else nobody waits for it any more
				r.change(func() { r.items = append(r.items, item) })
			}
		})
	}
	r.change(func() { r.ended, r.err = true, err })
}

func (r *run[B, T]) change(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	r.wake()
}

func (r *run[B, T]) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// first waits until something is open.
func (r *run[B, T]) first() tea.Msg {
	select {
	case <-r.ready:
	case <-r.over:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		return opened[B, T]{run: r, err: r.err}
	}
	if len(r.items) > 0 || r.ended {
		r.wake() // it was woken once for all of it
	}
	return opened[B, T]{run: r, what: r.what}
}

// next waits for something to show, gathers a little more, and hands it over.
func (r *run[B, T]) next() tea.Msg {
	select {
	case <-r.ready:
	case <-r.over:
	}
	wait := time.NewTimer(pace)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.over:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := found[B, T]{run: r, items: r.items, ended: r.ended, err: r.err}
	r.items = nil
	return f
}
