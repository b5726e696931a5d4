package cli

import (
	"context"

	"bulla/docker"
	"bulla/ui/line"

	"bulla/workflow/images"
	"bulla/workflow/verify"
)

// imageLines looks after the images of a repository line by line.
func (a *app) imageLines(ctx context.Context, repo docker.Repository, f lookFlags) error {
	if _, err := a.open(ctx); err != nil {
		return err
	}
	o, err := f.trustFlags.options()
	if err != nil {
		return err
	}
	a.noteFirstUse(f.trustFlags)
	return a.lineImages(ctx, a.terminal(), repo, f, o, "")
}

// lineImages looks after images on a terminal. back says where leaving leads to.
func (a *app) lineImages(ctx context.Context, t *line.Terminal, repo docker.Repository, f lookFlags, o images.Options, back string) error {
	d := images.NewDesk(images.DeskOptions{
		World: a.world, DCT: a.contentTrust(), Repository: repo, Look: o,
		Verifier: func(ctx context.Context) (*verify.Verifier, error) { return a.verifier(ctx, f.verifyFlags) },
	})
	err := line.ImageDesk{Terminal: t, Desk: d, Path: a.typedPath, Back: back}.Run(ctx)
	if closing := d.Close(); err == nil {
		err = closing
	}
	return err
}
