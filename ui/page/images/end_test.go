package images

import (
	"context"
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
