package keys

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/workflow"
)

// action is something that can be done with a key, or to get one.
type action int

const (
	extend action = iota
	backUp
	publishIt
	checkPlaces
	export
	exportSecret
	addUserID
	primaryUserID
	revokeUserID
	addSubkey
	rotateSubkey
	revokeSubkey
	renew
	passphrase
	revocation
	revoke
	undo
	forget
	toGnuPG
	fromGnuPG
	deleteIt
	generate
	importFile
	fetch
	actions
)

// needs is what an action takes.
type needs int

const (
	needsNothing needs = iota
	needsKey           // any key
	needsSecret        // a secret part of it in bulla's store
	needsPrimary       // the secret of its primary key in bulla's store
)

// deed describes an action: how it is called in the menu, what it means, what it takes, and what
// begins it.
type deed struct {
	group, name, about string
	needs              needs
	// off says why it cannot be taken with a key that has what it needs; nil for never.
	off   func(r *row) string
	begin func(m *Model, r *row) tea.Cmd
}

// deeds are the actions in the order of the menu.
var deeds [actions]deed

func init() {
	deeds = [actions]deed{
		extend:        {"Keep it healthy", "Extend it: change when it expires", "To later or earlier. It stays the same key, and old signatures stay as good as they were.", needsPrimary, alive, (*Model).extend},
		backUp:        {"Keep it healthy", "Back it up, and try the backup", "Writes the secret key to a file or for paper, restores it into a throw-away store and lets it sign something.", needsSecret, nil, (*Model).backUp},
		passphrase:    {"Keep it healthy", "Change its passphrase", "Backups keep the passphrase that they were made with.", needsSecret, nil, (*Model).passphrase},
		renew:         {"Keep it healthy", "Sign its self-signatures again", "With today's hash functions: mends SHA-1 self-signatures and missing back-signatures. When it expires stays as it is.", needsPrimary, alive, (*Model).renew},
		revocation:    {"Keep it healthy", "Make its revocation certificate", "With it a lost key can be declared invalid. Keep it in another place than the key.", needsPrimary, alive, (*Model).revocation},
		undo:          {"Keep it healthy", "Undo the last change", "Goes back to the version before; doing it again takes that back. What others have of the key, they keep.", needsKey, hasPrevious, (*Model).undo},
		forget:        {"Keep it healthy", "Forget the version before the last change", "It lies beside the key, after a change of passphrase under the old one.", needsKey, hasPrevious, (*Model).forget},
		publishIt:     {"Let others find it", "Publish it", "What becomes public, and where, is shown before anything is sent. Then each place is asked for the key.", needsKey, nil, (*Model).publish},
		checkPlaces:   {"Let others find it", "Ask the places where it is published", "No key is sent: what each place has is compared with the key as it is now.", needsKey, hasPlaces, (*Model).checkPlaces},
		export:        {"Let others find it", "Export the public key to a file", "What others certified on it is left out, unless you ask for it.", needsKey, nil, (*Model).export},
		addUserID:     {"User ids", "Add a user id", "Another name or address on the same key.", needsPrimary, alive, (*Model).addUserID},
		primaryUserID: {"User ids", "Choose the user id that is shown first", "", needsPrimary, severalUserIDs, (*Model).primaryUserID},
		revokeUserID:  {"User ids", "Take a user id back", "It does not vanish where it was published; it is shown as revoked.", needsPrimary, severalUserIDs, (*Model).revokeUserID},
		addSubkey:     {"Subkeys", "Add a subkey that signs", "Being the newest, it signs from then on. The backups that exist do not hold it.", needsPrimary, alive, (*Model).addSubkey},
		rotateSubkey:  {"Subkeys", "Replace the subkey that signs", "Adds a new one and retires the old ones. Users need nothing but the key published again.", needsPrimary, alive, (*Model).rotateSubkey},
		revokeSubkey:  {"Subkeys", "Declare a subkey invalid", "For good, with a reason.", needsPrimary, hasSubkeys, (*Model).revokeSubkey},
		toGnuPG:       {"Move it", "Copy it to GnuPG", "Under the passphrase that it has. bulla's store keeps its own.", needsSecret, nil, (*Model).toGnuPG},
		fromGnuPG:     {"Move it", "Copy it from GnuPG to bulla's store", "Under the passphrase that it has. GnuPG keeps its own.", needsKey, secretInGnuPG, (*Model).fromGnuPG},
		exportSecret:  {"Move it", "Export the secret key to a file", "For another computer of yours. Whoever has the file and the passphrase has the key.", needsSecret, nil, (*Model).exportSecret},
		revoke:        {"End it", "Revoke it: declare it invalid, for good", "With a reason, which decides whether old signatures still count.", needsKey, revocable, (*Model).revoke},
		deleteIt:      {"End it", "Delete it from bulla's store", "Public and secret, for good. Its revocation certificate stays.", needsKey, deletable, (*Model).deleteIt},
		generate:      {"Other keys", "Make a new key pair", "A primary key that certifies and a subkey that signs, and a revocation certificate.", needsNothing, nil, (*Model).generate},
		importFile:    {"Other keys", "Import keys from a file", "Public or secret, a backup on paper that was typed in, GnuPG's pubring.kbx. What it holds is shown first.", needsNothing, nil, (*Model).importFile},
		fetch:         {"Other keys", "Fetch somebody's public key", "By its fingerprint, an address or a URL. It is shown before it is kept.", needsNothing, nil, (*Model).fetch},
	}
}

