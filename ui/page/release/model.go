package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/gitops"
	"bulla/keys"
	"bulla/ui/component/frame"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/component/rail"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/project"
)

// phase is which part of the page is in sight.
type phase int

const (
	phaseOpening    phase = iota // reading the repository
	phaseClosed                  // that failed
	phaseUnfinished              // a former run left something
	phaseWalk                    // the rooms
	phaseRun                     // at work
	phaseUndo                    // taking back
	phaseEnd
)

// Model is the page.
type Model struct {
	*state
	phase phase
	rooms [places]room
	look  *lookRoom
	at    place

	opening task
	openErr error
	left    *unfinishedView
	undoing *undoView
	run     *runView
	end     *endView

	cancel  context.CancelFunc // of state.ctx
	ticking bool
	outcome Outcome
	// wanted asks the root to go on to the practice panel.
	wanted bool
}

type opened struct {
	id      int
	backend Backend
	project string
	repo    gitops.State
	config  project.Config
	remote  remote
	left    *workflow.Unfinished
	err     error
}

// tick draws the screen anew while something is under way.
type tick struct{}

// New makes the page. Init begins to read the repository.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	s := &state{o: o, theme: o.Theme, keys: keymap.Default(), now: o.Now, choices: o.Choices}
	m := &Model{state: s}
	s.ctx, m.cancel = context.WithCancel(o.Context)
	m.buildRooms()
	return m
}

func (m *Model) buildRooms() {
	m.look = &lookRoom{state: m.state}
	m.rooms = [places]room{
		&preflightRoom{state: m.state}, &keyRoom{state: m.state}, &tagRoom{state: m.state},
		&filesRoom{state: m.state, left: map[string]bool{}}, &imageRoom{state: m.state}, m.look,
	}
	m.at, m.target = placePreflight, placePreflight
}

// Init begins to read the repository.
func (m *Model) Init() tea.Cmd { return tea.Batch(m.open(), m.tick()) }

func (m *Model) open() tea.Cmd {
	m.phase, m.openErr = phaseOpening, nil
	ctx, id := m.begin(&m.opening)
	open, named := m.o.Open, m.choices.Remote
	return func() tea.Msg {
		b, err := open(ctx)
		if err != nil {
			return opened{id: id, err: err}
		}
		r := opened{id: id, backend: b, project: b.Project(), repo: b.Repository(), config: b.Config(), remote: remoteOf(b, named)}
		r.left, r.err = b.Unfinished(ctx)
		return r
	}
}

// Update handles the results of commands.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tick:
		m.ticking = false
	case opened:
		cmd = m.opened(msg)
	case abandoned:
		cmd = m.abandoned(msg)
	case fed:
		cmd = m.fed(msg)
	default:
		for _, r := range m.rooms {
			cmd = tea.Batch(cmd, r.update(msg))
		}
	}
	return tea.Batch(cmd, m.settle())
}

// settle follows up on what a key or a result has changed: another room, a confirmed plan, a
// clock that has to run.
func (m *Model) settle() tea.Cmd {
	var cmds []tea.Cmd
	if m.phase == phaseWalk {
		if m.look.begun {
			m.look.begun = false
			cmds = append(cmds, m.start(&worker{job: jobRelease, plan: m.plan}, "Signing "+safetext.Line(m.plan.Tag)))
		} else if m.target != m.at {
			m.at = m.target
			cmds = append(cmds, m.rooms[m.at].enter())
		}
	}
	return tea.Batch(append(cmds, m.tick())...)
}

func (m *Model) opened(msg opened) tea.Cmd {
	if !m.opening.end(msg.id) {
		if msg.backend != nil {
			_ = msg.backend.Close()
		}
		return nil
	}
	if msg.err != nil {
		m.phase, m.openErr = phaseClosed, msg.err
		return nil
	}
	m.backend, m.project, m.repo, m.config, m.remote = msg.backend, msg.project, msg.repo, msg.config, msg.remote
	if msg.left != nil {
		m.phase, m.left = phaseUnfinished, &unfinishedView{m.state, msg.left}
		return nil
	}
	m.phase = phaseWalk
	return m.rooms[m.at].enter()
}

