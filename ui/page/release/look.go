package release

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/planword"
	"bulla/ui/component/rail"
	"bulla/ui/component/scroll"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/keychoice"
	"bulla/workflow/record"
)

// lookRoom is the last look: exactly what will be created, with which key, and where to. The
// version has to be typed, by hand, before anything happens.
type lookRoom struct {
	*state
	task    task
	err     error // what stood in the way, when it is no refusal
	list    picker.Model
	confirm *textfield.Model
	wrong   string
	part    scroll.Model
	seen    bool // the plan was in sight to its end: the warnings are there, and where a push goes
	begun   bool // the person confirmed: the page starts the run
}

type planned struct {
	id   int
	plan *workflow.Plan
	err  error
}

func (r *lookRoom) enter() tea.Cmd {
	r.confirm, r.wrong, r.part, r.seen = textfield.New("", ""), "", scroll.Model{}, false
	return r.ask()
}

func (r *lookRoom) ask() tea.Cmd {
	r.state.plan = nil
	return r.askAgain()
}

// askAgain makes the plan anew under the one in sight, which stays there until its answer: what is typed
// meanwhile is kept. Nothing begins before that.
func (r *lookRoom) askAgain() tea.Cmd {
	r.faults, r.err = nil, nil
	ctx, id := r.begin(&r.task)
	backend, choices := r.backend, r.choices
	return func() tea.Msg {
		p, err := backend.Plan(ctx, choices)
		return planned{id, p, err}
	}
}

func (r *lookRoom) update(msg tea.Msg) tea.Cmd {
	m, ok := msg.(planned)
	if !ok || !r.task.end(m.id) {
		return nil
	}
	r.state.plan, r.seen = nil, false // another plan may warn of more
	if r.wrong == stillAsking {
		r.wrong = nowAsked
	}
	var refused *workflow.RefusedError
	switch {
	case errors.As(m.err, &refused):
		r.faults = refused.Errors()
		r.list.Set(0)
	case m.err != nil:
		r.err = m.err
	default:
		r.state.plan = m.plan
	}
	return nil
}

func (r *lookRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case r.state.plan == nil && r.task.active:
		return nil
	case r.state.plan == nil:
		return r.refusedKey(msg)
	case msg.Paste:
		r.wrong = "Pasting is off here: type the version by hand."
	case key.Matches(msg, r.keys.TogglePush) && r.noRemote() != "":
		r.wrong = capitalized(r.noRemote()) + "."
	case key.Matches(msg, r.keys.TogglePush):
		r.choices.Push = !r.choices.Push
		return r.askAgain()
	case key.Matches(msg, r.keys.Choose):
		r.answer()
	case msg.Type == tea.KeyUp, msg.Type == tea.KeyPgUp, msg.Type == tea.KeyDown, msg.Type == tea.KeyPgDown:
		if r.part.Update(msg, r.keys); r.wrong == unread { // letters are typed into the field
			r.wrong = ""
		}
	default:
		r.wrong = ""
		r.confirm.Update(msg)
	}
	return nil
}

// noRemote is why a push cannot be part of the plan, or "".
func (r *lookRoom) noRemote() string {
	if !r.remote.there && !r.choices.Push {
		return "this repository has no remote to push to"
	}
	return ""
}

// stillAsking answers who confirms a plan that is just being made anew.
const stillAsking = "That is still being looked at: press enter once more when it is done."

// nowAsked follows when it is: who waited with the key pressed would see nothing happen.
const nowAsked = "Looked at. Press enter to sign what stands above."

// unread answers who confirms a plan whose end was never in sight.
const unread = "There is more below: read it first. Down shows it; what is typed is kept."

