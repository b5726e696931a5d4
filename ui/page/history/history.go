// Package history is the page of past releases: a timeline that is there at once and fills with
// verdicts as they are reached, and the whole story of each signature.
package history

import (
	"context"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/frame"
	"bulla/ui/component/gather"
	"bulla/ui/component/human"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/history"
)

// Backend is the timeline as the page needs it: *history.Timeline has its methods.
type Backend interface {
	Project(context.Context) string
	Releases() []history.Release
	Tags(context.Context, func(history.Update)) error
	Commits(context.Context, func(history.Update)) error
	Files(context.Context, func(history.Update)) error
	CheckImages(context.Context, int) (history.Update, error)
	Message(context.Context, int) (string, error)
}

// Options are what the page works with.
type Options struct {
	Context context.Context
	// Open reads the repository. It runs outside the event loop, after the first frame, and again
	// when the person asks for it.
	Open    func(context.Context) (Backend, error)
	Theme   theme.Theme
	Now     func() time.Time
	Dialogs *dialog.Stack
	// Copy puts a text into the clipboard of the terminal; nil where that is not possible.
	Copy func(string) error
	// Keys looks for missing keys on key servers; nil where that is not possible.
	Keys KeySource
	// Dir is where a relative name of an exported file begins.
	Dir string
}

// Model is the page.
type Model struct {
	*gather.Page[timeline, history.Update]
	o    Options
	keys keymap.Map

	backend Backend
	project string
	rows    []history.Release
	table   table
}

// timeline is a repository that was opened.
type timeline struct {
	backend Backend
	project string
	rows    []history.Release
}

// New makes the page. Init begins to read the repository.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	m := &Model{o: o, keys: keymap.Default(), table: table{theme: o.Theme}}
	m.Page = gather.New(gather.Options[timeline, history.Update]{
		Context: o.Context, Theme: o.Theme, Now: o.Now,
		Open: func(ctx context.Context) (timeline, error) {
			b, err := o.Open(ctx)
			if err != nil {
				return timeline{}, err
			}
			return timeline{b, b.Project(ctx), b.Releases()}, nil
		},
		Look: judge, Opened: m.opened, Found: m.found,
		Rows: func() int { return len(m.rows) }, Shown: func() int { return len(m.table.order) }, Place: func() int { return m.table.place },
		Move: func(by int) { m.table.move(by) },
		Filter: func(text string) {
			f := m.table.filter
			f.text = text
			m.table.show(f)
		},
		ShowAll: func() { m.table.show(filter{}) }, Help: m.help,
		Example: "text, by:signer, is:verdict", Reading: "reading the tags",
	})
	return m
}

// judge judges a timeline, what tells most first.
func judge(ctx context.Context, t timeline, put func(history.Update)) error {
	for _, pass := range []func(context.Context, func(history.Update)) error{t.backend.Tags, t.backend.Commits, t.backend.Files} {
		if err := pass(ctx, put); err != nil {
			return err
		}
	}
	return nil
}

// Update handles the results of commands.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case asked:
		m.asked(msg)
	case read:
		m.read(msg)
	case exported:
		m.exported(msg)
	case copied:
		m.copied(msg)
	case fetched:
		m.fetched(msg)
	case kept:
		return m.kept(msg)
	}
	return m.Page.Update(msg)
}

// opened takes the tags of a repository.
func (m *Model) opened(t timeline, err error) {
	if err != nil {
		m.rows = nil
		m.table.set(nil)
		return
	}
	m.backend, m.project, m.rows = t.backend, t.project, t.rows
	m.table.set(m.rows)
}

// found takes a batch of verdicts.
func (m *Model) found(updates []history.Update, _ bool) {
	for _, u := range updates {
		m.rows[u.Index].Apply(u)
		m.table.changed(u.Index)
	}
	m.table.arrange()
}

// Key handles a key that no dialog took.
func (m *Model) Key(msg tea.KeyMsg) tea.Cmd {
	if cmd, done := m.Page.Key(msg); done {
		return cmd
	}
	if len(m.rows) == 0 || m.choose(msg) {
		return nil
	}
	return m.act(msg)
}

