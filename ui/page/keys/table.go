package keys

import (
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/keydesk"
)

// row is one key.
type row struct {
	keydesk.State
	round int    // of looking, in which something of it was seen last
	hay   string // what the filter looks in; "" while it has to be made anew
}

// sorting is an order of the rows.
type sorting int

const (
	byOwner sorting = iota // own keys first, then the newest
	byHealth
	byExpiry
	byName
	sorts
)

func (s sorting) String() string {
	return [...]string{"owner, your keys first", "health, the worst first", "expiry, the soonest first", "name"}[s]
}

// table is the list: which rows are shown, in which order, and where the cursor stands.
type table struct {
	theme   theme.Theme
	now     func() time.Time
	rows    []*row
	index   map[keys.Fingerprint]*row
	text    string // of the filter
	wanting bool   // only what the health check has something to say of
	sort    sorting

	names map[string]int // how many keys have a name
	order []*row         // that are shown
	place int            // of the cursor in order
	first int            // line in sight
	// chosen is the key that the cursor stays on; "" before the person moved it, so that it stays
	// on the first row while better ones come.
	chosen keys.Fingerprint
}

// glimpse takes the keys that were looked at quickly. What is known of a key already stays.
func (t *table) glimpse(list []keydesk.State, round int) {
	for _, s := range list {
		if r := t.index[s.Fingerprint]; r != nil {
			continue
		}
		t.add(&row{State: s, round: round})
	}
	t.arrange()
}

func (t *table) add(r *row) {
	if t.index == nil {
		t.index = map[keys.Fingerprint]*row{}
	}
	t.index[r.Fingerprint] = r
	t.rows = append(t.rows, r)
}

// news takes what was learned of a key in a round of looking.
func (t *table) news(n keydesk.News, round int) {
	r := t.index[n.Fingerprint]
	switch {
	case r == nil:
		r = &row{}
		r.Fingerprint = n.Fingerprint
		t.add(r)
	case r.round != round: // what was known is from another round
		r.State = keydesk.State{Key: keys.Key{Fingerprint: n.Fingerprint}}
	}
	r.round, r.hay = round, ""
	n.Apply(&r.State)
}

// learn takes what was learned of a key after it was changed.
func (t *table) learn(list []keydesk.News) {
	for _, n := range list {
		if r := t.index[n.Fingerprint]; r != nil {
			t.news(n, r.round)
		}
	}
	t.arrange()
}

// settle drops the keys that a whole round of looking did not see.
func (t *table) settle(round int) {
	t.rows = slices.DeleteFunc(t.rows, func(r *row) bool {
		gone := r.round != round
		if gone {
			delete(t.index, r.Fingerprint)
		}
		return gone
	})
}

// drop takes a key out that was deleted; where it is in GnuPG too, the next round brings it back.
func (t *table) drop(f keys.Fingerprint) {
	delete(t.index, f)
	t.rows = slices.DeleteFunc(t.rows, func(r *row) bool { return r.Fingerprint == f })
	t.arrange()
}

// at is the row under the cursor, nil for none.
func (t *table) at() *row {
	if t.place >= len(t.order) {
		return nil
	}
	return t.order[t.place]
}

func (t *table) move(by int) {
	t.place = max(0, min(t.place+by, len(t.order)-1))
	if r := t.at(); r != nil {
		t.chosen = r.Fingerprint
	}
}

// stand moves the cursor to a key, now or as soon as it is there.
func (t *table) stand(f keys.Fingerprint) {
	t.chosen = f
	t.arrange()
}

func (t *table) show(text string, wanting bool) {
	t.text, t.wanting = text, wanting
	t.arrange()
}

// turn goes to the next order.
func (t *table) turn() {
	t.sort = (t.sort + 1) % sorts
	t.chosen = ""
	t.arrange()
	t.place = 0
}

// arrange works out what is shown. The cursor stays on its key if that is still shown.
func (t *table) arrange() {
	words := strings.Fields(strings.ToLower(t.text))
	t.order, t.names = t.order[:0], map[string]int{}
	for _, r := range t.rows {
		t.names[r.name()]++
		if t.lets(r, words) {
			t.order = append(t.order, r)
		}
	}
	slices.SortStableFunc(t.order, t.compare)
	t.place = max(0, min(t.place, len(t.order)-1))
	if t.chosen == "" {
		t.place = 0
		return
	}
	if p := slices.IndexFunc(t.order, func(r *row) bool { return r.Fingerprint == t.chosen }); p >= 0 {
		t.place = p
	}
}

func (t *table) compare(a, b *row) int {
	switch t.sort {
	case byHealth:
		if c := weight(b) - weight(a); c != 0 {
			return c
		}
	case byExpiry:
		if c := ends(a).Compare(ends(b)); c != 0 {
			return c
		}
	case byName:
		if c := human.Naturally(strings.ToLower(a.name()), strings.ToLower(b.name())); c != 0 {
			return c
		}
	}
	return keydeed.ByOwner(&a.State, &b.State)
}

// ends is when the key expires; one that never does, or is not read yet, stands last.
func ends(r *row) time.Time {
	if !r.Read || r.Expires.IsZero() {
		return time.Unix(1<<40, 0)
	}
	return r.Expires
}

