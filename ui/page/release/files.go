package release

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/artifacts"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/rail"
	"bulla/ui/component/textfield"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/project"
	"bulla/workflow/record"
)

// filesRoom chooses the artifacts.
type filesRoom struct {
	*state
	task     task
	found    bool
	version  string   // the version that the files were looked up for
	typed    []string // globs as a person typed them; nil: those of the configuration
	files    []artifacts.File
	left     map[string]bool // paths that are left out
	err      error
	list     picker.Model
	globs    *textfield.Model // nil: not being typed
	save     task
	saved    bool
	settled  bool
	choosing bool // the room is entered and not settled anew

	look  task
	inWay []workflow.Finding // what stands where the signatures and lists go, were it not replaced
}

// lookedAround is what stands in the way of the files that are taken.
type lookedAround struct {
	id    int
	inWay []workflow.Finding
}

type filesFound struct {
	id    int
	files []artifacts.File
	err   error
}

type configSaved struct {
	id     int
	config project.Config
	err    error
}

func (r *filesRoom) enter() tea.Cmd {
	r.choosing = true
	if r.task.active {
		return nil
	}
	if r.choices.Files != nil && !r.found {
		r.found, r.version, r.files = true, r.state.version, r.choices.Files
	}
	if r.found && r.version == r.state.version {
		return r.lookAround() // another key may be chosen by now
	}
	return r.find()
}

// lookAround finds what stands in the way of the files that are taken. Nothing waits for it: the last
// look sees it too.
func (r *filesRoom) lookAround() tea.Cmd {
	if len(r.taken()) == 0 {
		r.look.stop()
		r.inWay = nil
		return nil
	}
	ctx, id := r.begin(&r.look)
	backend, choices := r.backend, r.choices
	choices.Files, choices.Replace = r.taken(), false
	return func() tea.Msg { return lookedAround{id, backend.InTheWay(ctx, choices)} }
}

// patterns are the globs that are looked for, with the version put in; nil for none.
func (r *filesRoom) patterns() []string {
	list := r.typed
	if list == nil {
		list = r.choices.Artifacts
	}
	if list == nil {
		return r.backend.Globs(r.state.version)
	}
	out := make([]string, len(list))
	for i, g := range list {
		out[i] = strings.ReplaceAll(g, "{version}", r.state.version)
	}
	return out
}

func (r *filesRoom) find() tea.Cmd {
	globs := r.patterns()
	r.version = r.state.version
	if len(globs) == 0 {
		r.found, r.files, r.err = true, nil, nil
		return nil
	}
	ctx, id := r.begin(&r.task)
	backend := r.backend
	return func() tea.Msg {
		files, err := backend.FindArtifacts(ctx, globs)
		return filesFound{id, files, err}
	}
}

func (r *filesRoom) update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case filesFound:
		if r.task.end(m.id) {
			r.found, r.files, r.err = m.err == nil, m.files, m.err
			r.list.Set(min(r.list.At(), max(0, len(r.files)-1)))
			return r.lookAround()
		}
	case lookedAround:
		if r.look.end(m.id) {
			r.inWay = m.inWay
		}
	case configSaved:
		if !r.save.end(m.id) {
			return nil
		}
		if m.err != nil {
			r.dialogs().Push(dialog.NewError(m.err))
			return nil
		}
		r.config, r.saved = m.config, true
		r.note = "Kept in " + project.ConfigName + ". Commit that file once the release is done."
	}
	return nil
}

// taken is the files that are part of the release; never nil.
func (r *filesRoom) taken() []artifacts.File {
	out := []artifacts.File{}
	for _, f := range r.files {
		if !r.left[f.Path] {
			out = append(out, f)
		}
	}
	return out
}

// refused is why the walk cannot go on with these files, or "".
func (r *filesRoom) refused() string {
	switch {
	case r.task.active:
		return "still looking for files"
	case len(r.taken()) == 0:
		return "no file is chosen: 0 goes on without files"
	}
	return ""
}

