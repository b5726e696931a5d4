package cli

import (
	"context"
	"path/filepath"
	"strings"

	"bulla/ui"
	"bulla/ui/line"
	"bulla/workflow/firstkey"
	"bulla/workflow/keydesk"
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

// keysLines looks after the keys line by line.
func (a *app) keysLines(ctx context.Context) error {
	if _, err := a.open(ctx); err != nil {
		return err
	}
	return a.lineDesk(a.terminal(), "").Run(ctx)
}

// lineDesk looks after the keys of the world, which must be open, on a terminal. back says where
// leaving it leads to.
func (a *app) lineDesk(t *line.Terminal, back string) line.KeyDesk {
	return line.KeyDesk{
		Terminal: t, Keys: a.desk(), Wizard: a.keyWizard(), Path: a.typedPath, Published: a.keepTokens, Now: a.Now, Lend: a.lend(), Back: back,
	}
}

func (a *app) keyDesk(ctx context.Context) (ui.Keys, error) {
	if _, err := a.open(ctx); err != nil {
		return nil, err
	}
	return a.desk(), nil
}

// desk is the desk for the keys of the world, which must be open.
func (a *app) desk() *keydesk.Desk {
	d := keydesk.New(&a.world.Places)
	d.Dir = a.repository()
	return d
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
