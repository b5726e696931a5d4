// Package images is the page of a repository of images: every tag with what signs it, and the whole
// story of each.
package images

import (
	"context"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/ui/component/frame"
	"bulla/ui/component/gather"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/component/textfield"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// Backend is the repository as the page needs it: *images.Survey has its methods.
type Backend interface {
	Repository() docker.Repository
	Names() []string
	Truncated() bool
	TrustProblem() error
	Judge(context.Context, func(int, images.Tag)) error
	Strays() []images.Tag
}

// Options are what the page works with.
type Options struct {
	Context context.Context
	// Open lists the tags. It runs outside the event loop, after the first frame, and again when
	// the person asks for it.
	Open func(context.Context) (Backend, error)
	// Name is what the person called the repository.
	Name    string
	Theme   theme.Theme
	Now     func() time.Time
	Dialogs *dialog.Stack
	// Copy puts a text into the clipboard of the terminal; nil where that is not possible.
	Copy func(string) error
}

// update is a tag that was looked at, by its place in the names.
type update struct {
	at  int
	tag images.Tag
}

type (
	run = gather.Run[update]
	fed = gather.Batch[update]
)

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
	table   table
	done    bool
	runErr  error

	since   time.Time
	note    string // answer to the last key
	typing  bool   // in the filter
	field   *textfield.Model
	ticking bool
	height  int // rows of the table in sight
}

type opened struct {
	id      int
	backend Backend
	err     error
}

type (
	tick   struct{}
	copied struct {
		text string
		err  error
	}
)

// New makes the page. Init begins to list the tags.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	return &Model{o: o, keys: keymap.Default(), field: textfield.New("", "text, is:state"), table: table{theme: o.Theme}}
}

// Init begins to list the tags.
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
		return opened{id, b, err}
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
		m.table.set(nil)
		return nil
	}
	m.backend = msg.backend
	m.table.set(msg.backend.Names())
	ctx, cancel := context.WithCancel(m.o.Context)
	m.stop = cancel
	m.run = gather.Start(ctx, m.id, func(ctx context.Context, put func(update)) error {
		return msg.backend.Judge(ctx, func(at int, t images.Tag) { put(update{at, t}) })
	})
	return m.run.Next()
}

// fed takes a batch of tags.
func (m *Model) fed(msg fed) tea.Cmd {
	if msg.ID != m.id || m.run == nil {
		return nil
	}
	for _, u := range msg.Items {
		m.table.judge(u.at, u.tag)
	}
	if msg.Ended {
		m.done, m.runErr = true, msg.Err
		if msg.Err == nil {
			m.table.add(m.backend.Strays())
		}
	}
	m.table.arrange()
	if msg.Ended {
		return nil
	}
	return m.run.Next()
}

// Shutdown ends what is at work and waits for it.
func (m *Model) Shutdown() {
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
		m.table.show("", false)
		return nil
	}
	if len(m.table.rows) == 0 || m.move(msg) {
		return nil
	}
	return m.act(msg)
}

// act does what a key asks for.
func (m *Model) act(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Filter):
		m.typing = true
	case key.Matches(msg, m.keys.Wanting):
		m.table.show(m.table.text, !m.table.wanting)
	case key.Matches(msg, m.keys.Sort):
		m.table.turn()
		m.note = "Sorted by " + m.table.sort.String() + "."
	case key.Matches(msg, m.keys.Choose):
		m.tell()
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

// tell opens everything about the chosen tag.
func (m *Model) tell() {
	r, ok := m.table.at()
	if !ok {
		return
	}
	row, now := *r, m.o.Now()
	m.o.Dialogs.Push(dialog.NewMessage("Image", func(t theme.Theme, w int) []string { return story(t, &row, w, now) }))
}

// copyFault says why there is no digest to copy, or "".
func (m *Model) copyFault() string {
	r, ok := m.table.at()
	switch {
	case m.o.Copy == nil:
		return "this terminal has no clipboard"
	case !ok || r.tag.Image.Digest == "":
		return "no digest is known here"
	}
	return ""
}

// copy sends the reference by digest to the clipboard: what somebody would deploy.
func (m *Model) copy() tea.Cmd {
	if fault := m.copyFault(); fault != "" {
		m.note = "Not copied: " + fault + "."
		return nil
	}
	r, _ := m.table.at()
	text, put := r.tag.Reference.Repository().String()+"@"+r.tag.Image.Digest, m.o.Copy
	return func() tea.Msg { return copied{text, put(text)} }
}