// unsavable is why the globs cannot be kept now, or "". A bulla.toml that is in git must not
// change during a release: the tree would no longer be clean.
func (r *filesRoom) unsavable() string {
	switch {
	case r.typed == nil || !r.found:
		return "nothing new was set"
	case r.saved:
		return "they are kept already"
	case r.config.Exists:
		return project.ConfigName + " exists: edit and commit it before a release"
	}
	return ""
}

func (r *filesRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case r.globs != nil:
		return r.globsKey(msg)
	case key.Matches(msg, r.keys.Choose):
		if why := r.refused(); why != "" {
			r.note = capitalized(why) + "."
			return nil
		}
		r.settle(r.taken())
	case key.Matches(msg, r.keys.None):
		r.settle([]artifacts.File{})
	case key.Matches(msg, r.keys.Set):
		text := strings.Join(r.typed, " ")
		if r.typed == nil {
			text = strings.Join(append(r.choices.Artifacts, r.config.Release.Artifacts...), " ")
		}
		r.globs = textfield.New(text, "dist/*.tar.gz dist/*.deb")
	case key.Matches(msg, r.keys.Again):
		return r.find()
	case key.Matches(msg, r.keys.ListOnly):
		only := !r.listOnly()
		r.choices.ChecksumsOnly = &only
		return r.lookAround()
	case key.Matches(msg, r.keys.Replace) && len(r.inWay) > 0:
		r.choices.Replace = !r.choices.Replace
		r.mended(placeArtifacts)
	case key.Matches(msg, r.keys.Write):
		r.askToSave()
	case key.Matches(msg, r.keys.Toggle):
		if i := r.list.At(); i < len(r.files) {
			r.left[r.files[i].Path] = !r.left[r.files[i].Path]
		}
		return r.lookAround()
	case key.Matches(msg, r.keys.All):
		leave := len(r.taken()) > 0
		for _, f := range r.files {
			r.left[f.Path] = leave
		}
		return r.lookAround()
	default:
		r.list.Update(msg, r.keys, len(r.files))
	}
	return nil
}

func (r *filesRoom) settle(files []artifacts.File) {
	r.choices.Files, r.settled, r.choosing, r.target = files, true, false, placeImage
	r.mended(placeArtifacts)
}

func (r *filesRoom) globsKey(msg tea.KeyMsg) tea.Cmd {
	if !key.Matches(msg, r.keys.Choose) || msg.Paste {
		r.globs.Update(msg)
		return nil
	}
	typed := strings.Fields(strings.ReplaceAll(r.globs.Value(), ",", " "))
	r.globs = nil
	if len(typed) == 0 {
		return nil
	}
	r.typed, r.saved, r.left = typed, false, map[string]bool{}
	return r.find()
}

func (r *filesRoom) askToSave() {
	if why := r.unsavable(); why != "" {
		r.note = capitalized(why) + "."
		return
	}
	lines := []string{"These globs go into a new file " + project.ConfigName + " in the root of the repository:", "", "  " + safetext.Line(strings.Join(r.typed, "  ")), "", "Commit it after the release. No secret is in it."}
	r.dialogs().Push(dialog.NewQuestion("Keep the globs?", lines, "write it", "leave it", r.write))
}

func (r *filesRoom) write() tea.Cmd {
	config := r.config
	config.Release.Artifacts = r.typed
	ctx, id := r.begin(&r.save)
	backend := r.backend
	return r.writes.Go(func() tea.Msg {
		err := backend.SaveConfig(ctx, config)
		config.Exists = err == nil
		return configSaved{id, config, err}
	})
}

func (r *filesRoom) back() bool {
	if r.globs == nil {
		return false
	}
	r.globs = nil
	return true
}

func (r *filesRoom) typing() bool { return r.globs != nil }
func (r *filesRoom) busy() bool   { return r.task.active }

