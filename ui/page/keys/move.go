package keys

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
)

// fileName proposes a name for a file about a key.
func fileName(r *row, what, ending string) string {
	name := strings.ToLower(strings.ReplaceAll(human.Tail(r.Fingerprint), " ", ""))
	return name + what + ending
}

const newFileHelp = "In the folder where bulla was started, unless it begins with / or ~/. A file that is there already is not replaced."

func (m *Model) backUp(r *row) tea.Cmd {
	forms := []struct {
		form         workflow.BackupForm
		ending, what string
	}{
		{workflow.BackupArmored, ".asc", "The secret key in armor, as gpg writes it too."},
		{workflow.BackupPaperText, ".txt", "Numbered lines with checksums, to print and to type in again."},
		{workflow.BackupPaperHTML, ".html", "Numbered lines and QR codes, to print from a browser."},
	}
	kind := dialog.Choice("kind", 0, "A file for a stick, or lines to print. All are protected by the passphrase of the key.", "file", "paper", "paper with QR codes")
	name := dialog.Text("file", "", fileName(r, "-backup", ".asc"), newFileHelp)
	m.o.Dialogs.Push(dialog.NewForm("Back the key up", "", []*dialog.Field{kind, name}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		form, typed := forms[kind.At()], name.Value()
		if typed == "" {
			typed = fileName(r, "-backup", form.ending)
		}
		m.backUpTo(r, "Back the key up", typed, form.form, form.what, "back it up")
		return "", nil, nil
	}))
	return nil
}

// backUpTo shows what a backup will be, writes it and tries it.
func (m *Model) backUpTo(r *row, title, typed string, form workflow.BackupForm, what, yes string, more ...effect) {
	readable := effect{label: "readable", text: "By you alone, and of use only with the passphrase."}
	if unprotected(r) {
		readable = effect{label: "readable", text: "By you alone on this computer. The key is under no passphrase: whoever finds the file has it.", caution: true}
	}
	effects := append([]effect{
		{label: "file", text: safetext.Line(m.o.Path(typed))},
		{label: "holds", text: what},
		readable,
		{label: "tried", text: "It is restored into a throw-away store, opened, and signs something that is then verified. The passphrase is asked for twice, to write and to try."},
		{label: "stays", text: "The key is not changed."},
	}, more...)
	m.o.Dialogs.Push(consent(title, r, effects, yes, func() tea.Cmd {
		b, f, path := m.backend, r.Fingerprint, m.o.Path(typed)
		return m.begin("writing the backup and trying it", func(ctx context.Context, e *errand) ending {
			asked := 0
			// One that a vault knows would prove nothing for the day when this computer is gone.
			ask := func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
				if asked++; asked > 1 && req.Attempt == 1 {
					e.note = "Once more, to try the backup."
				}
				return e.ask(ctx, req)
			}
			done, err := b.BackUp(ctx, selector(f), path, form, false, ask)
			if errors.Is(err, fs.ErrExist) {
				return thereAlready(path)
			}
			end := changed(ctx, b, f, "", err)
			end.tell = func() dialog.Dialog { return rehearsed(done, safetext.Line(path)) }
			return end
		})
	}))
}

// thereAlready is the ending where a file that exists would have been replaced.
func thereAlready(path string) ending {
	return ending{note: "Nothing was written: " + safetext.Line(filepath.Base(path)) + " is there already. Give another name."}
}

// unprotected reports whether a secret part is known to be under no passphrase.
func unprotected(r *row) bool {
	return slices.ContainsFunc(r.Findings, func(f workflow.KeyFinding) bool { return f.Rule == workflow.RuleUnprotected })
}

// rehearsed tells what was tried with a backup.
func rehearsed(done store.Rehearsal, path string) dialog.Dialog {
	return dialog.NewMessage("The backup works", func(t theme.Theme, w int) []string {
		lines := []string{path, "", "It was restored, opened, signed with, and the signature was verified.", "Keep it apart from this computer, and its passphrase apart from it."}
		if !done.Protected {
			lines = append(lines, "", "It is under no passphrase: whoever finds it has the key.")
		}
		return append([]string{t.Icon(theme.Done) + " " + t.Good.Render("Written and tried.")}, wrapped(lines, w)...)
	})
}

