package keys

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/dialog"
	"bulla/workflow/keydesk"
)

// succeed asks which key follows: one that is there, or one that is made now.
func (m *Model) succeed(r *row) tea.Cmd {
	var items []dialog.Item
	var all []*keydesk.State
	for _, other := range m.table.rows {
		all = append(all, &other.State)
	}
	for _, s := range keydeed.Successors(all, r.Fingerprint) {
		items = append(items, dialog.Item{
			Name: human.Tail(s.Fingerprint) + "  " + keydeed.UserID(s.UserID()), About: "Made on " + human.Date(s.Created) + "; it " + keydeed.Until(s.Key) + ".",
			Do: func() tea.Cmd { m.askSuccession(r.Fingerprint, s.Fingerprint); return nil },
		})
	}
	items = append(items, dialog.Item{Name: "Make a new key pair", About: "It follows the old one once it is made.", Do: func() tea.Cmd {
		m.succeeds = r.Fingerprint
		return m.generate(r)
	}})
	m.o.Dialogs.Push(dialog.NewMenu("Which key follows?", items))
	return nil
}

// askSuccession asks how the old key ends, and for the statement.
func (m *Model) askSuccession(old, next keys.Fingerprint) {
	grace := dialog.Text("old ends", keydeed.Grace, "1y, 90d, 2028-01-31 or never", keydeed.GraceHelp)
	name := dialog.Text("file", "", keydeed.FirstStatement, "The statement for packagers, in plain text. Empty: that name, or the next like it that is free. "+newFileHelp)
	git := dialog.Tick("git signs with the new key", false, "Space changes it. Where git's user.signingKey names the old key, it gets the new one.")
	m.ask("Let a new key follow", "The key that ends in "+human.Tail(next)+" follows the one that ends in "+human.Tail(old)+".", []*dialog.Field{grace, name, git}, "look at it", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		life, wrong := m.lifetime(grace.Value())
		if wrong != "" {
			return wrong, grace, nil
		}
		path := ""
		if name.Value() != "" {
			path = m.o.Path(name.Value())
		}
		return "", nil, m.planSuccession(form, keydesk.SucceedParams{Old: selector(old), New: selector(next), Retire: life, StatementFile: path, Git: git.On()})
	})
}

// planSuccession shows all that a succession does and writes.
func (m *Model) planSuccession(form *dialog.Form, p keydesk.SucceedParams) tea.Cmd {
	b := m.backend
	return m.begin("working out what will be written", func(ctx context.Context, _ *errand.Errand) ending {
		if p.StatementFile == "" {
			p.StatementFile = m.o.Path(keydeed.StatementName(m.o.Path))
		}
		plan, err := b.PlanSuccession(ctx, p)
		return ending{err: err, form: form, tell: func() dialog.Dialog {
			r := m.table.index[plan.OldKey.Fingerprint]
			if r == nil { // it went meanwhile
				return nil
			}
			return m.proposalFrom(form, r, m.subject(r).Succeed(plan), nil)
		}}
	})
}
