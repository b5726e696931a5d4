package workflow

import (
	"context"
	"fmt"
	"path/filepath"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
)

// SignImageOptions say what SignImage signs, and how.
type SignImageOptions struct {
	Reference docker.Reference
	// Key is the path of a cosign private key; "" takes the only image key at hand.
	Key string
	// Recursive signs the images of an index too, each by its own digest, before the index.
	Recursive bool
	// Legacy writes the older form too, under the .sig tag.
	Legacy bool
	// Image is what Reference was resolved to, and Signer an unlocked key, where that was done
	// already. SignImage does not close the Signer.
	Image  docker.Image
	Signer *cosign.Signer
}

// ImageSignature is one signature that SignImage made or found.
type ImageSignature struct {
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

// SignImage signs the image that a reference points to now. What was signed comes back beside an
// error too; the index itself is signed last, so that a signed index of a recursive call has
// signed images.
func (w *World) SignImage(ctx context.Context, o SignImageOptions, ask keys.AskPassphrase) (out []ImageSignature, err error) {
	signer := o.Signer
	if signer == nil {
		if signer, err = w.ImageSigner(o.Key); err != nil {
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
			made, err := w.signOne(ctx, child, signer, o.Legacy)
			for i := range made {
				made[i].Platform = c.Platform
			}
			if out = append(out, made...); err != nil {
				return out, err
			}
		}
	}
	made, err := w.signOne(ctx, img, signer, o.Legacy)
	return append(out, made...), err
}

// signOne signs one digest. A signature that was made is returned even where its tag moved.
func (w *World) signOne(ctx context.Context, img docker.Image, signer *cosign.Signer, legacy bool) (out []ImageSignature, err error) {
	if legacy {
		sig, err := cosign.SignLegacy(ctx, w.Registry, img, signer, w.Now())
		if sig.Manifest != "" {
			out = append(out, ImageSignature{Signature: sig, Reference: img.Reference, Form: cosign.FormLegacy})
		}
		if err != nil {
			return out, err
		}
	}
	sig, err := cosign.Sign(ctx, w.Registry, img, signer, w.Now())
	if sig.Manifest != "" {
		out = append(out, ImageSignature{Signature: sig, Reference: img.Reference, Form: cosign.FormBundle})
	}
	return out, err
}

// ImageSigner loads the key at path, or the only image key that bulla keeps. It is locked.
func (w *World) ImageSigner(path string) (*cosign.Signer, error) {
	if path == "" {
		found, err := filepath.Glob(filepath.Join(w.imageKeyDir(), "*.key"))
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, ErrNoImageKey
		case len(found) > 1:
			return nil, &ImageKeysError{Count: len(found)}
		}
		path = found[0]
	}
	return cosign.LoadSigner(path)
}
