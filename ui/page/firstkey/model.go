package firstkey

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/frame"
	"bulla/ui/component/gather"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/component/rail"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

// room is one step.
type room interface {
	// enter is called whenever the room comes into sight.
	enter() tea.Cmd
	key(tea.KeyMsg) tea.Cmd
	// back takes one step back within the room and reports whether there was one.
	back() bool
	// view draws at most h rows of w columns.
	view(w, h int) []string
	status() string
	hints() []keymap.Hint
	// typing says that letters are text now.
	typing() bool
	// value is what was settled, safe to show, and whether the step is done.
	value() (string, bool)
}

// Model is the page.
type Model struct {
	*state
	rooms   map[firstkey.Step]room
	at      int // of firstkey.Steps
	begun   *begunView
	end     *endView
	failed  error // of the beginning
	opening bool
	peek    peek
	ticking bool
	cancel  context.CancelFunc
	left    bool
}

// tick draws the screen anew while something is under way.
type tick struct{}

// New makes the page. Init begins to look what is there.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	s := &state{o: o, theme: o.Theme, keys: keymap.Default()}
	m := &Model{state: s}
	s.ctx, m.cancel = context.WithCancel(o.Context)
	m.rooms = map[firstkey.Step]room{
		firstkey.StepOwner: newOwnerRoom(s), firstkey.StepKind: newKindRoom(s), firstkey.StepSecret: newSecretRoom(s),
		firstkey.StepBackup: newBackupRoom(s), firstkey.StepPaper: newPaperRoom(s), firstkey.StepRevocation: newRevocationRoom(s),
		firstkey.StepIdentity: &identityRoom{state: s}, firstkey.StepPublish: newPublishRoom(s), firstkey.StepGit: &gitRoom{state: s},
		firstkey.StepTest: &trialRoom{state: s}, firstkey.StepTexts: &textsRoom{state: s},
	}
	return m
}

func (m *Model) step() firstkey.Step { return firstkey.Steps[m.at] }
func (m *Model) room() room          { return m.rooms[m.step()] }

// stepIndex is where a step stands.
func stepIndex(s firstkey.Step) int {
	for i, step := range firstkey.Steps {
		if step == s {
			return i
		}
	}
	return 0
}

// known is what is found at the beginning.
type known struct {
	start    firstkey.Start
	progress firstkey.Progress
}

// Init looks what is there.
func (m *Model) Init() tea.Cmd {
	m.opening, m.failed = true, nil
	backend, f := m.o.Backend, m.o.Key
	cmd := m.begin("looking at git and the keys that are there…", func(ctx context.Context, _ *desk) (any, error) {
		start, err := backend.Begin(ctx)
		k := known{start: start}
		if err == nil && f != "" {
			k.progress, err = backend.Progress(ctx, f)
		}
		return k, err
	}, m.opened)
	return tea.Batch(cmd, m.tick())
}

func (m *Model) opened(result any, err error) tea.Cmd {
	m.opening = false
	if err != nil {
		m.failed = err
		return nil
	}
	k := result.(known)
	m.start = k.start
	switch {
	case k.progress.Key.Fingerprint != "":
		return m.goOnWith(k.progress)
	case len(m.start.Keys) > 0:
		m.begun = &begunView{state: m.state}
		return nil
	}
	return m.room().enter()
}

// goOnWith goes on with a key that is there.
func (m *Model) goOnWith(p firstkey.Progress) tea.Cmd {
	m.begun, m.made, m.progress = nil, true, p
	m.at = stepIndex(firstkey.StepBackup)
	return m.room().enter()
}

// Update handles the results of work. A nil message settles what a dialog's answer has changed.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tick:
		m.ticking = false
	case gather.Batch[item]:
		cmd = m.took(msg)
	}
	return tea.Batch(cmd, m.settle())
}

// settle goes to the next room where one is done, and keeps the clock running.
func (m *Model) settle() tea.Cmd {
	var cmd tea.Cmd
	if m.next {
		m.next = false
		if m.at+1 < len(firstkey.Steps) {
			m.at++
			cmd = m.room().enter()
		} else {
			cmd = m.toEnd()
		}
	}
	return tea.Batch(cmd, m.tick())
}

