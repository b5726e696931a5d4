// Package gather carries what work in the background finds to a page, a batch at a time.
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
	ID    int // of the Run
	Items []T
	Ended bool
	Err   error
}

// Start begins work, which hands over what it finds by put. It ends with ctx.
func Start[T any](ctx context.Context, id int, work func(ctx context.Context, put func(T)) error) *Run[T] {
	r := &Run[T]{id: id, over: make(chan struct{}), ready: make(chan struct{}, 1)}
	go func() {
		defer close(r.over)
		err := work(ctx, r.put)
		r.mu.Lock()
		r.ended, r.err = true, err
		r.mu.Unlock()
		r.wake()
	}()
	return r
}

func (r *Run[T]) put(item T) {
	r.mu.Lock()
	r.items = append(r.items, item)
	r.mu.Unlock()
	r.wake()
}

func (r *Run[T]) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// Wait waits until nothing is at work any more.
func (r *Run[T]) Wait() { <-r.over }

// Next waits for something to show, gathers a little more, and hands it over as a Batch.
func (r *Run[T]) Next() tea.Cmd {
	return func() tea.Msg {
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
		b := Batch[T]{ID: r.id, Items: r.items, Ended: r.ended, Err: r.err}
		r.items = nil
		return b
	}
}
