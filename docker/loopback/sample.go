package loopback

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// samplePlatforms are what a sample image is "built" for.
var samplePlatforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}

// PushSample pushes a small image for two platforms to repo:tag and returns the digest of its
// index ("sha256:…"). The content follows from repo and tag alone, so the digest does too.
func (r *Registry) PushSample(ctx context.Context, repo, tag string) (digest string, err error) {
	return pushIndex(ctx, r.host+"/"+repo+":"+tag, func(p v1.Platform) []byte {
		return fmt.Appendf(nil, "A sample layer of %s:%s for %s.\n", repo, tag, p)
	})
}

// PushRandom pushes an image of one layer of size random bytes to repo:tag, for two platforms
// or for none in particular, and returns its digest.
func (r *Registry) PushRandom(ctx context.Context, repo, tag string, size int, multiArch bool) (digest string, err error) {
	return PushRandomImage(ctx, r.host+"/"+repo+":"+tag, size, multiArch)
}

// PushRandomImage pushes an image of random layers to ref, in whatever registry, anonymously.
func PushRandomImage(ctx context.Context, ref string, size int, multiArch bool) (digest string, err error) {
	noise := func(v1.Platform) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rand.Uint32()) // content, not a secret
		}
		return b
	}
	if multiArch {
		return pushIndex(ctx, ref, noise)
	}
	img, err := image(v1.Platform{OS: "linux", Architecture: "amd64"}, noise(v1.Platform{}))
	if err != nil {
		return "", err
	}
	return push(ctx, ref, img, func(t name.Tag, o ...remote.Option) error { return remote.Write(t, img, o...) })
}

// pushIndex pushes an image for the two platforms of a sample, with layers of the given
// content.
func pushIndex(ctx context.Context, ref string, layer func(v1.Platform) []byte) (digest string, err error) {
	var idx v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range samplePlatforms {
		img, err := image(p, layer(p))
		if err != nil {
			return "", err
		}
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	return push(ctx, ref, idx, func(t name.Tag, o ...remote.Option) error { return remote.WriteIndex(t, idx, o...) })
}

// image is an image of one layer that is stored as it stands.
func image(p v1.Platform, layer []byte) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(img, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(img, static.NewLayer(layer, types.OCIUncompressedLayer))
}

func push(ctx context.Context, ref string, what interface{ Digest() (v1.Hash, error) }, write func(name.Tag, ...remote.Option) error) (string, error) {
	t, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return "", err
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	defer tr.CloseIdleConnections()
	if err := write(t, remote.WithContext(ctx), remote.WithAuth(authn.Anonymous), remote.WithTransport(tr)); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	h, err := what.Digest()
	if err != nil {
		return "", err
	}
	return h.String(), nil
}
