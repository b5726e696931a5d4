package images

import (
	"context"
	"errors"
	"io/fs"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"bulla/docker"
	"bulla/ui/component/errand"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/imageword"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// ending is how an errand ended.
type ending struct {
	err error
	// note is the line about it where it went well, left where the person stopped it; "" says that
	// nothing was changed.
	note, left string
	// seen are tags that were looked at again.
	seen []images.Tag
	// anew says that all tags have to be looked at again, stand that it has to be asked anew what
	// can be done.
	anew, stand bool
	// tell is what is to be read next, also beside an error, which then stands in it.
	tell dialog.Dialog
	// then goes on where it went well; it runs in Update.
	then func() tea.Cmd
}

// begin does work beside the event loop.
func (m *Model) begin(doing string, work func(ctx context.Context, e *errand.Errand) ending) tea.Cmd {
	return tea.Batch(m.errands.Begin(doing, work), m.Tick())
}

// ended takes the end of an errand.
func (m *Model) ended(end ending, notes []string) tea.Cmd {
	m.End()
	if m.stopping != nil { // it came to its end before the answer did
		m.o.Dialogs.Remove(m.stopping)
		m.stopping = nil
	}
	for _, t := range end.seen {
		m.seen(t)
	}
	m.table.arrange()
	stopped := errand.Stopped(end.err) && !images.MayHavePublished(end.err)
	switch {
	case stopped && end.left == "":
		m.Note = "Left. Nothing was changed."
	case stopped:
		m.Note = end.left
	case end.err != nil:
		m.Note = ""
	default:
		m.Note = end.note
	}
	switch {
	case end.tell != nil:
		m.o.Dialogs.Push(end.tell)
	case end.err != nil && !stopped:
		m.o.Dialogs.Push(dialog.NewError(end.err))
	}
	if len(notes) > 0 {
		m.o.Dialogs.Push(notice("About passphrases", cleaned(notes)))
	}
	var cmds []tea.Cmd
	if end.anew {
		cmds = append(cmds, m.Reload())
	}
	if end.anew || end.stand {
		cmds = append(cmds, m.stand())
	}
	if end.err == nil && end.then != nil {
		cmds = append(cmds, end.then())
	}
	return tea.Batch(cmds...)
}

// seen takes a tag that was looked at again, unless the list has lost it meanwhile.
func (m *Model) seen(t images.Tag) {
	for i := range m.table.rows {
		r := &m.table.rows[i]
		if r.name == t.Reference.Tag() && (r.name != "" || r.tag.Image.Digest == t.Image.Digest) {
			m.table.judge(i, t)
			return
		}
	}
}

// face is who is told and asked in an errand.
func face(d Desk, e *errand.Errand) images.Face {
	return images.Face{Ask: d.Remembered(e.Ask, e.Waits), Emit: func(ev images.Event) {
		if text := imageword.Event(ev); text != "" {
			e.Say(text)
		}
	}}
}

// again looks at images again after they were changed, also when ctx has ended meanwhile.
func again(ctx context.Context, d Desk, refs ...docker.Reference) (out []images.Tag) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	for _, ref := range refs {
		if t, err := d.LookAt(ctx, ref); err == nil {
			out = append(out, t)
		}
	}
	return out
}

// lookTime bounds how long the end of an errand may be held up by a registry.
const lookTime = 10 * time.Second

// propose shows what a job does, and does it once the person agreed; then, which may be nil, goes on where
// it went well.
func (m *Model) propose(j imagedeed.Job, then func() tea.Cmd) tea.Cmd {
	c := dialog.NewConsent(j.Title, func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		if j.Name != "" {
			s.Text(t.Strong, safetext.Line(j.Name))
		}
		for _, id := range j.IDs {
			s.Text(t.Body, safetext.Line(id))
		}
		s.Space()
		s.Effects(j.Effects...)
		return s.Lines
	}, j.Yes, func() tea.Cmd { return m.carryOut(j, then, nil) })
	if j.Word != "" {
		c.Typed(j.Word, j.Word+", "+j.WordIs+",")
	}
	m.o.Dialogs.Push(c)
	return nil
}

