package workflow

import (
	"context"
	"errors"
	"fmt"

	"bulla/docker"
)

// images: resolved to a digest, with a key to sign them and a registry that will take the
// signature.
func (x *examination) images(ctx context.Context) {
	refs := x.c.Images
	if refs == nil {
		refs = x.s.Config().Release.Images
	}
	if len(refs) == 0 {
		return
	}
	seen := map[string]bool{}
	for _, text := range withVersion(refs, x.plan.Version) {
		if !seen[text] {
			x.image(ctx, text)
		}
		seen[text] = true
	}
	key, err := x.s.chooseImageKey(ctx, x.c.ImageKey)
	switch {
	case errors.Is(err, ErrNoImageKey):
		x.refuse(RuleImageKey, StepImage, err, "There is no key to sign images with.", "bulla image keygen makes one; --image-key FILE names a cosign key you have")
	case err != nil:
		x.refuse(RuleImageKey, StepImage, err, "The image key cannot be used: "+err.Error()+".", "name one with --image-key FILE")
	default:
		x.plan.ImageKey, x.plan.ImageID = key.Path, key.ID
	}
}

func (x *examination) image(ctx context.Context, text string) {
	ref, err := docker.ParseReference(text)
	if err != nil {
		x.refuse(RuleImage, StepImage, err, err.Error()+".", "a reference looks like registry.example.org/app:1.0.0")
		return
	}
	img, err := x.s.world.Registry.Resolve(ctx, ref)
	if err != nil {
		x.add(registryFinding(RuleImage, text, err))
		return
	}
	if err := x.s.world.Registry.CanPush(ctx, ref); err != nil {
		x.add(registryFinding(RuleRegistry, text, err))
		return
	}
	x.plan.Images = append(x.plan.Images, PlannedImage{
		Name: ref.String(), Digest: img.Digest, MediaType: img.MediaType, Size: img.Size,
		Platforms: img.Platforms, PlainHTTP: ref.PlainHTTP(),
	})
}

// registryFinding tells what the registry's answer means for the release.
func registryFinding(rule Rule, ref string, err error) Finding {
	f := Finding{Rule: rule, Severity: SeverityError, Step: StepImage, Err: err, Message: fmt.Sprintf("%s: %v.", ref, err)}
	var re *docker.RegistryError
	if !errors.As(err, &re) {
		return f
	}
	f.Unreachable = re.Temporary()
	switch re.Kind {
	case docker.KindUnreachable:
		f.Message = fmt.Sprintf("The registry %s cannot be reached.", re.Host)
		f.Hint = "check the network and the name; nothing was signed"
	case docker.KindUnauthorized:
		f.Message = fmt.Sprintf("The registry %s does not know who you are (401).", re.Host)
		f.Hint = "docker login " + re.Host
	case docker.KindForbidden:
		f.Message = fmt.Sprintf("The registry %s does not let you write to %s (403).", re.Host, re.Repo)
		f.Hint = "the signature is stored beside the image, so signing needs the right to push"
	case docker.KindNotFound:
		f.Message = fmt.Sprintf("%s does not exist in the registry.", ref)
		f.Hint = "push the image first; signing never pushes it"
	}
	return f
}
