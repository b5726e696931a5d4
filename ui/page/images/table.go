package images

import (
	"slices"
	"strconv"
	"strings"

	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// row is one tag, or a signed digest that no tag names.
type row struct {
	name   string // "" for a stray
	tag    images.Tag
	judged bool
	hay    string // what the filter looks in; "" while it has to be made anew
}

// state is the row's state in a word; "" while it is not known.
func (r *row) state() string {
	switch {
	case !r.judged:
		return ""
	case r.name == "":
		return "no tag"
	}
	return imageword.State(r.tag)
}

// sorting is an order of the rows.
type sorting int

const (
	byTag sorting = iota // newest version first
	byState
	sorts
)

func (s sorting) String() string {
	return [...]string{"tag, highest version first", "state, worst first"}[s]
}

// table is the list: which rows are shown, in which order, and where the cursor stands.
type table struct {
	theme   theme.Theme
	rows    []row
	text    string // of the filter
	wanting bool   // only what is not signed
	sort    sorting

	order   []int // rows that are shown
	place   int   // of the cursor in order
	first   int   // line in sight
	tags    int   // rows that are tags
	judged  int
	tally   map[string]int
	nameLen int
	// byLen and remarkLen are how wide the widest cells of their columns are.
	byLen, remarkLen int
}

func (t *table) set(names []string) {
	t.rows = make([]row, len(names))
	for i, n := range names {
		t.rows[i].name = n
	}
	t.tags = len(names)
	t.arrange()
}

func (t *table) judge(at int, tag images.Tag) {
	r := &t.rows[at]
	r.tag, r.judged, r.hay = tag, true, ""
}

// add puts the strays behind the tags.
func (t *table) add(strays []images.Tag) {
	for _, s := range strays {
		t.rows = append(t.rows, row{tag: s, judged: true})
	}
}

// at is the row under the cursor.
func (t *table) at() (*row, bool) {
	if t.place >= len(t.order) {
		return nil, false
	}
	return &t.rows[t.order[t.place]], true
}

func (t *table) move(by int) { t.place = max(0, min(t.place+by, len(t.order)-1)) }

func (t *table) show(text string, wanting bool) {
	t.text, t.wanting = text, wanting
	t.arrange()
}

// turn goes to the next order.
func (t *table) turn() {
	t.sort = (t.sort + 1) % sorts
	t.arrange()
	t.place = 0
}

// arrange works out what is shown. The cursor stays on its row if that is still shown.
func (t *table) arrange() {
	chosen := -1
	if t.place < len(t.order) {
		chosen = t.order[t.place]
	}
	words := strings.Fields(strings.ToLower(t.text))
	t.order, t.judged, t.tally, t.nameLen, t.byLen, t.remarkLen = t.order[:0], 0, map[string]int{}, 8, 0, 0
	for i := range t.rows {
		r := &t.rows[i]
		t.nameLen = max(t.nameLen, len(r.name))
		if r.judged {
			t.byLen = max(t.byLen, len(imageword.By(r.tag)))
			t.remarkLen = max(t.remarkLen, len(imageword.Remark(r.tag)))
		}
		if r.judged && r.name != "" {
			t.judged++
			t.tally[r.state()]++
		}
		if t.lets(r, words) {
			t.order = append(t.order, i)
		}
	}
	slices.SortStableFunc(t.order, t.compare)
	t.place = min(t.place, max(0, len(t.order)-1))
	if p := slices.Index(t.order, chosen); p >= 0 {
		t.place = p
	}
}

// compare orders two rows: strays stand last.
func (t *table) compare(a, b int) int {
	x, y := &t.rows[a], &t.rows[b]
	if (x.name == "") != (y.name == "") {
		return map[bool]int{true: 1, false: -1}[x.name == ""]
	}
	if t.sort == byState {
		if c := badness(y) - badness(x); c != 0 {
			return c
		}
	}
	if v := version(x.name); v != version(y.name) {
		return map[bool]int{true: -1, false: 1}[v]
	} else if v {
		return -human.Naturally(x.name, y.name)
	}
	return human.Naturally(x.name, y.name)
}

// version reports whether a tag looks like a version: those go first, the newest on top.
func version(name string) bool {
	name = strings.TrimPrefix(name, "v")
	return name != "" && name[0] >= '0' && name[0] <= '9'
}

// badness is how much there is to worry about a row.
func badness(r *row) int {
	return slices.Index([]string{"", "signed", "not read", "unknown", "unsigned", "no key", "weak", "refused", "moved", "damaged", "bad"}, r.state())
}

// lets reports whether the filter lets a row through.
func (t *table) lets(r *row, words []string) bool {
	if t.wanting && (!r.judged || r.state() == "signed") {
		return false
	}
	if len(words) > 0 && r.hay == "" {
		r.hay = haystack(r)
	}
	for _, w := range words {
		if state, ok := strings.CutPrefix(w, "is:"); ok {
			if !strings.HasPrefix(strings.ReplaceAll(r.state(), " ", "-"), state) {
				return false
			}
		} else if !strings.Contains(r.hay, w) {
			return false
		}
	}
	return true
}

func haystack(r *row) string {
	var b strings.Builder
	b.WriteString(r.name + " " + r.tag.Image.Digest + " ")
	for _, v := range r.tag.Verdicts() {
		if v.Signer != nil {
			b.WriteString(string(v.Signer.Fingerprint) + " " + strings.Join(v.Signer.UserIDs, " ") + " ")
		} else {
			b.WriteString(string(v.Claim.Fingerprint) + " ")
		}
	}
	return strings.ToLower(b.String())
}

// counts tells how many tags are in which state.
func (t *table) counts() string {
	var parts []string
	for _, s := range []string{"signed", "unsigned", "moved", "bad", "refused", "weak", "no key", "damaged", "unsupported", "unknown", "not read"} {
		if n := t.tally[s]; n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+s)
		}
	}
	if len(parts) == 0 {
		return "nothing known yet"
	}
	return strings.Join(parts, ", ")
}

