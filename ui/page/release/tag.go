package release

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/editor"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/rail"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
)

// tagRoom chooses the version and writes the tag's message.
type tagRoom struct {
	*state
	task     task
	known    bool
	versions workflow.VersionChoices
	list     picker.Model
	other    *textfield.Model
	err      error // of the version that was typed

	draftTask task
	draft     workflow.Draft
	drafted   string // the version that the message is for
	message   *editor.Model
	writing   bool // the message is shown, not the versions
	editing   bool
	settled   bool
}

type versionsListed struct {
	id      int
	choices workflow.VersionChoices
	err     error
}

type versionChecked struct {
	id           int
	tag, version string
	draft        workflow.Draft
	err          error
}

func (r *tagRoom) enter() tea.Cmd {
	if r.other == nil {
		r.other = textfield.New("", "another version, such as 1.4.0-rc.1")
	}
	if r.known || r.task.active {
		return nil
	}
	ctx, id := r.begin(&r.task)
	backend := r.backend
	return func() tea.Msg {
		c, err := backend.VersionChoices(ctx)
		return versionsListed{id, c, err}
	}
}

func (r *tagRoom) update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case versionsListed:
		if r.task.end(m.id) {
			r.known, r.versions, r.err = m.err == nil, m.choices, m.err
			r.preselect()
		}
	case versionChecked:
		if r.draftTask.end(m.id) {
			r.checked(m)
		}
	}
	return nil
}

// preselect stands on the version named on the command line.
func (r *tagRoom) preselect() {
	want := r.choices.Version
	if want == "" {
		return
	}
	for i, p := range r.versions.Proposals {
		if p.Version == want || p.Tag == want {
			r.list.Set(i)
			return
		}
	}
	r.list.Set(len(r.versions.Proposals))
	r.other.SetValue(want)
}

func (r *tagRoom) checked(m versionChecked) {
	r.err = m.err
	if m.err != nil {
		return
	}
	if r.version != m.version {
		r.plan = nil
		r.mended(placeTag)
	}
	r.tag, r.version, r.choices.Version = m.tag, m.version, m.version
	r.draft, r.writing = m.draft, true
	if r.drafted != m.version || r.message == nil {
		text := r.choices.Message
		if text == "" || r.drafted != "" {
			text = m.draft.Text
		}
		r.message, r.drafted = editor.New(text), m.version
	}
}

// onOther says that the cursor stands on the line for another version.
func (r *tagRoom) onOther() bool { return r.list.At() >= len(r.versions.Proposals) }

// candidate is the version under the cursor.
func (r *tagRoom) candidate() string {
	if r.onOther() {
		return r.other.Value()
	}
	return r.versions.Proposals[r.list.At()].Version
}

func (r *tagRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case !r.known || r.draftTask.active:
		return nil
	case r.writing:
		r.messageKey(msg)
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		return r.check()
	case r.onOther() && msg.Type != tea.KeyUp && msg.Type != tea.KeyDown:
		r.err = nil
		r.other.Update(msg)
	case beginsVersion(msg):
		r.err = nil
		r.list.Set(len(r.versions.Proposals))
		r.other.SetValue("")
		r.other.Update(msg)
	default:
		r.err = nil
		r.list.Update(msg, r.keys, len(r.versions.Proposals)+1)
	}
	return nil
}

// beginsVersion reports a key that can only mean a version: typed among the proposals, it begins
// another one on the last line.
func beginsVersion(msg tea.KeyMsg) bool {
	if msg.Type != tea.KeyRunes || msg.Alt || len(msg.Runes) == 0 {
		return false
	}
	c := msg.Runes[0]
	return c >= '0' && c <= '9' || c == 'v'
}

// check asks the session what tag the version makes, and for a message to begin with.
func (r *tagRoom) check() tea.Cmd {
	want := r.candidate()
	if want == "" {
		r.note = "Type a version first."
		return nil
	}
	ctx, id := r.begin(&r.draftTask)
	backend := r.backend
	return func() tea.Msg {
		m := versionChecked{id: id}
		if m.tag, m.version, m.err = backend.NewTag(ctx, want); m.err == nil {
			m.draft, m.err = backend.DraftMessage(ctx, m.version)
		}
		return m
	}
}

func (r *tagRoom) messageKey(msg tea.KeyMsg) {
	switch {
	case r.editing:
		r.message.Update(msg)
	case key.Matches(msg, r.keys.Choose):
		if strings.TrimSpace(r.message.Value()) == "" {
			r.note = "A signed tag needs a message. e writes one."
			return
		}
		r.choices.Message, r.settled, r.target = r.message.Value(), true, placeArtifacts
		r.mended(placeTag)
	case key.Matches(msg, r.keys.Edit):
		r.editing = true
	case key.Matches(msg, r.keys.All):
		if why := r.unlistable(); why != "" {
			r.note = capitalized(why) + "."
			return
		}
		r.message = editor.New(strings.TrimRight(r.message.Value(), "\n") + "\n\n" + subjects(r.draft))
	}
}

// unlistable is why the subjects cannot be added to the message, or "". Who took one out again may
// add them again.
func (r *tagRoom) unlistable() string {
	switch list := subjects(r.draft); {
	case list == "":
		return "there are no commits to list"
	case strings.Contains(r.message.Value(), list):
		return "the subjects are in the message already"
	}
	return ""
}

