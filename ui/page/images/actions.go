package images

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/ui/component/imagedeed"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
)

// begins is what begins each action.
var begins [imagedeed.Actions]func(m *Model) tea.Cmd

func init() {
	begins = [imagedeed.Actions]func(m *Model) tea.Cmd{
		imagedeed.SignIt:           (*Model).sign,
		imagedeed.DecideIt:         (*Model).decide,
		imagedeed.RevokeIt:         (*Model).revoke,
		imagedeed.Migrate:          (*Model).migrate,
		imagedeed.Bases:            (*Model).bases,
		imagedeed.Inspect:          (*Model).inspect,
		imagedeed.Initialise:       (*Model).initialise,
		imagedeed.AddSigner:        (*Model).addSigner,
		imagedeed.RemoveSigner:     (*Model).removeSigner,
		imagedeed.RotateTargets:    (*Model).rotateTargets,
		imagedeed.RotateRoot:       (*Model).rotateRoot,
		imagedeed.MendReleases:     (*Model).mendReleases,
		imagedeed.ShowPins:         (*Model).showPins,
		imagedeed.PinRoot:          (*Model).pin,
		imagedeed.UnpinRoot:        (*Model).unpin,
		imagedeed.MakeRootKey:      (*Model).makeRoot,
		imagedeed.BackUpRoot:       (*Model).backUpRoot,
		imagedeed.RehearseRoot:     (*Model).rehearseAny,
		imagedeed.RestoreRoot:      (*Model).restoreRoot,
		imagedeed.MakeSignerKey:    (*Model).makeSignerKey,
		imagedeed.TakeSignerKey:    (*Model).loadSignerKey,
		imagedeed.MakeImageKey:     (*Model).makeImageKey,
		imagedeed.ImportImageKey:   (*Model).importImageKey,
		imagedeed.ImageKeyPassword: (*Model).imageKeyPassword,
		imagedeed.Kyverno:          with((*Model).admission, imagedeed.Kyverno),
		imagedeed.PolicyController: with((*Model).admission, imagedeed.PolicyController),
		imagedeed.DaemonJSON:       with((*Model).pinned, imagedeed.DaemonJSON),
		imagedeed.NotaryConfig:     with((*Model).pinned, imagedeed.NotaryConfig),
	}
}

// with is begin for an action that begins as others do.
func with(begin func(*Model, imagedeed.Action) tea.Cmd, a imagedeed.Action) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd { return begin(m, a) }
}

// fault says why an action cannot be taken now, or "".
func (m *Model) fault(a imagedeed.Action) string {
	switch {
	case m.o.Desk == nil:
		return "nothing can be changed from here"
	case m.errands.Doing() != "":
		return "something is under way"
	}
	st := m.standing
	if r, ok := m.table.at(); ok {
		st.Tag, st.Failed = &r.name, r.judged && r.tag.Err != nil
	}
	return imagedeed.Fault(a, st)
}

// start begins an action, or says why not.
func (m *Model) start(a imagedeed.Action) tea.Cmd {
	if why := m.fault(a); why != "" {
		m.Note = "Not possible: " + why + "."
		return nil
	}
	return begins[a](m)
}

// menu shows everything that can be done.
func (m *Model) menu() {
	title := "What to do"
	r, ok := m.table.at()
	if ok && r.name != "" {
		title = "What to do with " + safetext.Line(r.name)
	}
	var items []dialog.Item
	for a := range imagedeed.Actions {
		if d := imagedeed.Of(a); ok || !imagedeed.OfTags(a) {
			items = append(items, dialog.Item{Group: d.Group, Name: d.Name, About: d.About, Off: m.fault(a), Do: func() tea.Cmd { return m.start(a) }})
		}
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, items))
}

// shortcuts are the actions with a key of their own.
func (m *Model) shortcuts() []struct {
	binding key.Binding
	action  imagedeed.Action
} {
	return []struct {
		binding key.Binding
		action  imagedeed.Action
	}{{m.keys.SignImage, imagedeed.SignIt}, {m.keys.Gate, imagedeed.DecideIt}, {m.keys.Trust, imagedeed.Inspect}}
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

// reference names the chosen image, which may not have been looked at yet.
func (m *Model) reference() docker.Reference {
	r, _ := m.table.at()
	if r.judged {
		return r.tag.Reference
	}
	ref, _ := m.backend.Repository().WithTag(r.name) // a tag that the registry lists
	return ref
}
