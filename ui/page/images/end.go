package images

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/ui/component/errand"
	"bulla/ui/component/imageword"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
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

// aside reads what may never come to an end, such as a pipe that nobody writes to, and stops waiting for
// it with ctx. What still waits then ends with its other end, or with the program.
func aside[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		got T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		got, err := read()
		done <- answer{got, err}
	}()
	select {
	case a := <-done:
		return a.got, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
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

// look is the last look before something is done: a name, what belongs to it as whole lines, and what
// will happen.
func (m *Model) look(title, name string, lines []string, effects []sheet.Effect, yes string, do func() tea.Cmd) *dialog.Consent {
	return dialog.NewConsent(title, func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		if name != "" {
			s.Text(t.Strong, safetext.Line(name))
		}
		for _, l := range lines {
			s.Text(t.Body, safetext.Line(l))
		}
		if len(s.Lines) > 0 {
			s.Space()
		}
		s.Effects(effects...)
		return s.Lines
	}, yes, do)
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

// short is the beginning of an id, enough to tell two apart.
func short(id string) string { return id[:min(12, len(id))] }

// halves is an id of 64 digits that is broken in its middle where it does not fit.
func halves(id string) string { return id[:len(id)/2] + " " + id[len(id)/2:] }

// host is where an address leads.
func host(address string) string { return safetext.Line(strings.TrimPrefix(address, "https://")) }

// moved is the error that a tag has moved, or nil.
func moved(err error) (m *docker.MovedError) {
	_ = errors.As(err, &m)
	return m
}
