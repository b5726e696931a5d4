package workflow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/workflow/finding"
	"bulla/workflow/images"
)

func skipImage(r *run) string {
	if len(r.plan.Images) == 0 {
		return "no image is part of this release"
	}
	return ""
}

// dockerImage turns a planned image back into what the registry client works with: by the
// digest that the person saw, not by what the tag points to now.
func (p PlannedImage) dockerImage() (docker.Image, error) {
	ref, err := docker.ParseReference(p.Name)
	if err != nil {
		return docker.Image{}, err
	}
	return docker.Image{Reference: ref, Digest: p.Digest, MediaType: p.MediaType, Size: p.Size, Platforms: p.Platforms, Index: len(p.Platforms) > 0}, nil
}

// imagesUnmoved resolves each image once more, before anything is made. One whose tag names another image
// by now, or that cannot be asked for, refuses the release (*RefusedError).
func (r *run) imagesUnmoved(ctx context.Context, at StepID) error {
	var found []Finding
	for _, p := range r.plan.Images {
		img, err := p.dockerImage()
		if err != nil {
			return err
		}
		r.waitsFor(at, img.Reference.Registry())
		ask, cancel := context.WithTimeout(ctx, lookDeadline)
		err = images.Unmoved(ask, r.s.world, img)
		cancel()
		var moved *docker.MovedError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &moved):
			found = append(found, Finding{Finding: finding.Finding{Rule: RuleImageMoved, Severity: finding.Error, Err: err,
				Message: fmt.Sprintf("%s has moved since the plan was made: it was %s and is %s.", p.Name, moved.Was, moved.Is),
				Hint:    "find out who pushed, then begin again: the plan will name the image that is there now"}, Step: StepImage})
		case err != nil:
			found = append(found, registryFinding(RuleImage, p.Name, err))
		}
	}
	if len(found) > 0 {
		return &RefusedError{Findings: found}
	}
	return nil
}

// openImageKeys opens the keys that sign images: that of cosign, and those of Content Trust.
func (r *run) openImageKeys(ctx context.Context) (err error) {
	if len(r.plan.Images) == 0 {
		return nil
	}
	if r.plan.ImageWith.Cosign() {
		if r.image, err = cosign.LoadSigner(r.plan.ImageKey); err != nil {
			return err
		}
		if err := r.image.Unlock(ctx, r.ask()); err != nil {
			return err
		}
		if id := string(r.image.Public().Fingerprint()); r.plan.ImageID != "" && r.plan.ImageID != id {
			return fmt.Errorf("%s holds another key than its .pub file says", r.plan.ImageKey)
		}
	}
	r.trust = dct.NewClients(r.s.world.TrustClient)
	for _, p := range r.plan.Images {
		if p.Trust == nil {
			continue
		}
		img, repo, err := r.trusted(p)
		if err != nil {
			return err
		}
		if err := repo.Unlock(ctx, img, p.Trust.Pin.Trust(), r.ask()); err != nil {
			return err
		}
	}
	return nil
}

// trusted is a planned image with its repository in Content Trust.
func (r *run) trusted(p PlannedImage) (docker.Image, *dct.Repository, error) {
	img, err := p.dockerImage()
	if err != nil {
		return img, nil, err
	}
	return img, r.trust.Get(p.Trust.Server).Repository(dct.GUNOf(img.Reference)), nil
}

func runImage(ctx context.Context, r *run) (string, error) {
	for i, p := range r.plan.Images {
		r.emit(StepProgress{Step: StepImage, Item: p.Name, Items: i, ItemsTotal: len(r.plan.Images)})
		made, err := r.signImage(ctx, p)
		if made.Manifest != "" || made.TrustServer != "" { // finished, whatever went wrong afterwards
			r.result.Images = append(r.result.Images, made)
		}
		if err != nil {
			return "", err
		}
	}
	where := map[images.With]string{
		images.WithContentTrust: "the signature is on the trust server", images.WithBoth: "in the registry and on the trust server",
	}[r.plan.ImageWith]
	if where == "" {
		where = "the signature is in the registry"
	}
	if len(r.plan.Images) > 1 {
		where = strings.Replace(where, "the signature is", "the signatures are", 1)
	}
	return plural(len(r.plan.Images), "image") + " signed, " + where, nil
}

