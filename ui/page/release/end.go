package release

import (
	"errors"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"bulla/gitops"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/scroll"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
)

// endView tells how a job ended and what can be done next.
type endView struct {
	*state
	result *workflow.Result
	err    error
	fresh  bool // the job began a release: where it did not come that far, nothing was created
	notes  []string
	part   scroll.Model
}

// next is what the person wants at the end, for the page to carry out.
type next int

// What can follow an end.
const (
	nextNothing next = iota
	nextPush
	nextResume
	nextUndo
	nextAgain
	nextStranger
	nextQuit
)

// incomplete is the release that began and did not finish; nil for every other end.
func (v *endView) incomplete() *workflow.IncompleteError {
	var inc *workflow.IncompleteError
	if errors.As(v.err, &inc) {
		return inc
	}
	return nil
}

// released reports whether the walk came to its end.
func (v *endView) released() bool { return v.err == nil && v.result != nil }

// unpushable is why the tag cannot be pushed from here, or "".
func (v *endView) unpushable() string {
	switch {
	case !v.released():
		return "the release is not done"
	case v.result.Pushed:
		return "it is pushed already"
	case !v.remote.there:
		return "this repository has no remote"
	}
	return ""
}

// target is where a push goes, as far as that is known: the remote, and its addresses.
func (v *endView) target() (name string, urls []string) {
	if p := v.result.Plan; p.Remote != "" {
		return p.Remote, p.PushAddresses()
	}
	if len(v.remote.PushURLs) == 0 && v.remote.URL != "" {
		return v.remote.Name, []string{v.remote.URL}
	}
	return v.remote.Name, v.remote.PushURLs
}

// arrived are the addresses that have the tag, where a push failed that goes to several.
func (v *endView) arrived() []string {
	var push *gitops.PushError
	if errors.As(v.result.PushFailed, &push) {
		return push.Arrived
	}
	return nil
}

func (v *endView) key(msg tea.KeyMsg) next {
	switch {
	case key.Matches(msg, v.keys.Quit):
		return nextQuit
	case v.released() && key.Matches(msg, v.keys.Push):
		if why := v.unpushable(); why != "" {
			v.note = capitalized(why) + "."
			return nextNothing
		}
		return nextPush
	case v.released() && key.Matches(msg, v.keys.Verify):
		v.showCommands()
	case v.released() && v.o.Practice && key.Matches(msg, v.keys.Show):
		return nextStranger
	case v.incomplete() != nil && key.Matches(msg, v.keys.Resume):
		return nextResume
	case v.incomplete() != nil && key.Matches(msg, v.keys.Undo):
		return nextUndo
	case v.err != nil && v.incomplete() == nil && key.Matches(msg, v.keys.Choose, v.keys.Back):
		return nextAgain
	default:
		v.part.Update(msg, v.keys)
	}
	return nextNothing
}

func (v *endView) view(w, h int) []string {
	var body []string
	switch inc := v.incomplete(); {
	case v.released():
		body = v.success(w)
	case inc != nil:
		body = v.stopped(inc, w)
	default:
		body = failure(v.state, v.err, w)
		if v.fresh {
			body = append(body, "", "Nothing was created.")
		}
	}
	notes := v.notes
	if v.released() && v.result.JournalFailed != nil {
		x := explain.Error(v.result.JournalFailed)
		notes = append(notes[:len(notes):len(notes)], x.Headline+" "+x.Cause+" Resuming finds everything done.")
	}
	for _, n := range notes {
		body = append(body, "")
		for _, l := range layout.Wrap("! "+safetext.Line(n), w) {
			body = append(body, v.theme.Caution.Render(l))
		}
	}
	return v.part.View(v.theme, body, h)
}

func (v *endView) success(w int) []string {
	t, r := v.theme, v.result
	head := t.Icon(theme.Done) + " " + t.Strong.Render("Released "+safetext.Line(r.Plan.Tag)+" in "+human.Seconds(r.Took)+".")
	if !r.Good() {
		head = t.Icon(theme.Failed) + " " + t.Strong.Render("Released "+safetext.Line(r.Plan.Tag)+", but not everything checks out.")
	}
	out := []string{head, "  Checked as a stranger would, with the public keys alone:", ""}
	out = append(out, VerdictRows(t, r.Verdicts, w)...)
	out = append(out, "")
	out = append(out, v.signers(w)...)
	if r.PushFailed != nil {
		out = append(out, "")
		out = append(out, failure(v.state, r.PushFailed, w)...)
	}
	return append(append(out, ""), v.nextWords(w)...)
}

