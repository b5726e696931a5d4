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
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/component/textfield"
	"bulla/ui/component/writes"
	"bulla/ui/dialog"
	"bulla/ui/explain"
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
	o    Options
	keys keymap.Map

	id      int // of the opening under way; what comes with another one is late
	stop    context.CancelFunc
	run     *run
	opening bool
	openErr error

	backend Backend
	project string
	rows    []history.Release
	table   table
	done    bool
	runErr  error

	busy    string // a question to a registry, or an export, is under way
	since   time.Time
	note    string // answer to the last key
	typing  bool   // in the filter
	field   *textfield.Model
	ticking bool
	height  int // rows of the table in sight
	writes  writes.Group
}

type opened struct {
	id      int
	backend Backend
	project string
	rows    []history.Release
	err     error
}

type tick struct{}

// New makes the page. Init begins to read the repository.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	return &Model{o: o, keys: keymap.Default(), field: textfield.New("", "text, by:signer, is:verdict"), table: table{theme: o.Theme}}
}

// Init begins to read the repository.
func (m *Model) Init() tea.Cmd { return m.open() }

func (m *Model) open() tea.Cmd {
	m.Shutdown()
	m.id++
	ctx, cancel := context.WithCancel(m.o.Context)
	m.stop, m.opening, m.openErr, m.runErr, m.done = cancel, true, nil, nil, false
	m.since = m.o.Now()
	id, open := m.id, m.o.Open
	return tea.Batch(m.tick(), func() tea.Msg {
		b, err := open(ctx)
		if err != nil {
			return opened{id: id, err: err}
		}
		return opened{id: id, backend: b, project: b.Project(ctx), rows: b.Releases()}
	})
}

// Update handles the results of commands.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tick:
		m.ticking = false
	case opened:
		return tea.Batch(m.opened(msg), m.tick())
	case fed:
		return tea.Batch(m.fed(msg), m.tick())
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
		return tea.Batch(m.kept(msg), m.tick())
	}
	return m.tick()
}

func (m *Model) opened(msg opened) tea.Cmd {
	if msg.id != m.id {
		return nil
	}
	m.opening, m.openErr = false, msg.err
	if msg.err != nil {
		m.rows = nil
		m.table.set(nil)
		return nil
	}
	m.backend, m.project, m.rows = msg.backend, msg.project, msg.rows
	m.table.set(m.rows)
	ctx, cancel := context.WithCancel(m.o.Context)
	m.stop = cancel
	m.run = start(ctx, m.id, m.backend)
	return m.run.Next()
}

// fed takes a batch of verdicts.
func (m *Model) fed(msg fed) tea.Cmd {
	if msg.ID != m.id || m.run == nil {
		return nil
	}
	for _, u := range msg.Items {
		m.rows[u.Index].Apply(u)
		m.table.changed(u.Index)
	}
	m.table.arrange()
	if msg.Ended {
		m.done, m.runErr = true, msg.Err
		return nil
	}
	return m.run.Next()
}

// Shutdown ends what is at work and waits for it.
func (m *Model) Shutdown() {
	m.writes.Wait()
	if m.stop != nil {
		m.stop()
	}
	if m.run != nil {
		m.run.Wait()
		m.run = nil
	}
}

// Interrupt handles Ctrl+C: nothing here needs to be finished.
func (m *Model) Interrupt(tea.KeyMsg) tea.Cmd { return tea.Quit }

// Key handles a key that no dialog took.
func (m *Model) Key(msg tea.KeyMsg) tea.Cmd {
	m.note = ""
	if m.typing {
		m.typeFilter(msg)
		return nil
	}
	switch {
	case key.Matches(msg, m.keys.Quit):
		return tea.Quit
	case key.Matches(msg, m.keys.Help):
		m.help()
		return nil
	case key.Matches(msg, m.keys.Again) && !m.opening:
		return m.open()
	case key.Matches(msg, m.keys.Back):
		m.field.SetValue("")
		m.table.show(filter{})
		return nil
	}
	if len(m.rows) == 0 {
		return nil
	}
	if m.move(msg) || m.choose(msg) {
		return nil
	}
	return m.act(msg)
}