// subjects lists the commits since the last release, as the body of a message.
func subjects(d workflow.Draft) string {
	var b strings.Builder
	for _, s := range d.Subjects {
		fmt.Fprintf(&b, "- %s\n", safetext.Line(s.Subject))
	}
	return strings.TrimRight(b.String(), "\n")
}

func (r *tagRoom) back() bool {
	switch {
	case r.editing:
		r.editing = false
	case r.writing:
		r.writing = false
	default:
		return false
	}
	return true
}

func (r *tagRoom) typing() bool { return r.editing || r.known && !r.writing && r.onOther() }
func (r *tagRoom) busy() bool   { return r.task.active || r.draftTask.active }

func (r *tagRoom) view(w, h int) []string {
	if r.writing {
		return r.messageView(w, h)
	}
	out := r.heading("Which version is this?", w)
	switch {
	case r.task.active:
		return append(out, r.waiting(r.task, "reading the tags…"))
	case !r.known:
		return append(out, failure(r.state, r.err, w)...)
	}
	last := "There is no release yet."
	if r.versions.LatestTag != "" {
		last = "The last release is " + safetext.Line(r.versions.LatestTag) + "."
	}
	out = append(out, r.theme.Muted.Render(layout.Cut(last, w, r.theme.Signs.Ellipsis)), "")
	var rows [][]string
	for i, p := range r.versions.Proposals {
		name := safetext.Line(p.Version)
		if i == r.list.At() {
			name = r.theme.Accent.Render(name)
		}
		rows = append(rows, []string{picker.Marker(r.theme, i == r.list.At()) + name, r.theme.Muted.Render("tag " + safetext.Line(p.Tag)), r.theme.Muted.Render(safetext.Line(p.Why))})
	}
	for _, l := range layout.Table(rows) {
		out = append(out, layout.Cut(l, w, r.theme.Signs.Ellipsis))
	}
	out = append(out, picker.Marker(r.theme, r.onOther())+r.other.View(r.theme, w-2, r.onOther()), "")
	switch {
	case r.draftTask.active:
		out = append(out, r.waiting(r.draftTask, "reading the commits since the last release…"))
	case r.err != nil:
		out = append(out, failure(r.state, r.err, w)...)
	}
	return out
}

func (r *tagRoom) messageView(w, h int) []string {
	out := r.heading("What does tag "+safetext.Line(r.tag)+" say?", w)
	t := r.theme
	style := t.Border
	if r.editing {
		style = t.Accent
	}
	rule := style.Render(strings.Repeat(t.Signs.Rule, w))
	room := max(1, h-len(out)-4)
	rows := r.message.View(t, w-2, room, r.editing)
	out = append(out, rule)
	out = append(out, layout.Indent(rows, " ")...)
	out = append(out, rule)
	n := len(r.draft.Subjects)
	if r.editing || r.unlistable() != "" {
		return out
	}
	since := "so far"
	if r.draft.Since != "" {
		since = "since " + safetext.Line(r.draft.Since)
	}
	return append(out, r.prose(human.Count(n, "commit")+" "+since+": a adds their subjects.", w)...)
}

func (r *tagRoom) detail(w, h int) []string {
	if !r.writing || len(r.draft.Subjects) == 0 {
		return nil
	}
	out := []string{r.theme.Muted.Render("Commits"), ""}
	for _, s := range r.draft.Subjects {
		if len(out) == h-1 && len(r.draft.Subjects) > h-2 {
			return append(out, r.theme.Muted.Render("and more"))
		}
		out = append(out, layout.Cut(r.theme.Muted.Render(human.Commit(s.ID))+" "+safetext.Line(s.Subject), w, r.theme.Signs.Ellipsis))
	}
	return out
}

func (r *tagRoom) status() string {
	switch {
	case r.editing:
		return "You are writing. Esc ends it and keeps the text."
	case r.writing:
		return "The tag " + safetext.Line(r.tag) + " will point to " + human.Commit(r.repo.Head.ID) + ". Nothing is created yet."
	case r.known && !r.onOther():
		return "Any other version: just type it."
	}
	return ""
}

func (r *tagRoom) hints() []keymap.Hint {
	switch {
	case r.editing:
		return []keymap.Hint{keymap.On(r.keys.Back, "done")}
	case r.writing:
		return []keymap.Hint{
			keymap.On(r.keys.Choose, "use it"), keymap.On(r.keys.Edit, "edit"), keymap.Unless(r.unlistable(), r.keys.All, "add subjects"),
			keymap.On(r.keys.Help, ""), keymap.On(r.keys.Back, "version"), keymap.On(r.keys.Quit, ""),
		}
	case r.onOther():
		return []keymap.Hint{keymap.On(r.keys.Choose, "take it"), keymap.On(r.keys.Back, "")}
	}
	return []keymap.Hint{keymap.On(r.keys.Choose, "take it"), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Quit, "")}
}

func (r *tagRoom) item() rail.Item {
	it := rail.Item{Title: "Tag", State: theme.Pending}
	if r.settled {
		it.State, it.Value = theme.Done, safetext.Line(r.tag)
	} else if r.choices.Version != "" {
		it.Value = safetext.Line(r.choices.Version)
	}
	return it
}
