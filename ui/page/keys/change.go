package keys

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
)

// change begins a change of a key of bulla's store, which a person agreed to. work returns the line
// about it.
func (m *Model) change(r *row, doing string, work func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error)) tea.Cmd {
	b, f := m.backend, r.Fingerprint
	return m.begin(doing, func(ctx context.Context, e *errand) ending {
		note, err := work(ctx, b, selector(f), b.Remembered(e.ask))
		return changed(ctx, b, f, note, err)
	})
}

// lifetime reads how long something shall last; wrong says what is the matter with the text.
func (m *Model) lifetime(text string) (d time.Duration, wrong string) {
	d, err := store.ParseLifetime(text, m.o.Now())
	if err != nil {
		return 0, explain.Error(err).Headline
	}
	return d, ""
}

// end is when a lifetime is over: never for 0.
func (m *Model) end(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return "on " + human.Date(m.o.Now().Add(d))
}

const lifetimeHelp = "2y, 18m, 90d, a date such as 2028-01-31, or never."

func (m *Model) extend(r *row) tea.Cmd {
	field := dialog.Text("expires", "2y", "2y, 18m, 90d, 2028-01-31 or never", "From now: "+lifetimeHelp+" Two years is a good span; it can be extended again and again.")
	m.o.Dialogs.Push(dialog.NewForm("Extend the key", "Now the key "+until(r.Key)+".", []*dialog.Field{field}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		life, wrong := m.lifetime(field.Value())
		if wrong != "" {
			return wrong, field, nil
		}
		effects := []effect{
			{label: "now", text: "The key " + until(r.Key) + "."},
			{label: "then", text: "It expires " + m.end(life) + ", and so do the subkeys that live with it."},
			{label: "stays", text: "The fingerprint, and every signature that was made."},
			othersLearn(r), undoable,
		}
		if life == 0 {
			effects = append(effects, effect{label: "mind", text: "A key that never expires stays valid for ever if it is lost and cannot be revoked.", caution: true})
		}
		m.o.Dialogs.Push(consent("Extend the key", r, effects, "extend it", func() tea.Cmd {
			return m.change(r, "extending the key", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
				k, err := b.Extend(ctx, sel, store.ExtendParams{Lifetime: life}, ask)
				return "The key " + until(k) + " now; p publishes it.", err
			})
		}))
		return "", nil, nil
	}))
	return nil
}

func (m *Model) renew(r *row) tea.Cmd {
	m.o.Dialogs.Push(consent("Sign the self-signatures again", r, []effect{
		{label: "then", text: "What ties its user ids and subkeys to the key is signed again with SHA-512, and signing subkeys confirm that they belong to it."},
		{label: "stays", text: "The fingerprint, when it expires, and every signature that was made."},
		othersLearn(r), undoable,
	}, "sign them again", func() tea.Cmd {
		return m.change(r, "signing again", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
			_, err := b.Renew(ctx, sel, ask)
			return "The self-signatures are new. p publishes it.", err
		})
	}))
	return nil
}

func (m *Model) addUserID(r *row) tea.Cmd {
	name := dialog.Text("name", nameOf(r.UserID()), "Rhea Release", "As others will see it.")
	mail := dialog.Text("address", "", "rhea@example.org", "The address that the key shall be found by.")
	comment := dialog.Text("comment", "", "most user ids have none", "Shown in parentheses. Leave it empty unless you know why.")
	first := dialog.Tick("show it first", false, "Space changes it. The user id that is shown first is how programs call the key.")
	fields := []*dialog.Field{name, mail, comment, first}
	m.o.Dialogs.Push(dialog.NewForm("Add a user id", "", fields, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		p := store.AddUserIDParams{Name: name.Value(), Email: mail.Value(), Comment: comment.Value(), Primary: first.On()}
		if p.Name == "" && p.Email == "" {
			return "A user id needs a name or an address.", name, nil
		}
		shown := p.Name
		if p.Comment != "" {
			shown += " (" + p.Comment + ")"
		}
		if p.Email != "" {
			shown = strings.TrimSpace(shown + " <" + p.Email + ">")
		}
		m.o.Dialogs.Push(consent("Add a user id", r, []effect{
			{label: "new", text: userID(shown)},
			{label: "mind", text: "Once published it is public for good: a user id can be taken back, but not erased.", caution: true},
			{label: "stays", text: "The fingerprint, the other user ids, and every signature that was made."},
			othersLearn(r), undoable,
		}, "add it", func() tea.Cmd {
			return m.change(r, "adding the user id", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
				_, err := b.AddUserID(ctx, sel, p, ask)
				return "Added " + userID(shown) + ". p publishes it.", err
			})
		}))
		return "", nil, nil
	}))
	return nil
}

