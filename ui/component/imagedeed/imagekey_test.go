package imagedeed

import (
	"context"
	"errors"
	"testing"
)

// A read that never ends is left with the errand.
func TestAside(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	_, err := Aside(ctx, func() (int, error) { cancel(); <-never; return 0, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n, err := Aside(t.Context(), func() (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
