// Package backend is what the faces need of the domain: each method is named once, for the full
// screen and for the line mode, which walk through the same.
package backend

import (
	"context"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow"
	"bulla/workflow/firstkey"
	"bulla/workflow/images"
	"bulla/workflow/keychoice"
	"bulla/workflow/project"
)

// Release is what the walk of a release needs of a repository: methods of *workflow.Session.
type Release interface {
	Project() string
	Repository() gitops.State
	Config() project.Config
	SaveConfig(context.Context, project.Config) error
	Unfinished(context.Context) (*workflow.Unfinished, error)
	KeyChoices(context.Context) (keychoice.Choices, error)
	GenerateKey(context.Context, store.GenerateParams) (store.Generated, error)
	VersionChoices(context.Context) (workflow.VersionChoices, error)
	NewTag(ctx context.Context, version string) (tag, v string, err error)
	DraftMessage(ctx context.Context, version string) (workflow.Draft, error)
	Globs(version string) []string
	FindArtifacts(ctx context.Context, globs []string) ([]artifacts.File, error)
	ImageReferences(version string) []string
	ResolveImage(ctx context.Context, ref string) (docker.Image, error)
	OfferImage(context.Context, workflow.Choices, docker.Image) (images.Offer, error)
	ImageKeys(context.Context) ([]images.Key, error)
	GenerateImageKey(context.Context, keys.Secret) (images.Key, error)
	Preflight(context.Context, workflow.Choices) []workflow.Finding
	InTheWay(context.Context, workflow.Choices) []workflow.Finding
	Plan(context.Context, workflow.Choices) (*workflow.Plan, error)
	Run(context.Context, *workflow.Plan, workflow.Face) (*workflow.Result, error)
	Resume(context.Context, workflow.Face) (*workflow.Result, error)
	AbandonFor(context.Context, workflow.Face) (workflow.Abandoned, error)
}

var _ Release = (*workflow.Session)(nil)

// KeyPlaces is what publishing a key needs: methods of *firstkey.Wizard.
type KeyPlaces interface {
	Offers(context.Context, keys.Fingerprint) ([]firstkey.Offer, error)
	Place(text string) (publish.Target, error)
	Plan(context.Context, keys.Fingerprint, []publish.Target, []string) (publish.Plan, error)
	Publish(context.Context, publish.Plan, keys.AskPassphrase, func(publish.Event)) ([]publish.Result, error)
	Check(context.Context, publish.Plan, keys.AskPassphrase, func(publish.Event)) ([]publish.Result, error)
}

// FirstKey is what making a first key needs: methods of *firstkey.Wizard.
type FirstKey interface {
	KeyPlaces
	Begin(context.Context) (firstkey.Start, error)
	Progress(context.Context, keys.Fingerprint) (firstkey.Progress, error)
	Make(context.Context, firstkey.Params) (firstkey.Made, error)
	Words() (keys.Secret, int, error)
	Path(name, own string) string
	Exposed(path string) string
	BackUp(context.Context, keys.Fingerprint, string, keys.AskPassphrase) (store.Rehearsal, error)
	Paper(context.Context, keys.Fingerprint, string, keys.AskPassphrase) (store.Rehearsal, error)
	MoveRevocation(ctx context.Context, f keys.Fingerprint, path string) error
	Places(context.Context) ([]vault.Status, vault.Backend)
	Keep(context.Context, keys.Fingerprint, vault.Backend, keys.AskPassphrase) error
	PlanGit(context.Context, keys.Fingerprint) (firstkey.GitPlan, error)
	ApplyGit(context.Context, firstkey.GitPlan) error
	ToGnuPG(context.Context, keys.Fingerprint, keys.AskPassphrase) error
	Trial(context.Context, keys.Fingerprint, keys.AskPassphrase) (firstkey.Trial, error)
	Texts(context.Context, keys.Fingerprint) (firstkey.Texts, error)
}

var _ FirstKey = (*firstkey.Wizard)(nil)
