package firstkey

import (
	"context"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/component/gather"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

// state is what the rooms share. Only Update changes it.
type state struct {
	o     Options
	theme theme.Theme
	keys  keymap.Map
	ctx   context.Context // ended by Shutdown

	start    firstkey.Start
	params   firstkey.Params // what was settled before the key is made, without its passphrase
	progress firstkey.Progress
	made     bool // there is a key: progress is about it

	work *work
	ids  int
	// note is for the status line, until the next key. next asks for the room after this one.
	note string
	next bool
	// print is what the person wants printed once the screen is gone.
	print string
}

func (s *state) fingerprint() keys.Fingerprint { return s.progress.Key.Fingerprint }

// work is one thing that goes on beside the event loop.
type work struct {
	id       int
	what     string // "making the key…"
	saying   string // what it is at, safe to show
	since    time.Time
	cancel   context.CancelFunc
	run      *gather.Run[item]
	asked    *dialog.Passphrase
	stopping bool
	end      func(result any, err error) tea.Cmd
	result   any // to be read once run has ended
}

// item is one thing that work tells; exactly one field is set.
type item struct {
	say string
	ask *question
}

// question is a passphrase that work waits for.
type question struct {
	request keys.PassphraseRequest
	offers  []vault.Status
	chosen  vault.Backend
	note    string
	reply   chan answer // takes one answer without blocking
}

type answer struct {
	secret keys.Secret
	keep   vault.Backend
	ok     bool
}

// desk is where work puts its questions.
type desk struct {
	put func(item)
	// offers, if not nil, lists where the next passphrase may be kept; keep is what was chosen.
	offers func(context.Context) ([]vault.Status, vault.Backend)
	keep   vault.Backend
	note   string
}

// say tells what the work is at. The text must be safe to show.
func (d *desk) say(text string) { d.put(item{say: text}) }

// ask puts a question to the person and waits for the answer. Declined is context.Canceled.
func (d *desk) ask(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	q := &question{request: req, note: d.note, reply: make(chan answer, 1)}
	if d.offers != nil && req.Purpose == keys.PurposeOpenPGP {
		if q.offers, q.chosen = d.offers(ctx); req.Attempt > 1 {
			q.chosen = d.keep // as it was chosen with the one that was wrong
		}
	}
	d.put(item{ask: q})
	select {
	case a := <-q.reply:
		if !a.ok {
			return keys.Secret{}, context.Canceled
		}
		if req.Purpose == keys.PurposeOpenPGP {
			d.keep = a.keep
		}
		return a.secret, nil
	case <-ctx.Done():
		return keys.Secret{}, ctx.Err()
	}
}

// begin starts work; end is called from Update when it has ended. One piece of work goes on at a
// time: what comes while another is under way is not begun.
func (s *state) begin(what string, do func(context.Context, *desk) (any, error), end func(any, error) tea.Cmd) tea.Cmd {
	if s.work != nil {
		return nil
	}
	s.ids++
	ctx, cancel := context.WithCancel(s.ctx)
	w := &work{id: s.ids, what: what, since: s.o.Now(), cancel: cancel, end: end}
	w.run = gather.Start(ctx, w.id, func(ctx context.Context, put func(item)) (err error) {
		// Not by put: what was done until it was stopped is told, too.
		w.result, err = do(ctx, &desk{put: put})
		return err
	})
	s.work = w
	return tea.Batch(w.run.Next, func() tea.Msg { return started{} })
}

// started lets Update see that work has begun, also where a dialog began it.
type started struct{}

// took takes a batch of what work told.
func (s *state) took(b gather.Batch[item]) tea.Cmd {
	w := s.work
	if w == nil || w.id != b.ID {
		return nil
	}
	for _, it := range b.Items {
		switch {
		case it.say != "":
			w.saying = it.say
		case it.ask != nil:
			s.open(w, it.ask)
		}
	}
	if !b.Ended {
		return w.run.Next
	}
	s.work = nil
	w.cancel()
	return w.end(w.result, b.Err)
}

// open opens the dialog for a question. Who has stopped the work is asked nothing more.
func (s *state) open(w *work, q *question) {
	if w.stopping {
		q.reply <- answer{}
		return
	}
	w.asked = dialog.NewPassphrase(dialog.PassphraseOptions{
		Request: q.request, Offers: q.offers, Chosen: q.chosen, Note: q.note,
		Answer: func(secret keys.Secret, keep vault.Backend, ok bool) tea.Cmd {
			q.reply <- answer{secret, keep, ok}
			return nil
		},
	})
	s.o.Dialogs.Push(w.asked)
}

// stop cancels what is under way; its end is still waited for.
func (s *state) stop() {
	s.work.stopping = true
	s.work.cancel()
	if s.work.asked != nil {
		s.o.Dialogs.Remove(s.work.asked)
	}
}

// waiting is the lines for work under way: what it does, and for how long once that is worth telling.
func (s *state) waiting(w int) []string {
	d := s.o.Now().Sub(s.work.since)
	text := s.work.what
	if s.work.stopping {
		text = "stopping…"
	}
	line := s.theme.Accent.Render(meter.Spinner(s.theme, d)) + " " + text
	if d >= meter.Patience {
		line += s.theme.Muted.Render(" (" + seconds(d) + ")")
	}
	out := []string{line}
	if s.work.saying != "" {
		out = append(out, s.theme.Muted.Render("  "+layout.Cut(s.work.saying, w-2, s.theme.Signs.Ellipsis)))
	}
	return out
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
func (s *state) prose(text string, w int) (out []string) {
	for _, l := range layout.Wrap(text, w) {
		out = append(out, s.theme.Muted.Render(l))
	}
	return out
}

// failure draws an error: what is wrong, why, what is untouched, what to do next.
func (s *state) failure(err error, w int) []string {
	return dialog.Explanation(s.theme, explain.Error(err), w)
}

// hang wraps a line; what follows the first row is indented.
func hang(l string, indent, w int) (out []string) {
	first := layout.Wrap(l, w)
	if len(first) < 2 {
		return first
	}
	rest := strings.TrimLeft(strings.TrimPrefix(l, first[0]), " ")
	return append(out, append(first[:1:1], layout.Indent(layout.Wrap(rest, max(10, w-indent)), strings.Repeat(" ", indent))...)...)
}

// done is a line for something that was done. The text must be safe to show.
func (s *state) done(text string, w int) (out []string) {
	for i, l := range layout.Wrap(text, w-s.theme.IconWidth()-1) {
		head := s.theme.Icon(theme.Done) + " "
		if i > 0 {
			head = layout.Pad("", s.theme.IconWidth()+1)
		}
		out = append(out, head+l)
	}
	return out
}

// path shows a path, its middle left out where it is too long.
func (s *state) path(p string, w int) string {
	return "  " + layout.Middle(p, w-2, s.theme.Signs.Ellipsis)
}
