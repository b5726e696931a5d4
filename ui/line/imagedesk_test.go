package line

import (
	"context"
	"errors"
	"testing"

	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/workflow/images"
)

// What may be public is told, also where the person has ended bulla meanwhile.
func TestWithinKeepsWhatMayBePublic(t *testing.T) {
	for _, err := range []error{
		&cosign.PublishedError{Signature: cosign.Signature{Manifest: "sha256:00"}, Err: context.Canceled},
		&dct.UnknownOutcomeError{GUN: "r/app", Err: context.Canceled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		k := &imageTalk{t: &Terminal{}}
		if got := k.within(ctx, func() error { cancel(); return err }); !errors.Is(got, err) {
			t.Errorf("%T became %v", err, got)
		}
		if got := k.within(ctx, func() error { return context.Canceled }); !errors.Is(got, context.Canceled) || images.MayHavePublished(got) {
			t.Errorf("got %v", got)
		}
	}
}
