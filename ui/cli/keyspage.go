package cli

import (
	"context"
	"path/filepath"
	"strings"

	"bulla/ui"
	"bulla/workflow"
	"bulla/workflow/firstkey"
)

// keysScreen opens the page of all keys.
func (a *app) keysScreen(ctx context.Context) error {
	display, err := a.display()
	if err != nil {
		return err
	}
	return ui.KeyList(ctx, ui.KeysOptions{
		Open: a.keyDesk, Path: a.typedPath, Wizard: a.keyWizard,
		Display: display,
	})
}

func (a *app) keyDesk(ctx context.Context) (ui.Keys, error) {
	w, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	return workflow.NewKeyDesk(w), nil
}

// keyWizard leads through the making of a key; the world must be open.
func (a *app) keyWizard() ui.KeyWizard { return firstkey.New(a.world, a.repository()) }

// typedPath makes a name that was typed on a screen absolute: no shell has replaced its ~.
func (a *app) typedPath(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home := a.Getenv("HOME"); filepath.IsAbs(home) {
			return filepath.Join(home, rest)
		}
	}
	return a.path(name)
}
