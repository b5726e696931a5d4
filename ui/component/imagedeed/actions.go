package imagedeed

import (
	"errors"
	"fmt"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// Action is something that can be done with a tag, with the repository, or with the keys.
type Action int

// The actions, in the order of a list.
const (
	SignIt Action = iota
	DecideIt
	RevokeIt
	Migrate
	Bases
	Inspect
	Initialise
	AddSigner
	RemoveSigner
	RotateTargets
	RotateRoot
	MendReleases
	ShowPins
	PinRoot
	UnpinRoot
	MakeRootKey
	BackUpRoot
	RehearseRoot
	RestoreRoot
	MakeSignerKey
	TakeSignerKey
	MakeImageKey
	ImportImageKey
	ImageKeyPassword
	Kyverno
	PolicyController
	DaemonJSON
	NotaryConfig
	Actions // how many there are
)

// Deed describes an action: how it is called in a list, and what it means.
type Deed struct {
	Group, Name, About string
	// off says why it cannot be taken; nil for never.
	off func(Standing) string
}

// Of describes an action.
func Of(a Action) Deed { return deeds[a] }

const (
	groupTag    = "This tag"
	groupRepo   = "This repository"
	groupTrust  = "Content Trust"
	groupPin    = "The root that it must have"
	groupKeep   = "Keys of Content Trust"
	groupCosign = "Image keys, for cosign"
	groupText   = "Text for others, to copy or to save"
)

var deeds = [Actions]Deed{
	SignIt:           {groupTag, "Sign it", "With cosign, in Content Trust, or both: what can be done here is found out first, and shown before anything is signed.", Standing.signFault},
	DecideIt:         {groupTag, "May it be used?", "The gate: what the policy wants must vouch for it. Shows the reference by digest to use from here on.", Standing.tagFault},
	RevokeIt:         {groupTag, "Take back its signature in Content Trust", "It is taken off the list of released tags. Signatures of cosign stay: they cannot be taken back from those who have them.", Standing.revokeFault},
	Migrate:          {groupRepo, "Carry its signatures over to cosign", "Every tag that Content Trust validly signs gets a cosign signature over the same digest. Looks first, and reports what was not carried over.", Standing.migrateFault},
	Bases:            {groupRepo, "Decide on the base images of a Dockerfile", "Each FROM, COPY --from and RUN --mount=from, by the policy for its repository.", nil},
	Inspect:          {groupTrust, "What is signed, by whom, under which root", "The trust server is asked each time. Shows where the root key lives.", nil},
	Initialise:       {groupTrust, "Give the repository its root key, for good", "Whoever pins it will refuse any other. A backup of the root key is made and tried first.", Standing.initFault},
	AddSigner:        {groupTrust, "Let somebody sign its tags", "By their public key, a .pub file. Needs the repository's targets key.", Standing.NoTrust},
	RemoveSigner:     {groupTrust, "Take the right to sign from somebody", "What was released stays so, where another signer's key is at hand.", Standing.signerFault},
	RotateTargets:    {groupTrust, "Replace its targets key by a new one", "Needs the root key. The old key's file stays.", Standing.NoTrust},
	RotateRoot:       {groupTrust, "Replace its root key by another one", "Both sign the change, so that whoever has pinned the old one can follow.", Standing.NoTrust},
	MendReleases:     {groupTrust, "Sign the list of released tags again", "Where it has expired or lost its last valid signature; you vouch for all that is on it.", Standing.mendFault},
	ShowPins:         {groupPin, "Show it, and where that is written", "The policy goes before bulla's own pins.", nil},
	PinRoot:          {groupPin, "Pin a root certificate", "By its id, from the publisher, in another way than through the trust server.", Standing.pinFault},
	UnpinRoot:        {groupPin, "Forget the pin", "Until another one is pinned, nothing in Content Trust is believed.", Standing.unpinFault},
	MakeRootKey:      {groupKeep, "Make a root key", "In Docker's folder, as docker trust would.", nil},
	BackUpRoot:       {groupKeep, "Back a root key up, and try the backup", "Copies it as it is, encrypted, and opens the copy as if the original were lost.", Standing.rootFault},
	RehearseRoot:     {groupKeep, "Try the backup of a root key", "With a passphrase that you type: nothing that remembers passphrases is asked.", nil},
	RestoreRoot:      {groupKeep, "Take a root key back from its backup", "Into Docker's folder, under the passphrase that it has.", nil},
	MakeSignerKey:    {groupKeep, "Make a key to sign with", "The private half stays in Docker's folder; the .pub file is for the owner of the repository.", nil},
	TakeSignerKey:    {groupKeep, "Take a signer's key from a file", "A private key in PEM form; the file is not changed.", nil},
	MakeImageKey:     {groupCosign, "Make a key pair", "In cosign's format; cosign can use both halves.", nil},
	ImportImageKey:   {groupCosign, "Import a private key", "In PEM form: PKCS #8, EC, RSA, or one of cosign's own.", nil},
	ImageKeyPassword: {groupCosign, "Change the password of one", "A copy of the old file still opens with the old password.", Standing.keyFault},
	Kyverno:          {groupText, "A policy for Kyverno", "Only images that the key has signed may run in the cluster.", Standing.keyFault},
	PolicyController: {groupText, "A policy for sigstore's policy controller", "Only images that the key has signed may run in the cluster.", Standing.keyFault},
	DaemonJSON:       {groupText, "content-trust for a daemon.json", "Of the engines only Mirantis Container Runtime honours it.", Standing.pinnedFault},
	NotaryConfig:     {groupText, "trust_pinning for the notary command", "", Standing.pinnedFault},
}

// OfTags reports whether an action is about a tag.
func OfTags(a Action) bool { return a == SignIt || a == DecideIt || a == RevokeIt }

// Fault says why an action cannot be taken, or "".
func Fault(a Action, s Standing) string {
	if off := deeds[a].off; off != nil {
		return off(s)
	}
	return ""
}

// Standing is what is known of what can be done for a repository.
type Standing struct {
	Asked   bool // the registry has answered whether it may be pushed to, or not: PushErr
	Keys    []images.Key
	PushErr error

	Trusted  bool // the trust server has answered, or not
	Trust    images.TrustView
	TrustErr error // why nothing is known of Content Trust, besides Trust.Err

	// Tag is the tag that is chosen, nil for none. Failed says that the registry did not give it.
	Tag    *string
	Failed bool

	// MakesKey is what a person types to make an image key, with its verb ("a makes one"). KeyOnTheWay says
	// that who signs without one is led to make it.
	MakesKey    string
	KeyOnTheWay bool
}

// noImageKey says that no key is at hand, and what to do.
func noImageKey(makes string) string { return "there is no image key (" + makes + ")" }

// NoCosign says why nothing can be signed with cosign, or "".
func (s Standing) NoCosign() string {
	switch {
	case !s.Asked:
		return "the registry is being asked whether you may push"
	case s.PushErr != nil:
		return noPush(s.PushErr)
	case len(s.Keys) == 0 && !s.KeyOnTheWay:
		return noImageKey(s.MakesKey)
	}
	return ""
}

// noPush says why the registry takes no signature.
func noPush(err error) string {
	kind := "it gave no answer"
	var re *docker.RegistryError
	if errors.As(err, &re) {
		kind = string(re.Kind)
	}
	return "the registry may not be pushed to (" + kind + ")"
}

// noServer says why the trust server cannot be used, or "".
func (s Standing) noServer() string {
	var server *dct.ServerError
	switch {
	case !s.Trusted:
		return "the trust server is being asked"
	case s.TrustErr != nil:
		return "the keys of Content Trust cannot be read"
	case errors.As(s.Trust.Err, &server):
		return fmt.Sprintf("the trust server %s could not be asked (%s)", safetext.Line(s.Trust.Server), server.Kind)
	}
	return ""
}

// NoTrust says why trust data cannot be changed, or "".
func (s Standing) NoTrust() string {
	if why := s.noServer(); why != "" {
		return why
	}
	var none *dct.NotInitializedError
	var unpinned *dct.UnpinnedError
	switch {
	case s.Trust.Err == nil:
		return ""
	case errors.As(s.Trust.Err, &none) && none.Known:
		return "the trust server lost the data that it must have"
	case errors.As(s.Trust.Err, &none):
		return "the repository has no root key there: initialise it first"
	case errors.As(s.Trust.Err, &unpinned):
		return "nothing says which root key it must have: pin it first"
	}
	return "its trust data must not be trusted"
}

// tagFault says why there is no tag to do something with, or "".
func (s Standing) tagFault() string {
	switch {
	case s.Tag == nil:
		return "no tag is chosen"
	case s.Failed:
		return "the registry did not give it"
	}
	return ""
}

// signFault says why nothing can sign the chosen image, or "".
func (s Standing) signFault() string {
	if why := s.tagFault(); why != "" {
		return why
	}
	cosign, trust := s.NoCosign(), s.NoTrust()
	if !s.Asked || cosign == "" || trust == "" || !s.Trusted {
		return "" // what the sign step finds out is told there
	}
	return cosign + "; nor can Content Trust sign"
}

// revokeFault says why no signature of Content Trust can be taken back, or "".
func (s Standing) revokeFault() string {
	if why := s.tagFault(); why != "" {
		return why
	}
	if why := s.NoTrust(); why != "" {
		return why
	}
	if _, ok := s.Trust.State.Tag(*s.Tag); !ok {
		return "it is not signed there"
	}
	return ""
}

func (s Standing) migrateFault() string {
	if why := s.NoTrust(); why != "" {
		return why
	}
	if len(s.Trust.State.Tags) == 0 {
		return "no tag is signed in Content Trust"
	}
	return s.NoCosign()
}

func (s Standing) initFault() string {
	if why := s.noServer(); why != "" {
		return why
	}
	var none *dct.NotInitializedError
	switch {
	case errors.As(s.Trust.Err, &none) && none.Known:
		return "the trust server lost the data that it must have: whoever pinned the root would refuse another one"
	case !s.Trust.Untouched():
		return "it has a root key on the trust server already"
	}
	return ""
}

func (s Standing) signerFault() string {
	if why := s.NoTrust(); why != "" {
		return why
	}
	if len(s.Trust.State.Signers) == 0 {
		return "nobody was made a signer: its targets key signs"
	}
	return ""
}

func (s Standing) mendFault() string {
	var bad *dct.MetadataError
	switch why := s.noServer(); {
	case why != "":
		return why
	case errors.As(s.Trust.Err, &bad) && bad.Role == "targets/releases":
		return ""
	case s.Trust.Err != nil:
		return s.NoTrust()
	}
	return "nothing is wrong with it"
}

func (s Standing) rootFault() string {
	switch {
	case !s.Trusted:
		return "the keys are being read"
	case s.TrustErr != nil:
		return "the keys cannot be read"
	case len(s.Trust.RootKeys()) == 0:
		return "there is no root key in Docker's folder"
	}
	return ""
}

func (s Standing) pinFault() string {
	if s.Trusted && s.TrustErr == nil && s.Trust.Pins.ByPolicy {
		return "the policy names the root, and goes before pins"
	}
	return ""
}

func (s Standing) unpinFault() string {
	switch {
	case !s.Trusted:
		return "the pins are being read"
	case s.TrustErr != nil, !s.Trust.Pins.OwnPinned():
		return "bulla has no pin for it"
	}
	return ""
}

func (s Standing) pinnedFault() string {
	if s.Trusted && s.TrustErr == nil && !s.Trust.Pins.Pinned() {
		return "no root is pinned for the repository"
	}
	return ""
}

func (s Standing) keyFault() string {
	switch {
	case !s.Asked:
		return "the keys are being read"
	case len(s.Keys) == 0:
		return noImageKey(s.MakesKey)
	}
	return ""
}
