package images

import (
	"cmp"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/imagedeed"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// makeImageKey makes a key pair for cosign.
func (m *Model) makeImageKey() tea.Cmd {
	name := dialog.Text("name", "release", "release", imagedeed.KeyNameHelp)
	return m.form("Make an image key", "", []*dialog.Field{name}, "make it", func() (string, *dialog.Field, tea.Cmd) {
		if wrong := imagedeed.KeyNameFault(name.Value()); wrong != "" {
			return wrong, name, nil
		}
		return "", nil, m.carryOut(imagedeed.NewImageKey(m.o.Desk, name.Value(), nil), nil, nil)
	})
}

// importImageKey makes a cosign key pair of a private key.
func (m *Model) importImageKey() tea.Cmd {
	file := dialog.Text("file", "", "for example cosign.key", "A private key in PEM form. It is not changed.")
	name := dialog.Text("name", "", "as the file", imagedeed.KeyNameHelp+" Empty: as the file.")
	return m.form("Import an image key", "", []*dialog.Field{file, name}, "import it", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name the file.", file, nil
		}
		path := m.o.Path(file.Value())
		as := cmp.Or(name.Value(), imagedeed.KeyNameOf(path))
		if wrong := imagedeed.KeyNameFault(as); wrong != "" {
			return wrong, name, nil
		}
		return "", nil, m.carryOut(imagedeed.TakeImageKey(m.o.Desk, path, as), nil, nil)
	})
}

// chooseKey goes on with an image key: the only one, or the one that the person chooses.
func (m *Model) chooseKey(title string, next func(images.Key) tea.Cmd) tea.Cmd {
	list := m.standing.Keys
	if len(list) == 1 {
		return next(list[0])
	}
	var items []dialog.Item
	for _, k := range list {
		items = append(items, dialog.Item{Name: safetext.Line(k.Path), About: keys.Fingerprint(k.ID).Grouped(), Do: func() tea.Cmd { return next(k) }})
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, items))
	return nil
}

// imageKeyPassword changes the password of an image key.
func (m *Model) imageKeyPassword() tea.Cmd {
	return m.chooseKey("The password of which key?", func(k images.Key) tea.Cmd {
		return m.propose(imagedeed.ChangePassword(m.o.Desk, k), nil)
	})
}