// start begins a job.
func (m *Model) start(w *worker, title string) tea.Cmd {
	m.ids++
	w.id, w.backend, w.vault = m.ids, m.backend, m.o.Vault
	w.env = m.o.Env
	m.run, m.phase = newRunView(m.state, w, title), phaseRun
	w.start(m.ctx)
	return w.feed.next(w.id)
}

// fed takes a batch of what the run tells.
func (m *Model) fed(msg fed) tea.Cmd {
	if m.run == nil || m.run.worker.id != msg.id {
		return nil
	}
	var cmds []tea.Cmd
	for _, it := range msg.items {
		if it.end != nil {
			m.ended(it.end)
			return tea.Batch(cmds...)
		}
		cmds = append(cmds, m.run.take(it))
	}
	return tea.Batch(append(cmds, m.run.worker.feed.next(msg.id))...)
}

func (m *Model) ended(e *ending) {
	push, fresh := m.run.worker.job == jobPush, m.run.worker.job == jobRelease
	if e.err == nil && m.run.wantedToStop() {
		done := "the release is done and stands."
		if push {
			done = "the tag is pushed."
		}
		e.notes = append(e.notes, "It was too late to stop: "+done)
	}
	m.run.close()
	m.run, m.phase = nil, phaseEnd
	if push {
		// A refused push is told in the result; the release stands as it stood.
		m.end.notes = e.notes
		if e.err != nil {
			m.end.result.PushFailed = e.err
		}
		return
	}
	m.end = &endView{state: m.state, result: e.result, err: e.err, fresh: fresh, notes: e.notes}
	m.outcome = Outcome{Result: e.result, Err: e.err}
	if e.result != nil && e.result.Plan != nil {
		m.tag = e.result.Plan.Tag
	}
	var refused *workflow.RefusedError
	if errors.As(e.err, &refused) {
		m.faults, m.plan = refused.Errors(), nil
		m.phase = phaseWalk
		m.note = "Something changed since the last look. Nothing was created."
		m.outcome = Outcome{} // told here
	}
}

// Key handles a key that no dialog took.
func (m *Model) Key(msg tea.KeyMsg) tea.Cmd {
	m.note = ""
	var cmd tea.Cmd
	switch m.phase {
	case phaseOpening, phaseClosed:
		cmd = m.closedKey(msg)
	case phaseUnfinished:
		cmd = m.follow(m.left.key(msg), msg)
	case phaseWalk:
		cmd = m.walkKey(msg)
	case phaseRun:
		if key.Matches(msg, m.keys.Quit, m.keys.Back) {
			m.run.askToStop()
		} else if key.Matches(msg, m.keys.Help) {
			m.help()
		}
	case phaseUndo:
		m.undoing.key(msg)
	case phaseEnd:
		cmd = m.follow(m.end.key(msg), msg)
	}
	return tea.Batch(cmd, m.settle())
}

func (m *Model) closedKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Quit, m.keys.Back):
		return m.quit(false)
	case m.phase == phaseClosed && key.Matches(msg, m.keys.Again):
		return m.open()
	}
	return nil
}

// follow does what the person wants after an end or with an unfinished release.
func (m *Model) follow(n next, msg tea.KeyMsg) tea.Cmd {
	switch n {
	case nextQuit:
		return m.quit(false)
	case nextResume:
		return m.start(&worker{job: jobResume}, "Going on with the release")
	case nextUndo:
		m.askToUndo()
	case nextPush:
		m.askToPush()
	case nextStranger:
		m.wanted = true
	case nextAgain:
		if m.phase == phaseEnd {
			m.outcome = Outcome{} // it was read, and nothing was made
		}
		if m.phase == phaseUnfinished || !m.end.fresh {
			return m.open()
		}
		m.phase = phaseWalk
		return m.rooms[m.at].enter()
	case nextNothing:
		if key.Matches(msg, m.keys.Help) {
			m.help()
		}
	}
	return nil
}