// signers names each key that signed, in full: here trust is decided.
func (v *endView) signers(w int) []string {
	t := v.theme
	var out []string
	seen := map[keys.Fingerprint]bool{}
	for _, d := range v.result.Verdicts {
		if d.Signer == nil || seen[d.Signer.Fingerprint] {
			continue
		}
		seen[d.Signer.Fingerprint] = true
		label := "key        "
		f := d.Signer.Primary
		if d.Kind == keys.KindImage {
			label = "image key  "
		}
		if d.Signer.Source == keys.SourceTrust {
			label = "trust key  "
		}
		if f == "" {
			f = d.Signer.Fingerprint
		}
		for i, l := range human.FingerprintLines(f, w-13) {
			if i > 0 {
				label = strings.Repeat(" ", 11)
			}
			out = append(out, "  "+t.Muted.Render(label)+l)
		}
	}
	return out
}

// nextWords says what can be done now.
func (v *endView) nextWords(w int) []string {
	t := v.theme
	row := func(b, text string) string { return "  " + t.Accent.Render(layout.Pad(b, 6)) + text }
	var out []string
	if v.unpushable() == "" {
		to := ""
		if name, _ := v.target(); name != "" {
			to = " to " + safetext.Line(name)
		}
		far := "so far it is only here"
		if len(v.arrived()) > 0 {
			far = "so far it is not everywhere"
		}
		out = append(out, row("p", "push the tag"+to+": "+far))
	}
	out = append(out, row("v", "how others verify this release"))
	if v.o.Practice {
		out = append(out, row("enter", "be the stranger: tamper with a file and see the check fail"))
	}
	for i := range out {
		out[i] = layout.Cut(out[i], w, t.Signs.Ellipsis)
	}
	return out
}

func (v *endView) stopped(inc *workflow.IncompleteError, w int) []string {
	t := v.theme
	x := explain.Error(inc.Err)
	out := []string{t.Icon(theme.Failed) + " " + t.Strong.Render("The release of "+safetext.Line(inc.Tag)+" stopped at "+strings.ToLower(inc.Step.Title())+"."), ""}
	said := []string{x.Headline, x.Cause, explain.Public(inc)}
	for _, todo := range explain.Mend(inc) {
		said = append(said, capitalized(todo)+".")
	}
	for _, text := range said {
		if text != "" {
			out = append(out, layout.Indent(layout.Wrap(safetext.Line(text), w-2), "  ")...)
		}
	}
	out = append(out, "")
	for _, d := range inc.Done {
		out = append(out, "  "+t.Icon(theme.Done)+" "+t.Muted.Render("done ")+" "+safetext.Line(d))
	}
	for _, l := range inc.Left {
		out = append(out, "  "+t.Icon(theme.Pending)+" "+t.Muted.Render("to do")+" "+safetext.Line(l))
	}
	out = append(out, "", "  "+t.Accent.Render("r")+" goes on where it stopped", "  "+t.Accent.Render("t")+" takes back what can be taken back", "  "+t.Accent.Render("q")+" leaves it as it is; the next run offers to resume")
	for i := range out {
		out[i] = layout.Cut(out[i], w, t.Signs.Ellipsis)
	}
	return out
}

// showCommands opens the box with what a stranger types.
func (v *endView) showCommands() {
	r := v.result
	mine := workflow.SignerCommands(r, v.repo.Root)
	theirs := workflow.StrangerCommands(r, v.repo.Root, workflow.PublicKeysName, workflow.ImageKeyName(r.Plan.ImageKey))
	box := dialog.NewMessage("How others verify "+safetext.Line(r.Plan.Tag), func(t theme.Theme, w int) []string {
		head := "Once, you: publish the public keys."
		if v.o.Practice {
			head = "Once, you, in a real project: publish the public keys."
		}
		out := append([]string{t.Strong.Render(head)}, CommandRows(t, mine, w)...)
		out = append(out, "", t.Strong.Render("Then anyone can check:"))
		return append(out, CommandRows(t, theirs, w)...)
	})
	v.dialogs().Push(box.Copying(v.o.Copy, CommandText(theirs), "What others type"))
}

// CommandText is commands as a script, each with what it shows.
func CommandText(cmds []workflow.Command) string {
	var b strings.Builder
	for _, c := range cmds {
		b.WriteString("# " + safetext.Line(c.Why) + "\n" + c.Text + "\n")
	}
	return b.String()
}

// CommandRows draws commands that a stranger types, each with what it shows, so that all of it can be
// copied into a shell as it stands.
func CommandRows(t theme.Theme, cmds []workflow.Command, w int) []string {
	var out []string
	for _, c := range cmds {
		for _, l := range layout.Wrap(safetext.Line(c.Why), w-2) {
			out = append(out, t.Muted.Render("# "+l))
		}
		for _, l := range layout.Command(safetext.Line(c.Text), w) {
			out = append(out, t.Accent.Render(l))
		}
	}
	return out
}