// typeFilter edits the filter; every character takes effect at once.
func (m *Model) typeFilter(msg tea.KeyMsg) {
	switch {
	case key.Matches(msg, m.keys.Back) && !msg.Paste:
		m.typing = false
		m.field.SetValue("")
	case key.Matches(msg, m.keys.Choose) && !msg.Paste:
		m.typing = false
		return
	case msg.Type == tea.KeyUp || msg.Type == tea.KeyDown:
		m.move(msg)
		return
	default:
		m.field.Update(msg)
	}
	f := m.table.filter
	f.text = m.field.Value()
	m.table.show(f)
}

// move moves the cursor. It reports whether the key was one of its own.
func (m *Model) move(msg tea.KeyMsg) bool {
	t := &m.table
	page := max(1, m.height-1)
	switch {
	case key.Matches(msg, m.keys.Up):
		t.move(-1)
	case key.Matches(msg, m.keys.Down):
		t.move(1)
	case key.Matches(msg, m.keys.PageUp):
		t.move(-page)
	case key.Matches(msg, m.keys.PageDown):
		t.move(page)
	case key.Matches(msg, m.keys.Top):
		t.move(-len(t.order))
	case key.Matches(msg, m.keys.Bottom):
		t.move(len(t.order))
	default:
		return false
	}
	return true
}

// choose changes what is shown and in which order. It reports whether the key was one of its own.
func (m *Model) choose(msg tea.KeyMsg) bool {
	f := m.table.filter
	switch {
	case key.Matches(msg, m.keys.Filter):
		m.typing = true
		return true
	case key.Matches(msg, m.keys.Sort):
		m.table.sort = (m.table.sort + 1) % sorts
		m.table.show(f)
		m.table.place = 0
		m.note = "Sorted by " + m.table.sort.String() + "."
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
			m.note = "This release has no signer to go by."
		}
	default:
		return false
	}
	m.table.show(f)
	return true
}

func (m *Model) tick() tea.Cmd {
	if m.ticking || !(m.opening || m.busy != "" || (m.run != nil && !m.done)) {
		return nil
	}
	m.ticking = true
	return tea.Tick(meter.Tick, func(time.Time) tea.Msg { return tick{} })
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	bw, bh := frame.Body(w, h)
	s := frame.Screen{Title: "history", Context: safetext.Line(m.project), Status: m.status(), Hints: m.hints()}
	switch {
	case m.openErr != nil:
		s.Body = block(dialog.Explanation(m.o.Theme, explain.Error(m.openErr), bw-4))
	case m.opening && len(m.rows) == 0:
		s.Body = block([]string{m.working("reading the tags…")})
	case len(m.rows) == 0:
		s.Body = block(m.teach(bw - 4))
	default:
		s.Body = m.timeline(bw, bh)
		if n := len(m.table.order); n > 0 {
			s.Corner = strconv.Itoa(m.table.place+1) + " of " + strconv.Itoa(n)
		}
	}
	return s
}

func block(lines []string) []string { return append([]string{""}, layout.Indent(lines, "  ")...) }

// timeline draws the table, with the story of the chosen release beside it where there is room.
func (m *Model) timeline(w, h int) []string {
	t := m.o.Theme
	if w < frame.WideWidth {
		m.height = h - 1
		return m.table.view(m.rows, w, h)
	}
	m.height = h - 1
	pane := max(40, min(60, w*2/5))
	list := w - pane - 3
	pipe := t.Border.Render(t.Signs.Pipe)
	var detail []string
	if i, ok := m.table.at(); ok {
		detail = story(t, &m.rows[i], m.table.changes[i], pane-1, m.o.Now())
	}
	if len(detail) > h {
		detail = append(detail[:h-1:h-1], t.Muted.Render(t.Signs.Down+" enter shows all of it"))
	}
	return layout.Beside(" "+pipe+" ", layout.Block(m.table.view(m.rows, list, h), list, h), layout.Block(detail, pane, h))
}

