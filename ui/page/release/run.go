package release

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/component/agentword"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/meter"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"

	tea "github.com/charmbracelet/bubbletea"
)

// runView shows a job at work. It keeps a line for every step that was heard of.
type runView struct {
	*state
	worker   *worker
	title    string
	began    time.Time
	steps    []*stepRow
	waiting  *workflow.StepWaiting
	waited   time.Time // since when
	opening  string    // what a passphrase that was just typed opens, until the run goes on
	opened   time.Time // since when
	asked    map[*question]*dialog.Passphrase
	keep     vault.Backend    // the place picked in this run: asked once, it stands for the next
	stop     *dialog.Question // whether to stop
	stopping bool
}

// stepRow is what is known of a step.
type stepRow struct {
	id       workflow.StepID
	state    theme.State
	text     string // what now exists, why skipped, what failed; raw text
	took     time.Duration
	began    time.Time
	progress *workflow.StepProgress
}

func newRunView(s *state, w *worker, title string) *runView {
	v := &runView{state: s, worker: w, title: title, began: s.now(), asked: map[*question]*dialog.Passphrase{}}
	if w.job == jobPush {
		v.steps = []*stepRow{{id: workflow.StepPush}}
		return v
	}
	for _, id := range []workflow.StepID{workflow.StepPreflight, workflow.StepKey, workflow.StepTag, workflow.StepArtifacts, workflow.StepImage, workflow.StepRecord, workflow.StepCheck} {
		v.steps = append(v.steps, &stepRow{id: id})
	}
	if w.plan != nil && w.plan.Push {
		v.steps = append(v.steps, &stepRow{id: workflow.StepPush})
	}
	return v
}

func (v *runView) row(id workflow.StepID) *stepRow {
	for _, r := range v.steps {
		if r.id == id {
			return r
		}
	}
	r := &stepRow{id: id}
	v.steps = append(v.steps, r)
	return r
}

// take handles one item of the feed.
func (v *runView) take(it feedItem) tea.Cmd {
	switch {
	case it.loan != nil:
		v.opening = ""
		return it.loan.Begin()
	case it.event != nil:
		v.event(it.event)
	case it.ask != nil:
		v.open(it.ask)
	case it.withdrawn != nil:
		if d := v.asked[it.withdrawn]; d != nil {
			v.dialogs().Remove(d)
		}
		// An answer that came too late is nobody's.
		select {
		case a := <-it.withdrawn.reply:
			a.secret.Destroy()
		default:
		}
	}
	return nil
}

// wantedToStop reports whether the person said stop, or was just asked.
func (v *runView) wantedToStop() bool {
	return v.stopping || v.stop != nil && v.dialogs().Top() == v.stop
}

// close takes the dialogs of the run away once it has ended.
func (v *runView) close() {
	for _, d := range v.asked {
		v.dialogs().Remove(d)
	}
	if v.stop != nil {
		v.dialogs().Remove(v.stop)
	}
}

func (v *runView) event(e workflow.Event) {
	v.opening = ""
	if _, ok := e.(workflow.StepWaiting); !ok {
		v.waiting = nil
	}
	switch e := e.(type) {
	case workflow.StepStarted:
		r := v.row(e.Step)
		r.state, r.began = theme.Running, v.now()
	case workflow.StepProgress:
		v.row(e.Step).progress = &e
	case workflow.StepWaiting:
		v.waiting, v.waited = &e, v.now()
		if needsPerson(&e) {
			v.row(e.Step).state = theme.Waiting
		}
	case workflow.StepDone:
		r := v.row(e.Step)
		r.state, r.text, r.took = theme.Done, e.Text, e.Took
	case workflow.StepSkipped:
		// A push that nobody asked for is not worth a line.
		if e.Step == workflow.StepPush && v.find(e.Step) == nil {
			return
		}
		r := v.row(e.Step)
		r.state, r.text = theme.Skipped, e.Reason
	case workflow.StepFailed:
		r := v.row(e.Step)
		r.state, r.took = theme.Failed, e.Took
	}
	for _, r := range v.steps {
		if r.state == theme.Waiting && v.waiting == nil {
			r.state = theme.Running
		}
	}
}

func (v *runView) find(id workflow.StepID) *stepRow {
	for _, r := range v.steps {
		if r.id == id {
			return r
		}
	}
	return nil
}

