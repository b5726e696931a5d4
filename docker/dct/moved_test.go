package dct

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/keys"
)

// A tag that is moved while the passphrase is asked for is not signed for the image that it was at: the
// entry would vouch for a name that has another one.
func TestMovedWhileAsked(t *testing.T) {
	l := newLossy(t)
	img := l.push("team/app:2")
	c := l.clientIn(l.dir, t.TempDir(), l.front.url) // has opened no key
	l.front.set(nil)
	var now docker.Image
	_, err := c.Repository(l.owner.gun).Sign(t.Context(), img, l.trust, func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		now = l.push("team/app:2")
		return answer(ctx, req)
	})
	var moved *docker.MovedError
	if !errors.As(err, &moved) || moved.Was != img.Digest || moved.Is != now.Digest {
		t.Errorf("%T: %v", err, err)
	}
	if slices.ContainsFunc(l.front.requests(), func(s string) bool { return strings.HasPrefix(s, http.MethodPost) }) {
		t.Error("something was published")
	}
	if _, ok := mustRead(t, l.owner, l.trust).Tag("2"); ok {
		t.Error("the tag is signed")
	}
	mustSign(t, l.owner, now, l.trust)
}
