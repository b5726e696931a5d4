package gather

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/frame"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/component/textfield"
	"bulla/ui/component/writes"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Options are what a Page works with. B is what is opened, T what is found in it.
type Options[B, T any] struct {
	Context context.Context
	Theme   theme.Theme
	Now     func() time.Time

	// Open opens what is shown; Look looks at it, and hands over what it finds by put. Both run
	// outside the event loop, one after the other, after the first frame and again when the person
	// asks for it. A run that is no longer wanted has its context cancelled; it may still be at
	// work beside the new one, and what it finds then is not shown.
	Open func(context.Context) (B, error)
	Look func(ctx context.Context, b B, put func(T)) error

	// Opened takes what was opened, or the error for which nothing was. Found takes what was found
	// since the last call: ended says that it was the last of it, and Err then whether that is all.
	// They are called by Update.
	Opened func(B, error)
	Found  func(items []T, ended bool)

	// Rows is how many rows there are, Shown how many of them the filter lets through, and Place
	// the place of the cursor among these; Move moves it, within bounds.
	Rows, Shown, Place func() int
	Move               func(by int)
	// Filter takes another text into effect, as it is typed. ShowAll takes back all that hides
	// rows.
	Filter  func(text string)
	ShowAll func()
	// Help opens the help.
	Help func()
	// Example is in the field of the filter while it is empty.
	Example string
	// Reading is what is being done while there is nothing to show yet.
	Reading string
}

// Page is the part that all such pages share; a page embeds it. Its methods are for the event loop
// alone.
type Page[B, T any] struct {
	// Note is the answer to the last key.
	Note string
	// Height is how many rows were in sight when the page was last drawn.
	Height int
	// Writes is what changes something on disk: the program waits for it.
	Writes writes.Group

	o    Options[B, T]
	keys keymap.Map

	run     *run[B, T] // the one that is shown; what comes from another is late
	number  int        // of the run
	stop    context.CancelFunc
	runs    sync.WaitGroup // those too that are no longer shown
	opening bool
	openErr error
	done    bool
	runErr  error

	busy    string // something else is under way
	since   time.Time
	typing  bool // in the filter
	field   *textfield.Model
	ticking bool
}

type tick struct{}

// New makes the page. Init begins to read.
func New[B, T any](o Options[B, T]) *Page[B, T] {
	if o.Context == nil {
		o.Context = context.Background()
	}
	return &Page[B, T]{o: o, keys: keymap.Default(), field: textfield.New("", o.Example)}
}

// Init begins to read.
func (p *Page[B, T]) Init() tea.Cmd { return p.Reload() }

// Reload reads anew. It does not wait for what is at work already: that is cancelled, and comes to
// its end on its own.
func (p *Page[B, T]) Reload() tea.Cmd {
	if p.stop != nil {
		p.stop()
	}
	ctx, cancel := context.WithCancel(p.o.Context)
	r := newRun[B, T]()
	p.run, p.stop = r, cancel
	p.number++
	p.opening, p.openErr, p.runErr, p.done = true, nil, nil, false
	p.since = p.o.Now()
	p.runs.Go(func() {
		defer cancel()
		r.do(ctx, p.o.Open, p.o.Look)
	})
	return tea.Batch(p.Tick(), r.first)
}

// Run is the number of the reading that is shown: what belongs to another is late.
func (p *Page[B, T]) Run() int { return p.number }

// Shutdown ends what is at work and waits for it, when the program ends.
func (p *Page[B, T]) Shutdown() {
	p.Writes.Wait()
	if p.stop != nil {
		p.stop()
	}
	p.runs.Wait()
}

// Interrupt handles Ctrl+C: nothing here needs to be finished.
func (p *Page[B, T]) Interrupt(tea.KeyMsg) tea.Cmd { return tea.Quit }

// Update handles what comes from the reading, and the redrawing of the spinner. The page handles
// the rest itself before or after it.
func (p *Page[B, T]) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tick:
		p.ticking = false
	case opened[B, T]:
		return tea.Batch(p.opened(msg), p.Tick())
	case found[B, T]:
		return tea.Batch(p.found(msg), p.Tick())
	}
	return p.Tick()
}