func (r *filesRoom) view(w, h int) []string {
	out := r.heading("Which files belong to "+safetext.Line(r.state.version)+"?", w)
	if r.globs != nil {
		out = append(out, r.theme.Accent.Render(r.theme.Signs.Marker)+" globs "+r.globs.View(r.theme, w-8, true), "")
		return append(out, r.prose("From the root of the repository, several with spaces between; ** crosses folders, {version} is the version.", w)...)
	}
	switch {
	case r.task.active:
		return append(out, r.waiting(r.task, "looking for files…"))
	case r.err != nil:
		return append(append(append(out, failure(r.state, r.err, w)...), ""), r.teach(w)...)
	case len(r.files) == 0:
		out = append(out, r.plain("No files are named for this project.", w)...)
		return append(append(out, ""), r.teach(w)...)
	}
	var items [][]string
	for i, f := range r.files {
		items = append(items, []string{r.row(f, i == r.list.At(), w)})
	}
	tail := append([]string{"", r.theme.Muted.Render(layout.Cut(sum(r.taken(), r.listOnly()), w, r.theme.Signs.Ellipsis))}, r.inWayRows(w)...)
	out = append(out, r.list.View(r.theme, items, max(1, h-len(out)-len(tail)))...)
	return append(out, tail...)
}

// inWayRows tell what stands in the way, and how to replace it, or that it is replaced.
func (r *filesRoom) inWayRows(w int) []string {
	if len(r.inWay) == 0 {
		return nil
	}
	t := r.theme
	sign, style, end := theme.Waiting, t.Caution, replaceWords(t, "R")
	if r.choices.Replace {
		sign, style, end = theme.Done, t.Good, "They will be replaced. "+t.Accent.Render("R")+" keeps them."
	}
	text := safetext.Line(r.inWay[0].Message)
	if n := len(r.inWay) - 1; n > 0 {
		text += " And " + human.Count(n, "more thing") + " like that."
	}
	out := []string{""}
	for i, l := range layout.Wrap(text, w-2) {
		if before := style.Render(t.Signs.Icon(sign)) + " "; i == 0 {
			out = append(out, before+l)
		} else {
			out = append(out, "  "+l)
		}
	}
	return append(out, layout.Indent(layout.Wrap(end, w-2), "  ")...)
}

// replaceWords say what a key that allows files to be replaced does, and what it leaves alone.
func replaceWords(t theme.Theme, k string) string {
	return t.Accent.Render(k) + " lets bulla replace what lies there; copies elsewhere, such as published ones, stay."
}

// listOnly reports whether the list of checksums is signed in place of every file.
func (r *filesRoom) listOnly() bool {
	if only := r.choices.ChecksumsOnly; only != nil {
		return *only
	}
	return r.config.Release.ChecksumsOnly
}

// sum says what is taken in all.
func sum(taken []artifacts.File, listOnly bool) string {
	switch len(taken) {
	case 0:
		return "No file is taken."
	case 1:
		if listOnly {
			return "1 file, " + human.Size(total(taken)) + ", by the signed SHA256SUMS"
		}
		return "1 file, " + human.Size(total(taken)) + ", with its .asc"
	}
	if listOnly {
		return human.Count(len(taken), "file") + ", " + human.Size(total(taken)) + ", by the signed SHA256SUMS"
	}
	return human.Count(len(taken), "file") + ", " + human.Size(total(taken)) + ", each with its .asc"
}

// teach is the first step for who has no globs yet.
func (r *filesRoom) teach(w int) []string {
	t := r.theme
	var out []string
	if now := r.patterns(); len(now) > 0 {
		out = append(out, t.Muted.Render("looked for ")+layout.Cut(safetext.Line(strings.Join(now, "  ")), w-11, t.Signs.Ellipsis), "")
		out = append(out, t.Accent.Render("r")+" looks again, once they are built")
	}
	out = append(out, t.Accent.Render("s")+" sets which files, such as dist/*.tar.gz")
	out = append(out, t.Accent.Render("0")+" goes on without files: the tag alone is signed", "")
	return append(out, r.prose("Once they are set, w keeps them in bulla.toml.", w)...)
}