// open shows the dialog for a question of the run.
func (v *runView) open(q *question) {
	v.opening = ""
	if v.waiting != nil && q.request.Purpose == keys.PurposeVault {
		v.waiting.Label = "the vault" // not the path of its folder
	}
	o := dialog.PassphraseOptions{Request: q.request, Offers: q.offers, Chosen: cmp.Or(v.keep, q.chosen), Answer: func(s keys.Secret, keep vault.Backend, ok bool) tea.Cmd {
		if ok {
			v.keep = keep
			v.answered(q.request)
		}
		q.reply <- answer{s, keep, ok}
		return nil
	}}
	if v.o.Practice {
		o.Offers = nil
		o.Note = "This is practice. Type: " + safetext.Line(v.o.PracticePassphrase)
	}
	d := dialog.NewPassphrase(o)
	v.asked[q] = d
	v.dialogs().Push(d)
}

// answered says what the typed passphrase opens: a vault takes seconds for it, on purpose.
func (v *runView) answered(r keys.PassphraseRequest) {
	v.opening, v.opened = "opening the key", v.now()
	switch {
	case r.Purpose == keys.PurposeVault && r.New:
		v.opening = "making the vault file"
	case r.Purpose == keys.PurposeVault:
		v.opening = "opening the vault"
	case r.Purpose == keys.PurposeImage:
		v.opening = "opening the image key"
	case r.Purpose == keys.PurposeAgent:
		v.opening = "gpg-agent is opening the key"
	}
	if v.waiting == nil { // after the last step, where a passphrase is kept
		return
	}
	v.row(v.waiting.Step).state = theme.Running
	v.waiting = nil
}

func (v *runView) view(w, h int) []string {
	w = min(w, maxRunWidth)
	var out []string
	for _, r := range v.steps {
		out = append(out, v.stepLine(r, w))
		if (r.state == theme.Running || r.state == theme.Waiting) && r.progress != nil {
			out = append(out, v.progressLines(r, w)...)
		}
	}
	head := []string{v.theme.Strong.Render(v.title), ""}
	if room := h - len(head); len(out) > room {
		out = out[len(out)-room:]
	}
	return append(head, out...)
}

const (
	stepTitle   = 10
	maxRunWidth = 96 // further right the times are too far from their steps
)

func (v *runView) stepLine(r *stepRow, w int) string {
	t := v.theme
	title := layout.Pad(r.id.Title(), stepTitle)
	text, right := safetext.Line(r.text), ""
	switch r.state {
	case theme.Pending:
		title, text = t.Muted.Render(title), t.Muted.Render(r.state.Word())
	case theme.Running:
		d := v.now().Sub(r.began)
		title = t.Accent.Render(title)
		text = t.Accent.Render(meter.Spinner(t, d)) + " running"
		switch {
		case v.opening != "":
			text = t.Accent.Render(meter.Spinner(t, d)) + " " + v.opening + t.Signs.Ellipsis
		case v.waiting != nil && v.waiting.Step == r.id:
			text = t.Accent.Render(meter.Spinner(t, d)) + " waiting for " + waitWords(*v.waiting)
		}
		if d >= meter.Patience {
			right = seconds(d)
		}
	case theme.Waiting:
		text = t.Caution.Render("waiting for you")
		if v.waiting != nil && v.waiting.For != workflow.WaitPassphrase && v.waiting.For != workflow.WaitPIN {
			text = t.Caution.Render("waiting for " + waitWords(*v.waiting))
		}
		if d := v.now().Sub(v.waited); v.waiting != nil && d >= meter.Patience {
			right = seconds(d)
		}
	case theme.Skipped:
		text = t.Muted.Render("skipped: " + text)
	case theme.Failed:
		text = t.Bad.Render("failed")
	}
	if r.state == theme.Done {
		right = human.Seconds(r.took)
	}
	return layout.Ends(t.Icon(r.state)+" "+title+"  "+text, t.Muted.Render(right), w, t.Signs.Ellipsis)
}

