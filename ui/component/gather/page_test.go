package gather

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/frame"
	"bulla/ui/theme"
)

// patience is how long a test waits for something that must come.
const patience = 30 * time.Second

// source is something to read that is as slow as the test wants.
type source struct {
	opens    atomic.Int32
	live     atomic.Int32            // contexts that were handed out and have not ended
	stubborn map[int32]chan struct{} // openings that heed nothing until the channel is closed
	hang     map[int32]chan struct{} // likewise, but once they are open
	err      map[int32]error         // of an opening
}

func (s *source) open(ctx context.Context) (int32, error) {
	n := s.opens.Add(1)
	s.live.Add(1)
	context.AfterFunc(ctx, func() { s.live.Add(-1) })
	if c := s.stubborn[n]; c != nil {
		<-c
	}
	return n, s.err[n]
}

func (s *source) look(ctx context.Context, n int32, put func(string)) error {
	put("first of " + string('0'+n))
	if c := s.hang[n]; c != nil {
		<-c
		put("late of " + string('0'+n))
	}
	return ctx.Err()
}

// reader is a page over a source, with a Bubble Tea of its own.
type reader struct {
	*Page[int32, string]
	t      *testing.T
	rows   []string
	filter string
	at     int
	helped bool
	keeps  bool // rows, when reading anew fails
	msgs   chan tea.Msg
	quit   bool
}

func read(t *testing.T, s *source) *reader {
	r := &reader{t: t, msgs: make(chan tea.Msg, 1000)}
	r.Page = New(Options[int32, string]{
		Theme: theme.New(theme.Options{ASCII: true}), Now: func() time.Time { return time.Unix(0, 0) },
		Open: s.open, Look: s.look,
		Opened: func(n int32, err error) {
			if err == nil || !r.keeps {
				r.rows = nil
			}
			if err == nil {
				r.rows = []string{"opened " + string('0'+n)}
			}
		},
		Found: func(items []string, _ bool) { r.rows = append(r.rows, items...) },
		Rows:  func() int { return len(r.rows) }, Shown: func() int { return len(r.rows) }, Place: func() int { return r.at },
		Move:   func(by int) { r.at = max(0, min(r.at+by, len(r.rows)-1)) },
		Filter: func(text string) { r.filter = text }, ShowAll: func() { r.filter = "" }, Help: func() { r.helped = true },
		Example: "words", Reading: "reading",
	})
	r.run(r.Init())
	return r
}

func (r *reader) run(cmd tea.Cmd) {
	if cmd != nil {
		go func() { r.msgs <- cmd() }()
	}
}

func (r *reader) press(keys ...string) {
	r.t.Helper()
	for _, k := range keys {
		msg := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
		if typ, ok := map[string]tea.KeyType{"enter": tea.KeyEnter, "esc": tea.KeyEsc, "down": tea.KeyDown}[k]; ok {
			msg = tea.KeyMsg{Type: typ}
		}
		cmd, _ := r.Key(msg)
		r.run(cmd)
	}
}

func (r *reader) apply(msg tea.Msg) {
	switch msg := msg.(type) {
	case nil:
	case tea.QuitMsg:
		r.quit = true
	case tea.BatchMsg:
		for _, c := range msg {
			r.run(c)
		}
	default:
		r.run(r.Update(msg))
	}
}

// until feeds messages until ok.
func (r *reader) until(what string, ok func() bool) {
	r.t.Helper()
	for limit := time.After(patience); !ok(); {
		select {
		case msg := <-r.msgs:
			r.apply(msg)
		case <-time.After(time.Millisecond): // not all that is waited for comes as a message
		case <-limit:
			r.t.Fatalf("never came: %s; there is %q", what, r.rows)
		}
	}
}

func (r *reader) has(row string) {
	r.t.Helper()
	r.until(row, func() bool { return strings.Contains(strings.Join(r.rows, "\n"), row) })
}

func (r *reader) screen() string {
	s := frame.Screen{}
	r.Draw(&s, 80, 24, func(int, int) []string { return r.rows }, func(int) []string { return []string{"nothing here"} }, func() string { return "at rest" })
	return strings.Join(s.Body, "\n") + "\n" + s.Status + "\n" + s.Corner
}