// carryOut does a job beside the event loop. Where its file is there already, taken, if not nil, asks for
// another name.
func (m *Model) carryOut(j imagedeed.Job, then, taken func() tea.Cmd) tea.Cmd {
	d := m.o.Desk
	return m.begin(j.Doing, func(ctx context.Context, e *errand.Errand) ending {
		out, err := j.Do(ctx, imagedeed.Person{Face: face(d, e), Self: e.Person, Note: e.Note})
		if j.File != "" && errors.Is(err, fs.ErrExist) {
			end := written(j.File, err)
			end.then = taken
			return end
		}
		end := ending{err: err, note: out.Note, left: out.Left, anew: out.Anew, stand: true, then: then, seen: again(ctx, d, out.Seen...)}
		if out.Story.Title != "" {
			end.tell = dialog.NewMessage(out.Story.Title, func(t theme.Theme, w int) (lines []string) {
				if out.Told && err != nil {
					lines = dialog.Explanation(t, explain.Error(err), w)
				}
				return append(lines, drawn(out.Story, t, w)...)
			})
		}
		if out.Trust != nil {
			end.then = func() tea.Cmd { return m.inspectAfter(out.Note) }
		}
		return end
	})
}

// storyOf is a story as a dialog.
func storyOf(s imagedeed.Story) dialog.Dialog {
	return dialog.NewMessage(s.Title, func(t theme.Theme, w int) []string { return drawn(s, t, w) })
}

// drawn are the rows of a story in w columns.
func drawn(story imagedeed.Story, t theme.Theme, w int) []string {
	s := &sheet.Sheet{Theme: t, Width: w}
	for _, r := range story.Rows {
		switch r.Kind {
		case imagedeed.Space:
			s.Space()
		case imagedeed.Fact:
			s.Effects(r.Effect)
		case imagedeed.ShortID:
			s.Fact("", imagedeed.Short(r.ID)+t.Signs.Ellipsis+r.Text)
		case imagedeed.Mark:
			s.Mark(r.State, r.Text)
		case imagedeed.Result:
			s.Lines = append(s.Lines, t.Icon(r.State)+" "+t.StateStyle(r.State).Render(r.Text))
		case imagedeed.Judged:
			s.Styled(r.Label, t.Icon(r.State)+" ", t.Body, r.Text)
		case imagedeed.Reference:
			s.Text(t.Strong, r.Label)
			s.Text(t.Strong, r.Text)
		case imagedeed.Explained:
			s.Lines = append(s.Lines, dialog.Explanation(t, r.X, w)...)
		default:
			s.Text(map[imagedeed.Kind]lipgloss.Style{imagedeed.Head: t.Strong, imagedeed.Small: t.Muted, imagedeed.Mind: t.Caution, imagedeed.Para: t.Body, imagedeed.Verbatim: t.Body}[r.Kind], r.Text)
		}
	}
	return s.Lines
}

// form asks for something, and ends with what submit says is wrong with it, or begins.
func (m *Model) form(title, intro string, fields []*dialog.Field, done string, submit func() (wrong string, at *dialog.Field, cmd tea.Cmd)) tea.Cmd {
	m.o.Dialogs.Push(dialog.NewForm(title, intro, fields, done, submit))
	return nil
}

// notice is a dialog with a few paragraphs, which must be safe to show.
func notice(title string, lines []string) dialog.Dialog {
	return dialog.NewMessage(title, func(_ theme.Theme, w int) []string { return wrapped(lines, w) })
}

// wrapped are paragraphs in w columns.
func wrapped(lines []string, w int) (out []string) {
	for _, l := range lines {
		out = append(out, layout.Wrap(l, w)...)
	}
	return out
}

func cleaned(list []string) (out []string) {
	for _, s := range list {
		out = append(out, safetext.Line(s))
	}
	return out
}
