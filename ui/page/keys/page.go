// Package keys is the page of all keys: those of bulla's store and of GnuPG's keyrings in one
// table, their health, and everything that can be done with them.
package keys

import (
	"context"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/frame"
	"bulla/ui/component/gather"
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
	"bulla/workflow"
)

// Options are what the page works with.
type Options struct {
	Context context.Context
	// Open opens the places where keys are. It runs outside the event loop, after the first frame,
	// and again when the person asks for it.
	Open    func(context.Context) (Backend, error)
	Theme   theme.Theme
	Now     func() time.Time
	Dialogs *dialog.Stack
	// Copy puts a text into the clipboard of the terminal; nil where that is not possible.
	Copy func(string) error
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string
	// Guest says that the page was opened from another one: leaving it goes back there.
	Guest bool
}

type (
	run = gather.Run[item]
	fed = gather.Batch[item]
)

// item is something that the survey brings: news of a key, or at its end what could not be read.
type item struct {
	news     workflow.KeyNews
	problems []error
}

// Model is the page.
type Model struct {
	o    Options
	keys keymap.Map

	id       int // of the looking under way; what comes with another one is late
	stop     context.CancelFunc
	run      *run
	opening  bool
	openErr  error
	backend  Backend
	table    table
	done     bool
	problems []error

	errand  *errand // nil: nothing is being done
	since   time.Time
	note    string // answer to the last key, or how the last errand ended
	typing  bool   // in the filter
	field   *textfield.Model
	code    bool // the QR code is shown in place of the table
	ticking bool
	height  int // rows of the table in sight
	left    bool
	writes  writes.Group
}

type opened struct {
	id      int
	backend Backend
	list    []workflow.KeyState
	err     error
}

type (
	tick   struct{}
	copied struct {
		text string
		err  error
	}
)

// New makes the page. Init begins to read the keys.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Path == nil {
		o.Path = func(s string) string { return s }
	}
	return &Model{o: o, keys: keymap.Default(), field: textfield.New("", "text, is:expired, in:gnupg"), table: table{theme: o.Theme, now: o.Now}}
}

// Init begins to read the keys.
func (m *Model) Init() tea.Cmd { return m.open() }

// open looks at all keys anew: a glimpse of the store first, which is what the person waits for,
// then the survey.
func (m *Model) open() tea.Cmd {
	m.halt()
	m.id++
	ctx, cancel := context.WithCancel(m.o.Context)
	m.stop, m.opening, m.openErr, m.problems, m.done = cancel, true, nil, nil, false
	m.since = m.o.Now()
	id, open := m.id, m.o.Open
	return tea.Batch(m.tick(), func() tea.Msg {
		b, err := open(ctx)
		if err != nil {
			return opened{id: id, err: err}
		}
		list, err := b.Glimpse(ctx)
		return opened{id, b, list, err}
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
	case copied:
		m.note = "Sent to the terminal's clipboard: " + msg.text
		if msg.err != nil {
			m.note = "Not copied: " + explain.Error(msg.err).Headline
		}
	}
	return m.tick()
}

func (m *Model) opened(msg opened) tea.Cmd {
	if msg.id != m.id {
		return nil
	}
	m.opening, m.openErr = false, msg.err
	if msg.err != nil {
		return nil
	}
	m.backend = msg.backend
	m.table.glimpse(msg.list, m.id)
	ctx, cancel := context.WithCancel(m.o.Context)
	m.stop = cancel
	m.run = gather.Start(ctx, m.id, func(ctx context.Context, put func(item)) error {
		put(item{problems: msg.backend.Survey(ctx, func(n workflow.KeyNews) { put(item{news: n}) })})
		return nil
	})
	return m.run.Next
}

// fed takes a batch of news.
func (m *Model) fed(msg fed) tea.Cmd {
	if msg.ID != m.id || m.run == nil {
		return nil
	}
	for _, i := range msg.Items {
		m.problems = append(m.problems, i.problems...)
		if i.news.Change != nil {
			m.table.news(i.news, m.id)
		}
	}
	if msg.Ended {
		m.done = true
		m.table.settle(m.id)
	}
	m.table.arrange()
	if msg.Ended {
		return nil
	}
	return m.run.Next
}

// halt ends the looking and waits for it.
func (m *Model) halt() {
	if m.stop != nil {
		m.stop()
	}
	if m.run != nil {
		m.run.Wait()
		m.run = nil
	}
}

// Shutdown ends what is at work and waits for it: what is being written is written to its end.
func (m *Model) Shutdown() {
	m.writes.Wait()
	m.halt()
}

// Left reports whether the person went back to the page that opened this one.
func (m *Model) Left() bool { return m.left }

// Interrupt handles Ctrl+C.
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
		return m.quit()
	case key.Matches(msg, m.keys.Help):
		m.help()
		return nil
	case key.Matches(msg, m.keys.Again) && !m.opening:
		return m.open()
	case key.Matches(msg, m.keys.Back):
		return m.back()
	}
	if len(m.table.rows) > 0 && m.move(msg) {
		return nil
	}
	return m.act(msg)
}