func (p *Page[B, T]) opened(msg opened[B, T]) tea.Cmd {
	if msg.run != p.run {
		return nil
	}
	p.opening, p.openErr = false, msg.err
	p.o.Opened(msg.what, msg.err)
	if msg.err != nil {
		return nil
	}
	return p.run.next
}

func (p *Page[B, T]) found(msg found[B, T]) tea.Cmd {
	if msg.run != p.run {
		return nil
	}
	if msg.ended {
		p.done, p.runErr = true, msg.err
	}
	p.o.Found(msg.items, msg.ended)
	if msg.ended {
		return nil
	}
	return p.run.next
}

// Done reports whether the reading has come to its end, be it an early one.
func (p *Page[B, T]) Done() bool { return p.done }

// Err is what kept the rest from being found, once the reading is done.
func (p *Page[B, T]) Err() error { return p.runErr }

// Begin says that something is under way beside the reading, until End.
func (p *Page[B, T]) Begin(what string) { p.busy, p.since = what, p.o.Now() }

// End ends what Begin began.
func (p *Page[B, T]) End() { p.busy = "" }

// Typing reports whether keys are text of the filter now.
func (p *Page[B, T]) Typing() bool { return p.typing }

// Busy reports whether something is under way beside the reading.
func (p *Page[B, T]) Busy() bool { return p.busy != "" }

// Tick draws the page anew in a moment if something on it moves.
func (p *Page[B, T]) Tick() tea.Cmd {
	if p.ticking || !(p.opening || p.busy != "" || (p.openErr == nil && p.run != nil && !p.done)) {
		return nil
	}
	p.ticking = true
	return tea.Tick(meter.Tick, func(time.Time) tea.Msg { return tick{} })
}

// Key handles the keys that all such pages have. It reports whether the key is done with: what is
// left is for the page, and about its rows, of which there is at least one.
func (p *Page[B, T]) Key(msg tea.KeyMsg) (tea.Cmd, bool) {
	p.Note = ""
	if p.typing {
		p.typeFilter(msg)
		return nil, true
	}
	switch {
	case key.Matches(msg, p.keys.Quit):
		return tea.Quit, true
	case key.Matches(msg, p.keys.Help):
		p.o.Help()
		return nil, true
	case key.Matches(msg, p.keys.Again):
		return p.Reload(), true
	case key.Matches(msg, p.keys.Back):
		p.field.SetValue("")
		p.o.ShowAll()
		return nil, true
	case p.o.Rows() == 0 || p.move(msg):
		return nil, true
	case key.Matches(msg, p.keys.Filter):
		p.typing = true
		return nil, true
	}
	return nil, false
}

// typeFilter edits the filter; every character takes effect at once.
func (p *Page[B, T]) typeFilter(msg tea.KeyMsg) {
	switch {
	case key.Matches(msg, p.keys.Back) && !msg.Paste:
		p.typing = false
		p.field.SetValue("")
	case key.Matches(msg, p.keys.Choose) && !msg.Paste:
		p.typing = false
		return
	case msg.Type == tea.KeyUp || msg.Type == tea.KeyDown:
		p.move(msg)
		return
	default:
		p.field.Update(msg)
	}
	p.o.Filter(p.field.Value())
}

// move moves the cursor. It reports whether the key was one of its own.
func (p *Page[B, T]) move(msg tea.KeyMsg) bool {
	page := max(1, p.Height-1)
	switch {
	case key.Matches(msg, p.keys.Up):
		p.o.Move(-1)
	case key.Matches(msg, p.keys.Down):
		p.o.Move(1)
	case key.Matches(msg, p.keys.PageUp):
		p.o.Move(-page)
	case key.Matches(msg, p.keys.PageDown):
		p.o.Move(page)
	case key.Matches(msg, p.keys.Top):
		p.o.Move(-p.o.Shown())
	case key.Matches(msg, p.keys.Bottom):
		p.o.Move(p.o.Shown())
	default:
		return false
	}
	return true
}