func (m *Model) walkKey(msg tea.KeyMsg) tea.Cmd {
	r := m.rooms[m.at]
	switch {
	case key.Matches(msg, m.keys.Back) && !msg.Paste:
		if !r.back() && m.at > 0 {
			m.target = m.at - 1
		}
		return nil
	case r.typing():
	case key.Matches(msg, m.keys.Quit):
		return m.quit(false)
	case key.Matches(msg, m.keys.Help):
		m.help()
		return nil
	}
	return r.key(msg)
}

func (m *Model) askToUndo() {
	tag := ""
	if m.phase == phaseUnfinished {
		tag = m.left.left.Tag
	} else if inc := m.end.incomplete(); inc != nil {
		tag = inc.Tag
	}
	lines := []string{"The tag " + safetext.Line(tag) + " and the signatures that this release made here are removed. What others may have already, a pushed tag or a signature in a registry, stays and is listed."}
	m.dialogs().Push(dialog.NewQuestion("Take the release back?", lines, "take it back", "keep it", func() tea.Cmd {
		return m.undo(tag)
	}))
}

func (m *Model) askToPush() {
	p := m.end.result.Plan
	name, urls := m.end.target()
	to := "the repository's remote"
	if name != "" {
		to = safetext.Line(name)
	}
	if len(urls) > 0 {
		to += " (" + safetext.Line(strings.Join(urls, ", ")) + ")"
	}
	lines := []string{"The tag " + safetext.Line(p.Tag) + " goes to " + to + ". Once others have it, it should not change any more."}
	m.dialogs().Push(dialog.NewQuestion("Push the tag?", lines, "push", "not now", func() tea.Cmd {
		return m.start(&worker{job: jobPush, result: m.end.result}, "Pushing "+safetext.Line(p.Tag))
	}))
}

// Interrupt handles Ctrl+C: it asks once while something is being signed, stops what takes a
// release back, else it ends the walk.
func (m *Model) Interrupt(msg tea.KeyMsg) tea.Cmd {
	switch m.phase {
	case phaseUndo:
		if m.undoing.stopping {
			return m.quit(true) // Shutdown waits for the end of it
		}
		m.undoing.stop()
		return nil
	case phaseRun:
	default:
		return m.quit(true)
	}
	if m.run.stop != nil && m.dialogs().Top() == m.run.stop {
		return m.dialogs().Key(msg)
	}
	m.run.askToStop()
	return nil
}

// Urgent is what has to be said where there is no room for the page, or "": the keys of a question that
// Ctrl+C has opened there, and that it was answered.
func (m *Model) Urgent() string {
	switch {
	case m.phase != phaseRun:
	case m.run.stopping:
		return "Stopping. What is being written is finished or taken back first."
	case m.run.stop != nil && m.dialogs().Top() == m.run.stop:
		return fmt.Sprintf("Stop signing? Ctrl+C once more stops. A terminal of %dx%d shows the question, and goes on.", frame.MinWidth, frame.MinHeight)
	}
	return ""
}

func (m *Model) quit(cancelled bool) tea.Cmd {
	m.outcome.Cancelled = cancelled
	return tea.Quit
}

// Shutdown waits until nothing is at work any more. It is called after the program has ended,
// however it ended: a job that still runs is cancelled, and its end counts.
func (m *Model) Shutdown() Outcome {
	m.dialogs().Clear()
	m.cancel()
	m.writes.Wait()
	if m.undoing != nil {
		m.outcome.Cancelled = true
		m.outcome.Result, m.outcome.Err, m.outcome.TakenBack = nil, m.undoing.end.err, m.undoing.end.what
	}
	if m.run != nil {
		m.outcome.Cancelled = true
		e := m.run.worker.stop()
		if m.run.worker.job != jobPush {
			m.outcome.Result, m.outcome.Err = e.result, e.err
		}
	}
	if m.backend != nil {
		_ = m.backend.Close()
	}
	return m.outcome
}

