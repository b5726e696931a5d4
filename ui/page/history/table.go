package history

import (
	"slices"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/history"
)

// table is the timeline: which rows are shown, in which order, and where the cursor stands. Only
// what is in sight is ever drawn, so that ten thousand rows cost no more than twenty.
type table struct {
	theme   theme.Theme
	rows    []history.Release // shared with the page
	hay     []string          // of each row, "" while it has to be made anew
	filter  filter
	sort    sorting
	changes map[int]history.Change

	order []int // rows that are shown
	place int   // of the cursor in order
	first int   // line in sight
	// lines are the lines of the table: a place in order, or, negative, the rule above -line-1.
	lines  []int
	judged int
	tally  map[keys.Status]int
	// refused counts the sound signatures of signers that are not allowed.
	refused int
	widths  widths
}

// widths are the columns' widths, by the longest that is in them, within bounds.
type widths struct{ tag, signer, files, image, record int }

// set takes new rows.
func (t *table) set(rows []history.Release) {
	t.rows, t.hay = rows, make([]string, len(rows))
	t.arrange()
}

// changed is told that a row has new verdicts; arrange follows.
func (t *table) changed(i int) { t.hay[i] = "" }

// show takes another filter or sorting into effect.
func (t *table) show(f filter) {
	t.filter = f
	t.choose()
}

// at is the row under the cursor.
func (t *table) at() (int, bool) {
	if t.place >= len(t.order) {
		return 0, false
	}
	return t.order[t.place], true
}

func (t *table) move(by int) { t.place = max(0, min(t.place+by, len(t.order)-1)) }

// arrange takes new rows and verdicts into account.
func (t *table) arrange() {
	t.count()
	t.changes = history.Changes(t.rows)
	t.choose()
}

// choose works out what is shown. The cursor stays on its release if that is still shown.
func (t *table) choose() {
	chosen, had := t.at()
	words := t.filter.words()
	t.order = t.order[:0]
	for i := range t.rows {
		if !t.filter.empty() {
			if t.hay[i] == "" && len(words) > 0 {
				t.hay[i] = haystack(&t.rows[i])
			}
			if !t.filter.lets(&t.rows[i], t.hay[i], words) {
				continue
			}
		}
		t.order = append(t.order, i)
	}
	if t.sort != byDate {
		slices.SortFunc(t.order, func(a, b int) int { return t.sort.compare(t.rows, a, b) })
	}
	t.place = min(t.place, max(0, len(t.order)-1))
	if had && (t.place >= len(t.order) || t.order[t.place] != chosen) {
		if p := slices.Index(t.order, chosen); p >= 0 {
			t.place = p
		}
	}
	t.layOut()
}

// layOut makes the lines: in the order of time a rule stands where a new signer takes over.
func (t *table) layOut() {
	t.lines = t.lines[:0]
	for p, i := range t.order {
		t.lines = append(t.lines, p)
		if c, ok := t.changes[i]; ok && c.New && t.sort == byDate && t.filter.empty() {
			t.lines = append(t.lines, -p-1)
		}
	}
}

// count sums up the verdicts and finds the columns that are needed.
func (t *table) count() {
	t.judged, t.refused, t.tally, t.widths = 0, 0, map[keys.Status]int{}, widths{tag: 8, signer: 6}
	names := map[keys.Fingerprint]int{}
	for i := range t.rows {
		r := &t.rows[i]
		t.widths.tag = max(t.widths.tag, len(r.Tag))
		if len(r.Files) > 0 {
			t.widths.files = 8
		}
		if len(r.Images) > 0 {
			t.widths.image = 7
		}
		if len(r.Record) > 0 {
			t.widths.record = 7
		}
		if !r.Judged(history.PartTag) {
			continue
		}
		t.judged++
		v := r.Verdict()
		if v.Trusted != nil && !*v.Trusted && v.Status.Sound() {
			t.refused++
		} else {
			t.tally[v.Status]++
		}
		if v.Signer == nil {
			continue
		}
		if _, known := names[v.Signer.Primary]; !known {
			names[v.Signer.Primary] = layout.Width(nameOf(v.Signer))
			t.widths.signer = max(t.widths.signer, names[v.Signer.Primary])
		}
	}
}

