package line

import (
	"context"
	"strings"

	"bulla/docker"
	"bulla/workflow/finding"
	"bulla/workflow/images"
)

// imageWith chooses by which systems the images are signed, where their registries and trust
// servers leave a choice.
func (w *walk) imageWith(ctx context.Context) error {
	if len(w.c.Images) == 0 || w.c.ImageWith != "" || w.Session.Config().Release.ImageWith != "" {
		return nil
	}
	w.t.Say("")
	w.t.Say("Asking how they can be signed…")
	servers, err := w.trustServers(ctx)
	if err != nil {
		return err
	}
	if servers == nil { // a cosign key, which is what the zero value means
		return nil
	}
	w.t.Say("How the images are signed")
	w.t.Say("  1  with a cosign key: the signature lies in the registry")
	w.t.Say("  2  both, in one step")
	w.t.Say("  3  in Docker Content Trust: the signature lies on %s", strings.Join(servers, ", "))
	w.t.Say("  Enter takes 1.")
	n, err := w.t.Number(ctx, "Sign", 3, 1)
	if err != nil {
		return err
	}
	w.c.ImageWith = []images.With{images.WithCosign, images.WithBoth, images.WithContentTrust}[n-1]
	return nil
}

// trustServers are those that would take a signature of each image, or nil where one would not: what
// is in the way is said.
func (w *walk) trustServers(ctx context.Context) (servers []string, err error) {
	possible := true
	for _, name := range w.c.Images {
		offer, err := w.Session.OfferImage(ctx, w.c, w.resolved[name])
		if err != nil {
			return nil, err
		}
		for _, f := range offer.Registry {
			if f.Severity != finding.Info {
				w.finding(f)
			}
		}
		switch trust := offer.ContentTrust; {
		case trust == nil && offer.Untouched():
			possible = false
		case trust == nil:
			possible = false
			w.t.Say("Content Trust cannot sign %s. %s", name, offer.Problem.Message)
			if offer.Problem.Hint != "" {
				w.t.Say("  %s", offer.Problem.Hint)
			}
		case len(servers) == 0 || servers[len(servers)-1] != trust.Server:
			servers = append(servers, trust.Server)
		}
	}
	if !possible {
		return nil, nil
	}
	return servers, nil
}

// remember keeps what a reference was resolved to.
func (w *walk) remember(name string, img docker.Image) {
	if w.resolved == nil {
		w.resolved = map[string]docker.Image{}
	}
	w.resolved[name] = img
}

// chooseWith asks again by which systems the images are signed.
func (w *walk) chooseWith(ctx context.Context) error {
	w.c.ImageWith = ""
	if err := w.imageWith(ctx); err != nil {
		return err
	}
	return w.imageKey(ctx)
}

// cosignAlone leaves Content Trust out.
func (w *walk) cosignAlone(ctx context.Context) error {
	w.c.ImageWith = images.WithCosign
	return w.imageKey(ctx)
}

// with is what was chosen, or else configured.
func (w *walk) with() images.With {
	if w.c.ImageWith != "" {
		return w.c.ImageWith
	}
	return images.With(w.Session.Config().Release.ImageWith)
}
