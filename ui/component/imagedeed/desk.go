package imagedeed

import (
	"context"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// Desk is what changes something for the images of the repository, and judges them one by one: the
// methods of *images.Desk.
type Desk interface {
	Signs
	Trusts
	ImageKeeper
	Pins
	// LookAt looks at one image again, by keys that are gathered anew.
	LookAt(context.Context, docker.Reference) (images.Tag, error)
	Gate(context.Context, docker.Reference, []policy.System) (images.Decision, error)
	Bases(context.Context, []byte, map[string]string, images.Face) ([]images.BaseDecision, error)
	// Remembered answers requests for passphrases from where they are kept, else by person.
	Remembered(person keys.AskPassphrase, waiting func(vault.Status)) keys.AskPassphrase
	Vault() *vault.Manager
	Close() error
}

// Signs signs images, and carries signatures over.
type Signs interface {
	CanPush(context.Context) error
	Prospects(context.Context, docker.Reference, bool) (images.Prospect, error)
	Sign(context.Context, images.SignOrder, images.Face) (images.SignedImage, error)
	Migrate(context.Context, images.MigrateOrder, images.Face) ([]images.Carriage, error)
}

// Trusts manages Content Trust.
type Trusts interface {
	Trust(context.Context) (images.TrustView, error)
	CanInitialize(context.Context, string) error
	InitializeTrust(context.Context, string, images.Face) (*dct.State, error)
	RotateRoot(context.Context, string, images.Face) (*dct.State, error)
	RotateTargets(context.Context, images.Face) (*dct.State, error)
	AddSigner(context.Context, string, []dct.PublicKey, images.Face) (*dct.State, bool, error)
	RemoveSigner(context.Context, string, bool, images.Face) (*dct.State, error)
	SignReleasesAgain(context.Context, bool, images.Face) (*dct.State, bool, error)
	Revoke(context.Context, string, images.Face) (dct.Revoked, error)
	RootKeeper
	MakeSignerKey(context.Context, string, string, keys.AskPassphrase) (dct.Key, error)
	LoadTrustKey(context.Context, string, string, keys.AskPassphrase) (dct.Key, error)
	RestoreRoot(context.Context, string, keys.AskPassphrase) (dct.Key, error)
}

// ImageKeeper keeps the keys that sign with cosign.
type ImageKeeper interface {
	ImageKeys() ([]images.Key, error)
	ImageKeyExists(name string) error
	GenerateImageKey(context.Context, string, keys.Secret) (images.Key, error)
	ImportImageKey(context.Context, string, string, []byte, keys.AskPassphrase, keys.Secret) (images.Key, error)
	ChangeImageKeyPassword(context.Context, string, keys.AskPassphrase, keys.Secret) (string, error)
}

// Pins keeps which root the repository must have.
type Pins interface {
	Pins(context.Context) (images.PinView, error)
	Pin([]string) error
	Unpin() (bool, error)
	PinRule(context.Context) (policy.ImageRule, error)
}

// RootKeeper keeps root keys, in Docker's folder.
type RootKeeper interface {
	TrustFolder() (dir string, list []dct.Key, err error)
	GenerateTrustKey(context.Context, string, keys.AskPassphrase) (dct.Key, dct.PublicKey, error)
	BackUpRoot(id, path string) error
	RehearseRoot(context.Context, string, keys.AskPassphrase) (string, error)
}

var _ Desk = (*images.Desk)(nil)
