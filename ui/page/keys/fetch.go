package keys

import (
	"context"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys/publish"
	"bulla/ui/component/errand"
	"bulla/ui/component/foundkey"
	"bulla/ui/component/keydeed"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/workflow/keydesk"
)

const fetchTimeout = 2 * time.Minute

// fetch asks what to look for, and before anybody learns of it whom to ask.
func (m *Model) fetch(*row) tea.Cmd {
	field := dialog.Text("key", "", "fingerprint, address or URL", "A fingerprint, a key id of 16 digits, an address, or the URL of a key. You see who would be asked before anybody is.")
	m.ask("Fetch somebody's public key", "", []*dialog.Field{field}, "look whom to ask", func(form *dialog.Form) (string, *dialog.Field, tea.Cmd) {
		q, err := publish.ParseQuery(field.Value())
		if err != nil {
			return safetext.Line(keydeed.Sentence(err.Error())) + ".", field, nil
		}
		from, err := m.backend.FetchSources(q)
		switch {
		case err != nil:
			return safetext.Line(keydeed.Sentence(err.Error())) + ".", field, nil
		case len(from) == 0:
			return "No place to ask is set; see BULLA_KEYSERVERS.", field, nil
		}
		m.o.Dialogs.Push(dialog.NewQuestion("Fetch a key", []string{foundkey.Query(q), "", foundkey.Asked(from)}, "ask them", "leave it", func() tea.Cmd { return m.fetchFrom(form, q, from) }))
		return "", nil, nil
	})
	return nil
}

func (m *Model) fetchFrom(form *dialog.Form, q publish.Query, from []publish.Target) tea.Cmd {
	b := m.backend
	return m.begin("looking for the key", func(ctx context.Context, e *errand.Errand) ending {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		found, misses, err := b.Fetch(ctx, q, from, keydesk.PublishFace{Progress: func(p publish.Event) { e.Say(p.Doing) }})
		if err == nil && len(found) == 0 {
			err = &keydesk.NotFetchedError{Query: q, Misses: misses}
		}
		return ending{err: err, form: form, left: "Left. No key was kept.", tell: func() dialog.Dialog { return m.askWhich(found) }}
	})
}

// askWhich lets the person choose among several keys that were found.
func (m *Model) askWhich(found []publish.Found) dialog.Dialog {
	if len(found) == 1 {
		return m.askKeep(found[0])
	}
	var items []dialog.Item
	for _, f := range found {
		items = append(items, dialog.Item{Name: foundkey.Name(f), About: strings.Join(foundkey.Lines(f), " "), Do: func() tea.Cmd {
			m.o.Dialogs.Push(m.askKeep(f))
			return nil
		}})
	}
	return dialog.NewMenu("Several keys were found. Which?", items)
}

// askKeep shows what was found and asks whether to keep it.
func (m *Model) askKeep(f publish.Found) dialog.Dialog {
	lines := foundkey.Lines(f)
	if f.Data == nil {
		return notice("Key found, of no use", lines)
	}
	lines = append(lines, "", foundkey.Caution)
	b := m.backend
	return dialog.NewQuestion("Keep this key?", lines, "keep it in bulla's store", "leave it", func() tea.Cmd {
		return m.begin("keeping the key", func(ctx context.Context, _ *errand.Errand) ending {
			_, err := b.KeepFetched(ctx, f)
			return ending{err: err, note: "Kept the key " + f.Key.Fingerprint.Short() + ".", of: f.Key.Fingerprint, anew: err == nil}
		})
	})
}
