package workflow

import (
	"context"
	"errors"
	"fmt"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/journal"
	"bulla/workflow/policy"
	"bulla/workflow/project"
	"bulla/workflow/verify"
)

// images: resolved to a digest, with a key to sign them and a registry, and where that is asked
// for a trust server, that will take the signature.
func (x *examination) images(ctx context.Context) {
	refs := x.c.Images
	if refs == nil {
		refs = x.s.Config().Release.Images
	}
	if len(refs) == 0 {
		x.imageOfLast()
		return
	}
	x.plan.ImageWith = x.s.imageWith(x.c)
	clients := dct.NewClients(x.s.world.TrustClient)
	defer clients.Close()
	seen, examined := map[string]bool{}, map[string]bool{}
	for _, text := range project.WithVersion(refs, x.plan.Version) {
		if seen[text] {
			continue
		}
		seen[text] = true
		img, ok := x.image(ctx, text)
		if !ok {
			continue
		}
		if repo := img.Reference.Repository().String(); !examined[repo] {
			examined[repo] = true
			x.registry(ctx, clients, img.Reference)
		}
		if x.plan.ImageWith.ContentTrust() {
			x.contentTrust(ctx, clients, img)
		}
	}
	x.movedImages(ctx, clients)
	if x.plan.ImageWith.Cosign() {
		x.imageKey(ctx)
	}
}

// movedImages: tags that were signed over another digest, or recorded with one, before they are signed where
// they are.
func (x *examination) movedImages(ctx context.Context, clients *dct.Clients) {
	if len(x.plan.Images) == 0 {
		return
	}
	v, err := NewVerifier(ctx, x.s.world, verify.Options{Dir: x.s.root()})
	if err != nil {
		return // told where it is needed
	}
	o := images.Options{Trust: &images.DCT{Clients: clients}, TrustServer: x.s.ways(x.c).TrustServer}
	ctx, cancel := context.WithTimeout(ctx, movedPatience)
	defer cancel()
	for _, p := range x.plan.Images {
		img, err := p.dockerImage()
		if err != nil || img.Reference.Tag() == "" {
			continue
		}
		moved, _ := images.MovedBefore(ctx, v, img.Reference, o)
		for _, m := range moved {
			x.warn(RuleImageMoved, StepImage, p.Name+": "+m.Sentence(p.Digest), "sign it only if you know why it has moved")
		}
	}
}

// movedPatience bounds how long it is looked for moved tags, of all images together: it is a help.
const movedPatience = 2 * images.Patience

// imageOfLast tells of an image that may have been forgotten.
func (x *examination) imageOfLast() {
	last, ok := journal.Last[*Plan](x.s.state.CommonDir)
	if !ok || len(last.Images) == 0 {
		return
	}
	names := make([]string, len(last.Images))
	for i, img := range last.Images {
		names[i] = img.Name
	}
	x.warn(RuleImageSet, StepImage, fmt.Sprintf("The release of %s had an image that this one has no counterpart for: %s.", last.Tag, firstOf(names, 3)),
		"add this one's at the step Image, with --image REF, or once and for all in bulla.toml")
}

// imageKey: one that can be used.
func (x *examination) imageKey(ctx context.Context) {
	key, err := x.s.chooseImageKey(ctx, x.c.ImageKey)
	switch {
	case errors.Is(err, images.ErrNoKey):
		x.refuse(RuleImageKey, StepImage, err, "There is no key to sign images with.", "bulla image keygen makes one; --image-key FILE names a cosign key you have")
	case err != nil:
		x.refuse(RuleImageKey, StepImage, err, "The image key cannot be used: "+err.Error()+".", "name one with --image-key FILE")
	default:
		x.plan.ImageKey, x.plan.ImageID = key.Path, key.ID
	}
}

// image adds an image to the plan, and reports whether the registry would take its signature.
func (x *examination) image(ctx context.Context, text string) (docker.Image, bool) {
	ref, err := docker.ParseReference(text)
	if err != nil {
		x.refuse(RuleImage, StepImage, err, err.Error()+".", "a reference looks like registry.example.org/app:1.0.0")
		return docker.Image{}, false
	}
	img, err := x.s.world.Registry.Resolve(ctx, ref)
	if err != nil {
		x.add(registryFinding(RuleImage, text, err))
		return docker.Image{}, false
	}
	if x.plan.ImageWith.Cosign() {
		if err := x.s.world.Registry.CanPush(ctx, ref); err != nil {
			x.add(registryFinding(RuleRegistry, text, err))
			return docker.Image{}, false
		}
	}
	x.plan.Images = append(x.plan.Images, PlannedImage{
		Name: ref.String(), Digest: img.Digest, MediaType: img.MediaType, Size: img.Size,
		Platforms: img.Platforms, PlainHTTP: ref.PlainHTTP(),
	})
	return img, true
}

// registry passes on what the doctor says of a registry that has given an image away already. What
// is about cosign or Content Trust is no trouble of a release that does not use it.
func (x *examination) registry(ctx context.Context, clients *dct.Clients, ref docker.Reference) {
	trust, cancel := context.WithTimeout(ctx, images.Patience)
	defer cancel()
	with := x.plan.ImageWith
	list, err := x.s.ways(x.c).Examine(ctx, trust, clients, ref)
	if err != nil {
		return // of ctx, or of the pins: that is told where they are needed
	}
	for _, f := range list {
		switch {
		case f.Rule == images.RulePush || f.Rule == images.RulePull:
			if f.Severity != finding.Info {
				continue // asked for each image
			}
		case f.Rule == images.RuleTrustServer && !with.ContentTrust(), f.Rule == images.RuleCosign && !with.Cosign():
			f.Severity = finding.Info
		case f.Severity == finding.Error:
			f.Severity = finding.Warning // the image could be had all the same
		}
		x.add(Finding{f, StepImage})
	}
	rule, ok := x.s.imageRule(ctx, ref.Repository())
	switch {
	case !ok:
	case rule.Wants(policy.SystemContentTrust) && !with.ContentTrust():
		x.warn(RulePolicy, StepImage, fmt.Sprintf("The policy wants Content Trust to vouch for %s, and this release does not sign there.", rule.Repository), "--image-with both signs there too")
	case rule.Wants(policy.SystemCosign) && !with.Cosign():
		x.warn(RulePolicy, StepImage, fmt.Sprintf("The policy wants a cosign key to vouch for %s, and this release makes no such signature.", rule.Repository), "--image-with both makes one too")
	}
}

// contentTrust: a trust server that has the repository, its root pinned, and a key at hand that may
// sign the tag.
func (x *examination) contentTrust(ctx context.Context, clients *dct.Clients, img docker.Image) {
	trust, err := x.s.ways(x.c).PlanTrust(ctx, clients, img)
	if err != nil {
		x.add(Finding{images.Problem(img.Reference, clients, err), StepImage})
		return
	}
	x.plan.Images[len(x.plan.Images)-1].Trust = trust
}

// registryFinding tells what the registry's answer means for the release.
func registryFinding(rule finding.Rule, ref string, err error) Finding {
	f := Finding{Finding: finding.Finding{Rule: rule, Severity: finding.Error, Err: err, Message: fmt.Sprintf("%s: %v.", ref, err)}, Step: StepImage}
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
