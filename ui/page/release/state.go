package release

import (
	"context"
	"slices"
	"strconv"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/gitops"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/component/rail"
	"bulla/ui/component/writes"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/project"
)

// place is a room of the walk.
type place int

// The rooms in their order.
const (
	placePreflight place = iota
	placeKey
	placeTag
	placeArtifacts
	placeImage
	placeLook
	places // how many there are
)

// remote is where a push would go.
type remote struct {
	gitops.Remote
	there bool
}

func remoteOf(b Backend, named string) (r remote) {
	r.Remote, r.there = b.PushTarget(named)
	return r
}

// placeOf is the room in which a finding of a step can be mended.
func placeOf(s workflow.StepID) place {
	switch s {
	case workflow.StepKey:
		return placeKey
	case workflow.StepTag:
		return placeTag
	case workflow.StepArtifacts:
		return placeArtifacts
	case workflow.StepImage:
		return placeImage
	}
	return placePreflight
}

// state is what the rooms share. Only Update changes it.
type state struct {
	o     Options
	theme theme.Theme
	keys  keymap.Map
	now   func() time.Time
	ctx   context.Context // ended by Shutdown
	// writes is the work that changes something, besides the run: Shutdown waits for it.
	writes writes.Group

	backend Backend
	project string
	repo    gitops.State
	config  project.Config
	remote  remote

	choices      workflow.Choices
	tag, version string // settled in the room of the tag
	plan         *workflow.Plan
	// faults are the findings that the last look was refused for.
	faults []workflow.Finding

	// repository is one whose tags the person wants to see, or "".
	repository string
	// allKeys says that the person wants to see all keys.
	allKeys bool

	// firstKey asks the root for the page that leads to a first key.
	firstKey bool

	note   string // for the status line, until the next key
	target place  // where to go after this message
	ids    int
}

func (s *state) dialogs() *dialog.Stack { return s.o.Dialogs }

// room is one step of the walk before anything is created.
type room interface {
	// enter is called whenever the room comes into sight.
	enter() tea.Cmd
	// update takes the results of the room's own commands; others are not its business.
	update(tea.Msg) tea.Cmd
	key(tea.KeyMsg) tea.Cmd
	// back takes one step back within the room and reports whether there was one.
	back() bool
	// view and detail draw at most h rows of w columns; detail may be nil.
	view(w, h int) []string
	detail(w, h int) []string
	status() string
	hints() []keymap.Hint
	// typing says that letters are text now.
	typing() bool
	// busy says that a command is under way whose wait is worth a clock.
	busy() bool
	// item is the room's line of the rail when it is not the current one.
	item() rail.Item
}

// task is one command under way. Results that bear an older id are stale and dropped.
type task struct {
	id     int
	active bool
	since  time.Time
	cancel context.CancelFunc
}

// begin starts a task, cancelling its predecessor, and returns the context to work with.
func (s *state) begin(t *task) (ctx context.Context, id int) {
	t.stop()
	s.ids++
	ctx, cancel := context.WithCancel(s.ctx)
	*t = task{id: s.ids, active: true, since: s.now(), cancel: cancel}
	return ctx, t.id
}

// end reports whether the result with this id is the one that is waited for.
func (t *task) end(id int) bool {
	if !t.active || t.id != id {
		return false
	}
	t.stop()
	return true
}

func (t *task) stop() {
	t.active = false
	if t.cancel != nil {
		t.cancel()
		t.cancel = nil
	}
}

// waiting is the line for a task under way: what it does, and for how long once that is worth
// telling.
func (s *state) waiting(t task, text string) string {
	d := s.now().Sub(t.since)
	line := s.theme.Accent.Render(meter.Spinner(s.theme, d)) + " " + text
	if d >= meter.Patience {
		line += s.theme.Muted.Render(" (" + seconds(d) + ")")
	}
	return line
}

// seconds is a wait in whole seconds: tenths would flicker.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return strconv.Itoa(int(d.Seconds())) + " s"
	}
	return human.Seconds(d)
}

// heading is the question of a room.
func (s *state) heading(text string, w int) []string {
	return []string{s.theme.Strong.Render(layout.Cut(text, w, s.theme.Signs.Ellipsis)), ""}
}

// prose wraps muted text.
func (s *state) prose(text string, w int) []string {
	var out []string
	for _, l := range layout.Wrap(text, w) {
		out = append(out, s.theme.Muted.Render(l))
	}
	return out
}

// plain wraps text in the terminal's own colour.
func (s *state) plain(text string, w int) []string { return layout.Wrap(text, w) }

// faultsOf counts what the last look found wrong in a room.
func (s *state) faultsOf(p place) (n int) {
	for _, f := range s.faults {
		if f.Severity == finding.Error && placeOf(f.Step) == p {
			n++
		}
	}
	return n
}

// mended forgets what the last look found wrong in a room: its choice was made anew, and the next
// look judges that.
func (s *state) mended(p place) {
	s.faults = slices.DeleteFunc(s.faults, func(f workflow.Finding) bool { return placeOf(f.Step) == p })
}

// failure draws an error in the middle of a room: what is wrong, why, what is untouched, what to
// do next.
func failure(s *state, err error, w int) []string {
	return dialog.Explanation(s.theme, explain.Error(err), w)
}
