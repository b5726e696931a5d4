package line

import (
	"context"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/backend"
	"bulla/workflow"
)

// Session is what the walk needs of a repository.
type Session = backend.Release

// Vault is where passphrases may be kept: methods of *vault.Manager.
type Vault interface {
	Unsaved() []keys.PassphraseRequest
	Offers(context.Context) []vault.Status
	Choice(context.Context) (vault.Backend, bool)
	SetUp(context.Context, keys.AskPassphrase) error
	UnlockFile(context.Context, keys.AskPassphrase) error
	Keep(context.Context, keys.PassphraseRequest, vault.Backend) error
}

var _ Vault = (*vault.Manager)(nil)

// Walker is what the walk works with. Terminal, Session and Now are required.
type Walker struct {
	Terminal *Terminal
	Session  Session
	// Choices are what the command line said already; what is said is not asked.
	Choices workflow.Choices
	// Face answers what the command line brought; Ask and Emit of it are set by the walk.
	Face workflow.Face
	// Vault offers places for passphrases; nil offers none.
	Vault Vault
	// Report prints what a release made, with its verdicts.
	Report func(*workflow.Result) error
	Now    func() time.Time
	// Keys looks after all keys, from where the key that signs is chosen; nil offers it not.
	Keys func(context.Context) error
	// ImagesOf looks after the images of a repository, from where the images are chosen; nil offers it
	// not.
	ImagesOf func(context.Context, docker.Repository) error
	// Note is said whenever a passphrase is asked for: the practice one, in practice.
	Note string
	// Heartbeat is how often a step at work says that it still is; 0 means five seconds.
	Heartbeat time.Duration
}