// VerdictRows draws verdicts as a table: the sign and word of the status, the kind, the target,
// and who signed. Whatever is not good has its reason below it.
func VerdictRows(t theme.Theme, list []keys.Verdict, w int) []string {
	const kindWidth = 6
	list = keys.Distinct(list)
	statusWidth, whoWidth := 0, 1
	for _, v := range list {
		statusWidth = max(statusWidth, len(v.Status))
		whoWidth = max(whoWidth, min(28, layout.Width(signerWords(t, v))))
	}
	var out []string
	before := ""
	for _, v := range list {
		style, sign := verdictStyle(t, v)
		status := style.Render(t.Signs.Icon(sign) + " " + layout.Pad(string(v.Status), statusWidth))
		who := signerWords(t, v)
		if who == before && who != "" {
			who = `"`
		} else {
			before = who
		}
		right := t.Muted.Render(layout.Cut(who, whoWidth, t.Signs.Ellipsis))
		left := "  " + status + "  " + t.Muted.Render(layout.Pad(kindWords(v.Kind), kindWidth)) + "  "
		room := min(44, w-layout.Width(left)-whoWidth-2)
		target := layout.Pad(layout.Middle(safetext.Line(target(v)), room, t.Signs.Ellipsis), room)
		out = append(out, left+target+"  "+right)
		if !v.OK(false) {
			for _, l := range layout.Wrap(safetext.Line(v.Reason), w-6) {
				out = append(out, "      "+style.Render(l))
			}
		}
	}
	return out
}

func verdictStyle(t theme.Theme, v keys.Verdict) (style lipgloss.Style, sign theme.State) {
	switch {
	case v.OK(false):
		return t.Good, theme.Done
	case v.Status == keys.StatusWeak || v.Status.Undecided():
		return t.Caution, theme.Waiting
	}
	return t.Bad, theme.Failed
}

// target is what a row calls its target: files by their base name.
func target(v keys.Verdict) string {
	switch v.Kind {
	case keys.KindArtifact, keys.KindChecksum, keys.KindRecord:
		if i := strings.LastIndexAny(v.Target, `/\`); i >= 0 {
			return v.Target[i+1:]
		}
	}
	return v.Target
}

func kindWords(k keys.Kind) string {
	switch k {
	case keys.KindArtifact:
		return "file"
	case keys.KindChecksum:
		return "list"
	}
	return string(k)
}

func signerWords(t theme.Theme, v keys.Verdict) string {
	if v.Signer == nil {
		return ""
	}
	if len(v.Signer.UserIDs) > 0 {
		name, _, _ := strings.Cut(v.Signer.UserIDs[0], " <")
		return safetext.Line(name)
	}
	return human.Fingerprint(t, v.Signer.Fingerprint)
}

func (v *endView) status() string {
	switch {
	case v.released() && v.result.Pushed:
		return "The tag is pushed."
	case v.released() && len(v.arrived()) > 0:
		return "The tag is public: it was pushed, but not everywhere."
	case v.released() && len(v.result.Images) > 0 && v.result.Plan.ImageWith.ContentTrust():
		return "The signatures of " + imageWords(v.result) + " are public. The tag is not pushed yet."
	case v.released() && len(v.result.Images) > 1:
		return "The signatures of the images are in the registry. The tag is not pushed yet."
	case v.released() && len(v.result.Images) > 0:
		return "The signature of the image is in its registry. The tag is not pushed yet."
	case v.released():
		return "The tag is only in this repository: nothing was pushed."
	}
	return ""
}

func imageWords(r *workflow.Result) string {
	if len(r.Images) == 1 {
		return "the image"
	}
	return "the images"
}

func (v *endView) hints() []keymap.Hint {
	switch {
	case v.released():
		var h []keymap.Hint
		if v.o.Practice {
			h = append(h, keymap.On(v.keys.Show, ""))
		}
		return append(h, keymap.Unless(v.unpushable(), v.keys.Push, ""), keymap.On(v.keys.Verify, ""), keymap.On(v.keys.Help, ""), keymap.On(v.keys.Quit, ""))
	case v.incomplete() != nil:
		return []keymap.Hint{keymap.On(v.keys.Resume, ""), keymap.On(v.keys.Undo, ""), keymap.On(v.keys.Help, ""), keymap.On(v.keys.Quit, "keep for later")}
	}
	again := "look again"
	if v.fresh {
		again = "back to the last look"
	}
	return []keymap.Hint{keymap.On(v.keys.Choose, again), keymap.On(v.keys.Help, ""), keymap.On(v.keys.Quit, "")}
}
