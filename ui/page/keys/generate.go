package keys

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// generate makes a key pair: by the page that Options.NewKey opens, else by a form of its own.
func (m *Model) generate(*row) tea.Cmd {
	if m.o.NewKey != nil {
		return m.o.NewKey()
	}
	name := dialog.Text("name", "", "Rhea Release", "Who signs, as others will see it.").Judged(judged(keydeed.PartName))
	mail := dialog.Text("address", "", "rhea@example.org", "The address that people know you by; the key can be found by it once it is published.").Judged(judged(keydeed.PartAddress))
	algorithms := []string{store.AlgorithmEd25519, store.AlgorithmRSA4096}
	kind := dialog.Choice("algorithm", 0, "ed25519 is small, fast and understood by GnuPG since 2.1. rsa4096 is for the oldest verifiers.", algorithms...)
	expires := dialog.Text("expires", "2y", "2y, 18m, 90d, 2028-01-31 or never", "From now: "+keydeed.LifetimeHelp+" Two years is a good span; it can be extended.")
	fields := []*dialog.Field{name, mail, kind, expires}
	m.ask("A new key pair", "", fields, "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		p := store.GenerateParams{Name: name.Value(), Email: mail.Value(), Algorithm: algorithms[kind.At()]}
		if p.Name == "" && p.Email == "" {
			return "A key needs a name or an address.", name, nil
		}
		var wrong string
		if p.Lifetime, wrong = m.lifetime(expires.Value()); wrong != "" {
			return wrong, expires, nil
		}
		m.o.Dialogs.Push(consent("A new key pair", nil, []keydeed.Effect{
			{Label: "user id", Text: safetext.Line(p.Name + " <" + p.Email + ">")},
			{Label: "kind", Text: "A primary key that certifies and a subkey that signs, both " + p.Algorithm + "."},
			{Label: "expires", Text: keydeed.Sentence(keydeed.Subject{Now: m.o.Now}.End(p.Lifetime)) + "."},
			{Label: "kept", Text: "In bulla's store, under a passphrase that you type next."},
			{Label: "with it", Text: "A revocation certificate, to declare the key invalid should it be lost."},
			{Label: "public", Text: "Nothing is published."},
		}, "make it", func() tea.Cmd { return m.make(form, p) }))
		return "", nil, nil
	})
	return nil
}

func (m *Model) make(form *dialog.Form, p store.GenerateParams) tea.Cmd {
	b, old := m.backend, m.succeeds
	return m.begin("making the key", func(ctx context.Context, e *errand.Errand) ending {
		pass, err := e.Ask(ctx, keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, Label: p.Name + " <" + p.Email + ">", Attempt: 1, New: true})
		if err != nil {
			return ending{err: err}
		}
		defer pass.Destroy()
		p.Passphrase = pass
		made, err := b.Generate(ctx, p)
		if err != nil {
			return ending{err: err, form: form}
		}
		return ending{of: made.Key.Fingerprint, anew: true, tell: func() dialog.Dialog {
			if old != "" {
				m.askSuccession(old, made.Key.Fingerprint)
				return nil
			}
			return madeKey(made)
		}}
	})
}

// madeKey tells what was made, and what to do with it.
func madeKey(made store.Generated) dialog.Dialog {
	return dialog.NewMessage("The key is made", func(t theme.Theme, w int) []string {
		out := []string{t.Icon(theme.Done) + " " + t.Strong.Render(layout.Cut(keydeed.UserID(made.Key.UserID()), w-4, t.Signs.Ellipsis)), ""}
		out = append(out, human.FingerprintLines(made.Key.Fingerprint, w)...)
		return append(out, wrapped([]string{
			"", "Its revocation certificate, which makes it invalid should it be lost or stolen:", safetext.Line(made.Revocation), "Move it to another place.",
			"", "b makes a backup and tries it. p publishes the key, so that others find it.",
		}, w)...)
	})
}

// wrapped are paragraphs in w columns.
func wrapped(lines []string, w int) (out []string) {
	for _, l := range lines {
		out = append(out, layout.Wrap(l, w)...)
	}
	return out
}