func (m *Model) tick() tea.Cmd {
	if m.ticking || !(m.opening || (m.run != nil && !m.done)) {
		return nil
	}
	m.ticking = true
	return tea.Tick(meter.Tick, func(time.Time) tea.Msg { return tick{} })
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	bw, bh := frame.Body(w, h)
	s := frame.Screen{Title: "images", Context: safetext.Line(m.o.Name), Status: m.status(), Hints: m.hints()}
	switch {
	case m.openErr != nil:
		s.Body = block(dialog.Explanation(m.o.Theme, explain.Error(m.openErr), bw-4))
	case m.opening && len(m.table.rows) == 0:
		s.Body = block([]string{m.working("listing the tags" + m.o.Theme.Signs.Ellipsis)})
	case len(m.table.rows) == 0:
		s.Body = block(m.teach(bw - 4))
	default:
		s.Body = m.list(bw, bh)
		if n := len(m.table.order); n > 0 {
			s.Corner = strconv.Itoa(m.table.place+1) + " of " + strconv.Itoa(n)
		}
	}
	return s
}

func block(lines []string) []string { return append([]string{""}, layout.Indent(lines, "  ")...) }

// list draws the table, with everything about the chosen tag beside it where there is room.
func (m *Model) list(w, h int) []string {
	t := m.o.Theme
	m.height = h - 1
	if w < frame.WideWidth {
		return m.table.view(w, h, false)
	}
	pane := max(44, min(60, w*2/5))
	list := w - pane - 3
	var detail []string
	if r, ok := m.table.at(); ok {
		detail = story(t, r, pane-1, m.o.Now())
	}
	if len(detail) > h {
		detail = append(detail[:h-1:h-1], t.Muted.Render(t.Signs.Down+" enter shows all of it"))
	}
	return layout.Beside(" "+t.Border.Render(t.Signs.Pipe)+" ", layout.Block(m.table.view(list, h, true), list, h), layout.Block(detail, pane, h))
}

// teach is what an empty repository shows.
func (m *Model) teach(w int) []string {
	out := []string{m.o.Theme.Strong.Render("No tags yet."), ""}
	for _, p := range []string{
		"The repository holds no image under a tag. Push one, with docker push or whatever builds it: bulla never pushes images, only their signatures.",
		"Then bulla image sign REF signs it, and it stands here with a verdict.",
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
	case m.openErr != nil || len(m.table.rows) == 0:
		return ""
	case m.runErr != nil:
		return t.Bad.Render("The rest could not be read: " + explain.Error(m.runErr).Headline)
	}
	line := human.Count(m.table.tags, "tag")
	if m.backend.Truncated() {
		line = "the first " + line
	}
	switch n := len(m.table.order); {
	case !m.done:
		line = m.working("looked at " + strconv.Itoa(m.table.judged) + " of " + line)
	case n != len(m.table.rows):
		line = strconv.Itoa(n) + " of " + line + " shown"
	}
	return line + " " + t.Signs.Dot + " " + m.table.counts()
}

func (m *Model) hints() []keymap.Hint {
	k := m.keys
	if m.typing {
		return []keymap.Hint{keymap.On(k.Choose, "keep the filter"), keymap.On(k.Back, "drop it")}
	}
	if len(m.table.rows) == 0 {
		return []keymap.Hint{keymap.On(k.Again, ""), keymap.On(k.Quit, ""), keymap.On(k.Help, "")}
	}
	wanting := "only what is not signed"
	if m.table.wanting {
		wanting = "all again"
	}
	return []keymap.Hint{
		keymap.On(k.Choose, "all about it"), keymap.On(k.Filter, ""), keymap.On(k.Wanting, wanting),
		keymap.Unless(m.copyFault(), k.Copy, "copy name@digest"), keymap.On(k.Help, ""), keymap.On(k.Sort, ""),
		keymap.On(k.Again, ""), keymap.On(k.Back, "show all again"), keymap.On(k.Quit, ""),
	}
}

func (m *Model) help() {
	k := m.keys
	m.o.Dialogs.Push(dialog.NewHelp([]dialog.Group{
		{Name: "Images", Hints: m.hints()},
		{Name: "In the filter", Hints: []keymap.Hint{word("1.4", "in the tag, the digest or the key; all words must fit"), word("is:moved", "that state; is:unsigned, is:signed, …")}},
		{Name: "Lists", Hints: []keymap.Hint{keymap.On(k.Up, "up, also k"), keymap.On(k.Down, "down, also j"), keymap.On(k.PageUp, ""), keymap.On(k.PageDown, ""), keymap.On(k.Top, ""), keymap.On(k.Bottom, "")}},
	}))
}

// word is a line of the help that is about text and not about a key.
func word(text, desc string) keymap.Hint {
	return keymap.Hint{Binding: key.NewBinding(key.WithHelp(text, desc))}
}
