package images

import (
	"errors"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
)

// action is something that can be done with a tag, with the repository, or with the keys.
type action int

const (
	signIt action = iota
	decideIt
	revokeIt
	migrate
	bases
	inspect
	initialise
	addSigner
	removeSigner
	rotateTargets
	rotateRoot
	mendReleases
	showPins
	pinRoot
	unpinRoot
	makeRoot
	backUpRoot
	rehearseRoot
	restoreRoot
	makeSignerKey
	loadSignerKey
	makeImageKey
	importImageKey
	imageKeyPassword
	kyverno
	policyController
	daemonJSON
	notaryConfig
	actions
)

// deed describes an action: how it is called in the menu, what it means, why it cannot be taken, and
// what begins it.
type deed struct {
	group, name, about string
	// off says why it cannot be taken now; nil for never.
	off   func(m *Model) string
	begin func(m *Model) tea.Cmd
}

// deeds are the actions in the order of the menu.
var deeds [actions]deed

func init() {
	const (
		tag  = "This tag"
		repo = "This repository"
		ct   = "Content Trust"
		pin  = "The root that it must have"
		keep = "Keys of Content Trust"
		keys = "Image keys, for cosign"
		text = "Text for others, to copy or to save"
	)
	trust := func(m *Model) string { return m.standing.noTrust() }
	deeds = [actions]deed{
		signIt:           {tag, "Sign it", "With cosign, in Content Trust, or both: what can be done here is found out first, and shown before anything is signed.", (*Model).signFault, (*Model).sign},
		decideIt:         {tag, "May it be used?", "The gate: what the policy wants must vouch for it. Shows the reference by digest to use from here on.", (*Model).tagFault, (*Model).decide},
		revokeIt:         {tag, "Take back its signature in Content Trust", "It is taken off the list of released tags. Signatures of cosign stay: they cannot be taken back from those who have them.", (*Model).revokeFault, (*Model).revoke},
		migrate:          {repo, "Carry its signatures over to cosign", "Every tag that Content Trust validly signs gets a cosign signature over the same digest. Looks first, and reports what was not carried over.", (*Model).migrateFault, (*Model).migrate},
		bases:            {repo, "Decide on the base images of a Dockerfile", "Each FROM, COPY --from and RUN --mount=from, by the policy for its repository.", nil, (*Model).bases},
		inspect:          {ct, "What is signed, by whom, under which root", "The trust server is asked each time. Shows where the root key lives.", nil, (*Model).inspect},
		initialise:       {ct, "Give the repository its root key, for good", "Whoever pins it will refuse any other. A backup of the root key is made and tried first.", (*Model).initFault, (*Model).initialise},
		addSigner:        {ct, "Let somebody sign its tags", "By their public key, a .pub file. Needs the repository's targets key.", trust, (*Model).addSigner},
		removeSigner:     {ct, "Take the right to sign from somebody", "What was released stays so, where another signer's key is at hand.", (*Model).signerFault, (*Model).removeSigner},
		rotateTargets:    {ct, "Replace its targets key by a new one", "Needs the root key. The old key's file stays.", trust, (*Model).rotateTargets},
		rotateRoot:       {ct, "Replace its root key by another one", "Both sign the change, so that whoever has pinned the old one can follow.", (*Model).rotateRootFault, (*Model).rotateRoot},
		mendReleases:     {ct, "Sign the list of released tags again", "Where it has expired or lost its last valid signature; you vouch for all that is on it.", (*Model).mendFault, (*Model).mendReleases},
		showPins:         {pin, "Show it, and where that is written", "The policy goes before bulla's own pins.", nil, (*Model).showPins},
		pinRoot:          {pin, "Pin a root certificate", "By its id, from the publisher, in another way than through the trust server.", (*Model).pinFault, (*Model).pin},
		unpinRoot:        {pin, "Forget the pin", "Until another one is pinned, nothing in Content Trust is believed.", (*Model).unpinFault, (*Model).unpin},
		makeRoot:         {keep, "Make a root key", "In Docker's folder, as docker trust would.", nil, func(m *Model) tea.Cmd { return m.makeRoot(nil) }},
		backUpRoot:       {keep, "Back a root key up, and try the backup", "Copies it as it is, encrypted, and opens the copy as if the original were lost.", (*Model).rootFault, (*Model).backUpRoot},
		rehearseRoot:     {keep, "Try the backup of a root key", "With a passphrase that you type: nothing that remembers passphrases is asked.", nil, (*Model).rehearseAny},
		restoreRoot:      {keep, "Take a root key back from its backup", "Into Docker's folder, under the passphrase that it has.", nil, (*Model).restoreRoot},
		makeSignerKey:    {keep, "Make a key to sign with", "The private half stays in Docker's folder; the .pub file is for the owner of the repository.", nil, (*Model).makeSignerKey},
		loadSignerKey:    {keep, "Take a signer's key from a file", "A private key in PEM form; the file is not changed.", nil, (*Model).loadSignerKey},
		makeImageKey:     {keys, "Make a key pair", "In cosign's format; cosign can use both halves.", nil, (*Model).makeImageKey},
		importImageKey:   {keys, "Import a private key", "In PEM form: PKCS #8, EC, RSA, or one of cosign's own.", nil, (*Model).importImageKey},
		imageKeyPassword: {keys, "Change the password of one", "A copy of the old file still opens with the old password.", (*Model).keyFault, (*Model).imageKeyPassword},
		kyverno:          {text, "A policy for Kyverno", "Only images that the key has signed may run in the cluster.", (*Model).keyFault, (*Model).kyverno},
		policyController: {text, "A policy for sigstore's policy controller", "Only images that the key has signed may run in the cluster.", (*Model).keyFault, (*Model).policyController},
		daemonJSON:       {text, "content-trust for a daemon.json", "Of the engines only Mirantis Container Runtime honours it.", (*Model).pinnedFault, (*Model).daemonJSON},
		notaryConfig:     {text, "trust_pinning for the notary command", "", (*Model).pinnedFault, (*Model).notaryConfig},
	}
}

