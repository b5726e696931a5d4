package images

import (
	"context"
	"errors"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/component/keeping"
	"bulla/ui/safetext"
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
	TrustKeys() ([]dct.Key, error)
	CanInitialize(context.Context, string) error
	InitializeTrust(context.Context, string, images.Face) (*dct.State, error)
	RotateRoot(context.Context, string, images.Face) (*dct.State, error)
	RotateTargets(context.Context, images.Face) (*dct.State, error)
	AddSigner(context.Context, string, []dct.PublicKey, images.Face) (*dct.State, bool, error)
	RemoveSigner(context.Context, string, bool, images.Face) (*dct.State, error)
	SignReleasesAgain(context.Context, bool, images.Face) (*dct.State, bool, error)
	Revoke(context.Context, string, images.Face) (dct.Revoked, error)
	GenerateTrustKey(context.Context, string, keys.AskPassphrase) (dct.Key, dct.PublicKey, error)
	LoadTrustKey(context.Context, string, string, keys.AskPassphrase) (dct.Key, error)
	BackUpRoot(id, path string) error
	RehearseRoot(context.Context, string, keys.AskPassphrase) (string, error)
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

var _ Desk = (*images.Desk)(nil)

// standing is what is known of what can be done here.
type standing struct {
	asked bool // the registry has answered, or not

	keys    []images.Key
	pushErr error

	trusted bool // the trust server has answered, or not
	trust   images.TrustView
	err     error // why nothing is known of Content Trust, besides trust.Err
}

// The messages with what is known of what can be done.
type (
	pushSeen struct {
		run  int
		keys []images.Key
		err  error
	}
	trustSeen struct {
		run  int
		view images.TrustView
		err  error
	}
)

// stand asks anew what can be done here. What is known stays until there is news.
func (m *Model) stand() tea.Cmd {
	if m.o.Desk == nil {
		return nil
	}
	m.stands++
	d, run := m.o.Desk, m.stands
	ctx := m.o.Context
	push := m.reads.Go(func() tea.Msg {
		err := d.CanPush(ctx)
		list, keysErr := d.ImageKeys()
		if keysErr != nil {
			list = nil // told by whoever wants one
		}
		return pushSeen{run, list, err}
	})
	trust := m.reads.Go(func() tea.Msg {
		v, err := d.Trust(ctx)
		return trustSeen{run, v, err}
	})
	return tea.Batch(push, trust)
}

func (m *Model) stood(msg tea.Msg) {
	switch msg := msg.(type) {
	case pushSeen:
		if msg.run == m.stands {
			m.standing.asked, m.standing.keys, m.standing.pushErr = true, msg.keys, msg.err
		}
	case trustSeen:
		if msg.run == m.stands {
			m.standing.trusted, m.standing.trust, m.standing.err = true, msg.view, msg.err
		}
	}
}

// noImageKey says that no key is at hand, and what to do.
const noImageKey = "there is no image key (a makes one)"

// noCosign says why nothing can be signed with cosign, or "".
func (s standing) noCosign() string {
	switch {
	case !s.asked:
		return "the registry is being asked whether you may push"
	case s.pushErr != nil:
		return "the registry may not be pushed to (" + kindOf(s.pushErr) + ")"
	case len(s.keys) == 0:
		return noImageKey
	}
	return ""
}

// noServer says why the trust server cannot be used, or "".
func (s standing) noServer() string {
	var server *dct.ServerError
	switch {
	case !s.trusted:
		return "the trust server is being asked"
	case s.err != nil:
		return "the keys of Content Trust cannot be read"
	case errors.As(s.trust.Err, &server):
		return fmt.Sprintf("the trust server %s could not be asked (%s)", safetext.Line(s.trust.Server), server.Kind)
	}
	return ""
}

// noTrust says why trust data cannot be changed, or "".
func (s standing) noTrust() string {
	if why := s.noServer(); why != "" {
		return why
	}
	var none *dct.NotInitializedError
	var unpinned *dct.UnpinnedError
	switch {
	case s.trust.Err == nil:
		return ""
	case errors.As(s.trust.Err, &none) && none.Known:
		return "the trust server lost the data that it must have"
	case errors.As(s.trust.Err, &none):
		return "the repository has no root key there: initialise it first"
	case errors.As(s.trust.Err, &unpinned):
		return "nothing says which root key it must have: pin it first"
	}
	return "its trust data must not be trusted"
}

// kindOf is what a registry's error is, in a word.
func kindOf(err error) string {
	var re *docker.RegistryError
	if errors.As(err, &re) {
		return string(re.Kind)
	}
	return "it gave no answer"
}

// vaultOf is where passphrases may be kept.
func vaultOf(d Desk) keeping.Vault {
	if d == nil || d.Vault() == nil {
		return nil
	}
	return d.Vault()
}