// menuOrder is the order of the menu.
var menuOrder = [...]action{
	extend, backUp, passphrase, renew, revocation, undo, forget, publishIt, checkPlaces, export, addUserID, primaryUserID, revokeUserID,
	addSubkey, rotateSubkey, revokeSubkey, toGnuPG, fromGnuPG, exportSecret, revoke, deleteIt, generate, importFile, fetch,
}

func alive(r *row) string {
	if r.Revoked {
		return "it is revoked"
	}
	return ""
}

func hasPrevious(r *row) string {
	if !r.InStore || !r.Changed {
		return "no earlier version of it is kept"
	}
	return ""
}

func hasPlaces(r *row) string {
	switch {
	case !r.PlacesKnown:
		return "where it is published is being looked up"
	case len(r.Places) == 0:
		return "it was not published from here"
	}
	return ""
}

func severalUserIDs(r *row) string {
	switch {
	case r.Revoked:
		return "it is revoked"
	case len(r.UserIDs) < 2:
		return "it has only one user id"
	}
	return ""
}

func hasSubkeys(r *row) string {
	for _, s := range r.Subkeys {
		if !s.Revoked {
			return alive(r)
		}
	}
	return "it has no subkey that is valid"
}

func secretInGnuPG(r *row) string {
	switch {
	case len(r.Parts) == 0:
		return "GnuPG has no secret part of it"
	case r.InStore && r.Secret && r.HasSecret:
		return "its secret key is in bulla's store already"
	case r.GnuPG.Card != "":
		return "what is on a card stays on the card"
	}
	return ""
}

func revocable(r *row) string {
	switch {
	case r.Revoked:
		return "it is revoked already"
	case !r.InStore:
		return "it is in GnuPG only: gpg --gen-revoke does it there"
	case !r.Secret:
		return "its secret key is not here: only its owner can revoke it"
	}
	return ""
}

func deletable(r *row) string {
	switch {
	case !r.InStore:
		return "it is in GnuPG only: gpg --delete-keys removes it there"
	case secretInStore(r) && r.BackedUp.IsZero():
		return "no backup of its secret key was ever tried: back it up first"
	}
	return ""
}

// secretInStore reports whether bulla's store has a secret part of the key.
func secretInStore(r *row) bool {
	if !r.InStore {
		return false
	}
	if r.Key.HasSecret {
		return true
	}
	for _, s := range r.Subkeys {
		if s.HasSecret {
			return true
		}
	}
	return false
}

// fault says why an action cannot be taken now, or "".
func (m *Model) fault(a action, r *row) string {
	d := deeds[a]
	switch {
	case m.backend == nil:
		return "the keys are being read"
	case m.errand != nil:
		return "something is under way"
	case d.needs == needsNothing:
		return ""
	case r == nil:
		return "no key is chosen"
	case !r.Read:
		return "it is being read"
	case r.Err != nil:
		return "it cannot be read"
	}
	if d.needs >= needsSecret && !secretInStore(r) {
		switch {
		case r.Secret && r.GnuPG.Card != "":
			return "it is on a card: gpg --edit-key changes it"
		case r.Secret:
			return "it is in GnuPG: copy it to bulla's store first"
		}
		return "its secret key is not here"
	}
	if d.needs == needsPrimary && r.PrimaryOffline {
		return "the secret of its primary key is kept elsewhere"
	}
	if d.off != nil {
		return d.off(r)
	}
	return ""
}

