package images

import (
	"context"
	"fmt"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/workflow/world"
)

// SignOptions say what Sign signs, and how.
type SignOptions struct {
	Reference docker.Reference
	// Key is the path of a cosign private key; "" takes the only image key at hand.
	Key string
	// Recursive signs the images of an index too, each by its own digest, before the index.
	Recursive bool
	// Legacy writes the older form too, under the .sig tag.
	Legacy bool
	// Image is what Reference was resolved to, and Signer an unlocked key, where that was done
	// already. Sign does not close the Signer.
	Image  docker.Image
	Signer *cosign.Signer
}

// Signature is one signature that Sign made or found.
type Signature struct {
	cosign.Signature
	Reference docker.Reference // what was signed; an image of an index by its digest
	Platform  string           // of an image of an index, raw text from the registry
	Form      cosign.Form
}

// UnlistedChildrenError says that an index has more images than are looked at, so that not all of
// them could be signed. Nothing was.
type UnlistedChildrenError struct{ Reference docker.Reference }

func (e *UnlistedChildrenError) Error() string {
	return fmt.Sprintf("%s lists more images than bulla looks at", e.Reference)
}

// Sign signs the image that a reference points to now. What was signed comes back beside an
// error too; the index itself is signed last, so that a signed index of a recursive call has
// signed images. Where the tag points elsewhere once the key is open, nothing is signed
// (*docker.MovedError).
func Sign(ctx context.Context, w *world.World, o SignOptions, ask keys.AskPassphrase) (out []Signature, err error) {
	signer := o.Signer
	if signer == nil {
		if signer, err = KeysOf(w).Signer(o.Key); err != nil {
			return nil, err
		}
		defer signer.Close()
	}
	img := o.Image
	if img.Digest == "" {
		if img, err = w.Registry.Resolve(ctx, o.Reference); err != nil {
			return nil, err
		}
	}
	if o.Recursive && img.MoreChildren {
		return nil, &UnlistedChildrenError{Reference: o.Reference}
	}
	if err := signer.Unlock(ctx, ask); err != nil {
		return nil, err
	}
	if err := Unmoved(ctx, w, img); err != nil {
		return nil, err
	}
	if o.Recursive {
		for _, c := range img.Children {
			ref, err := o.Reference.WithDigest(c.Digest)
			if err != nil {
				return out, err
			}
			child, err := w.Registry.Resolve(ctx, ref)
			if err != nil {
				return out, err
			}
			made, err := signOne(ctx, w, child, signer, o.Legacy)
			for i := range made {
				made[i].Platform = c.Platform
			}
			if out = append(out, made...); err != nil {
				return out, err
			}
		}
	}
	made, err := signOne(ctx, w, img, signer, o.Legacy)
	return append(out, made...), err
}

// Unmoved looks at the tag once more: a person may have taken long over the last look or the passphrase, and
// what is signed for a name that has another image by then is public for good. It fails with a
// *docker.MovedError, and otherwise as Resolve does; an image without a tag cannot move.
func Unmoved(ctx context.Context, w *world.World, img docker.Image) error {
	if img.Reference.Tag() == "" {
		return nil
	}
	now, err := w.Registry.Resolve(ctx, img.Reference)
	if err == nil && now.Digest != img.Digest {
		err = &docker.MovedError{Ref: img.Reference, Was: img.Digest, Is: now.Digest}
	}
	return err
}

// signOne signs one digest. A signature that was made is returned even where its tag moved.
func signOne(ctx context.Context, w *world.World, img docker.Image, signer *cosign.Signer, legacy bool) (out []Signature, err error) {
	if legacy {
		sig, err := cosign.SignLegacy(ctx, w.Registry, img, signer, w.Now())
		if sig.Manifest != "" {
			out = append(out, Signature{Signature: sig, Reference: img.Reference, Form: cosign.FormLegacy})
		}
		if err != nil {
			return out, err
		}
	}
	sig, err := cosign.Sign(ctx, w.Registry, img, signer, w.Now())
	if sig.Manifest != "" {
		out = append(out, Signature{Signature: sig, Reference: img.Reference, Form: cosign.FormBundle})
	}
	return out, err
}
