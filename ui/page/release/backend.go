// Package release is the walk of a release as a person sees it: preflight, key, tag, artifacts,
// image, the last look, the run, and its end.
//
// The screens do nothing themselves. What takes time is a command with an id, whose result is
// dropped if something newer was asked meanwhile; the run has a goroutine and a context of its
// own, and reports through a feed that the screen reads one batch at a time.
package release

import (
	"context"
	"time"

	"bulla/gitops"
	"bulla/ui/backend"
	"bulla/ui/component/keeping"
	"bulla/ui/dialog"
	"bulla/ui/theme"
	"bulla/workflow"
)

// Backend is what the walk needs of a repository: the methods of *workflow.Session.
type Backend interface {
	backend.Release
	State(context.Context) (gitops.State, error)
	Push(context.Context, *workflow.Result, workflow.Face) error
	PushTarget(remote string) (gitops.Remote, bool)
	Close() error
}

var _ Backend = (*workflow.Session)(nil)

// Vault is where passphrases may be kept: the methods of *vault.Manager that the walk needs.
type Vault = keeping.Vault

// Options are what the page works with.
type Options struct {
	// Context ends the reading of the repository and the like. The run does not hang on it.
	Context context.Context
	// Open finds the repository. It is called outside Update, again after a failure.
	Open func(context.Context) (Backend, error)
	// Choices are what the command line said already.
	Choices workflow.Choices
	// Vault may be nil: then nothing is offered.
	Vault Vault
	// Practice says that this is the practice world; PracticePassphrase is shown there.
	Practice           bool
	PracticePassphrase string
	// CanShowImages says that the root has a page for the tags of a repository.
	CanShowImages bool
	// Env reads the environment; nil where gpg-agent's own prompt must not get the terminal.
	Env func(string) string
	// CanMakeKey says that the root has a page that leads to a first key.
	CanMakeKey bool
	// CanShowKeys says that the root has a page for all keys.
	CanShowKeys bool
	Theme       theme.Theme
	Now         func() time.Time
	// Dialogs is the stack that the page opens its dialogs on.
	Dialogs *dialog.Stack
	// Copy puts text on the clipboard; nil where that is not possible.
	Copy func(string) error
}

// Outcome is how the walk ended.
type Outcome struct {
	// Result is what a release made; nil if none was begun or it made nothing.
	Result *workflow.Result
	// Err is why the last run failed: nil, an error before anything was done, or a
	// *workflow.IncompleteError.
	Err error
	// TakenBack is what taking a release back did when the walk ended before it could be shown.
	TakenBack *workflow.Abandoned
	// Cancelled says that Ctrl+C ended it.
	Cancelled bool
}