// nameOf is the name in a user id: what stands before its comment and address.
func nameOf(id string) string {
	if i := strings.IndexAny(id, "(<"); i >= 0 {
		id = id[:i]
	}
	return safetext.Line(strings.TrimSpace(id))
}

// chooseUserID lets the person choose one of the key's user ids.
func (m *Model) chooseUserID(r *row, title string, chosen func(id string)) tea.Cmd {
	var items []dialog.Item
	for i, id := range r.UserIDs {
		about := ""
		if i == 0 {
			about = "It is shown first."
		}
		items = append(items, dialog.Item{Name: userID(id), About: about, Do: func() tea.Cmd { chosen(id); return nil }})
	}
	m.o.Dialogs.Push(dialog.NewMenu(title, items))
	return nil
}

func (m *Model) primaryUserID(r *row) tea.Cmd {
	return m.chooseUserID(r, "Which user id is shown first?", func(id string) {
		m.o.Dialogs.Push(consent("Show a user id first", r, []effect{
			{label: "now", text: userID(r.UserID())}, {label: "then", text: userID(id)}, othersLearn(r), undoable,
		}, "show it first", func() tea.Cmd {
			return m.change(r, "changing the user id", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
				_, err := b.SetPrimaryUserID(ctx, sel, id, ask)
				return userID(id) + " is shown first now.", err
			})
		}))
	})
}

func (m *Model) revokeUserID(r *row) tea.Cmd {
	return m.chooseUserID(r, "Which user id is not valid any more?", func(id string) {
		m.askText("Take a user id back", func(text string) {
			m.o.Dialogs.Push(consent("Take a user id back", r, append([]effect{
				{label: "goes", text: userID(id)},
				{label: "then", text: "It is shown as revoked where it was published; it does not vanish there."},
				{label: "stays", text: "The key, its other user ids, and every signature that was made."},
			}, publicText(text, othersLearn(r), undoable)...), "take it back", func() tea.Cmd {
				return m.change(r, "taking the user id back", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
					_, err := b.RevokeUserID(ctx, sel, id, text, ask)
					return "Taken back: " + userID(id) + ". p publishes it.", err
				})
			}))
		})
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

// publicText puts the effect of a public text, where there is one, before others.
func publicText(text string, others ...effect) []effect {
	if text != "" {
		others = append([]effect{{label: "public", text: `"` + safetext.Line(text) + `"`}}, others...)
	}
	return others
}

func (m *Model) addSubkey(r *row) tea.Cmd {
	fields, read := m.subkeyFields(r)
	m.o.Dialogs.Push(dialog.NewForm("Add a subkey that signs", "", fields, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		p, ends, wrong := read()
		if wrong != "" {
			return wrong, fields[1], nil
		}
		m.o.Dialogs.Push(consent("Add a subkey that signs", r, []effect{
			{label: "new", text: "A subkey, " + subkeyWords(r, p) + ", that " + ends + ", under the passphrase of the key. It signs from then on."},
			{label: "stays", text: "The other subkeys, and every signature that was made."},
			oldBackups, othersLearn(r), undoable,
		}, "add it", func() tea.Cmd {
			return m.change(r, "making the subkey", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
				_, added, err := b.AddSubkey(ctx, sel, p, ask)
				return "The new subkey ends in " + human.Tail(added) + ". Now b backs it up, p publishes it.", err
			})
		}))
		return "", nil, nil
	}))
	return nil
}

// subkeyFields ask which subkey to make; read is what was answered, and when the subkey ends.
func (m *Model) subkeyFields(r *row) (fields []*dialog.Field, read func() (p store.SubkeyParams, ends, wrong string)) {
	algorithms := []string{"", store.AlgorithmEd25519, store.AlgorithmRSA4096}
	kind := dialog.Choice("algorithm", 0, "ed25519 is small and fast; rsa4096 is for the oldest verifiers.", "as the key", algorithms[1], algorithms[2])
	expires := dialog.Text("expires", "", "with the key", "Empty: with the key. Else from now: "+lifetimeHelp)
	return []*dialog.Field{kind, expires}, func() (p store.SubkeyParams, ends, wrong string) {
		p.Algorithm, ends = algorithms[kind.At()], "lasts as long as the key"
		if text := expires.Value(); text != "" {
			if p.Lifetime, wrong = m.lifetime(text); p.Lifetime > 0 {
				ends = "expires " + m.end(p.Lifetime)
			}
		}
		return p, ends, wrong
	}
}

