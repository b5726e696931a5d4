// Package images is the page of a repository of images: every tag with what signs it, and the whole
// story of each.
package images

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/ui/component/errand"
	"bulla/ui/component/frame"
	"bulla/ui/component/gather"
	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/writes"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/finding"
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
	// Doctor says what the registry and its trust server can hold; nil where nobody can be asked.
	Doctor func(context.Context) ([]finding.Finding, error)
	// Desk changes things for the repository; nil where nothing is to be changed. The page closes it.
	Desk Desk
	// PassphraseNote is shown where a passphrase is asked for; "" for nothing.
	PassphraseNote string
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string
	// Print takes what the person wants printed once the screen is theirs again; nil where that is
	// not possible.
	Print func(string)
	// Back says where esc leads to once all tags are shown, in words that follow "back to"; "" for
	// nowhere: the page is all there is.
	Back string
	// Copy puts a text into the clipboard of the terminal; nil where that is not possible.
	Copy func(string) error
}

// update is a tag that was looked at, by its place in the names.
type update struct {
	at  int
	tag images.Tag
}

type copied struct {
	text string
	err  error
}

// Model is the page.
type Model struct {
	*gather.Page[Backend, update]
	o    Options
	keys keymap.Map

	backend Backend
	table   table
	left    bool

	errands  *errand.Runner[ending]
	stopping *dialog.Question // whether to stop, after Ctrl+C
	reads    writes.Group     // questions that nobody waits for but the end of the program
	halt     context.CancelFunc
	stands   int // how often it was asked what can be done
	standing imagedeed.Standing
}

// New makes the page. Init begins to list the tags.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Path == nil {
		o.Path = func(s string) string { return s }
	}
	m := &Model{keys: keymap.Default(), table: table{theme: o.Theme}}
	m.standing.MakesKey = "a makes one"
	o.Context, m.halt = context.WithCancel(o.Context)
	m.o = o
	m.Page = gather.New(gather.Options[Backend, update]{
		Context: o.Context, Theme: o.Theme, Now: o.Now,
		Open: o.Open, Look: judge, Opened: m.opened, Found: m.found,
		Rows: func() int { return len(m.table.rows) }, Shown: func() int { return len(m.table.order) }, Place: func() int { return m.table.place },
		Move:    func(by int) { m.table.move(by) },
		Filter:  func(text string) { m.table.show(text, m.table.wanting) },
		ShowAll: func() { m.table.show("", false) }, Help: m.help,
		Example: "text, is:state", Reading: "listing the tags",
	})
	m.errands = errand.New(errand.Host[ending]{
		Context: o.Context, Dialogs: o.Dialogs, Vault: vaultOf(o.Desk), Note: o.PassphraseNote, Go: m.Writes.Go, Show: m.Begin, Ended: m.ended,
		Right: func(e ending) bool { return e.err == nil },
	})
	return m
}

// Init begins to list the tags, and asks what can be done here.
func (m *Model) Init() tea.Cmd { return tea.Batch(m.Page.Init(), m.stand()) }

// Shutdown stops what is at work and waits for it.
func (m *Model) Shutdown() {
	m.errands.Stop()
	m.halt()
	m.Page.Shutdown()
	m.reads.Wait()
	if m.o.Desk != nil {
		_ = m.o.Desk.Close() // it forgets keys, whatever comes
	}
}

func judge(ctx context.Context, b Backend, put func(update)) error {
	return b.Judge(ctx, func(at int, t images.Tag) { put(update{at, t}) })
}

// Update handles the results of commands.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case examined:
		m.examined(msg)
	case pushSeen, trustSeen:
		m.stood(msg)
	case copied:
		m.Note = "Sent to the terminal's clipboard: " + msg.text
		if msg.err != nil {
			m.Note = "Not copied: " + explain.Error(msg.err).Headline
		}
	}
	return tea.Batch(m.errands.Update(msg), m.Page.Update(msg))
}