// choose changes what is shown and in which order. It reports whether the key was one of its own.
func (m *Model) choose(msg tea.KeyMsg) bool {
	f := m.table.filter
	switch {
	case key.Matches(msg, m.keys.Sort):
		m.table.sort = (m.table.sort + 1) % sorts
		m.table.show(f)
		m.table.place = 0
		m.Note = "Sorted by " + m.table.sort.String() + "."
	case key.Matches(msg, m.keys.Wanting):
		f.wanting = !f.wanting
	case key.Matches(msg, m.keys.Signer):
		i, ok := m.table.at()
		switch {
		case f.signer != "":
			f.signer = ""
		case ok && signerID(&m.rows[i]) != "":
			f.signer = signerID(&m.rows[i])
		default:
			m.Note = "This release has no signer to go by."
		}
	default:
		return false
	}
	m.table.show(f)
	return true
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	s := frame.Screen{Title: "history", Context: safetext.Line(m.project), Hints: m.hints()}
	m.Draw(&s, w, h, m.timeline, m.teach, m.status)
	return s
}

// timeline draws the table, with the story of the chosen release beside it where there is room.
func (m *Model) timeline(w, h int) []string {
	list := func(w, h int) []string { return m.table.view(m.rows, w, h) }
	if w < frame.WideWidth {
		return list(w, h)
	}
	return gather.Beside(m.o.Theme, w, h, 40, list, func(w int) []string {
		if i, ok := m.table.at(); ok {
			return story(m.o.Theme, &m.rows[i], m.table.changes[i], w, m.o.Now())
		}
		return nil
	})
}

// teach is what an empty repository shows.
func (m *Model) teach(w int) []string {
	return gather.Teach(m.o.Theme, w, "No tags yet.",
		"A release is a signed tag, and the files and images that go with it. This repository has none so far; once it has, each one stands here with a verdict: who signed it, whether the signature is sound, and why if it is not.",
		"bulla (without a command) makes the first release step by step; bulla sandbox lets you practise it before. If the tags are elsewhere: git fetch --tags brings them here.",
	)
}

func (m *Model) status() string {
	t := m.o.Theme
	dot := " " + t.Signs.Dot + " "
	line := human.Count(len(m.rows), "tag")
	if n := len(m.table.order); n != len(m.rows) {
		line = strconv.Itoa(n) + " of " + line + " shown (" + safetext.Line(m.table.filter.String()) + ")"
	}
	switch {
	case m.Done():
	case m.table.judged < len(m.rows):
		line = m.Working("judged "+strconv.Itoa(m.table.judged)+" of ") + line
	default:
		line = m.Working("commits, files"+t.Signs.Ellipsis) + dot + line
	}
	return line + dot + m.table.counts()
}

func (m *Model) hints() []keymap.Hint {
	k := m.keys
	if h := m.Hints(); h != nil {
		return h
	}
	return []keymap.Hint{
		keymap.On(k.Choose, "details"), keymap.On(k.Filter, ""), keymap.On(k.Wanting, m.wantingName()),
		keymap.On(k.Export, ""), keymap.On(k.Help, ""), keymap.On(k.Sort, ""), keymap.On(k.Signer, m.signerName()),
		keymap.On(k.Message, "read the message"), keymap.Unless(m.copyFault(), k.Copy, ""),
		keymap.Unless(m.registryFault(), k.Registry, ""), keymap.Unless(m.fetchFault(), k.Fetch, ""), keymap.On(k.Again, ""), keymap.On(k.Back, "show all again"), keymap.On(k.Quit, ""),
	}
}

func (m *Model) wantingName() string {
	if m.table.filter.wanting {
		return "all again"
	}
	return "what is not good"
}

func (m *Model) signerName() string {
	if m.table.filter.signer != "" {
		return "all signers again"
	}
	return "only this signer"
}

func (m *Model) help() {
	m.o.Dialogs.Push(dialog.NewHelp([]dialog.Group{
		{Name: "History", Hints: m.hints()},
		{Name: "In the filter", Hints: []keymap.Hint{gather.Word("by:rhea", "signers with rhea in their name or key"), gather.Word("is:weak", "that verdict; is:unsigned, is:bad, …"), gather.Word("v1.4", "in tag, message or signer; all words must fit")}},
		m.Moves(),
	}))
}
