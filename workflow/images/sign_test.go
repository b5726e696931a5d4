package images

import (
	"context"
	"errors"
	"testing"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/loopback"
	"bulla/keys"
)

// A tag that is moved while the passphrase is asked for is not signed for the image that it was at: the
// signature would name it, and be public for good.
func TestMovedWhileAsked(t *testing.T) {
	p := newPlace(t, loopback.Start)
	if _, err := KeysOf(p.world).Generate(t.Context(), "release", keys.NewSecret([]byte("correct"))); err != nil {
		t.Fatal(err)
	}
	old := p.push("v1", false)
	var now docker.Image
	made, err := Sign(t.Context(), p.world, SignOptions{Reference: old.Reference}, func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		now = p.push("v1", false)
		return keys.NewSecret([]byte("correct")), nil
	})
	var moved *docker.MovedError
	var published *cosign.PublishedError
	if !errors.As(err, &moved) || errors.As(err, &published) || moved.Was != old.Digest || moved.Is != now.Digest || len(made) != 0 {
		t.Errorf("%+v, %T: %v", made, err, err)
	}
	r, err := cosign.Inspect(t.Context(), p.world.Registry.In(p.repository()), old.Digest, nil)
	if err != nil || len(r.Signatures) != 0 {
		t.Errorf("something is signed: %+v, %v", r, err)
	}
}