const (
	gap        = "  "
	stateWidth = 8
	byWidth    = 13
	digWidth   = 12
	minRemark  = 10
	maxBy      = 26 // both forms of cosign, and Content Trust
	maxRemark  = 29 // beyond that the digest stays, and the remark is cut
)

// columns are the widths in w columns; 0 for one that there is no room for.
func (t *table) columns(w int, beside bool) (name, by, digest, remark int) {
	name = min(t.nameLen, max(12, w/3))
	room := w - 2 - name - stateWidth - 2*len(gap)
	if remark = min(room, minRemark); remark < minRemark {
		return name, 0, 0, 0
	}
	room -= minRemark
	if room >= byWidth+len(gap) {
		by = min(max(byWidth, t.byLen), maxBy, room-len(gap))
		room -= by + len(gap)
	}
	wanted := max(8, min(t.remarkLen, maxRemark)-minRemark) // of what to know, before the digest
	if !beside && room >= digWidth+len(gap)+wanted {        // the story beside it has the whole digest
		digest = digWidth
		room -= digWidth + len(gap)
	}
	return name, by, digest, remark + room
}

// view draws the part of the table that is in sight in w columns and h rows, with or without a
// story beside it.
func (t *table) view(w, h int, beside bool) []string {
	name, by, digest, remark := t.columns(w, beside)
	line := func(cells ...string) string {
		var b strings.Builder
		for i, width := range []int{name, stateWidth, by, digest, remark} {
			if width > 0 {
				b.WriteString(layout.Pad(layout.Cut(cells[i], width, t.theme.Signs.Ellipsis), width) + gap)
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	out := []string{t.theme.Muted.Render("  " + line("tag", "state", "signature", "sha256", "what to know"))}
	if len(t.order) == 0 {
		return append(out, "", "  "+t.theme.Muted.Render("Nothing fits the filter. Esc shows all again."))
	}
	h--
	t.first = layout.Window(len(t.order), h, t.place, t.first)
	for p := t.first; p < min(len(t.order), t.first+h); p++ {
		r := &t.rows[t.order[p]]
		out = append(out, picker.Marker(t.theme, p == t.place)+line(t.cells(r, name, p == t.place)...))
	}
	return out
}

// cells are the row's columns.
func (t *table) cells(r *row, width int, chosen bool) []string {
	s := t.theme.Signs
	name := safetext.Line(r.name)
	if r.name == "" {
		name = s.Dash
	}
	name = layout.Cut(name, width, s.Ellipsis)
	if chosen {
		name = t.theme.Strong.Render(name)
	}
	if !r.judged {
		wait := t.theme.Muted.Render(s.Ellipsis)
		return []string{name, wait, "", "", ""}
	}
	by := imageword.By(r.tag)
	if by == "" {
		by = t.theme.Muted.Render(s.Dash)
	}
	remark := imageword.Remark(r.tag)
	if as := r.tag.SignedAs(); r.name == "" && len(as) > 0 {
		remark = safetext.Line("signed as " + strings.Join(as, ", "))
	}
	state := r.state()
	return []string{name, style(t.theme, state).Render(state), by, strings.TrimPrefix(imageword.Digest(r.tag.Image.Digest), "sha256:"), remark}
}