func (m *Model) exportSecret(r *row) tea.Cmd {
	name := dialog.Text("file", "", fileName(r, "-secret", ".asc"), newFileHelp)
	m.o.Dialogs.Push(dialog.NewForm("Export the secret key", "", []*dialog.Field{name}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		typed := name.Value()
		if typed == "" {
			typed = fileName(r, "-secret", ".asc")
		}
		m.backUpTo(r, "Export the secret key", typed, workflow.BackupArmored, "The whole secret key. gpg --import and bulla keys import read it.", "export it",
			effect{label: "mind", text: "Whoever has the file and the passphrase has the key, and can sign in your name. Delete the file once it is where it belongs.", caution: true})
		return "", nil, nil
	}))
	return nil
}

func (m *Model) export(r *row) tea.Cmd {
	name := dialog.Text("file", "", fileName(r, "", ".asc"), newFileHelp)
	others := dialog.Tick("with what others certified on it", false, "It tells who knows whom, and may be a flood.")
	fields := []*dialog.Field{name}
	var ids []*dialog.Field
	if len(r.UserIDs) > 1 {
		for _, id := range r.UserIDs {
			ids = append(ids, dialog.Tick(userID(id), true, "Space takes it out or in."))
		}
		fields = append(fields, ids...)
	}
	fields = append(fields, others)
	m.o.Dialogs.Push(dialog.NewForm("Export the public key", "", fields, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		typed := name.Value()
		if typed == "" {
			typed = fileName(r, "", ".asc")
		}
		p := store.PublicParams{ThirdParty: others.On()}
		taken, out := ticked(ids, r.UserIDs)
		switch {
		case len(ids) == 0:
			taken = r.UserIDs
		case len(taken) == 0:
			return "Without any user id nobody can tell whose key it is, and gpg refuses it.", ids[0], nil
		case len(out) > 0:
			p.UserIDs = taken
		}
		effects := []effect{{label: "file", text: safetext.Line(m.o.Path(typed))}}
		effects = append(effects, listed("user id", taken)...)
		effects = append(effects, listed("not in it", out)...)
		effects = append(effects, effect{label: "subkeys", text: human.Count(len(r.Subkeys), "subkey") + ", and what the owner of the key signed on it"})
		if p.ThirdParty {
			effects = append(effects, effect{label: "others", text: "What others certified on it, too: it tells who knows whom.", caution: true})
		}
		m.o.Dialogs.Push(consent("Export the public key", r, effects, "write it", func() tea.Cmd { return m.writePublic(r, typed, p) }))
		return "", nil, nil
	}))
	return nil
}

// ticked are the names of which the box is ticked, and the others.
func ticked(boxes []*dialog.Field, names []string) (on, off []string) {
	for i, b := range boxes {
		if b.On() {
			on = append(on, names[i])
		} else {
			off = append(off, names[i])
		}
	}
	return on, off
}

// listed makes an effect of each user id, with the label before the first.
func listed(label string, ids []string) (out []effect) {
	for i, id := range ids {
		if i > 0 {
			label = ""
		}
		out = append(out, effect{label: label, text: userID(id)})
	}
	return out
}

func (m *Model) writePublic(r *row, typed string, p store.PublicParams) tea.Cmd {
	b, f, path := m.backend, r.Fingerprint, m.o.Path(typed)
	return m.begin("writing the public key", func(ctx context.Context, _ *errand) ending {
		data, err := b.ExportPublicWith(ctx, selector(f), p)
		if err == nil {
			err = atomicfile.Create(path, data, 0o644)
		}
		if errors.Is(err, fs.ErrExist) {
			return thereAlready(path)
		}
		return ending{err: err, note: "Wrote the public key to " + safetext.Line(path) + "."}
	})
}

func (m *Model) importFile(*row) tea.Cmd {
	name := dialog.Text("file", "", "the file with the keys", "In the folder where bulla was started, unless it begins with / or ~/. It is not changed.")
	m.o.Dialogs.Push(dialog.NewForm("Import keys from a file", "", []*dialog.Field{name}, "look into it", func() (string, *dialog.Field, tea.Cmd) {
		if name.Value() == "" {
			return "Type the name of the file.", name, nil
		}
		return "", nil, m.lookInto(m.o.Path(name.Value()))
	}))
	return nil
}

