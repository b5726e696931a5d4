package gather

import (
	"cmp"
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
	"bulla/ui/safetext"
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

	// Opened takes what was opened, or the error for which nothing was: the page may keep the rows
	// that it has. Found takes what was found since the last call: ended says that it was the last
	// of it, and Err then whether that is all. They are called by Update.
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

	run     *Run[piece[B, T]] // the one that is shown; what comes from another is late
	number  int               // of the run
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

// piece is what a reading brings: first what was opened, then what is found in it.
type piece[B, T any] struct {
	opened *B
	item   T
}

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
	p.number++
	p.opening, p.openErr, p.runErr, p.done = true, nil, nil, false
	p.since = p.o.Now()
	p.stop = cancel
	p.runs.Add(1)
	p.run = Start(ctx, p.number, func(ctx context.Context, put func(piece[B, T])) error {
		defer p.runs.Done()
		defer cancel()
		return p.read(ctx, put)
	})
	return tea.Batch(p.Tick(), p.run.First)
}

// read opens and looks, until all is found or ctx ends.
func (p *Page[B, T]) read(ctx context.Context, put func(piece[B, T])) error {
	b, err := p.o.Open(ctx)
	if err != nil {
		return err
	}
	put(piece[B, T]{opened: &b})
	return p.o.Look(ctx, b, func(item T) {
		if ctx.Err() == nil { // else nobody waits for it any more
			put(piece[B, T]{item: item})
		}
	})
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
	case Batch[piece[B, T]]:
		return tea.Batch(p.took(msg), p.Tick())
	}
	return p.Tick()
}

// took shows what a reading brought since the last time.
func (p *Page[B, T]) took(b Batch[piece[B, T]]) tea.Cmd {
	if b.run != p.run {
		return nil
	}
	pieces := b.Items
	if p.opening {
		p.opening = false
		if len(pieces) == 0 { // it could not be opened
			var none B
			p.openErr = cmp.Or(b.Err, context.Canceled)
			p.o.Opened(none, p.openErr)
			return nil
		}
		p.o.Opened(*pieces[0].opened, nil)
		pieces = pieces[1:]
	}
	if b.Ended {
		p.done, p.runErr = true, b.Err
	}
	items := make([]T, len(pieces))
	for i := range pieces {
		items[i] = pieces[i].item
	}
	p.o.Found(items, b.Ended)
	if b.Ended {
		return nil
	}
	return p.run.Next
}

// Done reports whether the reading has come to its end, be it an early one.
func (p *Page[B, T]) Done() bool { return p.done }

// Err is what kept the rest from being found, once the reading is done.
func (p *Page[B, T]) Err() error { return p.runErr }

// Begin says that something is under way beside the reading, until End.
func (p *Page[B, T]) Begin(what string) { p.busy, p.since = what, p.o.Now() }

// End ends what Begin began.
func (p *Page[B, T]) End() { p.busy = "" }

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

// Typing reports whether a filter is being typed: every key is for Key then.
func (p *Page[B, T]) Typing() bool { return p.typing }

// Key handles the keys that all such pages have, and reports whether the key is done with: what is
// left is for the page. A page that wants one of these keys for itself takes it before, unless a
// filter is being typed.
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
		p.ShowAll()
		return nil, true
	case p.o.Rows() == 0:
		return nil, false
	case p.move(msg):
		return nil, true
	case key.Matches(msg, p.keys.Filter):
		p.typing = true
		return nil, true
	}
	return nil, false
}

// ShowAll takes back all that hides rows.
func (p *Page[B, T]) ShowAll() {
	p.field.SetValue("")
	p.o.ShowAll()
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
	case p.openErr != nil && p.o.Rows() == 0:
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
	case p.o.Rows() == 0:
		return ""
	case p.openErr != nil: // what was read before is still shown
		return t.Bad.Render("Not read again: " + safetext.Line(explain.Error(p.openErr).Headline))
	case p.runErr != nil:
		return t.Bad.Render("The rest could not be read: " + safetext.Line(explain.Error(p.runErr).Headline))
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
