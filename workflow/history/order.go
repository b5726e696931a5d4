package history

import (
	"context"
	"sync"
)

// inOrder does n pieces of work on several goroutines and hands the results over in the order of
// the pieces, each as soon as all before it are done. When ctx ends, no new piece is begun and the
// ones under way are waited for.
func inOrder[T any](ctx context.Context, n, workers int, do func(i int) T, emit func(i int, result T)) error {
	type piece struct {
		i    int
		done chan T
	}
	// The queue of pieces under way bounds how far a slow one lets the others run ahead.
	under := make(chan piece, 16*workers)
	todo := make(chan piece)
	go func() {
		defer close(under)
		defer close(todo)
		for i := range n {
			p := piece{i, make(chan T, 1)}
			if ctx.Err() != nil {
				return
			}
			under <- p
			todo <- p
		}
	}()
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for p := range todo {
				p.done <- do(p.i)
			}
		})
	}
	for p := range under {
		result := <-p.done
		if ctx.Err() == nil {
			emit(p.i, result)
		}
	}
	wg.Wait()
	return ctx.Err()
}
