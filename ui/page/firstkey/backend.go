// Package firstkey is the page that leads a newcomer from nothing to a key that strangers can find:
// a room for each step of package workflow/firstkey.
//
// The page does nothing itself. What takes time runs beside the event loop, one piece at a time, and
// may put questions to the person; Shutdown waits for it.
package firstkey

import (
	"context"
	"time"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/ui/dialog"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

// Backend is what the page needs: methods of *firstkey.Wizard.
type Backend interface {
	Begin(context.Context) (firstkey.Start, error)
	Progress(context.Context, keys.Fingerprint) (firstkey.Progress, error)
	Make(context.Context, firstkey.Params) (firstkey.Made, error)
	Words() (keys.Secret, int, error)
	Path(name string) string
	BackUp(context.Context, keys.Fingerprint, string, keys.AskPassphrase) (store.Rehearsal, error)
	Paper(context.Context, keys.Fingerprint, string, keys.AskPassphrase) (store.Rehearsal, error)
	MoveRevocation(ctx context.Context, f keys.Fingerprint, path string) error
	Places(context.Context) ([]vault.Status, vault.Backend)
	Keep(context.Context, keys.Fingerprint, vault.Backend, keys.AskPassphrase) error
	Offers(context.Context, keys.Fingerprint) ([]firstkey.Offer, error)
	Place(text string) (publish.Target, error)
	Plan(context.Context, keys.Fingerprint, []publish.Target, []string) (publish.Plan, error)
	Publish(context.Context, publish.Plan, keys.AskPassphrase, func(publish.Event)) ([]publish.Result, error)
	Check(context.Context, publish.Plan, keys.AskPassphrase, func(publish.Event)) ([]publish.Result, error)
	PlanGit(context.Context, keys.Fingerprint) (firstkey.GitPlan, error)
	ApplyGit(context.Context, firstkey.GitPlan) error
	ToGnuPG(context.Context, keys.Fingerprint, keys.AskPassphrase) error
	Trial(context.Context, keys.Fingerprint, keys.AskPassphrase) (firstkey.Trial, error)
	Texts(context.Context, keys.Fingerprint) (firstkey.Texts, error)
}

var _ Backend = (*firstkey.Wizard)(nil)

// Options are what the page works with. Backend, Theme, Now and Dialogs are required.
type Options struct {
	// Context ends all work.
	Context context.Context
	Backend Backend
	// Key is a key of bulla's store to go on with; "" begins with a new one, or offers those that
	// have something left to do.
	Key   keys.Fingerprint
	Theme theme.Theme
	Now   func() time.Time
	// Dialogs is the stack that the page opens its dialogs on.
	Dialogs *dialog.Stack
	// Prints says that who opened the page prints Done.Text.
	Prints bool
	// Copy puts text on the clipboard; nil where that is not possible.
	Copy func(string) error
}

// Done is the message that the person has left the page. The page is then of no more use: call
// Shutdown.
type Done struct {
	// Key is the key that was made or gone on with, "" for none.
	Key keys.Fingerprint
	// Text is what the person wanted printed after the page, "" for nothing.
	Text string
	// Cancelled says that Ctrl+C ended it.
	Cancelled bool
}
