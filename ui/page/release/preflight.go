package release

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/gitops"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/rail"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/finding"
)

// preflightRoom shows what stands in the way before anything was chosen.
type preflightRoom struct {
	*state
	task     task
	known    bool
	findings []workflow.Finding
	taken    string // the version that was named and cannot be released, or ""
	list     picker.Model
}

type preflightDone struct {
	id       int
	choices  workflow.Choices // that were looked at
	findings []workflow.Finding
	repo     gitops.State
	err      error // of reading repo
}

func (r *preflightRoom) enter() tea.Cmd {
	if r.known || r.task.active {
		return nil
	}
	return r.look()
}

func (r *preflightRoom) look() tea.Cmd {
	ctx, id := r.begin(&r.task)
	backend, choices := r.backend, r.choices
	return func() tea.Msg {
		m := preflightDone{id: id, choices: choices}
		m.repo, m.err = backend.State(ctx) // what was mended shows
		m.findings = backend.Preflight(ctx, choices)
		return m
	}
}

func (r *preflightRoom) update(msg tea.Msg) tea.Cmd {
	if m, ok := msg.(preflightDone); ok && r.task.end(m.id) {
		r.known, r.findings = true, atPreflight(m.findings, m.choices)
		r.taken = ""
		if slices.ContainsFunc(r.findings, func(f workflow.Finding) bool { return f.OfNamedVersion(m.choices) }) {
			r.taken = m.choices.Version
		}
		if m.err == nil {
			r.repo = m.repo
		}
		if r.refused() == "" {
			r.mended(placePreflight)
		}
	}
	return nil
}

// atPreflight keeps what can be said before the walk: errors that are mended outside bulla, and
// all warnings. That no version is chosen yet is no news. What stands where signatures will go is a
// warning here: it can be replaced at Artifacts. So is a version named that is taken.
func atPreflight(all []workflow.Finding, c workflow.Choices) (out []workflow.Finding) {
	for _, f := range all {
		if f.Rule == workflow.RuleSignatureExists {
			f.Severity, f.Here = finding.Warning, "at Artifacts you can let bulla replace it"
		}
		if f.OfNamedVersion(c) && f.Severity == finding.Error {
			f.Severity, f.Here = finding.Warning, "at Tag you can choose another version"
		}
		if f.Step == workflow.StepPreflight || f.Severity == finding.Warning {
			out = append(out, f)
		}
	}
	return out
}

// refused is why the walk cannot go on from here, or "".
func (r *preflightRoom) refused() string {
	for _, f := range r.findings {
		if f.Severity == finding.Error {
			return safetext.Line(f.Message)
		}
	}
	return ""
}

func (r *preflightRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, r.keys.Choose):
		if why := r.refused(); why != "" {
			r.note = why + " r looks again."
			return nil
		}
		r.target = placeKey
	case key.Matches(msg, r.keys.Again):
		return r.look()
	default:
		r.list.Update(msg, r.keys, len(r.findings))
	}
	return nil
}

func (r *preflightRoom) back() bool               { return false }
func (r *preflightRoom) typing() bool             { return false }
func (r *preflightRoom) busy() bool               { return r.task.active }
func (r *preflightRoom) detail(int, int) []string { return nil }

func (r *preflightRoom) view(w, h int) []string {
	out := r.heading("Can this commit be released?", w)
	out = append(out, r.repository(w)...)
	out = append(out, "")
	switch {
	case r.task.active:
		return append(out, r.waiting(r.task, "looking for what could fail later…"))
	case len(r.findings) == 0:
		return append(out, r.theme.Icon(theme.Done)+" Nothing stands in the way.")
	}
	switch {
	case r.refused() != "":
	case r.taken != "":
		out = append(out, r.theme.Icon(theme.Waiting)+" The commit can be released, but not as "+safetext.Line(r.taken)+":", "")
	default:
		out = append(out, r.theme.Icon(theme.Done)+" Nothing stands in the way, but look at this:", "")
	}
	return append(out, r.list.View(r.theme, findingItems(r.state, r.findings, r.list.At(), w), h-len(out))...)
}

// repository tells what would be released.
func (r *preflightRoom) repository(w int) []string {
	head := r.repo.Head
	branch := safetext.Line(r.repo.Branch)
	switch {
	case r.repo.Unborn:
		return r.plain("There is no commit yet. Commit something, then come back.", w)
	case r.repo.Detached:
		branch = "no branch"
	}
	rows := [][]string{
		{r.theme.Muted.Render("commit"), human.Commit(head.ID) + " " + safetext.Line(head.Subject)},
		{r.theme.Muted.Render("branch"), branch},
	}
	if n := len(r.repo.Changed); n > 0 {
		rows = append(rows, []string{r.theme.Muted.Render("tree"), human.Count(n, "changed file")})
	} else {
		rows = append(rows, []string{r.theme.Muted.Render("tree"), "clean"})
	}
	out := layout.Table(rows)
	for i := range out {
		out[i] = layout.Cut(out[i], w, r.theme.Signs.Ellipsis)
	}
	return out
}

func (r *preflightRoom) status() string {
	if r.task.active {
		return "Enter goes on meanwhile; the last look checks everything again."
	}
	if why := r.refused(); why != "" {
		return r.theme.Bad.Render("Mend this first, then press r.")
	}
	return "Nothing is created before the last look."
}

func (r *preflightRoom) hints() []keymap.Hint {
	return []keymap.Hint{
		keymap.Unless(r.refused(), r.keys.Choose, "go on"), keymap.On(r.keys.Again, "look again"),
		keymap.On(r.keys.Help, ""), keymap.On(r.keys.Quit, ""),
	}
}

func (r *preflightRoom) item() rail.Item {
	it := rail.Item{Title: "Preflight", State: theme.Done, Value: "clean"}
	switch n := len(r.findings); {
	case r.task.active:
		it.State, it.Value = theme.Running, "looking"
	case !r.known:
		it.State, it.Value = theme.Pending, ""
	case r.refused() != "":
		it.State, it.Value = theme.Failed, "refused"
	case n > 0:
		it.Value = human.Count(n, "note")
	}
	return it
}

// findingItems draws findings as items of a list: the sign and word of their severity, the
// sentence, and what to do.
func findingItems(s *state, list []workflow.Finding, at, w int) [][]string {
	out := make([][]string, 0, len(list))
	for i, f := range list {
		sign, word, style := theme.Done, "note", s.theme.Muted
		switch f.Severity {
		case finding.Error:
			sign, word, style = theme.Failed, "error", s.theme.Bad
		case finding.Warning:
			sign, word, style = theme.Waiting, "warning", s.theme.Caution
		}
		head := picker.Marker(s.theme, i == at && len(list) > 1) + style.Render(s.theme.Signs.Icon(sign)+" "+word) + "  "
		indent := strings.Repeat(" ", 4)
		var item []string
		for j, l := range layout.Wrap(safetext.Line(f.Message), w-layout.Width(head)) {
			if j == 0 {
				item = append(item, head+l)
			} else {
				item = append(item, strings.Repeat(" ", layout.Width(head))+l)
			}
		}
		if advice := f.Advice(); advice != "" {
			item = append(item, layout.Indent(s.prose(safetext.Line(advice), w-4), indent)...)
		}
		out = append(out, item)
	}
	return out
}