// name is the first user id, raw; before the key is read what stands in it.
func (r *row) name() string {
	if id := r.UserID(); id != "" || r.Read {
		return id
	}
	if len(r.Claims) > 0 {
		return r.Claims[0]
	}
	return ""
}

// lets reports whether the filter lets a row through.
func (t *table) lets(r *row, words []string) bool {
	if t.wanting && weight(r) < weightWarning {
		return false
	}
	if len(words) > 0 && r.hay == "" {
		r.hay = keydeed.Haystack(&r.State)
	}
	for _, w := range words {
		is, a := strings.CutPrefix(w, "is:")
		in, b := strings.CutPrefix(w, "in:")
		switch {
		case a:
			if !slices.ContainsFunc(t.states(r), func(s string) bool { return strings.HasPrefix(s, is) }) {
				return false
			}
		case b:
			if !strings.HasPrefix(strings.ToLower(place(r)), in) && (place(r) != bothPlaces || in == "card") {
				return false
			}
		case !strings.Contains(r.hay, w):
			return false
		}
	}
	return true
}

// states are the words that is: takes.
func (t *table) states(r *row) (out []string) {
	add := func(word string, is bool) {
		if is {
			out = append(out, word)
		}
	}
	add("secret", r.Secret)
	add("public", !r.Secret)
	add("revoked", r.Revoked)
	add("expired", r.Read && r.ExpiredAt(t.now()))
	add("published", len(r.Places) > 0)
	add("unpublished", r.PlacesKnown && len(r.Places) == 0)
	add("stale", len(r.Stale) > 0)
	add("well", r.Read && weight(r) < weightWarning)
	add("broken", r.Err != nil)
	return out
}

// counts tells how many keys there are of which kind.
func (t *table) counts() string {
	own, worry := 0, 0
	for _, r := range t.rows {
		if r.Secret {
			own++
		}
		if weight(r) >= weightWarning && r.Secret {
			worry++
		}
	}
	return keydeed.Counts(own, worry)
}

const (
	gap         = "  "
	kindWidth   = 6
	placeWidth  = 5
	validWidth  = 9
	publicWidth = 8
	tailWidth   = 9
	minRemark   = 14
)

// columns are the widths in w columns; 0 for one that there is no room for.
func (t *table) columns(w int) [7]int {
	const least, most = 14, 34 // columns of a name
	room := w - 2 - least - kindWidth - placeWidth - validWidth - minRemark - 4*len(gap)
	public, tail := 0, 0
	if room >= publicWidth+len(gap) {
		public = publicWidth
		room -= publicWidth + len(gap)
	}
	if room >= tailWidth+len(gap)+8 {
		tail = tailWidth
		room -= tailWidth + len(gap)
	}
	more := min(most-least, (max(0, room)+1)/2)
	return [7]int{least + more, kindWidth, placeWidth, validWidth, public, tail, max(8, minRemark+room-more)}
}

// view draws the part of the table that is in sight in w columns and h rows.
func (t *table) view(w, h int) []string {
	widths := t.columns(w)
	line := func(cells [7]string) string {
		var b strings.Builder
		for i, width := range widths {
			if width > 0 {
				b.WriteString(layout.Pad(layout.Cut(cells[i], width, t.theme.Signs.Ellipsis), width) + gap)
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	out := []string{t.theme.Muted.Render("  " + line([7]string{"key", "kind", "where", "valid", "public", "ends in", "what to know"}))}
	if len(t.order) == 0 {
		return append(out, "", "  "+t.theme.Muted.Render("Nothing fits the filter. Esc shows all again."))
	}
	h--
	t.first = layout.Window(len(t.order), h, t.place, t.first)
	for p := t.first; p < min(len(t.order), t.first+h); p++ {
		cells := t.cells(t.order[p], p == t.place)
		if tail := human.Tail(t.order[p].Fingerprint); widths[5] == 0 && t.names[t.order[p].name()] > 1 && len(tail) > 5 {
			end := t.theme.Signs.Ellipsis + tail[len(tail)-4:] // else nothing tells it from the other
			cells[0] = layout.Cut(cells[0], widths[0]-layout.Width(end)-1, t.theme.Signs.Ellipsis) + " " + end
		}
		out = append(out, picker.Marker(t.theme, p == t.place)+line(cells))
	}
	return out
}

// cells are the row's columns.
func (t *table) cells(r *row, chosen bool) [7]string {
	th := t.theme
	name := safetext.Line(r.name())
	style := th.Body
	switch {
	case chosen:
		style = th.Strong
	case !r.Read:
		style = th.Muted // nothing of it is checked yet
	}
	if name == "" {
		name = "no user id"
		if r.Err != nil {
			name = "cannot be read"
		}
	}
	kind := "public"
	if r.Secret {
		kind = th.Accent.Render("secret")
	}
	wait := th.Muted.Render(th.Signs.Ellipsis)
	valid, public, remark := wait, wait, wait
	if r.Read {
		valid = t.valid(r)
		remark = t.remark(r)
	}
	if r.PlacesKnown {
		public = t.public(r)
	}
	return [7]string{style.Render(name), kind, place(r), valid, public, human.Tail(r.Fingerprint), remark}
}