// teach is what an empty repository shows.
func (m *Model) teach(w int) []string {
	out := []string{m.o.Theme.Strong.Render("No tags yet."), ""}
	for _, p := range []string{
		"A release is a signed tag, and the files and images that go with it. This repository has none so far; once it has, each one stands here with a verdict: who signed it, whether the signature is sound, and why if it is not.",
		"bulla (without a command) makes the first release step by step; bulla sandbox lets you practise it before. If the tags are elsewhere: git fetch --tags brings them here.",
	} {
		out = append(out, layout.Wrap(p, w)...)
		out = append(out, "")
	}
	return out
}

func (m *Model) working(what string) string {
	d := m.o.Now().Sub(m.since)
	return m.o.Theme.Accent.Render(meter.Spinner(m.o.Theme, d)) + " " + what
}

func (m *Model) status() string {
	t := m.o.Theme
	switch {
	case m.typing:
		return "filter: " + m.field.View(t, 50, true) + t.Muted.Render("  enter keeps it, esc drops it")
	case m.note != "":
		return t.Caution.Render(m.note)
	case m.busy != "":
		return m.working(m.busy)
	case m.openErr != nil || len(m.rows) == 0:
		return ""
	case m.runErr != nil:
		return t.Bad.Render("The rest could not be read: " + explain.Error(m.runErr).Headline)
	}
	dot := " " + t.Signs.Dot + " "
	line := human.Count(len(m.rows), "tag")
	if n := len(m.table.order); n != len(m.rows) {
		line = strconv.Itoa(n) + " of " + line + " shown (" + safetext.Line(m.table.filter.String()) + ")"
	}
	switch {
	case m.done:
	case m.table.judged < len(m.rows):
		line = m.working("judged "+strconv.Itoa(m.table.judged)+" of ") + line
	default:
		line = m.working("commits, files"+t.Signs.Ellipsis) + dot + line
	}
	return line + dot + m.table.counts()
}

func (m *Model) hints() []keymap.Hint {
	k := m.keys
	if m.typing {
		return []keymap.Hint{keymap.On(k.Choose, "keep the filter"), keymap.On(k.Back, "drop it")}
	}
	if len(m.rows) == 0 {
		return []keymap.Hint{keymap.On(k.Again, ""), keymap.On(k.Quit, ""), keymap.On(k.Help, "")}
	}
	return []keymap.Hint{
		keymap.On(k.Choose, "the whole story"), keymap.On(k.Filter, ""), keymap.On(k.Wanting, m.wantingName()),
		keymap.On(k.Export, ""), keymap.On(k.Help, ""), keymap.On(k.Sort, ""), keymap.On(k.Signer, m.signerName()),
		keymap.On(k.Message, "read the message"), keymap.Unless(m.copyFault(), k.Copy, ""),
		keymap.Unless(m.registryFault(), k.Registry, ""), keymap.Unless(m.fetchFault(), k.Fetch, ""), keymap.On(k.Again, ""), keymap.On(k.Back, "show all again"), keymap.On(k.Quit, ""),
	}
}

func (m *Model) wantingName() string {
	if m.table.filter.wanting {
		return "all again"
	}
	return "only what is not good"
}

func (m *Model) signerName() string {
	if m.table.filter.signer != "" {
		return "all signers again"
	}
	return "only this signer"
}

func (m *Model) help() {
	k := m.keys
	groups := []dialog.Group{
		{Name: "History", Hints: m.hints()},
		{Name: "In the filter", Hints: []keymap.Hint{word("by:rhea", "signers with rhea in their name or key"), word("is:weak", "that verdict; is:unsigned, is:bad, …"), word("v1.4", "in tag, message or signer; all words must fit")}},
		{Name: "Lists", Hints: []keymap.Hint{keymap.On(k.Up, "up, also k"), keymap.On(k.Down, "down, also j"), keymap.On(k.PageUp, ""), keymap.On(k.PageDown, ""), keymap.On(k.Top, ""), keymap.On(k.Bottom, "")}},
	}
	m.o.Dialogs.Push(dialog.NewHelp(groups))
}

// word is a line of the help that is about text and not about a key.
func word(text, desc string) keymap.Hint {
	return keymap.Hint{Binding: key.NewBinding(key.WithHelp(text, desc))}
}