// tick arms the clock while something is under way.
func (m *Model) tick() tea.Cmd {
	if m.ticking || m.work == nil || m.left {
		return nil
	}
	m.ticking = true
	return tea.Tick(meter.Tick, func(time.Time) tea.Msg { return tick{} })
}

// Key handles a key.
func (m *Model) Key(msg tea.KeyMsg) tea.Cmd {
	if m.left {
		return nil
	}
	m.note = ""
	return tea.Batch(m.route(msg), m.settle())
}

func (m *Model) route(msg tea.KeyMsg) tea.Cmd {
	if m.work != nil {
		if key.Matches(msg, m.keys.Back) {
			m.stop()
		}
		return nil
	}
	switch {
	case m.peek.key(msg, m.keys):
		return nil
	case m.failed != nil:
		if key.Matches(msg, m.keys.Again) {
			return m.Init()
		}
		if key.Matches(msg, m.keys.Back, m.keys.Quit) {
			return m.leave(false)
		}
		return nil
	case m.end != nil:
		return m.endKey(msg)
	case m.begun != nil:
		return m.begunKey(msg)
	}
	r := m.room()
	switch {
	case key.Matches(msg, m.keys.Back) && !msg.Paste:
		return m.back(r)
	case r.typing():
	case key.Matches(msg, m.keys.Quit):
		return m.toEnd()
	case key.Matches(msg, m.keys.Help):
		m.help()
		return nil
	}
	return r.key(msg)
}

// back goes one step back; a key that is made cannot be made otherwise, so from the first room after
// that it leads out.
func (m *Model) back(r room) tea.Cmd {
	switch {
	case r.back():
		return nil
	case m.at == 0, m.step() == firstkey.StepBackup:
		return m.toEnd()
	}
	m.at--
	return m.room().enter()
}

// toEnd shows in what state the key is before the person leaves; without a key it leaves.
func (m *Model) toEnd() tea.Cmd {
	if !m.made {
		return m.leaveUnmade()
	}
	m.end = &endView{state: m.state}
	return m.refresh()
}

// leaveUnmade leaves before there is a key; what was typed would be lost, so it asks.
func (m *Model) leaveUnmade() tea.Cmd {
	if m.at == 0 && !m.rooms[firstkey.StepOwner].(*ownerRoom).changed() {
		return m.leave(false)
	}
	m.o.Dialogs.Push(dialog.NewQuestion("Leave without a key?", []string{"Nothing has been made yet; what you typed here is not kept."}, "leave", "stay", func() tea.Cmd { return m.leave(false) }))
	return nil
}

// refresh reads anew how far the key has come.
func (s *state) refresh() tea.Cmd {
	backend, f := s.o.Backend, s.fingerprint()
	return s.begin("looking how far the key has come…", func(ctx context.Context, _ *desk) (any, error) {
		return backend.Progress(ctx, f)
	}, func(result any, err error) tea.Cmd {
		if err == nil {
			s.progress = result.(firstkey.Progress)
		}
		return nil
	})
}

// leave ends the page.
func (m *Model) leave(cancelled bool) tea.Cmd {
	m.left = true
	m.o.Dialogs.Clear() // now: where the person comes to next may open one
	d := Done{Cancelled: cancelled, Text: m.print}
	if m.made {
		d.Key = m.fingerprint()
	}
	return func() tea.Msg { return d }
}

// Interrupt handles Ctrl+C: it stops what is under way, else it leaves.
func (m *Model) Interrupt(tea.KeyMsg) tea.Cmd {
	if m.left {
		return nil
	}
	if m.work != nil && !m.work.stopping && !m.opening {
		m.stop()
		return m.tick()
	}
	return m.leave(true)
}

// Shutdown waits until nothing is at work any more, and wipes what was typed.
func (m *Model) Shutdown() {
	if !m.left {
		m.left = true
		m.o.Dialogs.Clear()
	}
	m.cancel()
	if m.work != nil {
		m.work.run.Wait()
	}
	m.rooms[firstkey.StepSecret].(*secretRoom).wipe()
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	bw, bh := frame.Body(w, h)
	s := frame.Screen{Title: "first key", Context: m.context()}
	if m.opening || m.failed != nil || m.begun != nil || m.end != nil {
		s.Body = airy(layout.Indent(m.peek.view(m.theme, "", m.whole(bw-4, bh-1), bh), "  "), bh)
	} else {
		s.Corner = fmt.Sprintf("step %d of %d", m.at+1, len(firstkey.Steps))
		s.Body = m.walk(bw, bh)
	}
	// Which keys there are may depend on how much of a text was in sight.
	s.Status, s.Hints = m.status(), m.hints()
	if m.note != "" {
		s.Status = m.theme.Caution.Render(m.note)
	}
	return s
}

