package cli

import (
	"context"
	"errors"
	"sync"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui"
	"bulla/ui/explain"
	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/sandbox"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

// screen runs the full-screen walk and turns its end into an exit code.
func (a *app) screen(ctx context.Context, o ui.Options) error {
	display, err := a.display()
	if err != nil {
		return err
	}
	o.Display = display
	out, err := ui.Release(ctx, o)
	if out.TakenBack != nil {
		for _, l := range takenBack(*out.TakenBack) {
			a.note("%s", l)
		}
	}
	if err != nil {
		return err
	}
	if r := out.Result; r != nil {
		if o.Practice != nil {
			a.note("Practised the release of %s; the practice world is taken down.", r.Plan.Tag)
		} else {
			a.note("Released %s.", r.Plan.Tag)
		}
		a.journalTrouble(r)
		if r.PushFailed != nil {
			return r.PushFailed
		}
		if !r.Good() {
			return exitCode(explain.CodeFailed)
		}
	}
	return nil
}

// display is where full-screen faces draw.
func (a *app) display() (ui.Display, error) {
	mode, err := theme.ParseMode(a.flags.theme)
	if err != nil {
		return ui.Display{}, &explain.UsageError{Message: err.Error(), Hints: []string{"--theme auto, light or dark"}}
	}
	return ui.Display{Theme: mode, ASCII: a.flags.ascii, In: a.Stdin, Out: a.Stdout, Env: a.Getenv, Now: a.Now}, nil
}

// practise opens the practice world on the whole screen. The world is built after the first
// frame, and taken down when the person leaves.
func (a *app) practise(ctx context.Context) (err error) {
	p := &practice{app: a}
	defer func() { err = errors.Join(err, p.close()) }()
	return a.screen(ctx, ui.Options{
		Choices: workflow.Choices{Version: sandbox.NextVersion}, Practice: p, Images: p.images, ImageDesk: p.imageDesk, ImagePath: p.app.typedPath, PracticePassphrase: sandbox.Passphrase, Open: p.open,
	})
}

// practice is a practice world that is built when it is first needed.
type practice struct {
	app *app
	mu  sync.Mutex
	box *sandbox.Sandbox
	dct *images.DCT // nil before the page of images
}

func (p *practice) open(ctx context.Context) (ui.Backend, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.box == nil {
		box, err := sandbox.New(ctx, sandbox.Options{Now: p.app.Now, Environ: p.app.Environ})
		if err != nil {
			return nil, err
		}
		p.box = box
	}
	return workflow.Open(ctx, p.box.World(), p.box.Dir())
}

// images lists the tags of a repository in the practice world.
func (p *practice) images(ctx context.Context, name string) (ui.Images, error) {
	p.mu.Lock()
	box := p.box
	p.mu.Unlock()
	return tagsOf(ctx, box.World(), box.Dir(), name, nil)
}

// tagsOf lists the tags of a repository of images, judged by the keys and the policy of the
// repository in dir. Nothing is said on standard error: the screen is taken.
func tagsOf(ctx context.Context, w *world.World, dir, name string, trust images.ContentTrust) (ui.Images, error) {
	repo, err := docker.ParseRepository(name)
	if err != nil {
		return nil, err
	}
	v, err := workflow.NewVerifier(ctx, w, verify.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	s, err := images.Open(ctx, v, repo, images.Options{Trust: trust})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// imageDesk makes a desk for a repository in the practice world.
func (p *practice) imageDesk(name string) (ui.ImageDesk, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dct == nil {
		p.dct = images.NewDCT(p.box.World())
	}
	return imageDesk(p.box.World(), p.dct, p.box.Dir(), name)
}

// imageDesk makes a desk for a repository of images, judged by the keys and the policy of the
// repository in dir.
func imageDesk(w *world.World, d *images.DCT, dir, name string) (ui.ImageDesk, error) {
	repo, err := docker.ParseRepository(name)
	if err != nil {
		return nil, err
	}
	return images.NewDesk(images.DeskOptions{World: w, DCT: d, Repository: repo, Verifier: func(ctx context.Context) (*verify.Verifier, error) {
		return workflow.NewVerifier(ctx, w, verify.Options{Dir: dir})
	}}), nil
}

func (p *practice) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.box == nil {
		return nil
	}
	if p.dct != nil {
		p.dct.Close()
	}
	return p.box.Close()
}

// Commands are what a stranger types to check the release.
func (p *practice) Commands(r *workflow.Result) []workflow.Command { return p.box.Commands(r) }

// Tamper changes a released file; the next call puts it back.
func (p *practice) Tamper(ctx context.Context, r *workflow.Result) (string, bool, error) {
	return p.box.Tamper(ctx, r)
}

// Recheck verifies the release with the public keys alone.
func (p *practice) Recheck(ctx context.Context, r *workflow.Result) ([]keys.Verdict, error) {
	return p.box.Recheck(ctx, r)
}