// answer begins the run only if the version, or the tag, was typed exactly, and the plan was in sight
// to its end.
func (r *lookRoom) answer() {
	typed := r.confirm.Value()
	switch {
	case r.task.active:
		r.wrong = stillAsking
	case typed == "":
		r.wrong = "Type " + safetext.Line(r.state.plan.Version) + " to sign; esc goes back. Nothing was done."
	case typed != r.state.plan.Version && typed != r.state.plan.Tag:
		// It may be a passphrase, typed too early: it must not stay in sight.
		r.confirm = textfield.New("", "")
		r.wrong = "That is not " + safetext.Line(r.state.plan.Version) + ". Nothing was done."
	case !r.seen:
		r.wrong = unread
	default:
		r.begun = true
	}
}

func (r *lookRoom) refusedKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, r.keys.Again):
		return r.ask()
	case key.Matches(msg, r.keys.Replace) && r.replaceable():
		r.choices.Replace = true
		return r.ask()
	case key.Matches(msg, r.keys.Go):
		if i := int(msg.Runes[0] - '1'); i < len(r.faults) {
			r.target = placeOf(r.faults[i].Step)
		}
	case key.Matches(msg, r.keys.Choose):
		if i := r.list.At(); i < len(r.faults) {
			r.target = placeOf(r.faults[i].Step)
		}
	default:
		r.list.Update(msg, r.keys, len(r.faults))
	}
	return nil
}

// replaceable reports whether existing signatures are all that stands in the way.
func (r *lookRoom) replaceable() bool {
	for _, f := range r.faults {
		if f.Rule != workflow.RuleSignatureExists {
			return false
		}
	}
	return len(r.faults) > 0
}

func (r *lookRoom) back() bool               { return false }
func (r *lookRoom) typing() bool             { return r.state.plan != nil }
func (r *lookRoom) busy() bool               { return r.task.active }
func (r *lookRoom) detail(int, int) []string { return nil }

func (r *lookRoom) view(w, h int) []string {
	switch {
	case r.task.active && r.state.plan == nil:
		return append(r.heading("The last look", w), r.waiting(r.task, "checking everything once more: repository, key, files, registry…"))
	case r.err != nil:
		return append(r.heading("The last look", w), failure(r.state, r.err, w)...)
	case r.state.plan == nil:
		return r.refusal(w, h)
	}
	return r.ready(w, h)
}

func (r *lookRoom) refusal(w, h int) []string {
	out := []string{r.theme.Icon(theme.Failed) + " " + r.theme.Strong.Render("This would fail, so nothing was begun."), ""}
	items := findingItems(r.state, r.faults, r.list.At(), w)
	for i := range items {
		where := r.theme.Muted.Render(layout.Cut("    "+string('1'+rune(min(i, 8)))+" goes to "+placeOf(r.faults[i].Step).title(), w, ""))
		items[i] = append(items[i], where, "")
	}
	if r.replaceable() {
		tail := append([]string{""}, layout.Wrap(replaceWords(r.theme, "R"), w)...)
		return append(append(out, r.list.View(r.theme, items, h-len(out)-len(tail))...), tail...)
	}
	return append(out, r.list.View(r.theme, items, h-len(out))...)
}

// title is the name of a room, as in the rail.
func (p place) title() string {
	return [places]string{"Preflight", "Key", "Tag", "Artifacts", "Image", "Last look"}[p]
}

// ready shows the plan and the question. The question stays in sight while the plan scrolls.
func (r *lookRoom) ready(w, h int) []string {
	t, p := r.theme, r.state.plan
	ask := "Type " + t.Accent.Render(safetext.Line(p.Version)) + " to sign:  " + r.confirm.View(t, 30, true)
	tail := []string{"", ask}
	if r.wrong != "" {
		tail = append(tail, t.Bad.Render(r.wrong))
	}
	head := []string{t.Strong.Render("Nothing has been created yet. This will happen:"), ""}
	body := r.planRows(w)
	part := r.part.View(t, body, max(1, h-len(head)-len(tail)))
	r.seen = r.seen || r.part.End() && !r.task.active
	return append(append(head, part...), tail...)
}

const labelWidth = 11

