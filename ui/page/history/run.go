package history

import (
	"context"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/workflow/history"
)

// pace is how long verdicts are gathered before the screen is drawn anew: a drawing for each of
// ten thousand verdicts would take longer than reaching them.
const pace = 40 * time.Millisecond

// run judges a timeline in the background and carries the verdicts to the page.
type run struct {
	id   int
	ctx  context.Context
	over chan struct{} // closed when nothing is at work any more

	mu      sync.Mutex
	updates []history.Update
	ended   bool
	err     error
	ready   chan struct{}
}

// fed is a batch of what run id found. Nothing follows once it says that the run has ended.
type fed struct {
	id      int
	updates []history.Update
	ended   bool
	err     error
}

func start(ctx context.Context, id int, b Backend) *run {
	r := &run{id: id, ctx: ctx, over: make(chan struct{}), ready: make(chan struct{}, 1)}
	go func() {
		defer close(r.over)
		var err error
		for _, pass := range []func(context.Context, func(history.Update)) error{b.Tags, b.Commits, b.Files} {
			if err = pass(ctx, r.put); err != nil {
				break
			}
		}
		r.mu.Lock()
		r.ended, r.err = true, err
		r.mu.Unlock()
		r.wake()
	}()
	return r
}

func (r *run) put(u history.Update) {
	r.mu.Lock()
	r.updates = append(r.updates, u)
	r.mu.Unlock()
	r.wake()
}

func (r *run) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// next waits for something to show, gathers a little more, and hands it over.
func (r *run) next() tea.Cmd {
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
		m := fed{id: r.id, updates: r.updates, ended: r.ended, err: r.err}
		r.updates = nil
		return m
	}
}