// counts tells how many tags have which verdict.
func (t *table) counts() string {
	var parts []string
	add := func(word string, list ...keys.Status) {
		n := 0
		for _, s := range list {
			n += t.tally[s]
		}
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+word)
		}
	}
	add("good", keys.StatusGood, keys.StatusGoodExpiredSince)
	add("weak", keys.StatusWeak)
	if t.refused > 0 {
		parts = append(parts, strconv.Itoa(t.refused)+" refused")
	}
	add("bad", keys.StatusBad)
	add("revoked", keys.StatusRevoked)
	add("expired", keys.StatusExpired, keys.StatusAfterExpiry)
	add("without a key", keys.StatusUnknownKey)
	add("not signed", keys.StatusUnsigned)
	add("not judged", keys.StatusUnsupported, keys.StatusNotChecked, keys.StatusMalformed, keys.StatusNotYetValid)
	if len(parts) == 0 {
		return "no verdict yet"
	}
	return strings.Join(parts, ", ")
}

// column is one column of the table.
type column struct {
	title string
	width int
	cell  func(i int, r *history.Release) string
}

// columns are those that fit into w, the last of them as wide as there is room.
func (t *table) columns(w int) []column {
	tag := column{"tag", min(t.widths.tag, max(12, w/4)), func(_ int, r *history.Release) string { return t.tagCell(r, min(t.widths.tag, max(12, w/4))) }}
	date := column{"date", 10, func(_ int, r *history.Release) string { return t.dateCell(r) }}
	signer := column{"signer", min(t.widths.signer, max(12, w/5)), func(_ int, r *history.Release) string { return t.signerCell(r) }}
	verdict := column{"verdict", 7, func(_ int, r *history.Release) string {
		if !r.Judged(history.PartTag) {
			return t.theme.Muted.Render(t.theme.Signs.Ellipsis)
		}
		v := r.Verdict()
		return style(t.theme, v).Render(short(v))
	}}
	of := func(title string, width int, part history.Part, pick func(*history.Release) []keys.Verdict) column {
		return column{title, width, func(_ int, r *history.Release) string { return t.groupCell(r, part, pick(r)) }}
	}
	files := of("files", t.widths.files, history.PartFiles, func(r *history.Release) []keys.Verdict { return r.Files })
	image := of("image", t.widths.image, history.PartFiles, func(r *history.Release) []keys.Verdict { return r.Images })
	record := of("record", t.widths.record, history.PartFiles, func(r *history.Release) []keys.Verdict { return r.Record })
	commit := of("commit", 7, history.PartCommit, func(r *history.Release) []keys.Verdict { return r.Commit })
	know := column{"what to know", minRemark, func(i int, r *history.Release) string {
		c, changed := t.changes[i]
		return safetext.Line(remark(r, c, changed))
	}}
	// What is told last is left out first.
	room := w - markerWidth + len(gap)
	for _, c := range []*column{&tag, &verdict, &date, &signer, &know, &files, &image, &commit, &record} {
		need, keep := c.width+len(gap), 0
		if c == &commit || c == &record {
			keep = goodRemark - minRemark // most commits are not signed: what to know tells more
		}
		if c.width > 0 && room >= need+keep {
			room -= need
		} else {
			c.width = 0
		}
	}
	if know.width > 0 {
		grow := max(0, min(min(t.widths.signer, maxSigner)-signer.width, know.width+room-goodRemark))
		signer.width += grow
		know.width += room - grow
	}
	var out []column
	for _, c := range []column{tag, date, signer, verdict, commit, files, image, record, know} {
		if c.width > 0 {
			out = append(out, c)
		}
	}
	return out
}

const (
	gap         = "  "
	markerWidth = 2
	minRemark   = 10 // narrower it tells nothing
	goodRemark  = 28 // wider it can share its room with the signers
	maxSigner   = 24
)

