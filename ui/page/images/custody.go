package images

import (
	"cmp"
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker/dct"
	"bulla/ui/component/errand"
	"bulla/ui/component/imagedeed"
	"bulla/ui/dialog"
)

// This file keeps the keys of Content Trust: above all, no root key gets into use before a backup of it
// was opened as if the original were lost.

const backupExample = "for example /media/stick/root.key"

// toRoot leads to a root key whose backup was tried, and goes on with it; id is that of one, or "".
func (m *Model) toRoot(w imagedeed.RootWay, id string, next func(dct.Key) tea.Cmd) tea.Cmd {
	return m.begin("looking at the root keys", func(ctx context.Context, _ *errand.Errand) ending {
		s, err := w.Next(ctx, id)
		on := func(id string) tea.Cmd { return m.toRoot(w, id, next) }
		return ending{err: err, stand: err != nil, then: func() tea.Cmd {
			switch s.Step {
			case imagedeed.MakeItFirst:
				return m.makeRootIn(s.Dir, on)
			case imagedeed.ChooseIt:
				return m.chooseRoot(s.Keys, on)
			case imagedeed.BackItUp:
				return m.backUp(s.Key.ID, on)
			case imagedeed.TryBackup:
				return m.rehearse(s.Key.ID, s.Key.Backup.Backup, on)
			}
			return next(s.Key)
		}}
	})
}

// makeRoot makes a root key, and leads to its backup.
func (m *Model) makeRoot() tea.Cmd {
	return m.makeRootIn(m.standing.Trust.Dir, func(id string) tea.Cmd { return m.backUp(id, nil) })
}

func (m *Model) makeRootIn(dir string, next func(id string) tea.Cmd) tea.Cmd {
	id := ""
	return m.propose(imagedeed.MakeRoot(m.o.Desk, dir, func(made string) { id = made }), func() tea.Cmd { return next(id) })
}

// chooseRoot lets the person choose one of several root keys.
func (m *Model) chooseRoot(list []dct.Key, next func(id string) tea.Cmd) tea.Cmd {
	var items []dialog.Item
	for _, k := range list {
		items = append(items, dialog.Item{Name: k.ID, About: imagedeed.BackupOf(k.Backup), Do: func() tea.Cmd { return next(k.ID) }})
	}
	m.o.Dialogs.Push(dialog.NewMenu(imagedeed.WhichRoot, items))
	return nil
}

// backUpRoot backs a root key up and tries the backup.
func (m *Model) backUpRoot() tea.Cmd {
	list := m.standing.Trust.RootKeys()
	back := func(id string) tea.Cmd { return m.backUp(id, nil) }
	if len(list) > 1 {
		return m.chooseRoot(list, back)
	}
	return back(list[0].ID)
}

// backUp writes the backup of a root key, and leads to its trial.
func (m *Model) backUp(id string, next func(id string) tea.Cmd) tea.Cmd {
	file := dialog.Text("file", "", backupExample, imagedeed.WhereBackup)
	return m.form("Back the root key up", imagedeed.WhyBackup, []*dialog.Field{file}, "write it", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name a file for the backup.", file, nil
		}
		path := m.o.Path(file.Value())
		return "", nil, m.carryOut(imagedeed.BackUp(m.o.Desk, id, path), func() tea.Cmd { return m.rehearse(id, path, next) }, func() tea.Cmd { return m.backUp(id, next) })
	})
}

// rehearseAny tries the backup of any root key.
func (m *Model) rehearseAny() tea.Cmd { return m.rehearse("", "", nil) }

// rehearse opens a backup as if the original were lost.
func (m *Model) rehearse(id, backup string, next func(id string) tea.Cmd) tea.Cmd {
	file := dialog.Text("backup", backup, backupExample, "Its passphrase is asked for next. "+imagedeed.WhoseMemory)
	return m.form("Try the backup", imagedeed.WhatRehearsal, []*dialog.Field{file}, "open it", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name the file of the backup.", file, nil
		}
		path := m.o.Path(file.Value())
		if next == nil {
			return "", nil, m.carryOut(imagedeed.Rehearse(m.o.Desk, id, path, nil), nil, nil)
		}
		opened := ""
		return "", nil, m.carryOut(imagedeed.Rehearse(m.o.Desk, id, path, func(id string) { opened = id }), func() tea.Cmd {
			if opened == "" {
				return nil
			}
			return next(opened)
		}, nil)
	})
}

// restoreRoot takes a root key back from its backup.
func (m *Model) restoreRoot() tea.Cmd {
	file := dialog.Text("backup", "", backupExample, "It is tried first, with a passphrase that you type.")
	return m.form("Take a root key back", "", []*dialog.Field{file}, "take it back", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name the file of the backup.", file, nil
		}
		return "", nil, m.carryOut(imagedeed.Restore(m.o.Desk, m.o.Path(file.Value())), nil, nil)
	})
}

// makeSignerKey makes a key pair to sign with.
func (m *Model) makeSignerKey() tea.Cmd {
	name := dialog.Text("name", "", "for example alice", "Who signs with it. "+imagedeed.SignerName)
	file := dialog.Text("public key", "", "NAME.pub", "A new file, to be given to the owner of the repository. Empty: NAME.pub, in the folder where bulla was started.")
	return m.form("Make a key to sign with", "", []*dialog.Field{name, file}, "make it", func() (string, *dialog.Field, tea.Cmd) {
		who := name.Value()
		if who == "" {
			return "Name who signs with it.", name, nil
		}
		return "", nil, m.carryOut(imagedeed.SignerKey(m.o.Desk, who, m.o.Path(cmp.Or(file.Value(), who+".pub"))), nil, nil)
	})
}

// loadSignerKey takes a signer's private key from a file.
func (m *Model) loadSignerKey() tea.Cmd {
	file := dialog.Text("file", "", "for example alice.pem", "A private key in PEM form. It keeps the passphrase it has; one without gets one.")
	name := dialog.Text("name", "", "for example alice", "The signer's name, where the file does not say it. May stay empty.")
	return m.form("Take a signer's key from a file", "", []*dialog.Field{file, name}, "take it", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name the file.", file, nil
		}
		return "", nil, m.carryOut(imagedeed.LoadSignerKey(m.o.Desk, m.o.Path(file.Value()), name.Value()), nil, nil)
	})
}