// TestReloadDoesNotWait: whoever asks to read anew does not wait for a reading that heeds nothing,
// be it opening or looking; what it brings later is not shown, and only the end of the program
// waits for it.
func TestReloadDoesNotWait(t *testing.T) {
	for name, s := range map[string]*source{
		"opening": {stubborn: map[int32]chan struct{}{1: make(chan struct{})}},
		"looking": {hang: map[int32]chan struct{}{1: make(chan struct{})}},
	} {
		t.Run(name, func(t *testing.T) {
			free := s.stubborn[1]
			r := read(t, s)
			if free == nil {
				free = s.hang[1]
				r.has("first of 1")
			} else {
				r.until("the opening", func() bool { return s.opens.Load() == 1 })
			}
			r.press("r") // hangs if it waits
			r.has("first of 2")
			r.until("the end of the second", r.Done)
			close(free)
			ended := make(chan struct{})
			go func() { r.Shutdown(); close(ended) }()
			r.until("the end of both", func() bool {
				select {
				case <-ended:
					return true
				default:
					return false
				}
			})
			for more := true; more; {
				select {
				case msg := <-r.msgs:
					r.apply(msg)
				default:
					more = false
				}
			}
			if got := strings.Join(r.rows, ", "); got != "opened 2, first of 2" {
				t.Errorf("shown is %s", got)
			}
		})
	}
}

// TestShutdownWaits: the end of the program waits for every reading, not only for the one that is
// shown.
func TestShutdownWaits(t *testing.T) {
	free := make(chan struct{})
	s := &source{hang: map[int32]chan struct{}{1: free}}
	r := read(t, s)
	r.has("first of 1")
	r.press("r")
	r.until("the end of the second", r.Done)
	ended := make(chan struct{})
	go func() { r.Shutdown(); close(ended) }()
	select {
	case <-ended:
		t.Fatal("it did not wait for the first reading")
	case <-time.After(50 * time.Millisecond): // long enough for one that does not wait to be caught
	}
	close(free)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it waited for ever")
	}
}

// TestEveryContextEnds: no reading keeps its context for longer than the program lasts, and one
// that has ended gives it back at once.
func TestEveryContextEnds(t *testing.T) {
	s := &source{}
	r := read(t, s)
	for range 5 {
		r.until("the end", r.Done)
		r.press("r")
	}
	r.until("the end", r.Done)
	r.Shutdown()
	r.until("the end of every context", func() bool { return s.live.Load() == 0 })
	if n := s.opens.Load(); n != 6 {
		t.Errorf("opened %d times", n)
	}
}

// TestSparseItemsAreShown: what was found at once, before the page knew that it was open, does not
// wait for more.
func TestSparseItemsAreShown(t *testing.T) {
	free := make(chan struct{})
	s := &source{hang: map[int32]chan struct{}{1: free}}
	r := read(t, s)
	defer r.Shutdown()
	defer close(free)
	r.has("first of 1")
	if r.Done() {
		t.Error("the reading has ended")
	}
}

func TestPageSays(t *testing.T) {
	s := &source{err: map[int32]error{1: errors.New("the disk is on fire")}, hang: map[int32]chan struct{}{2: make(chan struct{})}}
	r := read(t, s)
	if got := r.screen(); !strings.Contains(got, "reading...") {
		t.Errorf("before: %s", got)
	}
	r.until("the error", func() bool { return !r.opening })
	if got := r.screen(); !strings.Contains(got, "The disk is on fire") || len(r.Hints()) != 3 {
		t.Errorf("in error: %s", got)
	}
	if r.press("?"); !r.helped {
		t.Error("no help without rows")
	}
	r.press("r")
	r.has("first of 2")
	if got := r.screen(); !strings.Contains(got, "at rest") || !strings.Contains(got, "1 of 2") || r.Hints() != nil {
		t.Errorf("with rows: %s", got)
	}
	r.press("/", "q", "down", "enter")
	if r.filter != "q" || r.at != 1 || r.quit {
		t.Errorf("filter %q, at %d", r.filter, r.at)
	}
	r.press("esc")
	if r.filter != "" {
		t.Errorf("esc left the filter %q", r.filter)
	}
	r.Begin("asking")
	if got := r.screen(); !r.Busy() || !strings.Contains(got, "asking") {
		t.Errorf("busy: %s", got)
	}
	r.End()
	r.Note = "noted"
	if got := r.screen(); !strings.Contains(got, "noted") {
		t.Errorf("with a note: %s", got)
	}
	close(s.hang[2])
	r.press("q")
	r.until("the end", func() bool { return r.quit })
	r.Shutdown()
}

// TestRowsStayWhenReadingAnewFails: a page may keep what it has; the status line says that it is old.
func TestRowsStayWhenReadingAnewFails(t *testing.T) {
	s := &source{err: map[int32]error{2: errors.New("the disk is on fire")}}
	r := read(t, s)
	r.keeps = true
	r.has("first of 1")
	r.until("the end", r.Done)
	r.press("r")
	r.until("the error", func() bool { return !r.opening })
	if got := r.screen(); !strings.Contains(got, "first of 1") || !strings.Contains(got, "Not read again: The disk is on fire.") {
		t.Errorf("after the error: %s", got)
	}
	r.Shutdown()
}
