package cli

import (
	"context"
	"errors"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui/line"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/sandbox"
)

// lineByLine leads a person through a release without drawing screens.
func (a *app) lineByLine(ctx context.Context, f releaseFlags) error {
	s, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	t := a.terminal()
	res, err := line.Walk(ctx, line.Walker{
		Terminal: t, Session: s, Choices: f.choices(), Face: workflow.Face{First: f.fds().answer, Lend: a.lend()},
		Vault: a.world.Vault, Report: a.report, Now: a.Now, Keys: a.lineDesk(t, "the release").Run,
		ImagesOf: func(ctx context.Context, repo docker.Repository) error {
			return a.lineImages(ctx, t, repo, lookFlags{}, images.Options{}, "the release")
		},
	})
	if err != nil || res == nil {
		return err
	}
	return res.PushFailed
}

// practiseLineByLine is the practice release without screens: the newcomer releases, then sees
// the check fail on a file that was tampered with.
func (a *app) practiseLineByLine(ctx context.Context) (err error) {
	b, err := sandbox.New(ctx, sandbox.Options{Now: a.Now, Environ: a.Environ})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	s, err := workflow.Open(ctx, b.World(), b.Dir())
	if err != nil {
		return err
	}
	defer s.Close()
	t := a.terminal()
	t.Say("This is practice: a project, keys and a registry that are worth nothing, in %s.", b.Root())
	t.Say("Every passphrase here is: %s", sandbox.Passphrase)
	t.Say("")
	res, err := line.Walk(ctx, line.Walker{Terminal: t, Session: s, Report: a.report, Note: "This is practice. Type: " + sandbox.Passphrase, Now: a.Now})
	if err != nil || res == nil {
		return err
	}
	t.Say("")
	again, err := t.Confirm(ctx, "Tamper with a released file and check again, as a stranger would?")
	if err != nil || !again {
		return nil // the practice is done
	}
	path, _, err := b.Tamper(ctx, res)
	if err != nil {
		return err
	}
	t.Say("One byte of %s is changed.", path)
	verdicts, err := b.Recheck(ctx, res)
	if err != nil {
		return err
	}
	p := a.printer()
	for _, v := range keys.Distinct(verdicts) {
		p.verdict(v)
	}
	return p.err
}
