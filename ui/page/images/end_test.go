package images

import (
	"context"
	"errors"
	"testing"

	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/ui/dialog"
)

// Stopped too late: nobody says that nothing was changed of what may be public.
func TestStoppedTooLate(t *testing.T) {
	for _, c := range []struct {
		err    error
		public bool
	}{
		{context.Canceled, false},
		{&cosign.PublishedError{Signature: cosign.Signature{Manifest: "sha256:00"}, Err: context.Canceled}, true},
		{&dct.UnknownOutcomeError{GUN: "r/app", Err: context.Canceled}, true},
	} {
		d := &dialog.Stack{}
		m := New(Options{Dialogs: d})
		m.ended(ending{err: c.err}, nil)
		if nothing := m.Note == "Left. Nothing was changed."; nothing == c.public || (d.Top() != nil) != c.public {
			t.Errorf("%T: note %q, a dialog open: %v", c.err, m.Note, d.Top() != nil)
		}
	}
}

// A read that never ends is left with the errand.
func TestAside(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	_, err := aside(ctx, func() (int, error) { cancel(); <-never; return 0, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n, err := aside(t.Context(), func() (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