// ofTags are the actions that are about the tag under the cursor.
func ofTags(a action) bool { return a == signIt || a == decideIt || a == revokeIt }

// fault says why an action cannot be taken now, or "".
func (m *Model) fault(a action) string {
	switch {
	case m.o.Desk == nil:
		return "nothing can be changed from here"
	case m.errands.Doing() != "":
		return "something is under way"
	case deeds[a].off != nil:
		return deeds[a].off(m)
	}
	return ""
}

// start begins an action, or says why not.
func (m *Model) start(a action) tea.Cmd {
	if why := m.fault(a); why != "" {
		m.Note = "Not possible: " + why + "."
		return nil
	}
	return deeds[a].begin(m)
}

// menu shows everything that can be done.
func (m *Model) menu() {
	title := "What to do"
	r, ok := m.table.at()
	if ok && r.name != "" {
		title = "What to do with " + safetext.Line(r.name)
	}
	var items []dialog.Item
	for a := range actions {
		if d := deeds[a]; ok || !ofTags(a) {
			items = append(items, dialog.Item{Group: d.group, Name: d.name, About: d.about, Off: m.fault(a), Do: func() tea.Cmd { return m.start(a) }})
		}
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, items))
}

// shortcuts are the actions with a key of their own.
func (m *Model) shortcuts() []struct {
	binding key.Binding
	action  action
} {
	return []struct {
		binding key.Binding
		action  action
	}{{m.keys.SignImage, signIt}, {m.keys.Gate, decideIt}, {m.keys.Trust, inspect}}
}

// shortcut begins the action of a key. It reports whether the key was one of them.
func (m *Model) shortcut(msg tea.KeyMsg) (tea.Cmd, bool) {
	for _, s := range m.shortcuts() {
		if key.Matches(msg, s.binding) {
			return m.start(s.action), true
		}
	}
	return nil, false
}

// shortcutHints are the keys of actions.
func (m *Model) shortcutHints() (out []keymap.Hint) {
	for _, s := range m.shortcuts() {
		out = append(out, keymap.Unless(m.fault(s.action), s.binding, ""))
	}
	return out
}

