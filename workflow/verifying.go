package workflow

import (
	"context"

	"bulla/workflow/verify"
)

// NewVerifier makes a Verifier with the keys of a World.
func NewVerifier(ctx context.Context, w *World, o verify.Options) (*verify.Verifier, error) {
	return verify.New(ctx, w.verifyWorld(), o)
}

// verifyWorld is what a Verifier takes from w.
func (w *World) verifyWorld() verify.World {
	return verify.World{
		Git: w.Git(), Keyring: w.Keyring, ImageKeys: w.imageKeyDir(), ReleasedIn: releasedIn,
		Registry: w.Registry, TrustClient: w.TrustClient, Now: w.Now,
	}
}

// releasedIn is the folder of a finished release of a tag, "" where none was made from here.
func releasedIn(commonDir, tag string) string {
	p, ok := finished(commonDir, tag)
	if !ok {
		return ""
	}
	return p.Dir
}
