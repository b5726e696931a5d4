package line

import (
	"context"
	"time"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow"
)

// Session is what the walk needs of a repository: methods of *workflow.Session.
type Session interface {
	Project() string
	Repository() gitops.State
	Config() workflow.Config
	SaveConfig(context.Context, workflow.Config) error
	Unfinished(context.Context) (*workflow.Unfinished, error)
	KeyChoices(context.Context) (workflow.KeyChoices, error)
	GenerateKey(context.Context, store.GenerateParams) (store.Generated, error)
	VersionChoices(context.Context) (workflow.VersionChoices, error)
	NewTag(ctx context.Context, version string) (tag, v string, err error)
	DraftMessage(ctx context.Context, version string) (workflow.Draft, error)
	Globs(version string) []string
	FindArtifacts(ctx context.Context, globs []string) ([]artifacts.File, error)
	ImageReferences(version string) []string
	ResolveImage(ctx context.Context, ref string) (docker.Image, error)
	OfferImage(context.Context, workflow.Choices, docker.Image) (workflow.ImageOffer, error)
	ImageKeys(context.Context) ([]workflow.ImageKey, error)
	GenerateImageKey(context.Context, keys.Secret) (workflow.ImageKey, error)
	Preflight(context.Context, workflow.Choices) []workflow.Finding
	Plan(context.Context, workflow.Choices) (*workflow.Plan, error)
	Run(context.Context, *workflow.Plan, workflow.Face) (*workflow.Result, error)
	Resume(context.Context, workflow.Face) (*workflow.Result, error)
	AbandonFor(context.Context, workflow.Face) (workflow.Abandoned, error)
}

var _ Session = (*workflow.Session)(nil)

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
	// Note is said whenever a passphrase is asked for: the practice one, in practice.
	Note string
	// Heartbeat is how often a step at work says that it still is; 0 means five seconds.
	Heartbeat time.Duration
}