// opened takes the names of the tags.
func (m *Model) opened(b Backend, err error) {
	if err != nil {
		m.table.set(nil)
		return
	}
	m.backend = b
	m.table.set(b.Names())
}

// found takes a batch of tags; once all are there, the strays follow.
func (m *Model) found(updates []update, ended bool) {
	for _, u := range updates {
		m.table.judge(u.at, u.tag)
	}
	if ended && m.Err() == nil {
		m.table.add(m.backend.Strays())
	}
	m.table.arrange()
}

// Key handles a key that no dialog took.
func (m *Model) Key(msg tea.KeyMsg) tea.Cmd {
	if m.errands.Doing() != "" && !m.Typing() {
		if m.besideErrand(msg) {
			return nil
		}
	} else if m.leads() && key.Matches(msg, m.keys.Back) && !msg.Paste {
		m.left = true
		return nil
	}
	if key.Matches(msg, m.keys.Doctor) && !m.Typing() && !msg.Paste { // also where there is no row
		return m.examine()
	}
	again := key.Matches(msg, m.keys.Again) && !m.Typing()
	if cmd, done := m.Page.Key(msg); done {
		if again {
			cmd = tea.Batch(cmd, m.stand())
		}
		return cmd
	}
	if cmd, ok := m.shortcut(msg); ok {
		return cmd
	}
	if key.Matches(msg, m.keys.Actions) {
		m.menu()
		return nil
	}
	if len(m.table.rows) == 0 {
		return nil
	}
	return m.act(msg)
}

// besideErrand handles the keys while an errand is under way, and reports whether that was all: what
// is typed too early may be a passphrase, and must become no action and no filter.
func (m *Model) besideErrand(msg tea.KeyMsg) bool {
	switch {
	case key.Matches(msg, m.keys.Up, m.keys.Down, m.keys.PageUp, m.keys.PageDown):
		return false
	case key.Matches(msg, m.keys.Back) && !msg.Paste:
		m.errands.Stop()
	default:
		m.Note = "Something is under way: " + m.errands.Doing() + ". Esc stops it."
	}
	return true
}

// HoldsOn is asked before Ctrl+C ends the program. It reports whether the person is asked first: once,
// while something is being done.
func (m *Model) HoldsOn() bool {
	if m.errands.Doing() == "" || m.stopping != nil {
		return false
	}
	m.stopping = dialog.NewQuestion("Stop and leave?", []string{
		"Under way: " + safetext.Line(m.errands.Doing()) + ".", "", "It is stopped as soon as that can be done cleanly. What is public by then stays public.",
	}, "stop and leave", "go on", func() tea.Cmd {
		return func() tea.Msg { return tea.KeyMsg{Type: tea.KeyCtrlC} }
	}).IfNo(func() { m.stopping = nil })
	m.o.Dialogs.Push(m.stopping)
	return true
}

// Interrupt handles Ctrl+C.
func (m *Model) Interrupt(msg tea.KeyMsg) tea.Cmd {
	if m.HoldsOn() {
		return nil
	}
	m.errands.Stop()
	return m.Page.Interrupt(msg)
}

// leads reports whether esc leads away from the page.
func (m *Model) leads() bool {
	return m.o.Back != "" && !m.Typing() && m.table.text == "" && !m.table.wanting
}

// Left reports once that the person went back to where they came from.
func (m *Model) Left() bool {
	left := m.left
	m.left = false
	return left
}

// act does what a key asks for.
func (m *Model) act(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Wanting):
		m.table.show(m.table.text, !m.table.wanting)
	case key.Matches(msg, m.keys.Sort):
		m.table.turn()
		m.Note = "Sorted by " + m.table.sort.String() + "."
	case key.Matches(msg, m.keys.Choose):
		m.tell()
	case key.Matches(msg, m.keys.Copy):
		return m.copy()
	}
	return nil
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
		m.Note = "Not copied: " + fault + "."
		return nil
	}
	r, _ := m.table.at()
	text, put := r.tag.Reference.Repository().String()+"@"+r.tag.Image.Digest, m.o.Copy
	return func() tea.Msg { return copied{text, put(text)} }
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	s := frame.Screen{Title: "images", Context: safetext.Line(m.o.Name), Hints: m.hints()}
	m.Draw(&s, w, h, m.list, m.teach, m.status)
	return s
}