// lookInto shows what an import would bring.
func (m *Model) lookInto(path string) tea.Cmd {
	b := m.backend
	return m.begin("looking into the file", func(ctx context.Context, _ *errand) ending {
		list, err := b.PreviewImport(ctx, path)
		var skipped *store.SkippedError
		if err != nil && (!errors.As(err, &skipped) || len(list) == 0) {
			return ending{err: err}
		}
		return ending{tell: func() dialog.Dialog {
			return consent("Import these keys?", nil, importEffects(list, skipped), "import them", func() tea.Cmd { return m.importFrom(path) })
		}}
	})
}

func importEffects(list []store.Imported, skipped *store.SkippedError) (out []effect) {
	for _, i := range list {
		out = append(out, effect{label: importLabel(i), text: userID(i.Key.UserID())}, effect{text: i.Key.Fingerprint.Grouped()})
		if i.HasSecret {
			out = append(out, effect{text: "with its secret key, which stays under the passphrase that it has"})
		}
	}
	if skipped != nil {
		for _, e := range skipped.Skipped {
			out = append(out, effect{label: "left out", text: safetext.Line(e.Error()), caution: true})
		}
	}
	return append(out, effect{label: "mind", text: "A key in a file says nothing about whose it is: compare the fingerprint with one that you have from elsewhere."})
}

func importLabel(i store.Imported) string {
	switch {
	case i.New:
		return "new"
	case i.Changed:
		return "learns"
	}
	return "known"
}

func (m *Model) importFrom(path string) tea.Cmd {
	b := m.backend
	return m.begin("importing", func(ctx context.Context, _ *errand) ending {
		list, err := b.ImportFile(ctx, path)
		var skipped *store.SkippedError
		if err != nil && (!errors.As(err, &skipped) || len(list) == 0) {
			return ending{err: err}
		}
		n := map[string]int{}
		for _, i := range list {
			n[importLabel(i)]++
		}
		end := ending{note: human.Count(n["new"], "new key") + ", " + human.Count(n["learns"], "key") + " learned something, " + human.Count(n["known"], "key") + " known already.", anew: true}
		if len(list) > 0 {
			end.of = list[0].Key.Fingerprint
		}
		return end
	})
}

func (m *Model) toGnuPG(r *row) tea.Cmd {
	m.o.Dialogs.Push(consent("Copy the key to GnuPG", r, []effect{
		{label: "then", text: "GnuPG has the public and the secret key, under the passphrase that it has here."},
		{label: "stays", text: "bulla's store keeps its own. A change in one place does not reach the other."},
		{label: "mind", text: "GnuPG trusts no key by itself: gpg --edit-key … trust says that it is yours."},
	}, "copy it", func() tea.Cmd {
		b, f := m.backend, r.Fingerprint
		return m.begin("copying the key to GnuPG", func(ctx context.Context, e *errand) ending {
			_, err := b.ToGnuPG(ctx, selector(f), b.Remembered(e.ask))
			return ending{err: err, note: "GnuPG has the key now.", of: f, anew: err == nil}
		})
	}))
	return nil
}

func (m *Model) fromGnuPG(r *row) tea.Cmd {
	m.o.Dialogs.Push(consent("Copy the key from GnuPG", r, []effect{
		{label: "then", text: "bulla's store has the public and the secret key, under the passphrase that it has in GnuPG."},
		{label: "stays", text: "GnuPG keeps its own: gpg --delete-secret-keys removes it there. What is on a card stays on the card."},
		{label: "next", text: "Make a backup (b) and a revocation certificate (in the menu): bulla has none of it."},
	}, "copy it", func() tea.Cmd {
		b, f := m.backend, r.Fingerprint
		return m.begin("copying the key from GnuPG", func(ctx context.Context, e *errand) ending {
			_, err := b.FromGnuPG(ctx, selector(f), b.Remembered(e.ask))
			return ending{err: err, note: "bulla's store has the key now. Make a backup (b).", of: f, anew: err == nil}
		})
	}))
	return nil
}
