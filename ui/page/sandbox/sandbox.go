// Package sandbox is the end of a practice release: the newcomer becomes the stranger who checks
// it, tampers with a file, and sees the check fail.
package sandbox

import (
	"context"
	"path/filepath"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/frame"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/component/scroll"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/page/release"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
)

// World is what the page needs of a practice world: methods of *sandbox.Sandbox of package
// workflow/sandbox.
type World interface {
	// Commands are what a stranger types to check the release.
	Commands(*workflow.Result) []workflow.Command
	// Tamper changes a released file; the next call puts it back.
	Tamper(context.Context, *workflow.Result) (path string, tampered bool, err error)
	// Recheck verifies the release with the public keys alone.
	Recheck(context.Context, *workflow.Result) ([]keys.Verdict, error)
}

// Options are what the page works with.
type Options struct {
	Context context.Context
	World   World
	Result  *workflow.Result
	Theme   theme.Theme
	Now     func() time.Time
	Dialogs *dialog.Stack
	// Copy puts text on the clipboard; nil where that is not possible.
	Copy func(string) error
}

// Model is the page.
type Model struct {
	o        Options
	keys     keymap.Map
	verdicts []keys.Verdict
	path     string // the file that was tampered with
	tampered bool
	err      error
	id       int
	busy     bool
	since    time.Time
	part     scroll.Model
	left     bool
}

// checked is the result of a check, perhaps after a change to a file.
type checked struct {
	id       int
	changed  bool // path and tampered are set
	path     string
	tampered bool
	verdicts []keys.Verdict
	err      error
}

type tick struct{ id int }

// New makes the page for a finished practice release.
func New(o Options) *Model {
	return &Model{o: o, keys: keymap.Default(), verdicts: o.Result.Verdicts}
}

// begin runs the check outside Update, after a change to a file if change is set.
func (m *Model) begin(change bool) tea.Cmd {
	m.id++
	m.busy, m.since, m.err = true, m.o.Now(), nil
	id, ctx, world, result := m.id, m.o.Context, m.o.World, m.o.Result
	work := func() tea.Msg {
		c := checked{id: id, changed: change}
		if change {
			if c.path, c.tampered, c.err = world.Tamper(ctx, result); c.err != nil {
				return c
			}
		}
		c.verdicts, c.err = world.Recheck(ctx, result)
		return c
	}
	return tea.Batch(work, m.tick())
}

func (m *Model) tick() tea.Cmd {
	id := m.id
	return tea.Tick(meter.Tick, func(time.Time) tea.Msg { return tick{id} })
}

// Update handles the results of the page's commands.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tick:
		if m.busy && msg.id == m.id {
			return m.tick()
		}
	case checked:
		if msg.id != m.id {
			return nil
		}
		m.busy, m.err = false, msg.err
		if msg.changed && msg.path != "" {
			m.path, m.tampered = msg.path, msg.tampered
		}
		if msg.err == nil {
			m.verdicts = msg.verdicts
		}
	}
	return nil
}

// Key handles a key that no dialog took.
func (m *Model) Key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Quit):
		return tea.Quit
	case key.Matches(msg, m.keys.Back):
		m.left = true
	case m.busy:
	case key.Matches(msg, m.keys.Tamper):
		return m.begin(true)
	case key.Matches(msg, m.keys.Again):
		return m.begin(false)
	case key.Matches(msg, m.keys.Verify):
		m.showCommands()
	case key.Matches(msg, m.keys.Help):
		m.o.Dialogs.Push(dialog.NewHelp([]dialog.Group{{Name: "Practice", Hints: m.hints()}}))
	default:
		m.part.Update(msg, m.keys)
	}
	return nil
}

// Left reports once that the person went back to the end of the release.
func (m *Model) Left() bool {
	left := m.left
	m.left = false
	return left
}

// Interrupt handles Ctrl+C: nothing here needs to be finished.
func (m *Model) Interrupt(tea.KeyMsg) tea.Cmd { return tea.Quit }

func (m *Model) showCommands() {
	cmds := m.o.World.Commands(m.o.Result)
	box := dialog.NewMessage("What a stranger types", func(t theme.Theme, w int) []string {
		return release.CommandRows(t, cmds, w)
	})
	m.o.Dialogs.Push(box.Copying(m.o.Copy, release.CommandText(cmds), "All of it"))
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	bw, bh := frame.Body(w, h)
	body := m.part.View(m.o.Theme, m.view(bw-4), bh)
	return frame.Screen{
		Title: "practice: be the stranger", Context: safetext.Line(m.o.Result.Plan.Project),
		Body: layout.Indent(body, "  "), Status: m.status(), Hints: m.hints(),
	}
}

func (m *Model) view(w int) []string {
	t := m.o.Theme
	out := []string{t.Strong.Render("You are a stranger now."), ""}
	out = append(out, layout.Wrap("You have what was published: the repository, the files, the record, and two public keys. You trust nobody; you check.", w)...)
	out = append(out, "")
	if m.err != nil {
		out = append(out, dialog.Explanation(t, explain.Error(m.err), w)...)
		return out
	}
	out = append(out, release.VerdictRows(t, m.verdicts, w)...)
	out = append(out, "")
	name := "a file"
	if m.path != "" {
		name = safetext.Line(filepath.Base(m.path))
	}
	switch {
	case m.tampered:
		out = append(out, t.Bad.Render(t.Signs.Icon(theme.Failed)+" One byte of "+name+" is different from what was signed."))
		out = append(out, layout.Wrap("The signature does not fit any more, and the record says so too. t puts the byte back.", w)...)
	case m.path != "":
		out = append(out, t.Good.Render(t.Signs.Icon(theme.Done)+" "+name+" is again what was signed."))
	default:
		out = append(out, layout.Wrap("Now play the attacker: t changes one byte of one file and checks again.", w)...)
	}
	return out
}

func (m *Model) status() string {
	if m.busy {
		d := m.o.Now().Sub(m.since)
		return m.o.Theme.Accent.Render(meter.Spinner(m.o.Theme, d)) + " checking with the public keys alone…"
	}
	return "Everything here is practice: it goes away when bulla ends."
}

func (m *Model) hints() []keymap.Hint {
	tamper := "tamper with a file"
	if m.tampered {
		tamper = "put it back"
	}
	return []keymap.Hint{keymap.On(m.keys.Tamper, tamper), keymap.On(m.keys.Again, "check again"), keymap.On(m.keys.Verify, "what to type"), keymap.On(m.keys.Back, ""), keymap.On(m.keys.Quit, "")}
}
