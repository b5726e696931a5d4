package keys

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/keydeed"
	"bulla/ui/dialog"
)

const newFileHelp = "In the folder where bulla was started, unless it begins with / or ~/. A file that is there already is not replaced."

func (m *Model) backUp(r *row) tea.Cmd {
	forms := keydeed.BackupForms()
	var names []string
	for _, f := range forms {
		names = append(names, f.Name)
	}
	kind := dialog.Choice("kind", 0, "A file for a stick, or lines to print. All are protected by the passphrase of the key.", names...)
	name := dialog.Text("file", "", keydeed.SecretName(r.Fingerprint, "backup", ".asc"), newFileHelp)
	m.ask("Back the key up", "", []*dialog.Field{kind, name}, "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		as, typed := forms[kind.At()], name.Value()
		if typed == "" {
			typed = keydeed.SecretName(r.Fingerprint, "backup", as.Ending)
		}
		m.proposeFrom(form, r, m.subject(r).BackUp(m.o.Path(typed), as))
		return "", nil, nil
	})
	return nil
}

func (m *Model) exportSecret(r *row) tea.Cmd {
	name := dialog.Text("file", "", keydeed.SecretName(r.Fingerprint, "secret", ".asc"), newFileHelp)
	m.ask("Export the secret key", "", []*dialog.Field{name}, "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		typed := name.Value()
		if typed == "" {
			typed = keydeed.SecretName(r.Fingerprint, "secret", ".asc")
		}
		m.proposeFrom(form, r, m.subject(r).ExportSecret(m.o.Path(typed)))
		return "", nil, nil
	})
	return nil
}

func (m *Model) export(r *row) tea.Cmd {
	name := dialog.Text("file", "", keydeed.FileName(r.Fingerprint, "", ".asc"), newFileHelp)
	others := dialog.Tick("with what others certified on it", false, "It tells who knows whom, and may be a flood.")
	fields := []*dialog.Field{name}
	var ids []*dialog.Field
	if len(r.UserIDs) > 1 {
		for _, id := range r.UserIDs {
			ids = append(ids, dialog.Tick(keydeed.UserID(id), true, "Space takes it out or in."))
		}
		fields = append(fields, ids...)
	}
	fields = append(fields, others)
	m.ask("Export the public key", "", fields, "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		typed := name.Value()
		if typed == "" {
			typed = keydeed.FileName(r.Fingerprint, "", ".asc")
		}
		taken := r.UserIDs
		if len(ids) > 0 {
			if taken, _ = ticked(ids, r.UserIDs); len(taken) == 0 {
				return keydeed.NoUserIDs, ids[0], nil
			}
		}
		m.proposeFrom(form, r, m.subject(r).Export(m.o.Path(typed), taken, others.On()))
		return "", nil, nil
	})
	return nil
}

func (m *Model) importFile(*row) tea.Cmd {
	name := dialog.Text("file", "", "the file with the keys", "In the folder where bulla was started, unless it begins with / or ~/. It is not changed.")
	m.ask("Import keys from a file", "", []*dialog.Field{name}, "look into it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		if name.Value() == "" {
			return "Type the name of the file.", name, nil
		}
		return "", nil, m.lookInto(form, m.o.Path(name.Value()))
	})
	return nil
}

// lookInto shows what an import would bring.
func (m *Model) lookInto(form *dialog.Form, path string) tea.Cmd {
	b := m.backend
	return m.begin("looking into the file", func(ctx context.Context, _ *errand.Errand) ending {
		j, err := keydeed.ImportFile(ctx, b, path)
		return ending{err: err, form: form, tell: func() dialog.Dialog { return m.proposalFrom(form, nil, j, nil) }}
	})
}

func (m *Model) toGnuPG(r *row) tea.Cmd {
	m.propose(r, m.subject(r).ToGnuPG())
	return nil
}

func (m *Model) fromGnuPG(r *row) tea.Cmd {
	m.propose(r, m.subject(r).FromGnuPG())
	return nil
}
