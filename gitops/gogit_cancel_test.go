package gitops

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// Who cancels does not wait until the library has hashed every file.
func TestStatusCanBeCancelled(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	if err := os.Truncate(w.path("r/a.txt"), 256<<20); err != nil { // takes a second and more to hash
		t.Fatal(err)
	}
	r := w.open("r", false)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if list, err := r.own.changed(ctx, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", list, err)
	}
}
