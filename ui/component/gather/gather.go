// Package gather is what the pages of a list have in common: they read something in the background,
// show it as it comes, look for words in it, and read it again when they are asked to. A Run alone
// serves a page that has other work in the background.
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

// Run is work in the background.
type Run[T any] struct {
	id   int
	over chan struct{} // closed when nothing is at work any more

	mu    sync.Mutex
	items []T
	ended bool
	err   error
	ready chan struct{}
}

// Batch is what a Run found since the last one. Nothing follows once it says that the Run has
// ended.
type Batch[T any] struct {
	run   *Run[T]
	ID    int // of the Run
	Items []T
	Ended bool
	Err   error
}

// Start begins work, which hands over what it finds by put and ends soon after ctx does.
func Start[T any](ctx context.Context, id int, work func(ctx context.Context, put func(T)) error) *Run[T] {
	r := &Run[T]{id: id, over: make(chan struct{}), ready: make(chan struct{}, 1)}
	go func() {
		defer close(r.over)
		err := work(ctx, func(item T) { r.change(func() { r.items = append(r.items, item) }) })
		r.change(func() { r.ended, r.err = true, err })
	}()
	return r
}

func (r *Run[T]) change(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// Wait waits until nothing is at work any more.
func (r *Run[T]) Wait() { <-r.over }

// First waits for something to show and hands it over at once.
func (r *Run[T]) First() tea.Msg {
	r.something()
	return r.take()
}

// Next waits for something to show, gathers a little more, and hands it over as a Batch.
func (r *Run[T]) Next() tea.Msg {
	r.something()
	wait := time.NewTimer(pace)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.over:
	}
	return r.take()
}

func (r *Run[T]) something() {
	select {
	case <-r.ready:
	case <-r.over:
	}
}

func (r *Run[T]) take() Batch[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := Batch[T]{run: r, ID: r.id, Items: r.items, Ended: r.ended, Err: r.err}
	r.items = nil
	return b
}
