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
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
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
	Doctor func(context.Context) ([]workflow.Finding, error)
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
}

// New makes the page. Init begins to list the tags.
func New(o Options) *Model {
	m := &Model{o: o, keys: keymap.Default(), table: table{theme: o.Theme}}
	m.Page = gather.New(gather.Options[Backend, update]{
		Context: o.Context, Theme: o.Theme, Now: o.Now,
		Open: o.Open, Look: judge, Opened: m.opened, Found: m.found,
		Rows: func() int { return len(m.table.rows) }, Shown: func() int { return len(m.table.order) }, Place: func() int { return m.table.place },
		Move:    func(by int) { m.table.move(by) },
		Filter:  func(text string) { m.table.show(text, m.table.wanting) },
		ShowAll: func() { m.table.show("", false) }, Help: m.help,
		Example: "text, is:state", Reading: "listing the tags",
	})
	return m
}

func judge(ctx context.Context, b Backend, put func(update)) error {
	return b.Judge(ctx, func(at int, t images.Tag) { put(update{at, t}) })
}

// Update handles the results of commands.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	if e, ok := msg.(examined); ok {
		m.examined(e)
	}
	if c, ok := msg.(copied); ok {
		m.Note = "Sent to the terminal's clipboard: " + c.text
		if c.err != nil {
			m.Note = "Not copied: " + explain.Error(c.err).Headline
		}
	}
	return m.Page.Update(msg)
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
	if m.leads() && key.Matches(msg, m.keys.Back) && !msg.Paste {
		m.left = true
		return nil
	}
	if key.Matches(msg, m.keys.Doctor) && !m.Typing() && !msg.Paste { // also where there is no row
		return m.examine()
	}
	if cmd, done := m.Page.Key(msg); done {
		return cmd
	}
	if len(m.table.rows) == 0 {
		return nil
	}
	return m.act(msg)
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
	return gather.Teach(m.o.Theme, w, "No tags yet.",
		"The repository holds no image under a tag. Push one, with docker push or whatever builds it: bulla never pushes images, only their signatures.",
		"Then bulla image sign REF signs it, and it stands here with a verdict.",
	)
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
	hints := []keymap.Hint{
		keymap.On(k.Choose, "all about it"), keymap.On(k.Filter, ""), keymap.On(k.Wanting, wanting),
		keymap.Unless(m.copyFault(), k.Copy, "copy name@digest"), keymap.On(k.Help, ""), keymap.On(k.Sort, ""),
		keymap.Unless(m.doctorFault(), k.Doctor, ""), keymap.On(k.Again, ""), keymap.On(k.Quit, ""),
	}
	if m.leads() { // the way out is said before all else
		return append([]keymap.Hint{keymap.On(k.Back, back)}, hints...)
	}
	return append(hints[:8:8], keymap.On(k.Back, back), hints[8])
}

func (m *Model) help() {
	m.o.Dialogs.Push(dialog.NewHelp([]dialog.Group{
		{Name: "Images", Hints: m.hints()},
		{Name: "In the filter", Hints: []keymap.Hint{gather.Word("1.4", "in the tag, the digest or the key; all words must fit"), gather.Word("is:moved", "that state; is:unsigned, is:signed, …")}},
		m.Moves(),
	}))
}