// WantsPractice reports once that the person wants to see the practice panel for the result.
func (m *Model) WantsPractice() (*workflow.Result, bool) {
	if !m.wanted {
		return nil, false
	}
	m.wanted = false
	return m.end.result, true
}

// WantsImages reports once that the person wants to see the tags of a repository of images.
func (m *Model) WantsImages() (repository string, ok bool) {
	repository = m.repository
	m.repository = ""
	return repository, repository != ""
}

// WantsKeys reports once that the person wants to see all keys.
func (m *Model) WantsKeys() bool {
	wants := m.allKeys
	m.allKeys = false
	return wants
}

// WantsKey reports once that the person wants to be led to a first key.
func (m *Model) WantsKey() bool {
	wants := m.firstKey
	m.firstKey = false
	return wants
}

// KeyMade is Returned, and stands on the key that was made; "" for none.
func (m *Model) KeyMade(f keys.Fingerprint) tea.Cmd {
	if r, ok := m.rooms[m.at].(*keyRoom); ok && f != "" {
		r.want = f
	}
	return m.Returned()
}

// Returned follows up when the person comes back from another page: keys may have changed there.
func (m *Model) Returned() tea.Cmd {
	if r, ok := m.rooms[m.at].(*keyRoom); ok && m.phase == phaseWalk {
		return tea.Batch(r.load(), m.tick())
	}
	return nil
}

// tick arms the clock while something is under way.
func (m *Model) tick() tea.Cmd {
	busy := m.phase == phaseOpening || m.phase == phaseRun || m.phase == phaseUndo
	if m.phase == phaseWalk {
		busy = busy || m.rooms[m.at].busy()
	}
	if m.ticking || !busy {
		return nil
	}
	m.ticking = true
	return tea.Tick(meter.Tick, func(time.Time) tea.Msg { return tick{} })
}

// Screen is the page for a frame of w by h. The body is drawn first: what the keys do hangs on how much of
// it is in sight.
func (m *Model) Screen(w, h int) frame.Screen {
	bw, bh := frame.Body(w, h)
	var s frame.Screen
	if m.phase == phaseWalk {
		s.Corner = fmt.Sprintf("step %d of %d", m.at+1, places)
		s.Body = m.walkBody(bw, bh)
	} else {
		s.Body = airy(layout.Indent(m.whole(bw-4, bh), "  "), bh)
	}
	s.Title, s.Context, s.Status, s.Hints = m.title(), m.context(), m.status(), m.hints()
	if m.note != "" {
		s.Status = m.theme.Caution.Render(m.note)
	}
	return s
}

func (m *Model) title() string {
	name := "release"
	if m.o.Practice {
		name = "practice release"
	}
	switch {
	case m.tag != "":
		return name + " " + safetext.Line(m.tag)
	case m.phase == phaseUnfinished:
		return name + " " + safetext.Line(m.left.left.Tag)
	}
	return name
}

func (m *Model) context() string {
	if m.backend == nil {
		return ""
	}
	where := safetext.Line(m.repo.Branch)
	if m.repo.Detached {
		where = "no branch"
	}
	if m.repo.Head.ID != "" {
		where += " @ " + human.Commit(m.repo.Head.ID)
	}
	return safetext.Line(m.project) + "  " + where
}

func (m *Model) status() string {
	switch m.phase {
	case phaseUnfinished:
		return "Nothing happens before you choose."
	case phaseWalk:
		return m.rooms[m.at].status()
	case phaseRun:
		return m.run.status()
	case phaseUndo:
		return m.undoing.status()
	case phaseEnd:
		return m.end.status()
	}
	return ""
}