// subkeyWords is the algorithm of a subkey that will be made.
func subkeyWords(r *row, p store.SubkeyParams) string {
	switch {
	case p.Algorithm != "":
		return p.Algorithm
	case r.Algorithm == store.AlgorithmRSA4096:
		return store.AlgorithmRSA4096
	}
	return store.AlgorithmEd25519
}

func (m *Model) rotateSubkey(r *row) tea.Cmd {
	fields, read := m.subkeyFields(r)
	keep := dialog.Tick("leave the old ones valid", false, "Revoked as superseded, what they signed stays good for those who look at the date; gpg and git warn about it.")
	m.o.Dialogs.Push(dialog.NewForm("Replace the subkey that signs", "", append(fields, keep), "look at it", func() (string, *dialog.Field, tea.Cmd) {
		p, ends, wrong := read()
		if wrong != "" {
			return wrong, fields[1], nil
		}
		var old []string
		for _, s := range r.Subkeys {
			if s.CanSign && !s.Revoked {
				old = append(old, human.Tail(s.Fingerprint))
			}
		}
		retire := effect{label: "retired", text: "Revoked as superseded: " + strings.Join(old, ", ") + ". What they signed stays good for those who look at the date (bulla, Sequoia); gpg and git warn about it."}
		switch {
		case len(old) == 0:
			retire = effect{label: "retired", text: "None: no other subkey signs."}
		case keep.On():
			retire = effect{label: "kept", text: "Valid until they expire: " + strings.Join(old, ", ") + "."}
		}
		m.o.Dialogs.Push(consent("Replace the subkey that signs", r, []effect{
			{label: "new", text: "A subkey, " + subkeyWords(r, p) + ", that " + ends + ". It signs from then on."},
			retire, oldBackups, othersLearn(r), undoable,
		}, "replace it", func() tea.Cmd {
			return m.change(r, "making the subkey", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
				done, err := b.RotateSubkey(ctx, sel, store.RotateParams{SubkeyParams: p, KeepOld: keep.On()}, ask)
				return fmt.Sprintf("The new subkey ends in %s; %s retired. Now b backs it up, p publishes it.", human.Tail(done.Added), human.Count(len(done.Retired), "subkey")), err
			})
		}))
		return "", nil, nil
	}))
	return nil
}

func (m *Model) passphrase(r *row) tea.Cmd {
	f, label := r.Fingerprint, r.UserID()
	m.o.Dialogs.Push(consent("Change the passphrase", r, []effect{
		{label: "first", text: "The present passphrase is asked for, unless bulla remembers it."},
		{label: "then", text: "The new one protects the key from now on. Where the old one was remembered, it is forgotten."},
		{label: "backups", text: "They keep the passphrase that they were made with: make a new one (b).", caution: true},
		{label: "mind", text: "The key under its old passphrase is kept until the next change, so that u can go back. The menu (a) has what forgets it.", caution: true},
	}, "change it", func() tea.Cmd {
		return m.change(r, "changing the passphrase", func(ctx context.Context, b Backend, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
			present, err := b.ExportSecret(ctx, sel, ask) // the present one first; then it is known
			clear(present)
			if err != nil {
				return "", err
			}
			next, err := ask(ctx, keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(f), Label: label, Attempt: 1, New: true})
			if err != nil {
				return "", err
			}
			defer next.Destroy()
			_, err = b.ChangePassphrase(ctx, sel, next, ask)
			return "The passphrase is changed. Make a new backup (b).", err
		})
	}))
	return nil
}

func (m *Model) revocation(r *row) tea.Cmd {
	m.o.Dialogs.Push(consent("Make the revocation certificate", r, []effect{
		{label: "then", text: "A file is written to bulla's folder of revocations that only you can read. Whoever imports it declares the key invalid."},
		{label: "mind", text: "Move it to another place than the key: you need it when the key is lost, and nobody else may have it.", caution: true},
		{label: "stays", text: "The key is not changed."},
	}, "make it", func() tea.Cmd {
		b, f := m.backend, r.Fingerprint
		return m.begin("making the certificate", func(ctx context.Context, e *errand) ending {
			path, err := b.MakeRevocation(ctx, selector(f), b.Remembered(e.ask))
			end := changed(ctx, b, f, "", err)
			end.tell = func() dialog.Dialog {
				return notice("The revocation certificate", []string{safetext.Line(path), "", "Move it to another place than the key. It makes the key invalid should it be lost or stolen."})
			}
			return end
		})
	}))
	return nil
}