// Draw fills the screen: what list draws in w columns and h rows, or why there is nothing to draw;
// teach is what is said where nothing was found. rest is the status line where nothing else claims
// it.
func (p *Page[B, T]) Draw(s *frame.Screen, w, h int, list func(w, h int) []string, teach func(w int) []string, rest func() string) {
	bw, bh := frame.Body(w, h)
	s.Status = p.status(rest)
	switch {
	case p.openErr != nil:
		s.Body = block(dialog.Explanation(p.o.Theme, explain.Error(p.openErr), bw-4))
	case p.opening && p.o.Rows() == 0:
		s.Body = block([]string{p.Working(p.o.Reading + p.o.Theme.Signs.Ellipsis)})
	case p.o.Rows() == 0:
		s.Body = block(teach(bw - 4))
	default:
		p.Height = bh - 1
		s.Body = list(bw, bh)
		if n := p.o.Shown(); n > 0 {
			s.Corner = strconv.Itoa(p.o.Place()+1) + " of " + strconv.Itoa(n)
		}
	}
}

func block(lines []string) []string { return append([]string{""}, layout.Indent(lines, "  ")...) }

func (p *Page[B, T]) status(rest func() string) string {
	t := p.o.Theme
	switch {
	case p.typing:
		return "filter: " + p.field.View(t, 50, true) + t.Muted.Render("  enter keeps it, esc drops it")
	case p.Note != "":
		return t.Caution.Render(p.Note)
	case p.busy != "":
		return p.Working(p.busy)
	case p.openErr != nil || p.o.Rows() == 0:
		return ""
	case p.runErr != nil:
		return t.Bad.Render("The rest could not be read: " + explain.Error(p.runErr).Headline)
	}
	return rest()
}

// Working is a text behind the sign of work.
func (p *Page[B, T]) Working(what string) string {
	return p.o.Theme.Accent.Render(meter.Spinner(p.o.Theme, p.o.Now().Sub(p.since))) + " " + what
}

// Hints are the keys where those of the page do not count: in the filter, and without rows. None
// are given elsewhere.
func (p *Page[B, T]) Hints() []keymap.Hint {
	k := p.keys
	switch {
	case p.typing:
		return []keymap.Hint{keymap.On(k.Choose, "keep the filter"), keymap.On(k.Back, "drop it")}
	case p.o.Rows() == 0:
		return []keymap.Hint{keymap.On(k.Again, ""), keymap.On(k.Quit, ""), keymap.On(k.Help, "")}
	}
	return nil
}

// Moves are the keys of a list, for the help.
func (p *Page[B, T]) Moves() dialog.Group {
	k := p.keys
	return dialog.Group{Name: "Lists", Hints: []keymap.Hint{
		keymap.On(k.Up, "up, also k"), keymap.On(k.Down, "down, also j"), keymap.On(k.PageUp, ""), keymap.On(k.PageDown, ""),
		keymap.On(k.Top, ""), keymap.On(k.Bottom, ""),
	}}
}

// Word is a line of the help that is about text and not about a key.
func Word(text, desc string) keymap.Hint {
	return keymap.Hint{Binding: key.NewBinding(key.WithHelp(text, desc))}
}

// Beside draws a list with everything about the chosen row beside it: detail fills at least least
// columns. enter, on the page, shows what does not fit.
func Beside(t theme.Theme, w, h, least int, list func(w, h int) []string, detail func(w int) []string) []string {
	pane := max(least, min(60, w*2/5))
	left := w - pane - 3
	lines := detail(pane - 1)
	if len(lines) > h {
		lines = append(lines[:h-1:h-1], t.Muted.Render(t.Signs.Down+" enter shows all of it"))
	}
	return layout.Beside(" "+t.Border.Render(t.Signs.Pipe)+" ", layout.Block(list(left, h), left, h), layout.Block(lines, pane, h))
}

// Teach is what is said where nothing was found: a title and paragraphs.
func Teach(t theme.Theme, w int, title string, paragraphs ...string) []string {
	out := []string{t.Strong.Render(title), ""}
	for _, p := range paragraphs {
		out = append(append(out, layout.Wrap(p, w)...), "")
	}
	return out
}