func (m *Model) quit() tea.Cmd {
	if m.o.Guest {
		m.left = true
		return nil
	}
	return tea.Quit
}

// back goes out one level: from the code, from the filter, from the page.
func (m *Model) back() tea.Cmd {
	switch {
	case m.code:
		m.code = false
	case m.table.text != "" || m.table.wanting:
		m.field.SetValue("")
		m.table.show("", false)
	case m.o.Guest:
		m.left = true
	}
	return nil
}

// act does what a key asks for.
func (m *Model) act(msg tea.KeyMsg) tea.Cmd {
	if len(m.table.rows) == 0 {
		return nil
	}
	switch {
	case key.Matches(msg, m.keys.Filter):
		m.typing, m.code = true, false
	case key.Matches(msg, m.keys.Wanting):
		m.table.show(m.table.text, !m.table.wanting)
	case key.Matches(msg, m.keys.Sort):
		m.table.turn()
		m.note = "Sorted by " + m.table.sort.String() + "."
	case key.Matches(msg, m.keys.Choose):
		m.tell()
	case key.Matches(msg, m.keys.Code):
		m.code = !m.code
	case key.Matches(msg, m.keys.Copy):
		return m.copy()
	}
	return nil
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
	m.table.show(m.field.Value(), m.table.wanting)
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

// tell opens everything about the chosen key.
func (m *Model) tell() {
	r := m.table.at()
	if r == nil {
		return
	}
	now := m.o.Now()
	m.o.Dialogs.Push(dialog.NewMessage("Key", func(t theme.Theme, w int) []string { return story(t, r, w, now) }))
}

// copyFault says why there is no fingerprint to copy, or "".
func (m *Model) copyFault() string {
	switch {
	case m.o.Copy == nil:
		return "this terminal has no clipboard"
	case m.table.at() == nil:
		return "no key is chosen"
	}
	return ""
}

func (m *Model) copy() tea.Cmd {
	if fault := m.copyFault(); fault != "" {
		m.note = "Not copied: " + fault + "."
		return nil
	}
	text, put := string(m.table.at().Fingerprint), m.o.Copy
	return func() tea.Msg { return copied{text, put(text)} }
}

func (m *Model) tick() tea.Cmd {
	if m.ticking || !(m.opening || m.errand != nil || (m.run != nil && !m.done)) {
		return nil
	}
	m.ticking = true
	return tea.Tick(meter.Tick, func(time.Time) tea.Msg { return tick{} })
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	bw, bh := frame.Body(w, h)
	s := frame.Screen{Title: "keys", Status: m.status(), Hints: m.hints()}
	r := m.table.at()
	switch {
	case m.openErr != nil && len(m.table.rows) == 0:
		s.Body = block(dialog.Explanation(m.o.Theme, explain.Error(m.openErr), bw-4))
	case len(m.table.rows) == 0 && !m.done:
		s.Body = block([]string{m.working("reading the keys" + m.o.Theme.Signs.Ellipsis)})
	case len(m.table.rows) == 0:
		s.Body = block(m.teach(bw - 4))
	case m.code && r != nil:
		s.Body = codeView(m.o.Theme, r, bw, bh)
	default:
		s.Body = m.list(bw, bh)
	}
	if n := len(m.table.order); n > 0 {
		s.Corner = strconv.Itoa(m.table.place+1) + " of " + strconv.Itoa(n)
	}
	return s
}

func block(lines []string) []string { return append([]string{""}, layout.Indent(lines, "  ")...) }

// list draws the table, with everything about the chosen key beside it where there is room.
func (m *Model) list(w, h int) []string {
	t := m.o.Theme
	m.height = h - 1
	if w < frame.WideWidth {
		return m.table.view(w, h)
	}
	pane := max(42, min(60, w*3/8))
	list := w - pane - 3
	var detail []string
	if r := m.table.at(); r != nil {
		detail = story(t, r, pane-1, m.o.Now())
	}
	if len(detail) > h {
		detail = append(detail[:h-1:h-1], t.Muted.Render(t.Signs.Down+" enter shows all of it"))
	}
	return layout.Beside(" "+t.Border.Render(t.Signs.Pipe)+" ", layout.Block(m.table.view(list, h), list, h), layout.Block(detail, pane, h))
}

// teach is what is shown where there is no key.
func (m *Model) teach(w int) []string {
	out := []string{m.o.Theme.Strong.Render("No keys yet."), ""}
	for _, p := range []string{
		"A key pair is what you sign releases with: the secret key stays here, the public key goes to everybody who wants to check them.",
		"n makes a key pair. i imports one that you have: a file, a backup on paper that was typed in, or what gpg --export-secret-keys wrote. f fetches the public key of somebody else.",
		"Keys of GnuPG and of smartcards are found by themselves.",
	} {
		out = append(out, layout.Wrap(p, w)...)
		out = append(out, "")
	}
	return append(out, m.problemLines(w)...)
}

// problemLines tell what could not be read besides single keys.
func (m *Model) problemLines(w int) (out []string) {
	for _, e := range m.problems {
		for _, l := range layout.Wrap(safetext.Line(explain.Error(e).Headline), w) {
			out = append(out, m.o.Theme.Caution.Render(l))
		}
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
	case m.openErr != nil && len(m.table.rows) > 0:
		return t.Bad.Render("Not read again: " + safetext.Line(explain.Error(m.openErr).Headline))
	case len(m.table.rows) == 0:
		return ""
	case m.code:
		return "The fingerprint of the key, for a phone to read. v or esc goes back to the list."
	}
	line := human.Count(len(m.table.rows), "key")
	if n := len(m.table.order); n != len(m.table.rows) {
		line = strconv.Itoa(n) + " of " + line + " shown"
	}
	if !m.done {
		read := 0
		for _, r := range m.table.rows {
			if r.Read {
				read++
			}
		}
		line = m.working("read " + strconv.Itoa(read) + " of " + line)
		if read == len(m.table.rows) {
			line = m.working("GnuPG, and where keys are published" + t.Signs.Ellipsis)
		}
	}
	line += " " + t.Signs.Dot + " " + m.table.counts()
	if n := len(m.problems); n > 0 {
		line += " " + t.Signs.Dot + " " + t.Caution.Render(human.Count(n, "problem")+", see ?")
	}
	return line
}

func (m *Model) hints() []keymap.Hint {
	k := m.keys
	if m.typing {
		return []keymap.Hint{keymap.On(k.Choose, "keep the filter"), keymap.On(k.Back, "drop it")}
	}
	if len(m.table.rows) == 0 {
		return []keymap.Hint{keymap.On(k.Again, ""), keymap.On(k.Quit, ""), keymap.On(k.Help, "")}
	}
	wanting := "only what needs care"
	if m.table.wanting {
		wanting = "all again"
	}
	return []keymap.Hint{
		keymap.On(k.Choose, "all about it"), keymap.On(k.Filter, ""), keymap.On(k.Help, ""),
		keymap.On(k.Code, ""), keymap.Unless(m.copyFault(), k.Copy, ""), keymap.On(k.Wanting, wanting), keymap.On(k.Sort, ""),
		keymap.On(k.Again, "read them again"), keymap.On(k.Back, "show all again"), keymap.On(k.Quit, ""),
	}
}

func (m *Model) help() {
	k := m.keys
	groups := []dialog.Group{
		{Name: "Keys", Hints: m.hints()},
		{Name: "In the filter", Hints: []keymap.Hint{
			word("rhea", "in a user id, fingerprint or algorithm; all words must fit"),
			word("is:secret", "also public, expired, revoked, published, unpublished, stale, well, broken"),
			word("in:gnupg", "also in:bulla, in:card, in:both"),
		}},
		{Name: "Lists", Hints: []keymap.Hint{keymap.On(k.Up, "up, also k"), keymap.On(k.Down, "down, also j"), keymap.On(k.PageUp, ""), keymap.On(k.PageDown, ""), keymap.On(k.Top, ""), keymap.On(k.Bottom, "")}},
	}
	help := dialog.NewHelp(groups)
	m.o.Dialogs.Push(help)
}

// word is a line of the help that is about text and not about a key.
func word(text, desc string) keymap.Hint {
	return keymap.Hint{Binding: key.NewBinding(key.WithHelp(text, desc))}
}

// fingerprint is that of the chosen key, "" for none.
func (m *Model) fingerprint() keys.Fingerprint {
	if r := m.table.at(); r != nil {
		return r.Fingerprint
	}
	return ""
}