func (r *filesRoom) row(f artifacts.File, at bool, w int) string {
	t := r.theme
	box := t.Signs.On
	if r.left[f.Path] {
		box = t.Signs.Off
	}
	size := t.Muted.Render(human.Size(f.Size))
	name := layout.Middle(safetext.Line(f.Name), w-9-layout.Width(size), t.Signs.Ellipsis)
	if at {
		name = t.Accent.Render(name)
	}
	return layout.Ends(picker.Marker(t, at)+box+" "+name, size, w, t.Signs.Ellipsis)
}

func total(files []artifacts.File) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}

func (r *filesRoom) detail(w, _ int) []string {
	if r.globs != nil || r.task.active || len(r.files) == 0 {
		return nil
	}
	t, f := r.theme, r.files[min(r.list.At(), len(r.files)-1)]
	out := []string{t.Muted.Render("File")}
	out = append(out, layout.Wrap(safetext.Line(f.Base()), w)...)
	out = append(out, "", t.Muted.Render("Path"))
	out = append(out, layout.Wrap(safetext.Line(f.Path), w)...)
	rows := [][]string{{t.Muted.Render("size"), human.Size(f.Size)}}
	if !f.ModTime.IsZero() {
		rows = append(rows, []string{t.Muted.Render("changed"), human.Span(r.now().Sub(f.ModTime)) + " ago"})
	}
	out = append(append(out, ""), layout.Table(rows)...)
	out = append(out, "", t.Muted.Render("Also written"))
	return append(out, layout.Wrap("SHA256SUMS and "+record.Name+", each with its signature", w)...)
}

func (r *filesRoom) status() string {
	switch {
	case r.globs != nil:
		return "Enter looks for them; esc leaves everything as it was."
	case len(r.files) > 0 && len(r.taken()) < len(r.files):
		return "Files that are left out are not in the checksums and not in the record."
	case !r.task.active && r.refused() != "":
		return capitalized(r.refused()) + "."
	}
	return ""
}

func (r *filesRoom) hints() []keymap.Hint {
	if r.globs != nil {
		return []keymap.Hint{keymap.On(r.keys.Choose, "look for them"), keymap.On(r.keys.Back, "as before")}
	}
	none := ""
	if len(r.files) == 0 {
		none = "there are no files"
	}
	without, write := keymap.On(r.keys.None, ""), keymap.Unless(r.unsavable(), r.keys.Write, "")
	all := []keymap.Hint{keymap.Unless(none, r.keys.All, "")}
	// What matters just now stands where it is seen.
	out := []keymap.Hint{keymap.Unless(r.refused(), r.keys.Choose, "go on")}
	if len(r.inWay) > 0 {
		desc := "replace"
		if r.choices.Replace {
			desc = "keep"
		}
		out = append(out, keymap.On(r.keys.Replace, desc))
	}
	for _, h := range []struct {
		now bool
		keymap.Hint
	}{{none != "", without}, {write.Off == "", write}, {none == "", keymap.On(r.keys.Toggle, "")}} {
		if h.now {
			out = append(out, h.Hint)
		} else {
			all = append(all, h.Hint)
		}
	}
	out = append(out, keymap.On(r.keys.Set, "globs"), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Back, ""))
	return append(append(out, all...), keymap.Unless(none, r.keys.ListOnly, ""), keymap.On(r.keys.Again, "look again"), keymap.On(r.keys.Quit, ""))
}

func (r *filesRoom) item() rail.Item {
	it := rail.Item{Title: "Artifacts", State: theme.Pending}
	switch n := len(r.choices.Files); {
	case r.choosing && len(r.taken()) > 0:
		it.Value = human.Count(len(r.taken()), "file")
	case r.choosing:
	case r.settled && n == 0:
		it.State, it.Value = theme.Skipped, "none"
	case r.settled:
		it.State, it.Value = theme.Done, human.Count(n, "file")
	}
	return it
}
