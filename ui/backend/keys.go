package backend

import (
	"context"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow/keydesk"
)

// Keys is what looking after keys needs: methods of *keydesk.Desk.
type Keys interface {
	KeyLooker
	KeyChanger
	KeyMover
	KeyPublisher
	KeySucceeder
	// Remembered answers requests for passphrases from where they are kept, else by person.
	Remembered(person keys.AskPassphrase) keys.AskPassphrase
	// Attend says who stands before gpg-agent from now on.
	Attend(agent.Attendant)
	// PassphraseVault is where passphrases may be kept; nil for nowhere.
	PassphraseVault() *vault.Manager
}

// KeyLooker is what shows the keys.
type KeyLooker interface {
	Glimpse(context.Context) ([]keydesk.State, error)
	Survey(context.Context, func(keydesk.News)) []error
	Look(context.Context, keys.Fingerprint) ([]keydesk.News, bool)
	Previous(keys.Fingerprint) (keys.Key, bool)
}

// KeyChanger makes keys and changes those of bulla's store.
type KeyChanger interface {
	Generate(context.Context, store.GenerateParams) (store.Generated, error)
	Extend(context.Context, keys.Selector, store.ExtendParams, keys.AskPassphrase) (keys.Key, error)
	Renew(context.Context, keys.Selector, keys.AskPassphrase) (keys.Key, error)
	AddUserID(context.Context, keys.Selector, store.AddUserIDParams, keys.AskPassphrase) (keys.Key, error)
	SetPrimaryUserID(context.Context, keys.Selector, string, keys.AskPassphrase) (keys.Key, error)
	RevokeUserID(context.Context, keys.Selector, string, string, keys.AskPassphrase) (keys.Key, error)
	AddSubkey(context.Context, keys.Selector, store.SubkeyParams, keys.AskPassphrase) (keys.Key, keys.Fingerprint, error)
	RotateSubkey(context.Context, keys.Selector, store.RotateParams, keys.AskPassphrase) (store.Rotated, error)
	RevokeSubkey(context.Context, keys.Selector, keys.Fingerprint, store.RevokeParams, keys.AskPassphrase) (keys.Key, error)
	ChangePassphrase(context.Context, keys.Selector, keys.Secret, keys.AskPassphrase) (keys.Key, error)
	MakeRevocation(context.Context, keys.Selector, keys.AskPassphrase) (string, error)
	Revoke(context.Context, keys.Selector, store.RevokeParams, keys.AskPassphrase) (keys.Key, error)
	ApplyRevocation(context.Context, keys.Selector) (keys.Key, error)
	Undo(context.Context, keys.Selector) (keys.Key, error)
	ForgetPrevious(context.Context, keys.Fingerprint) error
	Delete(context.Context, keys.Selector, bool) (keys.Key, error)
	MoveAside(context.Context, keys.Fingerprint) (string, error)
}

// KeyMover brings keys in, writes them out, and moves them between bulla's store and GnuPG.
type KeyMover interface {
	PreviewImport(context.Context, string) ([]store.Imported, error)
	ImportFile(context.Context, string) ([]store.Imported, error)
	ExportPublicWith(context.Context, keys.Selector, store.PublicParams) ([]byte, error)
	ExportSecret(context.Context, keys.Selector, keys.AskPassphrase) ([]byte, error)
	BackUp(context.Context, keys.Selector, string, keydesk.BackupForm, bool, keys.AskPassphrase) (store.Rehearsal, error)
	FromGnuPG(context.Context, keys.Selector, keys.AskPassphrase) ([]store.Imported, error)
	ToGnuPG(context.Context, keys.Selector, keys.AskPassphrase) (keys.Key, error)
}

// KeyPublisher publishes keys and gets those of others.
type KeyPublisher interface {
	PlanPublish(context.Context, keys.Selector, []publish.Target, publish.Choice) (publish.Plan, error)
	PlanAgain(context.Context, keys.Selector, publish.Choice) (publish.Plan, []error, error)
	Publish(context.Context, publish.Plan, keydesk.PublishFace) ([]publish.Result, error)
	CheckPublished(context.Context, publish.Plan, keydesk.PublishFace) ([]publish.Result, error)
	FetchSources(publish.Query) ([]publish.Target, error)
	Fetch(context.Context, publish.Query, []publish.Target, keydesk.PublishFace) ([]publish.Found, []publish.Miss, error)
	KeepFetched(context.Context, publish.Found) ([]store.Imported, error)
}

// KeySucceeder lets one key follow another.
type KeySucceeder interface {
	PlanSuccession(context.Context, keydesk.SucceedParams) (keydesk.SuccessionPlan, error)
	CarryOutSuccession(context.Context, keydesk.SucceedParams, keys.AskPassphrase) (keydesk.SuccessionDone, error)
}

var _ Keys = (*keydesk.Desk)(nil)