// tagFault says why there is no tag to do something with, or "".
func (m *Model) tagFault() string {
	r, ok := m.table.at()
	switch {
	case !ok:
		return "no tag is chosen"
	case r.judged && r.tag.Err != nil:
		return "the registry did not give it"
	}
	return ""
}

// reference names the chosen image, which may not have been looked at yet.
func (m *Model) reference() docker.Reference {
	r, _ := m.table.at()
	if r.judged {
		return r.tag.Reference
	}
	ref, _ := m.backend.Repository().WithTag(r.name) // a tag that the registry lists
	return ref
}

// signFault says why nothing can sign the chosen image, or "".
func (m *Model) signFault() string {
	if why := m.tagFault(); why != "" {
		return why
	}
	cosign, trust := m.standing.noCosign(), m.standing.noTrust()
	if !m.standing.asked || cosign == "" || trust == "" || !m.standing.trusted {
		return "" // what the sign step finds out is told there
	}
	return cosign + "; nor can Content Trust sign"
}

// revokeFault says why no signature of Content Trust can be taken back, or "".
func (m *Model) revokeFault() string {
	if why := m.tagFault(); why != "" {
		return why
	}
	if why := m.standing.noTrust(); why != "" {
		return why
	}
	r, _ := m.table.at()
	if _, ok := m.standing.trust.State.Tag(r.name); !ok {
		return "it is not signed there"
	}
	return ""
}

func (m *Model) migrateFault() string {
	if why := m.standing.noTrust(); why != "" {
		return why
	}
	if len(m.standing.trust.State.Tags) == 0 {
		return "no tag is signed in Content Trust"
	}
	return m.standing.noCosign()
}

func (m *Model) initFault() string {
	if why := m.standing.noServer(); why != "" {
		return why
	}
	var none *dct.NotInitializedError
	switch {
	case errors.As(m.standing.trust.Err, &none) && none.Known:
		return "the trust server lost the data that it must have: whoever pinned the root would refuse another one"
	case !m.standing.trust.Untouched():
		return "it has a root key on the trust server already"
	}
	return ""
}

func (m *Model) signerFault() string {
	if why := m.standing.noTrust(); why != "" {
		return why
	}
	if len(m.standing.trust.State.Signers) == 0 {
		return "nobody was made a signer: its targets key signs"
	}
	return ""
}

func (m *Model) rotateRootFault() string {
	if why := m.standing.noTrust(); why != "" {
		return why
	}
	if len(m.otherRoots()) == 0 {
		return "no other root key is at hand: make one first"
	}
	return ""
}

func (m *Model) mendFault() string {
	var bad *dct.MetadataError
	switch why := m.standing.noServer(); {
	case why != "":
		return why
	case errors.As(m.standing.trust.Err, &bad) && bad.Role == "targets/releases":
		return ""
	case m.standing.trust.Err != nil:
		return m.standing.noTrust()
	}
	return "nothing is wrong with it"
}

func (m *Model) rootFault() string {
	switch {
	case !m.standing.trusted:
		return "the keys are being read"
	case m.standing.err != nil:
		return "the keys cannot be read"
	case len(m.standing.trust.RootKeys()) == 0:
		return "there is no root key in Docker's folder"
	}
	return ""
}

func (m *Model) pinFault() string {
	if m.standing.trusted && m.standing.err == nil && m.standing.trust.Pins.ByPolicy {
		return "the policy names the root, and goes before pins"
	}
	return ""
}

func (m *Model) unpinFault() string {
	switch {
	case !m.standing.trusted:
		return "the pins are being read"
	case m.standing.err != nil, !m.standing.trust.Pins.OwnPinned():
		return "bulla has no pin for it"
	}
	return ""
}

func (m *Model) pinnedFault() string {
	if m.standing.trusted && m.standing.err == nil && !m.standing.trust.Pins.Pinned() {
		return "no root is pinned for the repository"
	}
	return ""
}

func (m *Model) keyFault() string {
	switch {
	case !m.standing.asked:
		return "the keys are being read"
	case len(m.standing.keys) == 0:
		return noImageKey
	}
	return ""
}
