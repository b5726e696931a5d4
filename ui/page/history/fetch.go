package history

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/ui/component/foundkey"
	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/theme"
	"bulla/workflow/keydesk"
)

// KeySource gets the keys of others: *world.World has its methods.
type KeySource interface {
	FetchSources(publish.Query) ([]publish.Target, error)
	Fetch(context.Context, publish.Query, []publish.Target, keydesk.PublishFace) ([]publish.Found, []publish.Miss, error)
	KeepFetched(context.Context, publish.Found) ([]store.Imported, error)
}

// The results of looking for a key.
type (
	fetched struct {
		query  publish.Query
		found  []publish.Found
		misses []publish.Miss
		err    error
	}
	kept struct {
		key keys.Fingerprint
		err error
	}
)

const fetchTimeout = 2 * time.Minute

// missingKey is the query for a key that the chosen release lacks.
func (m *Model) missingKey() (publish.Query, bool) {
	if i, ok := m.table.at(); ok {
		for _, v := range m.rows[i].All() {
			if q, ok := keydesk.MissingKey(v); ok {
				return q, true
			}
		}
	}
	return publish.Query{}, false
}

// fetchFault says why no key can be looked for, or "".
func (m *Model) fetchFault() string {
	switch _, missing := m.missingKey(); {
	case m.o.Keys == nil:
		return "not possible here"
	case m.Busy():
		return "something is under way"
	case !missing:
		return "no key is missing here"
	}
	return ""
}

// askFetch asks before anybody learns which key is looked for.
func (m *Model) askFetch() {
	if fault := m.fetchFault(); fault != "" {
		m.Note = "Not fetched: " + fault + "."
		return
	}
	q, _ := m.missingKey()
	from, err := m.o.Keys.FetchSources(q)
	if err != nil {
		m.o.Dialogs.Push(dialog.NewError(err))
		return
	}
	if len(from) == 0 {
		m.Note = "Not fetched: no place to ask is set; see BULLA_KEYSERVERS."
		return
	}
	m.o.Dialogs.Push(dialog.NewQuestion("Fetch a key", []string{
		"The signature names a key that is not here:", "", foundkey.Query(q), "", foundkey.Asked(from),
	}, "ask them", "leave it", func() tea.Cmd { return m.fetch(q, from) }))
}

func (m *Model) fetch(q publish.Query, from []publish.Target) tea.Cmd {
	m.Begin("looking for the key…")
	source, parent := m.o.Keys, m.o.Context
	return tea.Batch(func() tea.Msg {
		ctx, cancel := context.WithTimeout(parent, fetchTimeout)
		defer cancel()
		found, misses, err := source.Fetch(ctx, q, from, keydesk.PublishFace{})
		return fetched{q, found, misses, err}
	}, m.Tick())
}

// fetched shows what came, and asks whether to keep it.
func (m *Model) fetched(msg fetched) {
	m.End()
	switch {
	case msg.err != nil:
		m.o.Dialogs.Push(dialog.NewError(msg.err))
		return
	case len(msg.found) == 0:
		m.o.Dialogs.Push(dialog.NewError(&keydesk.NotFetchedError{Query: msg.query, Misses: msg.misses}))
		return
	}
	f := msg.found[0]
	lines := foundkey.Lines(f)
	if f.Data == nil {
		m.o.Dialogs.Push(dialog.NewMessage("Key found, of no use", func(_ theme.Theme, w int) (out []string) {
			for _, l := range lines {
				out = append(out, layout.Wrap(l, w)...)
			}
			return out
		}))
		return
	}
	lines = append(lines, "", foundkey.Caution)
	source, ctx := m.o.Keys, m.o.Context
	m.o.Dialogs.Push(dialog.NewQuestion("Keep this key?", lines, "keep it in bulla's store", "leave it", func() tea.Cmd {
		return m.Writes.Go(func() tea.Msg {
			_, err := source.KeepFetched(ctx, f)
			return kept{f.Key.Fingerprint, err}
		})
	}))
}

// kept judges everything anew, with the key.
func (m *Model) kept(msg kept) tea.Cmd {
	if msg.err != nil {
		m.o.Dialogs.Push(dialog.NewError(msg.err))
		return nil
	}
	m.Note = "Kept " + msg.key.Short() + "; judging anew with it."
	return m.Reload()
}
