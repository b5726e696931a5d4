package release

import (
	"sync/atomic"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
)

// undoView is in sight while a release is taken back. Nothing else may begin meanwhile.
type undoView struct {
	*state
	tag      string
	task     task
	stopping bool
	asking   atomic.Value // string: whom the work's goroutine waits for
	end      abandoned    // only the work's goroutine writes it; read it after writes.Wait
}

// abandoned is how taking a release back ended.
type abandoned struct {
	id   int
	what *workflow.Abandoned // nil with err
	err  error
}

// undo begins to take the unfinished release back.
func (m *Model) undo(tag string) tea.Cmd {
	v := &undoView{state: m.state, tag: tag}
	m.undoing, m.phase = v, phaseUndo
	ctx, id := m.begin(&v.task)
	backend := m.backend
	return m.writes.Go(func() tea.Msg {
		v.end.id = id
		what, err := backend.AbandonFor(ctx, workflow.Face{Emit: func(e workflow.Event) {
			if w, ok := e.(workflow.StepWaiting); ok {
				v.asking.Store(waitWords(w))
			}
		}})
		if v.end.err = err; err == nil {
			v.end.what = &what
		}
		return v.end
	})
}

// stop asks for the end of it. What is taken back stays so, the rest stays as it is.
func (v *undoView) stop() {
	v.stopping = true
	if v.task.cancel != nil {
		v.task.cancel()
	}
}

func (v *undoView) key(msg tea.KeyMsg) {
	if key.Matches(msg, v.keys.Quit, v.keys.Back) {
		v.note = "The release is being taken back; Ctrl+C stops that."
	}
}

// abandoned tells what became of it, and looks at the repository anew: it may hold an unfinished
// release still.
func (m *Model) abandoned(msg abandoned) tea.Cmd {
	if m.undoing == nil || !m.undoing.task.end(msg.id) {
		return nil
	}
	m.undoing = nil
	m.outcome = Outcome{Err: msg.err}
	if msg.err != nil {
		m.dialogs().Push(dialog.NewError(msg.err))
	} else {
		m.dialogs().Push(takenBack(*msg.what))
	}
	m.buildRooms()
	return m.open()
}

func takenBack(what workflow.Abandoned) *dialog.Message {
	return dialog.NewMessage("Taken back", func(t theme.Theme, w int) []string {
		var out []string
		for _, r := range what.Removed {
			out = append(out, layout.Wrap(t.Signs.Icon(theme.Done)+" removed "+safetext.Line(r), w)...)
		}
		for _, k := range what.Kept {
			out = append(out, layout.Wrap(t.Signs.Icon(theme.Skipped)+" kept    "+safetext.Line(k), w)...)
		}
		if len(out) == 0 {
			out = append(out, "There was nothing to take back.")
		}
		return out
	})
}

func (v *undoView) view(w int) []string {
	text := "Taking the release of " + safetext.Line(v.tag) + " back."
	return layout.Wrap(text, w)
}

func (v *undoView) status() string {
	if v.stopping {
		return v.waiting(v.task, "stopping…")
	}
	if who, ok := v.asking.Load().(string); ok {
		return v.waiting(v.task, "taking the release back: waiting for "+who+"…")
	}
	return v.waiting(v.task, "taking the release back…")
}

func (v *undoView) hints() []keymap.Hint {
	return []keymap.Hint{keymap.On(v.keys.Interrupt, "stop")}
}