func (m *Model) context() string {
	if m.made {
		return safetext.Line(m.progress.Key.UserID())
	}
	return safetext.Line(m.start.Project)
}

func (m *Model) status() string {
	switch {
	case m.work != nil:
		return "Esc stops it; what is done stays done."
	case m.failed != nil:
		return ""
	case m.end != nil:
		return m.end.status()
	case m.begun != nil:
		return "What was made before is safe; nothing happens before you choose."
	}
	return m.room().status()
}

func (m *Model) hints() []keymap.Hint {
	switch {
	case m.work != nil:
		return []keymap.Hint{keymap.On(m.keys.Back, "stop")}
	case m.failed != nil:
		return []keymap.Hint{keymap.On(m.keys.Again, ""), keymap.On(m.keys.Quit, "leave")}
	case m.end != nil:
		return m.end.hints()
	case m.begun != nil:
		return m.begun.hints()
	}
	return untyped(m.room())
}

// untyped are the hints of a room; while text is typed ? is a letter.
func untyped(r room) []keymap.Hint {
	out := r.hints()
	if r.typing() {
		out = slices.DeleteFunc(out, func(h keymap.Hint) bool { return h.Help().Key == keymap.Default().Help.Help().Key })
	}
	return out
}

// whole draws what takes the whole width.
func (m *Model) whole(w, h int) []string {
	switch {
	case m.opening:
		if m.work == nil {
			return nil
		}
		return m.waiting(w)
	case m.failed != nil:
		return m.failure(m.failed, w)
	case m.end != nil:
		return m.end.view(w)
	}
	return m.begun.view(w, h)
}

// walk draws the current room, with the rail of steps where there is room.
func (m *Model) walk(w, h int) []string {
	if w < frame.RailWidth {
		return airy(layout.Indent(m.peek.view(m.theme, m.step(), m.room().view(w-4, h-1), h), "  "), h)
	}
	pipe := m.theme.Border.Render(m.theme.Signs.Pipe)
	main := min(w-rail.Width-4, 90)
	column := func(lines []string, w int) []string { return layout.Block(append([]string{""}, lines...), w, h) }
	return layout.Beside(" "+pipe+" ", column(m.rail(), rail.Width), column(m.peek.view(m.theme, m.step(), m.room().view(main, h-1), h-1), main))
}

// airy leaves the first row free where there is room.
func airy(lines []string, h int) []string {
	if len(lines) < h {
		return append([]string{""}, lines...)
	}
	return lines
}

func (m *Model) rail() []string {
	var items []rail.Item
	for i, step := range firstkey.Steps {
		it := rail.Item{Title: step.Title(), State: theme.Pending}
		value, done := m.rooms[step].value()
		switch {
		case i == m.at:
			it.State = theme.Current
		case done:
			it.State, it.Value = theme.Done, value
		case i < m.at:
			it.State = theme.Skipped
		}
		items = append(items, it)
	}
	return rail.View(m.theme, items)
}

// help opens the list of all keys of this page.
func (m *Model) help() {
	m.o.Dialogs.Push(dialog.NewHelp([]dialog.Group{
		{Name: m.step().Title(), Hints: m.hints()},
		{Name: "Everywhere", Hints: []keymap.Hint{
			keymap.On(m.keys.Back, "back one step, or stop what is under way"), keymap.On(m.keys.Quit, "leave, outside text: it says what is left to do"),
			keymap.On(m.keys.Interrupt, "stop, or leave at once"),
		}},
		{Name: "Text", Hints: []keymap.Hint{keymap.On(m.keys.Next, ""), keymap.On(m.keys.Previous, ""), keymap.On(m.keys.EraseAll, "")}},
	}))
}

// Made is the key that was made or gone on with, "" for none.
func (m *Model) Made() keys.Fingerprint {
	if m.made {
		return m.fingerprint()
	}
	return ""
}