// planRows says what will be made, line by line.
func (r *lookRoom) planRows(w int) []string {
	p := r.state.plan
	var out []string
	add := func(label string, rows ...[2]string) {
		for i, row := range rows {
			if i > 0 {
				label = ""
			}
			left := r.theme.Muted.Render(layout.Pad(label, labelWidth)) + row[0]
			out = append(out, layout.Ends(left, r.theme.Muted.Render(row[1]), w, r.theme.Signs.Ellipsis))
		}
	}
	arrow := " " + r.theme.Signs.Arrow + " "
	where := "signed, local"
	if r.choices.Push {
		where = "signed, pushed"
	}
	add("tag", [2]string{safetext.Line(p.Tag) + arrow + human.Commit(p.CommitID) + " " + safetext.Line(p.Subject), where})
	add("files", r.fileRows(w)...)
	for _, f := range p.Findings {
		if f.Rule == keychoice.RuleSignatures {
			out = append(out, r.warningRows("", safetext.Line(f.Message)+" Back at Artifacts, l signs SHA256SUMS alone.", w)...)
		}
	}
	add("image", r.imageRows(w)...)
	row := r.listRow(record.Name, w)
	if binds := "  binds all of the above"; layout.Width(row[0]+binds+row[1]) < w-labelWidth {
		row[0] += r.theme.Muted.Render(binds)
	}
	add("record", row)
	who := safetext.Line(p.Key.UserID)
	out = append(out, "")
	for i, l := range human.FingerprintLines(p.Key.Primary, w-labelWidth) {
		add([]string{"key", ""}[min(i, 1)], [2]string{l, ""})
	}
	add("", [2]string{who, p.Key.Algorithm + ", " + human.Expiry(p.Key.Expires, r.now())})
	add("pushed", r.pushRows(w)...)
	for _, f := range p.Findings {
		if f.Severity == finding.Warning && f.Rule != keychoice.RuleSignatures {
			out = append(out, r.warningRows("warning", safetext.Line(f.Message), w)...)
		}
	}
	return out
}

// warningRows are a warning with its sign, beside a label.
func (r *lookRoom) warningRows(label, message string, w int) (out []string) {
	for i, l := range layout.Wrap(message, w-labelWidth) {
		before := r.theme.Caution.Render("! ") + r.theme.Caution.Render(layout.Pad(label, labelWidth-2))
		if i > 0 {
			before = strings.Repeat(" ", labelWidth)
		}
		out = append(out, before+l)
	}
	return out
}

func (r *lookRoom) fileRows(w int) [][2]string {
	p := r.state.plan
	if len(p.Files) == 0 {
		return [][2]string{{"none", ""}}
	}
	var rows [][2]string
	for _, f := range p.Files {
		what := planword.Signature(p, f)
		size := human.Size(f.Size)
		name := layout.Middle(safetext.Line(f.Name), w-labelWidth-len(size)-len(what)-3, r.theme.Signs.Ellipsis)
		rows = append(rows, [2]string{name + "  " + r.theme.Muted.Render(size), what})
	}
	rows = append(rows, r.listRow(artifacts.SHA256Name, w))
	if p.SHA512 {
		rows = append(rows, r.listRow(artifacts.SHA512Name, w))
	}
	return rows
}

// listRow is a checksums file or the record, with its folder.
func (r *lookRoom) listRow(name string, w int) [2]string {
	p := r.state.plan
	what := planword.List(p, name)
	return [2]string{layout.Middle(safetext.Line(p.Shown(name)), w-labelWidth-len(what)-1, r.theme.Signs.Ellipsis), what}
}