// progressLines are a bar for the item and one for the whole.
func (v *runView) progressLines(r *stepRow, w int) []string {
	t, p := v.theme, r.progress
	indent := layout.Pad("", t.IconWidth()+1+stepTitle+2)
	room := w - layout.Width(indent)
	out := []string{indent + layout.Middle(safetext.Line(p.Item), room, t.Signs.Ellipsis)}
	if p.ItemTotal > 0 {
		out = append(out, indent+meter.Bar(t, p.ItemDone, p.ItemTotal, min(room, 46)))
	}
	facts := fmt.Sprintf("%d of %s", p.Items, human.Count(p.ItemsTotal, itemWord(r.id)))
	if p.Total > 0 {
		facts += fmt.Sprintf(" %s %s of %s", t.Signs.Dot, human.Size(p.Done), human.Size(p.Total))
		if d := v.now().Sub(r.began); d >= time.Second {
			speed := float64(p.Done) / d.Seconds()
			facts += fmt.Sprintf(" %s %s/s", t.Signs.Dot, human.Size(int64(speed)))
			if left := float64(p.Total-p.Done) / speed; speed > 0 && left >= 1 {
				facts += fmt.Sprintf(" %s %d s left", t.Signs.Dot, int(left))
			}
		}
	}
	// The line of words between the bars keeps them apart.
	out = append(out, indent+t.Muted.Render(layout.Cut(facts, room, t.Signs.Ellipsis)))
	if p.Total > 0 {
		out = append(out, indent+meter.Bar(t, p.Done, p.Total, min(room, 46))+t.Muted.Render("  all"))
	}
	return out
}

func itemWord(id workflow.StepID) string {
	if id == workflow.StepImage {
		return "image"
	}
	return "file"
}

// waitWords says what is waited for.
func waitWords(w workflow.StepWaiting) string {
	label := safetext.Line(w.Label)
	switch w.For {
	case workflow.WaitPassphrase:
		return "the passphrase of " + label
	case workflow.WaitPIN:
		return "the PIN of card " + label
	case workflow.WaitKeychain:
		return label + ", which may show a dialog of its own"
	case workflow.WaitNetwork:
		return "an answer of " + label
	}
	return agentword.Wait(w.For, w.Label)
}

// needsPerson reports whether the wait is for a person, rather than for work that goes on by itself.
func needsPerson(w *workflow.StepWaiting) bool {
	return w.For != workflow.WaitNetwork && w.For != workflow.WaitAgent
}

func (v *runView) status() string {
	switch {
	case v.stopping:
		return v.theme.Caution.Render("! Stopping. What is being written is finished or taken back first…")
	case v.opening != "":
		line := capitalized(v.opening) + v.theme.Signs.Ellipsis
		if d := v.now().Sub(v.opened); d >= meter.Patience {
			line += " (" + seconds(d) + ")"
		}
		return line
	case v.waiting != nil:
		d := v.now().Sub(v.waited)
		line := "Waiting for " + waitWords(*v.waiting)
		if needsPerson(v.waiting) {
			line = v.theme.Caution.Render("! " + line)
		}
		var times []string
		if d >= meter.Patience {
			times = append(times, seconds(d))
		}
		if limit := agentword.Limit(v.waiting.Limit); limit != "" {
			times = append(times, limit)
		}
		if len(times) > 0 {
			line += " (" + strings.Join(times, ", ") + ")"
		}
		return line
	}
	if d := v.now().Sub(v.began); d >= meter.Patience {
		return "At work for " + seconds(d) + ". Ctrl+C stops; what is signed stays, nothing is half-written."
	}
	return "Ctrl+C stops; what is signed stays, nothing is half-written."
}

func (v *runView) hints() []keymap.Hint {
	if v.stopping {
		return nil
	}
	return []keymap.Hint{keymap.On(v.keys.Interrupt, "stop"), keymap.On(v.keys.Help, "")}
}

// askToStop opens the question whether to stop; a second Ctrl+C means yes.
func (v *runView) askToStop() {
	if v.stopping {
		return
	}
	lines := []string{"What is signed so far stays and is listed. The release can be resumed later, or taken back.", "", "Nothing is left half-written."}
	q := dialog.NewQuestion("Stop signing?", lines, "stop", "go on", func() tea.Cmd {
		v.stopping = true
		v.worker.cancel()
		return nil
	})
	// No further step begins under the question: an image's signature could not be taken back.
	v.worker.hold()
	v.stop = q.AgainMeansYes().IfNo(v.worker.goOn)
	v.dialogs().Push(v.stop)
}