// list draws the table, with everything about the chosen tag beside it where there is room.
func (m *Model) list(w, h int) []string {
	if w < frame.WideWidth {
		return m.table.view(w, h, false)
	}
	list := func(w, h int) []string { return m.table.view(w, h, true) }
	return gather.Beside(m.o.Theme, w, h, 44, list, func(w int) []string {
		if r, ok := m.table.at(); ok {
			return story(m.o.Theme, r, w, m.o.Now())
		}
		return nil
	})
}

// teach is what an empty repository shows.
func (m *Model) teach(w int) []string {
	next := "Then bulla image sign REF signs it, and it stands here with a verdict."
	if m.o.Desk != nil {
		next = "Then S signs it, and it stands here with a verdict. a shows what can be done before: make an image key, or a root key for Content Trust."
	}
	return gather.Teach(m.o.Theme, w, "No tags yet.",
		"The repository holds no image under a tag. Push one, with docker push or whatever builds it: bulla never pushes images, only their signatures.", next)
}

func (m *Model) status() string {
	t := m.o.Theme
	line := human.Count(m.table.tags, "tag")
	if m.backend.Truncated() {
		line = "the first " + line
	}
	switch n := len(m.table.order); {
	case !m.Done():
		line = m.Working("looked at " + strconv.Itoa(m.table.judged) + " of " + line)
	case n != len(m.table.rows):
		line = strconv.Itoa(n) + " of " + line + " shown"
	}
	return line + " " + t.Signs.Dot + " " + m.table.counts()
}

func (m *Model) hints() []keymap.Hint {
	k := m.keys
	back := "show all again"
	if m.leads() {
		back = "back to " + m.o.Back
	}
	if h := m.Hints(); h != nil {
		if !m.Typing() {
			if m.o.Desk != nil {
				h = append([]keymap.Hint{keymap.On(k.Actions, "what to do")}, h...)
			}
			h = append(h, keymap.Unless(m.doctorFault(), k.Doctor, ""))
		}
		if m.leads() {
			h = append([]keymap.Hint{keymap.On(k.Back, back)}, h...)
		}
		return h
	}
	wanting := "only what is not signed"
	if m.table.wanting {
		wanting = "all again"
	}
	hints := []keymap.Hint{keymap.On(k.Choose, "all about it")}
	rest := []keymap.Hint{
		keymap.On(k.Filter, ""), keymap.On(k.Wanting, wanting), keymap.Unless(m.copyFault(), k.Copy, "copy name@digest"), keymap.On(k.Help, ""),
		keymap.On(k.Sort, ""), keymap.Unless(m.doctorFault(), k.Doctor, ""), keymap.On(k.Again, ""),
	}
	if m.o.Desk != nil {
		acts := m.shortcutHints()
		hints = append(hints, acts[0], acts[1], keymap.On(k.Actions, "what to do"), keymap.On(k.Help, ""), acts[2])
		rest = slices.Delete(rest, 3, 4)
	}
	hints = append(hints, rest...)
	if m.leads() { // the way out is said before all else
		return append([]keymap.Hint{keymap.On(k.Back, back)}, append(hints, keymap.On(k.Quit, ""))...)
	}
	return append(hints, keymap.On(k.Back, back), keymap.On(k.Quit, ""))
}

func (m *Model) help() {
	m.o.Dialogs.Push(dialog.NewHelp([]dialog.Group{
		{Name: "Images", Hints: m.hints()},
		{Name: "In the filter", Hints: []keymap.Hint{gather.Word("1.4", "in the tag, the digest or the key; all words must fit"), gather.Word("is:moved", "that state; is:unsigned, is:signed, …")}},
		m.Moves(),
	}))
}
