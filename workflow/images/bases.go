package images

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bulla/docker"
	"bulla/docker/dockerfile"
	"bulla/keys"
	"bulla/workflow/verify"
)

// BaseDecision is what was decided on one image that a Dockerfile names.
type BaseDecision struct {
	Base dockerfile.Base
	Decision
	// NoPlatform says that the index has no image for the platform that the file asks for.
	NoPlatform bool
}

// GateBase decides on one image that a Dockerfile names. What the file says wrongly is a refusal, and
// not an end. Errors are those of ctx, and ErrOffline.
func GateBase(ctx context.Context, v *verify.Verifier, b dockerfile.Base, o Options, allowWeak bool) (BaseDecision, error) {
	out := BaseDecision{Base: b}
	if b.Problem != "" {
		out.Decision = Undecidable(b.Image, keys.StatusNotChecked, "Nobody can tell which image this is: "+b.Problem+".")
		return out, nil
	}
	ref, err := docker.ParseReference(b.Image)
	if err == nil && ref.Tag() != "" && ref.Digest() != "" {
		ref, err = ref.WithDigest(ref.Digest()) // a builder goes by the digest alone
	}
	if err == nil {
		out.Decision, err = Gate(ctx, v, ref, o, allowWeak)
	}
	if out.Decision, err = settled(b.Image, out.Decision, err); err != nil {
		return out, err
	}
	img := out.Tag.Image
	out.NoPlatform = b.Platform != "" && img.Index && !slices.Contains(img.Platforms, b.Platform)
	return out, nil
}

// GateNamed is Gate for an image that a person named: what they named wrongly is a refusal, and not an
// end. Errors are those of ctx, and ErrOffline.
func GateNamed(ctx context.Context, v *verify.Verifier, text string, o Options, allowWeak bool) (d Decision, err error) {
	ref, err := docker.ParseReference(text)
	if err == nil {
		d, err = Gate(ctx, v, ref, o, allowWeak)
	}
	return settled(text, d, err)
}

// settled turns errors that are decisions into them.
func settled(text string, d Decision, err error) (Decision, error) {
	var bad *docker.ReferenceError
	var moved *docker.MovedError
	switch {
	case errors.As(err, &bad):
		return Undecidable(text, keys.StatusUnsigned, "Only an image that is named by a tag or digest can be judged: "+bad.Reason+"."), nil
	case errors.As(err, &moved):
		return Undecidable(text, keys.StatusBad, fmt.Sprintf("The tag has moved: it is pinned to %s and points to %s.", moved.Was, moved.Is)), nil
	}
	return d, err
}

// Bases decides on every image that a Dockerfile builds on or copies from, in the file's order, each
// handed to the face as BaseJudged. args are build arguments. Errors are a *dockerfile.SyntaxError,
// and those of GateBase.
func (d *Desk) Bases(ctx context.Context, data []byte, args map[string]string, f Face) ([]BaseDecision, error) {
	list, err := dockerfile.Parse(data, args)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(b dockerfile.Base) bool { return b.Internal })
	v, err := d.gather(ctx)
	if err != nil {
		return nil, err
	}
	o := Options{Trust: d.o.Look.Trust} // roots and servers that were named are this repository's
	out := make([]BaseDecision, 0, len(list))
	for i, b := range list {
		x, err := GateBase(ctx, v, b, o, false)
		if err != nil {
			return out, err
		}
		out = append(out, x)
		f.emit(BaseJudged{x, i + 1, len(list)})
	}
	return out, nil
}
