package gitops

import (
	"container/heap"
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// commitWalk goes through history from the newest commit on. The library's own walk knows no shallow
// clones: where a parent is missing it leaves out its child too.
type commitWalk struct {
	store storer.EncodedObjectStorer
	cut   map[string]bool // commits that count as having no parents
	seen  map[plumbing.Hash]bool
	queue commitQueue
}

// add puts a commit into the queue, once.
func (w *commitWalk) add(id plumbing.Hash) error {
	if w.seen[id] {
		return nil
	}
	w.seen[id] = true
	c, err := gitobject.GetCommit(w.store, id)
	if err != nil {
		return fmt.Errorf("commit %s: %w", id, err)
	}
	heap.Push(&w.queue, c)
	return nil
}

// each calls f for every commit, until that returns storer.ErrStop.
func (w *commitWalk) each(ctx context.Context, f func(*gitobject.Commit) error) error {
	for w.queue.Len() > 0 {
		c := heap.Pop(&w.queue).(*gitobject.Commit)
		if err := f(c); err != nil {
			if errors.Is(err, storer.ErrStop) {
				return nil
			}
			return err
		}
		if w.cut[c.Hash.String()] {
			continue
		}
		for _, parent := range c.ParentHashes {
			if err := w.add(parent); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// commitQueue is a heap with the newest commit on top.
type commitQueue []*gitobject.Commit

func (q commitQueue) Len() int           { return len(q) }
func (q commitQueue) Less(i, j int) bool { return q[i].Committer.When.After(q[j].Committer.When) }
func (q commitQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *commitQueue) Push(x any)        { *q = append(*q, x.(*gitobject.Commit)) }
func (q *commitQueue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
