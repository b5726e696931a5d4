package keys

import (
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/dialog"
	"bulla/ui/theme"
)

// notice is a dialog with a few paragraphs.
func notice(title string, lines []string) dialog.Dialog {
	return dialog.NewMessage(title, func(_ theme.Theme, w int) []string { return wrapped(lines, w) })
}

// chooseReason asks in plain words why something is revoked.
func (m *Model) chooseReason(chosen func(store.RevocationReason), more ...dialog.Item) {
	var items []dialog.Item
	for _, reason := range store.KeyReasons() {
		items = append(items, dialog.Item{Name: keydeed.Sentence(reason.Title()), About: reason.Effect(), Do: func() tea.Cmd { chosen(reason); return nil }})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Why?", append(items, more...)))
}

func (m *Model) revoke(r *row) tea.Cmd {
	s := m.subject(r)
	m.chooseReason(func(reason store.RevocationReason) {
		if why := s.RevokeFault(); why != "" {
			m.Note = "Not possible: " + why + "."
			return
		}
		m.askText("Revoke the key", func(text string) { m.propose(r, s.Revoke(store.RevokeParams{Reason: reason, Text: text})) })
	}, dialog.Item{Name: keydeed.CertificateName, About: keydeed.CertificateAbout, Do: func() tea.Cmd {
		m.propose(r, s.ApplyRevocation())
		return nil
	}})
	return nil
}

func (m *Model) revokeSubkey(r *row) tea.Cmd {
	var items []dialog.Item
	for _, s := range r.Subkeys {
		if s.Revoked {
			continue
		}
		items = append(items, dialog.Item{
			Name: human.Tail(s.Fingerprint) + "  may " + keydeed.Uses(false, s.CanSign, s.CanEncrypt), About: s.Fingerprint.Grouped(),
			Do: func() tea.Cmd { m.revokeOneSubkey(r, s); return nil },
		})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Which subkey?", items))
	return nil
}

func (m *Model) revokeOneSubkey(r *row, s keys.Subkey) {
	m.chooseReason(func(reason store.RevocationReason) {
		m.askText("Declare a subkey invalid", func(text string) {
			m.propose(r, m.subject(r).RevokeSubkey(s.Fingerprint, store.RevokeParams{Reason: reason, Text: text}))
		})
	})
}

func (m *Model) deleteIt(r *row) tea.Cmd {
	m.propose(r, m.subject(r).Delete())
	return nil
}

func (m *Model) asideIt(r *row) tea.Cmd {
	m.propose(r, m.subject(r).Aside())
	return nil
}