// tagCell keeps the end of a name that is too long: there the version stands.
func (t *table) tagCell(r *history.Release, w int) string {
	name := safetext.Line(r.Tag)
	if n := layout.Width(name); n > w {
		dots := t.theme.Signs.Ellipsis
		name = dots + layout.Skip(name, n-w+layout.Width(dots))
	}
	return name
}

func (t *table) dateCell(r *history.Release) string {
	if r.Date.IsZero() {
		return t.theme.Signs.Dash
	}
	return r.Date.UTC().Format("2006-01-02")
}

func (t *table) signerCell(r *history.Release) string {
	switch name := signerName(r); {
	case !r.Judged(history.PartTag):
		return t.theme.Muted.Render(t.theme.Signs.Ellipsis)
	case name == "":
		return t.theme.Muted.Render(t.theme.Signs.Dash)
	case name == "unknown" && r.Signer() == nil:
		return t.theme.Muted.Render(name)
	default:
		return name
	}
}

func (t *table) groupCell(r *history.Release, part history.Part, vs []keys.Verdict) string {
	if !r.Judged(part) {
		return t.theme.Muted.Render(t.theme.Signs.Ellipsis)
	}
	if part == history.PartCommit && len(vs) > 0 {
		v := keys.Summarize(vs)
		if v.Status == keys.StatusUnsigned {
			return t.theme.Muted.Render("none")
		}
		return style(t.theme, v).Render(short(v))
	}
	text, worst := group(vs)
	if text == "" {
		return t.theme.Muted.Render(t.theme.Signs.Dash)
	}
	return style(t.theme, worst).Render(text)
}

// view draws the part of the table that is in sight in w columns and h rows.
func (t *table) view(rows []history.Release, w, h int) []string {
	cols := t.columns(w)
	head := "  "
	for _, c := range cols {
		head += layout.Pad(c.title, c.width) + gap
	}
	out := []string{t.theme.Muted.Render(strings.TrimRight(head, " "))}
	if len(t.order) == 0 {
		return append(out, "", "  "+t.theme.Muted.Render("Nothing fits the filter. Esc shows all again."))
	}
	h--
	t.first = layout.Window(len(t.lines), h, t.lineOf(t.place), t.first)
	for _, line := range t.lines[t.first:min(len(t.lines), t.first+h)] {
		if line < 0 {
			out = append(out, t.rule(t.changes[t.order[-line-1]], w))
			continue
		}
		i := t.order[line]
		out = append(out, t.line(cols, i, &rows[i], line == t.place))
	}
	return out
}

// lineOf is the line of a place in order. Rules come after their row, so that it is found by
// counting from the place on.
func (t *table) lineOf(place int) int {
	from := place
	for from < len(t.lines) && t.lines[from] != place {
		from++
	}
	return from
}

func (t *table) line(cols []column, i int, r *history.Release, chosen bool) string {
	b := picker.Marker(t.theme, chosen)
	for n, c := range cols {
		cell := layout.Cut(c.cell(i, r), c.width, t.theme.Signs.Ellipsis)
		if n == 0 && chosen {
			cell = t.theme.Strong.Render(cell)
		}
		if n < len(cols)-1 {
			cell = layout.Pad(cell, c.width) + gap
		}
		b += cell
	}
	return b
}

// rule is the line where one signer took over from another.
func (t *table) rule(c history.Change, w int) string {
	from, to := nameOf(c.From), nameOf(c.To)
	if from == to { // another key under the same name is just what has to be seen
		from, to = from+" "+string(c.From.Primary[max(0, len(c.From.Primary)-8):]), to+" "+string(c.To.Primary[max(0, len(c.To.Primary)-8):])
	}
	s := t.theme.Signs
	text := " signer changed: " + from + " " + s.Arrow + " " + to + " "
	text = layout.Cut(text, w-6, s.Ellipsis)
	left := t.theme.Border.Render(strings.Repeat(s.Rule, 2))
	right := t.theme.Border.Render(strings.Repeat(s.Rule, max(0, w-2-layout.Width(text)-2)))
	return left + t.theme.Caution.Render(text) + right
}
