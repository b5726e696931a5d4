package keys

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/keydeed"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/workflow/keydesk"
)

// begins is what begins each action.
var begins [keydeed.Actions]func(m *Model, r *row) tea.Cmd

func init() {
	begins = [keydeed.Actions]func(m *Model, r *row) tea.Cmd{
		keydeed.Extend: (*Model).extend, keydeed.ExtendEverywhere: (*Model).extendEverywhere, keydeed.BackUp: (*Model).backUp, keydeed.Passphrase: (*Model).passphrase, keydeed.Renew: (*Model).renew,
		keydeed.Revocation: (*Model).revocation, keydeed.Undo: (*Model).undo, keydeed.Forget: (*Model).forget,
		keydeed.Publish: (*Model).publish, keydeed.CheckPlaces: (*Model).checkPlaces, keydeed.Export: (*Model).export,
		keydeed.AddUserID: (*Model).addUserID, keydeed.PrimaryUserID: (*Model).primaryUserID, keydeed.RevokeUserID: (*Model).revokeUserID,
		keydeed.AddSubkey: (*Model).addSubkey, keydeed.RotateSubkey: (*Model).rotateSubkey, keydeed.RevokeSubkey: (*Model).revokeSubkey,
		keydeed.ToGnuPG: (*Model).toGnuPG, keydeed.FromGnuPG: (*Model).fromGnuPG, keydeed.ExportSecret: (*Model).exportSecret,
		keydeed.Succeed: (*Model).succeed, keydeed.Revoke: (*Model).revoke, keydeed.Delete: (*Model).deleteIt, keydeed.Aside: (*Model).asideIt,
		keydeed.Generate: (*Model).generate, keydeed.Import: (*Model).importFile, keydeed.Fetch: (*Model).fetch,
	}
}

// fault says why an action cannot be taken now, or "".
func (m *Model) fault(a keydeed.Action, r *row) string {
	switch {
	case m.backend == nil:
		return "the keys are being read"
	case m.errands.Doing() != "":
		return "something is under way"
	}
	return keydeed.Fault(a, stateOf(r))
}

// stateOf is what is known of the key of a row; nil for none.
func stateOf(r *row) *keydesk.State {
	if r == nil {
		return nil
	}
	return &r.State
}

// start begins an action with the chosen key, or says why not.
func (m *Model) start(a keydeed.Action) tea.Cmd {
	r := m.table.at()
	if why := m.fault(a, r); why != "" {
		m.Note = "Not possible: " + why + "."
		return nil
	}
	m.succeeds = ""
	if r != nil {
		m.table.stand(r.Fingerprint) // what is done belongs to it, whatever moves
	}
	return begins[a](m, r)
}

// menu shows everything that can be done.
func (m *Model) menu() {
	r := m.table.at()
	title := "What to do"
	if r != nil {
		title = "What to do with " + keydeed.Called(&r.State, r.name())
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, m.menuItems(r, keydeed.Order())))
}

func (m *Model) menuItems(r *row, list []keydeed.Action) (items []dialog.Item) {
	for _, a := range list {
		d := keydeed.Of(a)
		if r == nil && d.Needs != keydeed.NeedsNothing {
			continue
		}
		items = append(items, dialog.Item{Group: d.Group, Name: d.Name, About: d.About, Off: m.fault(a, r), Do: func() tea.Cmd { return m.start(a) }})
	}
	return items
}

// mend begins what mends the chosen key; with several findings the person chooses.
func (m *Model) mend() tea.Cmd {
	r := m.table.at()
	if why := keydeed.MendFault(stateOf(r)); why != "" {
		m.Note = "Nothing to do: " + why + "."
		return nil
	}
	if r.Err != nil {
		return m.start(keydeed.Aside)
	}
	list := keydeed.Mendable(&r.State)
	if len(list) == 1 {
		a, _ := keydeed.Mend(list[0])
		return m.start(a)
	}
	var items []dialog.Item
	for _, f := range list {
		a, _ := keydeed.Mend(f)
		items = append(items, dialog.Item{
			Name: keydeed.Short(f) + ": " + keydeed.Of(a).Name, About: keydeed.UserID(f.Message), Off: m.fault(a, r), Do: func() tea.Cmd { return m.start(a) },
		})
	}
	m.o.Dialogs.Push(dialog.NewMenu("What to mend", items))
	return nil
}

// shortcuts are the actions with a key of their own.
func (m *Model) shortcuts() []struct {
	binding key.Binding
	action  keydeed.Action
} {
	k := m.keys
	return []struct {
		binding key.Binding
		action  keydeed.Action
	}{
		{k.New, keydeed.Generate}, {k.Import, keydeed.Import}, {k.Fetch, keydeed.Fetch}, {k.Extend, keydeed.Extend}, {k.Backup, keydeed.BackUp}, {k.Public, keydeed.Publish},
		{k.ExportKey, keydeed.Export}, {k.UndoChange, keydeed.Undo},
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
	names := map[keydeed.Action]string{keydeed.Fetch: "fetch somebody's key", keydeed.Import: "import a file", keydeed.Export: "export the public key"}
	for _, s := range m.shortcuts() {
		out = append(out, keymap.Unless(m.fault(s.action, r), s.binding, names[s.action]))
	}
	return out
}
