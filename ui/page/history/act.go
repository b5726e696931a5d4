package history

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/history"
)

// The results of what a key began.
type (
	asked struct { // a registry
		run    int
		update history.Update
		err    error
	}
	read struct { // a message
		tag, text string
		err       error
	}
	exported struct {
		name string // as it was typed
		n    int
		err  error
	}
	copied struct {
		text string
		err  error
	}
)

// act does what a key asks for about the chosen release.
func (m *Model) act(msg tea.KeyMsg) tea.Cmd {
	if key.Matches(msg, m.keys.Export) {
		m.askName()
		return nil
	}
	i, ok := m.table.at()
	if !ok {
		return nil
	}
	switch {
	case key.Matches(msg, m.keys.Choose):
		m.tell(i)
	case key.Matches(msg, m.keys.Message):
		return m.readMessage(i)
	case key.Matches(msg, m.keys.Copy):
		return m.copy()
	case key.Matches(msg, m.keys.Registry):
		return m.ask(i)
	case key.Matches(msg, m.keys.Fetch):
		m.askFetch()
	}
	return nil
}

// tell opens the whole story of a release.
func (m *Model) tell(i int) {
	r, c, now := m.rows[i], m.table.changes[i], m.o.Now()
	m.o.Dialogs.Push(dialog.NewMessage("Release", func(t theme.Theme, w int) []string { return story(t, &r, c, w, now) }))
}

// copyFault says why there is no fingerprint to copy, or "".
func (m *Model) copyFault() string {
	if m.o.Copy == nil {
		return "this terminal has no clipboard"
	}
	if m.fingerprint() == "" {
		return "no signature names a key here"
	}
	return ""
}

// fingerprint is that of the key that signed the chosen tag, or of the one that its signature
// names.
func (m *Model) fingerprint() keys.Fingerprint {
	i, ok := m.table.at()
	if !ok || len(m.rows[i].Verdicts) == 0 {
		return ""
	}
	if s := m.rows[i].Signer(); s != nil {
		return s.Primary
	}
	return m.rows[i].Verdicts[0].Claim.Fingerprint
}

func (m *Model) copy() tea.Cmd {
	if fault := m.copyFault(); fault != "" {
		m.Note = "Not copied: " + fault + "."
		return nil
	}
	text, put := string(m.fingerprint()), m.o.Copy
	return func() tea.Msg { return copied{text, put(text)} }
}

func (m *Model) copied(msg copied) {
	if msg.err != nil {
		m.Note = "Not copied: " + explain.Error(msg.err).Headline
		return
	}
	m.Note = "Sent to the terminal's clipboard: " + msg.text
}

// registryFault says why no registry can be asked, or "".
func (m *Model) registryFault() string {
	i, ok := m.table.at()
	switch {
	case m.Busy():
		return "something is under way"
	case !ok || len(m.rows[i].Images) == 0:
		return "no record names an image"
	}
	return ""
}

// ask looks at the images of a release in their registries: the only thing here that uses the
// network.
func (m *Model) ask(i int) tea.Cmd {
	if fault := m.registryFault(); fault != "" {
		m.Note = "Not asked: " + fault + "."
		return nil
	}
	m.Begin("asking the registry…")
	run, b, parent := m.Run(), m.backend, m.o.Context
	work := func() tea.Msg {
		ctx, cancel := context.WithTimeout(parent, askTimeout)
		defer cancel()
		u, err := b.CheckImages(ctx, i)
		return asked{run, u, err}
	}
	return tea.Batch(work, m.Tick())
}

const askTimeout = time.Minute

func (m *Model) asked(msg asked) {
	m.End()
	if msg.run != m.Run() {
		return
	}
	if msg.err != nil {
		m.Note = "The registry was not asked to the end: " + explain.Error(msg.err).Headline
		return
	}
	r := &m.rows[msg.update.Index]
	r.Apply(msg.update)
	m.table.changed(msg.update.Index)
	m.table.arrange()
	text, worst := group(r.Images)
	m.Note = "Images of " + safetext.Line(r.Tag) + ": " + text + "."
	if worst.Status == keys.StatusNotChecked {
		m.Note = "Images of " + safetext.Line(r.Tag) + " were not checked. " + safetext.Line(worst.Reason)
	}
}

func (m *Model) readMessage(i int) tea.Cmd {
	tag, b, ctx := m.rows[i].Tag, m.backend, m.o.Context
	return func() tea.Msg {
		text, err := b.Message(ctx, i)
		return read{tag, text, err}
	}
}

func (m *Model) read(msg read) {
	if msg.err != nil {
		m.o.Dialogs.Push(dialog.NewError(msg.err))
		return
	}
	text := safetext.Block(msg.text)
	m.o.Dialogs.Push(dialog.NewMessage("Message of "+safetext.Line(msg.tag), func(t theme.Theme, w int) []string {
		out := []string{t.Muted.Render(layout.Cut("Written by whoever made the tag. bulla's verdict is not in here.", w, t.Signs.Ellipsis)), ""}
		return append(out, layout.Wrap(text, w)...)
	}))
}

// askName asks where to export what is shown.
func (m *Model) askName() {
	m.o.Dialogs.Push(newNameDialog(func(name string) tea.Cmd {
		format, ok := formatOf(name)
		if !ok {
			return nil
		}
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(m.o.Dir, name)
		}
		s := snapshot{Project: m.project, At: m.o.Now(), Filter: m.table.filter.String()}
		for _, i := range m.table.order {
			c, changed := m.table.changes[i]
			s.Releases = append(s.Releases, shown{&m.rows[i], c, changed})
		}
		data, err := s.encode(format)
		return m.Writes.Go(func() tea.Msg {
			if err == nil {
				err = atomicfile.Create(path, data, 0o644)
			}
			return exported{name, len(s.Releases), err}
		})
	}))
}

func (m *Model) exported(msg exported) {
	switch {
	case errors.Is(msg.err, fs.ErrExist):
		m.Note = "Nothing was written: " + safetext.Line(msg.name) + " is there already."
	case msg.err != nil:
		m.o.Dialogs.Push(dialog.NewError(msg.err))
	default:
		m.Note = "Wrote " + human.Count(msg.n, "release") + " to " + safetext.Line(msg.name) + "."
	}
}
