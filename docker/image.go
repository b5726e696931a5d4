package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is what a reference named when it was resolved.
type Image struct {
	Reference Reference
	// Digest is the SHA-256 of the manifest, or of the index of an image for several
	// platforms: "sha256:…". It is what gets signed.
	Digest    string
	MediaType string
	Size      int64 // of the manifest, in bytes
	// Index says that the image is an index; Platforms lists what it holds ("linux/amd64"),
	// raw text from the registry.
	Index     bool
	Platforms []string
	// Children are what an index lists, images of one platform and whatever else build tools
	// put there, at most maxChildren. A signature over the index does not cover them on their
	// own.
	Children []Child
	// MoreChildren says that the index lists more, or some that are not named by SHA-256.
	MoreChildren bool
}

// Child is one entry of an index.
type Child struct {
	Digest    string
	MediaType string
	Size      int64
	Platform  string // "linux/amd64", raw text from the registry; "" for none that is known
}

// maxChildren bounds the children of an Image.
const maxChildren = 200

// maxPlatforms bounds the list of an Image; real ones have a dozen.
const maxPlatforms = 100

// Resolve finds the digest of ref with one GET of its manifest; the digest is computed over
// what came. A reference with both tag and digest is read by its tag, and *MovedError says
// that the tag is elsewhere. Other errors are *RegistryError.
func (c *Client) Resolve(ctx context.Context, ref Reference) (Image, error) {
	if ref.IsZero() {
		return Image{}, &ReferenceError{Reason: "it is empty"}
	}
	what := ref.tag
	if what == "" {
		what = ref.digest
	}
	repo := c.Repo(ref)
	m, err := repo.Manifest(ctx, what)
	if err != nil {
		var reg *RegistryError
		if errors.As(err, &reg) {
			reg.Name = what
		}
		return Image{}, err
	}
	if ref.digest != "" && m.Digest != ref.digest {
		return Image{}, &MovedError{Ref: ref, Was: ref.digest, Is: m.Digest}
	}
	img := Image{Reference: ref, Digest: m.Digest, Size: int64(len(m.Raw))}
	if err := img.describe(m); err != nil {
		return Image{}, repo.explain("read the manifest", err)
	}
	return img, nil
}

// describe reads the media type and the platforms. The media type inside the manifest wins over
// the header: it is covered by the digest.
func (img *Image) describe(m Manifest) error {
	var head struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		Manifests     []struct {
			MediaType string       `json:"mediaType"`
			Digest    string       `json:"digest"`
			Size      int64        `json:"size"`
			Platform  *v1.Platform `json:"platform"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(m.Raw, &head); err != nil || head.SchemaVersion != 2 {
		return fmt.Errorf("%w: not an image manifest of schema version 2", errContent)
	}
	mt := head.MediaType
	if mt == "" {
		mt = types.MediaType(m.MediaType)
	}
	if !mt.IsImage() && !mt.IsIndex() {
		return fmt.Errorf("%w: the media type is not that of an image", errContent)
	}
	img.MediaType, img.Index = string(mt), mt.IsIndex()
	if !img.Index {
		return nil
	}
	for _, d := range head.Manifests {
		child := Child{Digest: d.Digest, MediaType: d.MediaType, Size: d.Size}
		// Build tools list attestations as platform unknown/unknown.
		if d.Platform != nil && d.Platform.OS != "unknown" {
			child.Platform = d.Platform.String()
			if len(img.Platforms) < maxPlatforms {
				img.Platforms = append(img.Platforms, child.Platform)
			}
		}
		if digestGrammar.MatchString(d.Digest) && len(img.Children) < maxChildren {
			img.Children = append(img.Children, child)
		} else {
			img.MoreChildren = true
		}
	}
	return nil
}