// signImage signs one image by all systems of the plan. Content Trust comes first: it can say no for
// more reasons, and what it has published can be taken back.
func (r *run) signImage(ctx context.Context, p PlannedImage) (made SignedImage, err error) {
	made = SignedImage{Name: p.Name, Digest: p.Digest}
	img, err := p.dockerImage()
	if err != nil {
		return made, err
	}
	if p.Trust != nil {
		if err := r.signTrust(ctx, p, &made); err != nil {
			return made, err
		}
	}
	if !r.plan.ImageWith.Cosign() {
		return made, nil
	}
	r.waitsFor(StepImage, img.Reference.Registry())
	before := "" // what a run that was killed has published is to be told, wherever the tag is by now
	if r.resumed {
		before, _ = r.published(ctx, p)
	}
	if before == "" {
		if err := images.Unmoved(ctx, r.s.world, img); err != nil {
			return made, err
		}
	}
	sig, err := cosign.Sign(ctx, r.s.world.Registry, img, r.image, r.s.world.Now())
	made.Manifest = sig.Manifest
	return made, err
}

// signTrust signs the tag in Content Trust, unless it points elsewhere by now (*docker.MovedError).
func (r *run) signTrust(ctx context.Context, p PlannedImage, made *SignedImage) error {
	img, repo, err := r.trusted(p)
	if err != nil {
		return err
	}
	r.waitsFor(StepImage, strings.TrimPrefix(repo.Server(), "https://"))
	signed, err := repo.Sign(ctx, img, p.Trust.Pin.Trust(), r.ask())
	if err != nil {
		return err
	}
	made.TrustServer, made.TrustRoles = repo.Server(), signed.Roles
	if !signed.Released { // somebody took the right to release away since the plan was made
		return &images.UnreleasedError{Reference: img.Reference, Roles: signed.Roles}
	}
	return nil
}

func undoImage(ctx context.Context, r *run, a *Abandoned) error {
	done, _ := progress(r.journal.Entries())
	_, finished := done[StepImage]
	look, cancel := context.WithTimeout(ctx, lookDeadline)
	defer cancel()
	for _, p := range r.plan.Images {
		if r.plan.ImageWith.Cosign() {
			there, known := finished, finished
			if !finished {
				var manifest string
				manifest, known = r.published(look, p)
				there = manifest != ""
			}
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case there:
				a.keep("signature of "+p.Name, "it is in the registry: others may have it")
			case !known:
				a.keep("signature of "+p.Name, "it may be in the registry, which did not tell: others may have it")
			}
		}
		if p.Trust != nil {
			a.keep("signature of "+p.Name+" in Content Trust", "it is on "+strings.TrimPrefix(p.Trust.Server, "https://")+"; bulla image trust revoke "+p.Name+" takes it back")
		}
	}
	return nil
}

// lookDeadline bounds how long taking back waits for registries, all of them together, and a run for each
// image that it asks for once more.
const lookDeadline = 10 * time.Second

// published looks in the registry for a signature by the plan's image key, and returns the digest of
// its manifest, or "". It knows only what the registry answers: a key whose public half cannot be
// read any more is one that any signature may be by.
func (r *run) published(ctx context.Context, p PlannedImage) (manifest string, known bool) {
	img, err := p.dockerImage()
	if err != nil {
		return "", false
	}
	r.waitsFor(StepImage, img.Reference.Registry())
	var pubs []cosign.PublicKey
	if s, err := cosign.LoadSigner(r.plan.ImageKey); err == nil {
		if pub := s.Public(); !pub.IsZero() && (r.plan.ImageID == "" || string(pub.Fingerprint()) == r.plan.ImageID) {
			pubs = append(pubs, pub)
		}
		s.Close()
	}
	report, err := cosign.Inspect(ctx, r.s.world.Registry.Repo(img.Reference), img.Digest, pubs)
	switch {
	case err != nil:
		return "", false
	case len(pubs) == 0:
		return "", len(report.Signatures) == 0
	}
	for _, s := range report.Signatures {
		if s.Status.Sound() && (s.Tag == "" || s.Tag == img.Reference.Tag()) { // else it is of another release
			return s.Manifest, true
		}
	}
	return "", true
}
