package cli

import (
	"context"

	"github.com/spf13/cobra"

	"bulla/ui/explain"
	"bulla/workflow/sandbox"
)

func (a *app) sandboxCommand() *cobra.Command {
	var run bool
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Practise a whole release where nothing can go wrong",
		Long: `Practise a whole release in a world of its own: a small project, built files, a
registry on this computer and keys that are worth nothing, all in a temporary
folder that goes away at the end. Your keys, your configuration and your keychain
are not touched.`,
		Args: cobra.NoArgs,
	}
	c.Flags().BoolVar(&run, "run", false, "perform the release unattended and exit by the result")
	a.jsonFlag(c.Flags(), "with --run: print events and the result as lines of JSON")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		if run {
			return a.sandboxRun(ctx)
		}
		switch {
		case a.screenPossible():
			return a.practise(ctx)
		case a.interactive() && !a.flags.json:
			return a.practiseLineByLine(ctx)
		default:
			return &explain.UsageError{Message: "there is no terminal to draw the practice release on", Hints: []string{"bulla sandbox --run performs it unattended"}}
		}
	}
	return c
}

func (a *app) sandboxRun(ctx context.Context) (err error) {
	b, err := sandbox.New(ctx, sandbox.Options{Now: a.Now, Environ: a.Environ})
	if err != nil {
		return err
	}
	defer func() {
		if e := b.Close(); err == nil {
			err = e
		}
	}()
	emit := a.textEvents()
	if a.flags.json {
		emit = jsonEvents(a.printer())
	}
	res, err := b.Release(ctx, b.Choices(), emit)
	if err != nil {
		return err
	}
	if err := a.result(res); err != nil {
		return err
	}
	again, err := b.Recheck(ctx, res)
	if err != nil {
		return err
	}
	if code := codeOf(again, false); code != explain.CodeOK {
		return exitCode(code)
	}
	return nil
}
