package keys

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/ui/component/errand"
	"bulla/ui/component/keydeed"
	"bulla/ui/dialog"
	"bulla/ui/explain"
)

// lifetime reads how long something shall last; wrong says what is the matter with the text.
func (m *Model) lifetime(text string) (d time.Duration, wrong string) {
	d, err := store.ParseLifetime(text, m.o.Now())
	if err != nil {
		return 0, explain.Error(err).Headline
	}
	return d, ""
}

func (m *Model) extend(r *row) tea.Cmd {
	return m.askLifetime(r, func(life time.Duration) { m.propose(r, m.subject(r).Extend(life)) })
}

// extendEverywhere extends a key, shows what becomes public of it then, and sends that where the key
// is published.
func (m *Model) extendEverywhere(r *row) tea.Cmd {
	return m.askLifetime(r, func(life time.Duration) {
		m.o.Dialogs.Push(m.proposal(r, m.subject(r).ExtendEverywhere(life), func() tea.Cmd { return m.planAgain(r, publish.Choice{}) }))
	})
}

func (m *Model) askLifetime(r *row, chosen func(time.Duration)) tea.Cmd {
	field := dialog.Text("expires", "2y", "2y, 18m, 90d, 2028-01-31 or never", "From now: "+keydeed.LifetimeHelp+" Two years is a good span; it can be extended again and again.")
	m.o.Dialogs.Push(dialog.NewForm("Extend the key", "Now the key "+keydeed.Until(r.Key)+".", []*dialog.Field{field}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		life, wrong := m.lifetime(field.Value())
		if wrong != "" {
			return wrong, field, nil
		}
		chosen(life)
		return "", nil, nil
	}))
	return nil
}

func (m *Model) renew(r *row) tea.Cmd {
	m.propose(r, m.subject(r).Renew())
	return nil
}

func (m *Model) addUserID(r *row) tea.Cmd {
	name := dialog.Text("name", keydeed.NameOf(r.UserID()), "Rhea Release", "As others will see it.").Judged(judged(keydeed.PartName))
	mail := dialog.Text("address", "", "rhea@example.org", "The address that the key shall be found by.").Judged(judged(keydeed.PartAddress))
	comment := dialog.Text("comment", "", "most user ids have none", "Shown in parentheses. Leave it empty unless you know why.").Judged(judged(keydeed.PartComment))
	first := dialog.Tick("show it first", false, "Space changes it. The user id that is shown first is how programs call the key.")
	fields := []*dialog.Field{name, mail, comment, first}
	m.ask("Add a user id", "", fields, "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		p := store.AddUserIDParams{Name: name.Value(), Email: mail.Value(), Comment: comment.Value(), Primary: first.On()}
		if part, wrong := m.subject(r).AddUserIDFault(p); wrong != "" {
			return wrong, map[string]*dialog.Field{keydeed.PartName: name, keydeed.PartAddress: mail, keydeed.PartComment: comment}[part], nil
		}
		m.proposeFrom(form, r, m.subject(r).AddUserID(p))
		return "", nil, nil
	})
	return nil
}

// judged judges a part of a user id as it is typed.
func judged(part string) func(text string) string {
	return func(text string) string { return keydeed.PartFault(part, text) }
}

// chooseUserID lets the person choose one of the key's user ids.
func (m *Model) chooseUserID(r *row, title string, chosen func(id string)) tea.Cmd {
	var items []dialog.Item
	for i, id := range r.UserIDs {
		about := ""
		if i == 0 {
			about = "It is shown first."
		}
		items = append(items, dialog.Item{Name: keydeed.UserID(id), About: about, Do: func() tea.Cmd { chosen(id); return nil }})
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, items))
	return nil
}

func (m *Model) primaryUserID(r *row) tea.Cmd {
	return m.chooseUserID(r, "Which user id is shown first?", func(id string) { m.propose(r, m.subject(r).PrimaryUserID(id)) })
}

func (m *Model) revokeUserID(r *row) tea.Cmd {
	return m.chooseUserID(r, "Which user id is not valid any more?", func(id string) {
		m.askText("Take a user id back", func(text string) { m.propose(r, m.subject(r).RevokeUserID(id, text)) })
	})
}

// askText asks for one line that becomes public with a revocation; it may be empty.
func (m *Model) askText(title string, typed func(text string)) {
	field := dialog.Text("why", "", "may stay empty", "One line for the people who meet the revocation. It becomes public.")
	m.o.Dialogs.Push(dialog.NewForm(title, "", []*dialog.Field{field}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		typed(field.Value())
		return "", nil, nil
	}))
}

func (m *Model) addSubkey(r *row) tea.Cmd {
	fields, read := m.subkeyFields()
	m.ask("Add a subkey that signs", "", fields, "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		p, wrong := read()
		if wrong != "" {
			return wrong, fields[1], nil
		}
		m.proposeFrom(form, r, m.subject(r).AddSubkey(p))
		return "", nil, nil
	})
	return nil
}

// subkeyFields ask which subkey to make; read is what was answered.
func (m *Model) subkeyFields() (fields []*dialog.Field, read func() (p store.SubkeyParams, wrong string)) {
	algorithms := []string{"", store.AlgorithmEd25519, store.AlgorithmRSA4096}
	kind := dialog.Choice("algorithm", 0, "ed25519 is small and fast; rsa4096 is for the oldest verifiers.", "as the key", algorithms[1], algorithms[2])
	expires := dialog.Text("expires", "", "with the key", "Empty: with the key. Else from now: "+keydeed.LifetimeHelp)
	return []*dialog.Field{kind, expires}, func() (p store.SubkeyParams, wrong string) {
		p.Algorithm = algorithms[kind.At()]
		if text := expires.Value(); text != "" {
			p.Lifetime, wrong = m.lifetime(text)
		}
		return p, wrong
	}
}

func (m *Model) rotateSubkey(r *row) tea.Cmd {
	fields, read := m.subkeyFields()
	keep := dialog.Tick("leave the old ones valid", false, "Revoked as superseded, what they signed stays good for those who look at the date; gpg and git warn about it.")
	m.ask("Replace the subkey that signs", "", append(fields, keep), "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		p, wrong := read()
		if wrong != "" {
			return wrong, fields[1], nil
		}
		m.proposeFrom(form, r, m.subject(r).RotateSubkey(store.RotateParams{SubkeyParams: p, KeepOld: keep.On()}))
		return "", nil, nil
	})
	return nil
}

func (m *Model) passphrase(r *row) tea.Cmd {
	m.propose(r, m.subject(r).Passphrase())
	return nil
}

func (m *Model) revocation(r *row) tea.Cmd {
	m.propose(r, m.subject(r).Revocation())
	return nil
}

// undo shows what differs between the key and the version before, and goes back to it.
func (m *Model) undo(r *row) tea.Cmd {
	b, f := m.backend, r.Fingerprint
	return m.begin("reading the earlier version", func(context.Context, *errand.Errand) ending {
		old, ok := b.Previous(f)
		if !ok {
			return ending{note: "The earlier version of the key cannot be read."}
		}
		return ending{tell: func() dialog.Dialog { return m.proposal(r, m.subject(r).Undo(old), nil) }}
	})
}

func (m *Model) forget(r *row) tea.Cmd {
	m.propose(r, m.subject(r).Forget())
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
