package images

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker/dct"
	"bulla/keys/atomicfile"
	"bulla/ui/component/errand"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
)

// This file keeps the keys of Content Trust: above all, no root key gets into use before a backup of it
// was opened as if the original were lost.

// makeRoot makes a root key; next goes on with its id, and may be nil.
func (m *Model) makeRoot(next func(id string) tea.Cmd) tea.Cmd {
	dir := m.standing.trust.Dir
	m.o.Dialogs.Push(m.look("Make a root key", "", nil, []sheet.Effect{
		{Label: "what", Text: "A key that vouches for all other keys of a repository, for good. One root key may serve many repositories."},
		{Label: "kept", Text: "In " + safetext.Line(dir) + ", under a passphrase that you type next. docker trust and notary use it too."},
		{Label: "mind", Text: "2,048 rounds of PBKDF2 protect it, no more: only a long passphrase slows down who finds the file.", Caution: true},
		{Label: "next", Text: "Its backup, which is tried: nothing is signed before."},
	}, "make it", func() tea.Cmd {
		d := m.o.Desk
		return m.begin("making the root key", func(ctx context.Context, e *errand.Errand) ending {
			k, _, err := d.GenerateTrustKey(ctx, "root", d.Remembered(e.Ask, e.Waits))
			if err != nil {
				return ending{err: err}
			}
			return ending{note: "Made " + k.Path, stand: true, then: func() tea.Cmd { return m.intoCustody(k.ID, "", next) }}
		})
	}))
	return nil
}

// chooseRoot lets the person choose one of several root keys.
func (m *Model) chooseRoot(list []dct.Key, next func(id string) tea.Cmd) tea.Cmd {
	var items []dialog.Item
	for _, k := range list {
		about := "No backup of it was opened yet."
		if !k.Backup.Rehearsed.IsZero() {
			about = "Its backup was opened: " + safetext.Line(k.Backup.Backup)
		}
		items = append(items, dialog.Item{Name: k.ID, About: about, Do: func() tea.Cmd { return next(k.ID) }})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Which root key?", items))
	return nil
}

// backUpRoot backs a root key up and tries the backup.
func (m *Model) backUpRoot() tea.Cmd {
	list := m.standing.trust.RootKeys()
	back := func(id string) tea.Cmd { return m.intoCustody(id, "", nil) }
	if len(list) > 1 {
		return m.chooseRoot(list, back)
	}
	return back(list[0].ID)
}

// intoCustody leads to a backup of a root key that was opened; next goes on with the id of the key, and
// may be nil. backup is one that was written and not tried yet, or "".
func (m *Model) intoCustody(id, backup string, next func(id string) tea.Cmd) tea.Cmd {
	if backup != "" {
		return m.rehearse(id, backup, next)
	}
	file := dialog.Text("file", "", "for example /media/stick/root.key", "On a stick that goes into a drawer, not on this disk. A file that is there already is not replaced.")
	return m.form("Back the root key up", "A lost root key can never be replaced, so nothing is signed before a backup of it was opened once.", []*dialog.Field{file}, "write it", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name a file for the backup.", file, nil
		}
		d, path := m.o.Desk, m.o.Path(file.Value())
		return "", nil, m.begin("writing the backup", func(context.Context, *errand.Errand) ending {
			err := d.BackUpRoot(id, path)
			if errors.Is(err, fs.ErrExist) {
				return ending{note: "Nothing was written: " + safetext.Line(filepath.Base(path)) + " is there already. Give another name.",
					then: func() tea.Cmd { return m.intoCustody(id, "", next) }}
			}
			return ending{err: err, stand: true, then: func() tea.Cmd { return m.rehearse(id, path, next) }}
		})
	})
}

// rehearseAny tries the backup of any root key.
func (m *Model) rehearseAny() tea.Cmd { return m.rehearse("", "", nil) }