// start begins an action with the chosen key, or says why not.
func (m *Model) start(a action) tea.Cmd {
	r := m.table.at()
	if why := m.fault(a, r); why != "" {
		m.Note = "Not possible: " + why + "."
		return nil
	}
	if r != nil {
		m.table.stand(r.Fingerprint) // what is done belongs to it, whatever moves
	}
	return deeds[a].begin(m, r)
}

// menu shows everything that can be done.
func (m *Model) menu() {
	r := m.table.at()
	title := "What to do"
	if r != nil {
		title = "What to do with " + userID(r.name())
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, m.menuItems(r, menuOrder[:])))
}

func (m *Model) menuItems(r *row, list []action) (items []dialog.Item) {
	for _, a := range list {
		d := deeds[a]
		if r == nil && d.needs != needsNothing {
			continue
		}
		items = append(items, dialog.Item{Group: d.group, Name: d.name, About: d.about, Off: m.fault(a, r), Do: func() tea.Cmd { return m.start(a) }})
	}
	return items
}

// mends are the actions that mend what the health check finds.
var mends = map[workflow.Rule]action{
	workflow.Rule(keys.HealthExpired): extend, workflow.Rule(keys.HealthExpiring): extend, workflow.Rule(keys.HealthNoExpiry): extend,
	workflow.Rule(keys.HealthWeakHash): renew, workflow.Rule(keys.HealthWeakBinding): renew, workflow.Rule(keys.HealthWeakBack): renew, workflow.Rule(keys.HealthNoBack): renew,
	workflow.Rule(keys.HealthNoUserID): addUserID, workflow.RuleNoAddress: addUserID,
	workflow.Rule(keys.HealthNoSigningKey): addSubkey, workflow.Rule(keys.HealthPrimarySigns): addSubkey,
	workflow.Rule(keys.HealthWeakKey): generate, workflow.Rule(keys.HealthInvalid): generate, workflow.Rule(keys.HealthNewKind): generate,
	workflow.RuleNotBackedUp: backUp, workflow.RuleNoRevocation: revocation, workflow.RuleUnprotected: passphrase,
	workflow.RuleNotPublished: publishIt, workflow.RuleStale: publishIt, workflow.RuleCopiesDiffer: toGnuPG,
}

// mendFault says why there is nothing to mend, or "".
func (m *Model) mendFault(r *row) string {
	switch {
	case r == nil:
		return "no key is chosen"
	case len(r.Findings) == 0:
		return "nothing is wrong with it"
	case !r.Secret:
		return "only its owner can mend it"
	case len(mendable(r)) == 0:
		return "no action of bulla mends that"
	}
	return ""
}

// mendable are the findings that an action mends, by their first.
func mendable(r *row) (out []workflow.KeyFinding) {
	for _, f := range r.Findings {
		if _, ok := mends[f.Rule]; ok {
			out = append(out, f)
		}
	}
	return out
}

// mend begins what mends the chosen key; with several findings the person chooses.
func (m *Model) mend() tea.Cmd {
	r := m.table.at()
	if why := m.mendFault(r); why != "" {
		m.Note = "Nothing to do: " + why + "."
		return nil
	}
	list := mendable(r)
	if len(list) == 1 {
		return m.start(mends[list[0].Rule])
	}
	var items []dialog.Item
	for _, f := range list {
		a := mends[f.Rule]
		items = append(items, dialog.Item{
			Name: short(f) + ": " + deeds[a].name, About: userID(f.Message), Off: m.fault(a, r), Do: func() tea.Cmd { return m.start(a) },
		})
	}
	m.o.Dialogs.Push(dialog.NewMenu("What to mend", items))
	return nil
}

// shortcuts are the actions with a key of their own.
func (m *Model) shortcuts() []struct {
	binding key.Binding
	action  action
} {
	k := m.keys
	return []struct {
		binding key.Binding
		action  action
	}{
		{k.New, generate}, {k.Import, importFile}, {k.Fetch, fetch}, {k.Extend, extend}, {k.Backup, backUp}, {k.Public, publishIt},
		{k.ExportKey, export}, {k.UndoChange, undo},
	}
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

// shortcutHints are the keys of actions, for the help.
func (m *Model) shortcutHints(r *row) (out []keymap.Hint) {
	names := map[action]string{fetch: "fetch somebody's key", importFile: "import a file", export: "export the public key"}
	for _, s := range m.shortcuts() {
		out = append(out, keymap.Unless(m.fault(s.action, r), s.binding, names[s.action]))
	}
	return out
}