func (m *Model) hints() []keymap.Hint {
	switch m.phase {
	case phaseClosed:
		return []keymap.Hint{keymap.On(m.keys.Again, ""), keymap.On(m.keys.Quit, "")}
	case phaseUnfinished:
		return m.left.hints()
	case phaseWalk:
		return m.rooms[m.at].hints()
	case phaseRun:
		return m.run.hints()
	case phaseUndo:
		return m.undoing.hints()
	case phaseEnd:
		return m.end.hints()
	}
	return []keymap.Hint{keymap.On(m.keys.Quit, "")}
}

// whole draws the phases that take the whole width.
func (m *Model) whole(w, h int) []string {
	switch m.phase {
	case phaseClosed:
		return failure(m.state, m.openErr, w)
	case phaseUnfinished:
		return m.left.view(w, h)
	case phaseRun:
		return m.run.view(w, h)
	case phaseUndo:
		return m.undoing.view(w)
	case phaseEnd:
		return m.end.view(w, h)
	}
	what := "reading the repository…"
	if m.o.Practice {
		what = "building a practice world: a repository, keys, files, a registry…"
	}
	return []string{m.waiting(m.opening, what)}
}

// walkBody draws the current room, with the rail of steps and the detail where there is room.
func (m *Model) walkBody(w, h int) []string {
	r := m.rooms[m.at]
	if w < frame.RailWidth || m.at == placeLook {
		return airy(layout.Indent(r.view(w-4, h), "  "), h)
	}
	pipe := m.theme.Border.Render(m.theme.Signs.Pipe)
	main := w - rail.Width - 4
	left := column(m.rail(), rail.Width, h)
	if w >= frame.WideWidth {
		list := main * 56 / 100
		if d := r.detail(main-list-3, h-1); d != nil {
			return layout.Beside(" "+pipe+" ", left, column(r.view(list, h-1), list, h), column(d, main-list-3, h))
		}
	}
	return layout.Beside(" "+pipe+" ", left, column(r.view(main, h-1), main, h))
}

// airy leaves the first row free where there is room.
func airy(lines []string, h int) []string {
	if len(lines) < h {
		return append([]string{""}, lines...)
	}
	return lines
}

// column is a block of w by h whose first row is free.
func column(lines []string, w, h int) []string {
	return layout.Block(append([]string{""}, lines...), w, h)
}

func (m *Model) rail() []string {
	var items []rail.Item
	for p, r := range m.rooms {
		it := r.item()
		switch n := m.faultsOf(place(p)); {
		case place(p) == m.at:
			it.State = theme.Current
			if it.Value == "" || it.Value == "clean" {
				it.Value = theme.Current.Word()
			}
		case n > 0:
			it.State, it.Value = theme.Failed, human.Count(n, "error")
		}
		items = append(items, it)
	}
	out := rail.View(m.theme, items)
	then := layout.Wrap("Then bulla signs, writes the record, and checks everything as a stranger would.", rail.Width-2)
	out = append(out, "")
	for _, l := range then {
		out = append(out, " "+m.theme.Muted.Render(l))
	}
	return out
}

// help opens the list of all keys of this page.
func (m *Model) help() {
	title := "Here"
	if m.phase == phaseWalk {
		title = m.at.title()
	}
	groups := []dialog.Group{
		{Name: title, Hints: m.hints()},
		{Name: "Everywhere", Hints: []keymap.Hint{keymap.On(m.keys.Back, "back one level"), keymap.On(m.keys.Quit, "quit, outside text"), keymap.On(m.keys.Interrupt, "stop; asks while something is being signed")}},
		{Name: "Lists", Hints: []keymap.Hint{keymap.On(m.keys.Up, "up, also k"), keymap.On(m.keys.Down, "down, also j"), keymap.On(m.keys.Top, ""), keymap.On(m.keys.Bottom, "")}},
	}
	m.dialogs().Push(dialog.NewHelp(groups))
}