// rehearse opens a backup as if the original were lost.
func (m *Model) rehearse(id, backup string, next func(id string) tea.Cmd) tea.Cmd {
	file := dialog.Text("backup", backup, "for example /media/stick/root.key", "Its passphrase is asked for next. Nothing that remembers passphrases is asked: it is your memory too that is tried.")
	return m.form("Try the backup", "As if the original were lost: it is read, opened, and has to sign something.", []*dialog.Field{file}, "open it", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name the file of the backup.", file, nil
		}
		d, path := m.o.Desk, m.o.Path(file.Value())
		return "", nil, m.begin("trying the backup", func(ctx context.Context, e *errand.Errand) ending {
			got, err := d.RehearseRoot(ctx, path, e.Person("From your memory, as if this computer were gone."))
			switch {
			case err != nil:
				return ending{err: err, stand: true, left: "Left. The backup was not opened: nothing is signed before."}
			case id != "" && got != id:
				return ending{stand: true, tell: notice("It is another key", []string{"The backup opens, and is that of another root key:", got, "", "Nothing was changed. Name the backup of", id})}
			case next != nil:
				return ending{note: "The backup opens, and signs as the root key.", stand: true, then: func() tea.Cmd { return next(got) }}
			}
			return ending{note: "The backup opens.", stand: true, tell: notice("The backup works", []string{"It opens, and signs as the root key", got, "", "Keep it apart from this computer, and its passphrase apart from it."})}
		})
	})
}

// restoreRoot takes a root key back from its backup.
func (m *Model) restoreRoot() tea.Cmd {
	file := dialog.Text("backup", "", "for example /media/stick/root.key", "It is tried first, with a passphrase that you type.")
	return m.form("Take a root key back", "", []*dialog.Field{file}, "take it back", func() (string, *dialog.Field, tea.Cmd) {
		if file.Value() == "" {
			return "Name the file of the backup.", file, nil
		}
		d, path := m.o.Desk, m.o.Path(file.Value())
		return "", nil, m.begin("taking the root key back", func(ctx context.Context, e *errand.Errand) ending {
			k, err := d.RestoreRoot(ctx, path, e.Person(""))
			return ending{err: err, stand: true, note: "The root key is in " + k.Path}
		})
	})
}

// makeSignerKey makes a key pair to sign with.
func (m *Model) makeSignerKey() tea.Cmd {
	name := dialog.Text("name", "", "for example alice", "Who signs with it: lower-case letters, digits, dashes and underscores.")
	file := dialog.Text("public key", "", "NAME.pub", "A new file, to be given to the owner of the repository. Empty: NAME.pub, in the folder where bulla was started.")
	return m.form("Make a key to sign with", "", []*dialog.Field{name, file}, "make it", func() (string, *dialog.Field, tea.Cmd) {
		who, typed := name.Value(), file.Value()
		if who == "" || who == "root" {
			return "Name who signs with it.", name, nil
		}
		if typed == "" {
			typed = who + ".pub"
		}
		d, path := m.o.Desk, m.o.Path(typed)
		return "", nil, m.begin("making the key", func(ctx context.Context, e *errand.Errand) ending {
			if exists(path) {
				return written(path, fs.ErrExist)
			}
			k, pub, err := d.GenerateTrustKey(ctx, who, d.Remembered(e.Ask, e.Waits))
			if err != nil {
				return ending{err: err}
			}
			if err := atomicfile.Create(path, pub.PEM(who), 0o644); err != nil {
				return ending{err: err, stand: true}
			}
			return ending{note: "Made the key of " + who + ".", stand: true, tell: notice("The key is made", []string{
				safetext.Line(k.Path), "", "Its public half, for the owner of the repository:", safetext.Line(path),
			})}
		})
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
		d, path, who := m.o.Desk, m.o.Path(file.Value()), name.Value()
		return "", nil, m.begin("taking the key", func(ctx context.Context, e *errand.Errand) ending {
			k, err := d.LoadTrustKey(ctx, path, who, d.Remembered(e.Ask, e.Waits))
			return ending{err: err, stand: true, note: "The key of " + k.Role + " is in " + k.Path}
		})
	})
}