func (r *lookRoom) imageRows(w int) [][2]string {
	p, t := r.state.plan, r.theme
	if len(p.Images) == 0 {
		return [][2]string{{"none", ""}}
	}
	var rows [][2]string
	for _, img := range p.Images {
		kind := "one platform"
		if n := len(img.Platforms); n > 0 {
			kind = "index, " + human.Count(n, "platform")
		}
		where := map[images.With]string{images.WithContentTrust: "signed on the trust server", images.WithBoth: "signed in both places"}[p.ImageWith]
		if where == "" {
			where = "signed in the registry"
		}
		name := layout.Middle(safetext.Line(img.Name), w-labelWidth-len(where)-1, t.Signs.Ellipsis)
		rows = append(rows, [2]string{name, where},
			[2]string{human.Digest(t, safetext.Line(img.Digest)) + "  " + t.Muted.Render(kind), ""})
		if img.Trust != nil {
			rows = append(rows, [2]string{"in Content Trust, as " + safetext.Line(strings.Join(img.Trust.Roles, ", ")), ""},
				[2]string{"on " + layout.Middle(safetext.Line(img.Trust.Server), w-labelWidth-3, t.Signs.Ellipsis), ""})
		}
	}
	if !p.ImageWith.Cosign() {
		return rows
	}
	key := safetext.Line(filepath.Base(p.ImageKey))
	if p.ImageID != "" {
		key += "  " + t.Muted.Render(human.Key(t, keys.Fingerprint(safetext.Line(p.ImageID))))
	}
	return append(rows, [2]string{"by image key " + key, ""})
}

func (r *lookRoom) pushRows(w int) [][2]string {
	p := r.state.plan
	if r.task.active {
		return [][2]string{{r.waiting(r.task, r.asking()), ""}}
	}
	if !p.Push {
		hint := "ctrl+p pushes the tag too"
		if r.noRemote() != "" {
			hint = "there is no remote"
		}
		return [][2]string{{"no", hint}}
	}
	rows := [][2]string{{"yes, the tag to " + safetext.Line(p.Remote), "ctrl+p leaves it"}}
	for _, url := range p.PushAddresses() {
		rows = append(rows, [2]string{r.theme.Muted.Render(layout.Middle(safetext.Line(url), w-labelWidth, r.theme.Signs.Ellipsis)), ""})
	}
	return rows
}

// asking is what is being looked at while the plan in sight is made anew.
func (r *lookRoom) asking() string {
	if !r.choices.Push {
		return "no; checking everything once more" + r.theme.Signs.Ellipsis
	}
	return "yes; asking " + safetext.Line(r.remote.Name) + " and checking everything once more" + r.theme.Signs.Ellipsis
}

func (r *lookRoom) status() string {
	switch p := r.state.plan; {
	case r.task.active && p == nil:
		return ""
	case r.task.active:
		return "What you type is kept meanwhile."
	case p == nil:
		return "What is mended here or elsewhere is looked at again with r."
	case len(p.Images) > 0:
		return publishing(p.ImageWith)
	}
	return "Esc goes back; whatever else is typed does nothing."
}

func (r *lookRoom) hints() []keymap.Hint {
	switch {
	case r.task.active && r.state.plan == nil:
		return []keymap.Hint{keymap.On(r.keys.Back, "")}
	case r.state.plan == nil:
		none := ""
		if len(r.faults) == 0 {
			none = "there is nothing to mend here"
		}
		hints := []keymap.Hint{keymap.Unless(none, r.keys.Choose, "go and mend it"), keymap.On(r.keys.Again, "look again")}
		if r.replaceable() {
			hints = append(hints, keymap.On(r.keys.Replace, ""))
		}
		return append(hints, keymap.On(r.keys.Help, ""), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Quit, ""))
	}
	push := "push too"
	if r.choices.Push {
		push = "don't push"
	}
	sign := keymap.On(r.keys.Choose, "sign, once typed")
	if !r.seen {
		sign = keymap.On(r.keys.PageDown, "read on")
	}
	return []keymap.Hint{sign, keymap.Unless(r.noRemote(), r.keys.TogglePush, push), keymap.On(r.keys.Back, "")}
}

func (r *lookRoom) item() rail.Item {
	it := rail.Item{Title: "Last look", State: theme.Pending}
	if len(r.faults) > 0 {
		it.State, it.Value = theme.Failed, "refused"
	}
	return it
}
