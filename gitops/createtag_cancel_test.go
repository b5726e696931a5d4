package gitops

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// countdown is a context that is cancelled the n-th time somebody looks whether it is.
type countdown struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newCountdown(n int64) *countdown {
	ctx, cancel := context.WithCancel(context.Background())
	c := &countdown{Context: ctx, cancel: cancel}
	c.left.Store(n)
	return c
}

func (c *countdown) look() {
	if c.left.Add(-1) < 0 {
		c.cancel()
	}
}

func (c *countdown) Err() error            { c.look(); return c.Context.Err() }
func (c *countdown) Done() <-chan struct{} { c.look(); return c.Context.Done() }

// Cancelled at whatever look at the context, making a tag fails only where there is none: nobody is
// told that what they have was not made.
func TestCancelledTagIsThereOrNot(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.plain("s", "--object-format=sha256")
	for _, dir := range []string{"r", "s"} {
		r := w.open(dir, true)
		failed := 0
		for n := int64(0); ; n++ {
			s := spec(fmt.Sprint("v", n), "m")
			payload, err := r.TagPayload(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			ctx := newCountdown(n)
			_, err = r.CreateTag(ctx, s, payload, []byte(fakeSignature))
			ended := ctx.Context.Err() != nil
			ctx.cancel()
			if _, there := r.Tag(context.Background(), s.Name); (there == nil) != (err == nil) {
				t.Errorf("%s, cancelled at look %d: made %v, told %v", dir, n, there == nil, err)
			}
			if err != nil {
				failed++
			}
			if !ended {
				break
			}
		}
		if failed == 0 {
			t.Errorf("%s: it was never stopped", dir)
		}
	}
}
