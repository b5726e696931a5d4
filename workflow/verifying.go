package workflow

import (
	"context"

	"bulla/workflow/journal"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

// NewVerifier makes a Verifier with the keys of a World.
func NewVerifier(ctx context.Context, w *world.World, o verify.Options) (*verify.Verifier, error) {
	return verify.New(ctx, verifyWorld(w), o)
}

// verifyWorld is what a Verifier takes from w.
func verifyWorld(w *world.World) verify.World {
	return verify.World{
		Git: w.Git(), Keyring: w.Keyring, ImageKeys: w.ImageKeyDir(), ReleasedIn: releasedIn,
		Registry: w.Registry, TrustClient: w.TrustClient, Now: w.Now,
	}
}

// releasedIn is the folder of a finished release of a tag, "" where none was made from here.
func releasedIn(commonDir, tag string) string {
	p, ok := journal.Finished[*Plan](commonDir, tag)
	if !ok {
		return ""
	}
	return p.Dir
}
