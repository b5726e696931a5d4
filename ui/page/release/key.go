package release

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/agentword"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/rail"
	"bulla/ui/component/textfield"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/keychoice"
)

// keyRoom chooses the key that signs, or makes one.
type keyRoom struct {
	*state
	task   task
	known  bool
	all    keychoice.Choices
	err    error
	list   picker.Model
	filter *textfield.Model // nil: none
	asking bool             // the filter has the focus
	form   *keyForm         // nil: the list is shown
	chosen *keychoice.Choice
	want   keys.Fingerprint // to stand on once the list is read
}

type keysListed struct {
	id      int
	choices keychoice.Choices
	err     error
}

func (r *keyRoom) enter() tea.Cmd {
	if r.known || r.task.active {
		return nil
	}
	return r.load()
}

func (r *keyRoom) load() tea.Cmd {
	ctx, id := r.begin(&r.task)
	backend := r.backend
	return func() tea.Msg {
		c, err := backend.KeyChoices(ctx)
		return keysListed{id, c, err}
	}
}

func (r *keyRoom) update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case keysListed:
		if r.task.end(m.id) {
			r.known, r.all, r.err = m.err == nil, m.choices, m.err
			r.preselect()
		}
	case keyMade:
		if r.form == nil || !r.form.task.end(m.id) {
			return nil
		}
		if m.err != nil && !r.form.refuse(m.err) {
			r.form.err = m.err
		}
		if m.err == nil {
			r.form.made, r.want = &m.made, m.made.Key.Fingerprint
			return r.load()
		}
	}
	return nil
}

// preselect stands on the key just made, the one named on the command line, or the one that the
// session proposes.
func (r *keyRoom) preselect() {
	if i := r.all.Preselected; i >= 0 {
		r.list.Set(i)
	}
	sel := keys.ParseSelector(r.choices.Key)
	for i, k := range r.all.List {
		if r.want != "" && k.Fingerprint == r.want || r.want == "" && !sel.IsZero() && sel.Matches(k.Key) {
			r.list.Set(i)
			break
		}
	}
}

// shown is the keys that the filter lets through.
func (r *keyRoom) shown() []keychoice.Choice {
	if r.filter == nil || r.filter.Value() == "" {
		return r.all.List
	}
	want := strings.ToLower(r.filter.Value())
	var out []keychoice.Choice
	for _, k := range r.all.List {
		text := strings.ToLower(strings.Join(k.UserIDs, " ") + " " + string(k.Fingerprint) + " " + string(k.Signing))
		if strings.Contains(text, want) {
			out = append(out, k)
		}
	}
	return out
}

// current is the key under the cursor; nil if the list is empty.
func (r *keyRoom) current() *keychoice.Choice {
	list := r.shown()
	if len(list) == 0 {
		return nil
	}
	return &list[min(r.list.At(), len(list)-1)]
}

// refused is why the key under the cursor cannot be chosen, or "".
func (r *keyRoom) refused() string {
	switch k := r.current(); {
	case !r.known && r.err == nil:
		return "the keys are still being read"
	case k == nil:
		return "there is no key yet"
	case !k.Usable:
		return "this key cannot sign: " + safetext.Line(k.Problem)
	}
	return ""
}

func (r *keyRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case r.form != nil:
		return r.formKey(msg)
	case r.asking:
		r.filterKey(msg)
	case key.Matches(msg, r.keys.Choose):
		if r.err != nil {
			r.dialogs().Push(dialog.NewError(r.err))
		} else if why := r.refused(); why != "" {
			r.note = capitalized(why) + "."
		} else {
			r.choose(*r.current())
		}
	case key.Matches(msg, r.keys.New) && r.o.CanMakeKey:
		r.firstKey = true
	case key.Matches(msg, r.keys.New, r.keys.Quick):
		r.form = newKeyForm(r.state)
	case key.Matches(msg, r.keys.Filter):
		r.asking = true
		if r.filter == nil {
			r.filter = textfield.New("", "part of a name, address or fingerprint")
		}
	case key.Matches(msg, r.keys.Again):
		return r.load()
	case key.Matches(msg, r.keys.AllKeys):
		if why := r.keysElsewhere(); why != "" {
			r.note = capitalized(why) + "."
		} else {
			r.allKeys = true
		}
	default:
		r.list.Update(msg, r.keys, len(r.shown()))
	}
	return nil
}

// keysElsewhere is why the page of all keys cannot be opened, or "".
func (r *keyRoom) keysElsewhere() string {
	if !r.o.CanShowKeys {
		return "there is no page for all keys here"
	}
	return ""
}

func (r *keyRoom) choose(k keychoice.Choice) {
	// Whoever named exactly a subkey on the command line gets that one, not the row's newest.
	if named := keys.ParseSelector(r.choices.Key); !named.Exact || !named.Matches(k.Key) {
		r.choices.Key = k.Selector()
	}
	r.chosen = &k
	r.mended(placeKey)
	r.target = placeTag
}

func (r *keyRoom) filterKey(msg tea.KeyMsg) {
	if key.Matches(msg, r.keys.Choose) || msg.Type == tea.KeyDown {
		r.asking = false
		return
	}
	r.filter.Update(msg)
	r.list.Set(0)
}

func (r *keyRoom) formKey(msg tea.KeyMsg) tea.Cmd {
	cmd, leave := r.form.key(msg)
	if leave {
		r.form.wipe()
		r.form = nil
	}
	return cmd
}

func (r *keyRoom) back() bool {
	switch {
	case r.form != nil:
		r.form.wipe()
		r.form.task.stop()
		r.form = nil
	case r.asking || r.filter != nil:
		r.asking, r.filter = false, nil
	default:
		return false
	}
	return true
}

func (r *keyRoom) typing() bool { return r.asking || r.form != nil && r.form.typing() }
func (r *keyRoom) busy() bool   { return r.task.active || r.form != nil && r.form.task.active }

func (r *keyRoom) view(w, h int) []string {
	if r.form != nil {
		return r.form.view(w, h)
	}
	out := r.heading("Which key signs this release?", w)
	switch {
	case r.task.active:
		return append(out, r.waiting(r.task, "reading the keys of bulla and GnuPG…"))
	case r.err != nil:
		return append(out, failure(r.state, r.err, w)...)
	case len(r.all.List) == 0:
		return append(out, r.empty(w)...)
	}
	if r.filter != nil {
		out = append(out, r.theme.Muted.Render("filter ")+r.filter.View(r.theme, w-8, r.asking), "")
	}
	list := r.shown()
	if len(list) == 0 {
		return append(out, "No key matches. Esc shows all of them.")
	}
	var items [][]string
	for i, k := range list {
		items = append(items, r.row(k, i == r.list.At() && !r.asking, w))
	}
	return append(out, r.list.View(r.theme, items, h-len(out))...)
}

// empty teaches the first step.
func (r *keyRoom) empty(w int) []string {
	out := r.plain("There is no signing key yet, and a signed release needs one.", w)
	out = append(out, "")
	n := r.theme.Accent.Render("n")
	out = append(out, n+" makes one now. It takes a name, an address and a", "  passphrase; bulla keeps it in its own store.", "")
	if r.o.CanMakeKey {
		out = append(out[:2:2], r.plain("n leads you step by step: the key, a backup that is tried, where it is published, git.", w)...)
		out = append(out, r.plain("N makes one at once, from a name, an address and a passphrase.", w)...)
		out = append(out, "")
	}
	return append(out, r.prose("You have one elsewhere? Leave with q and run bulla keys import FILE. Keys of GnuPG and smartcards are found by themselves.", w)...)
}

// row is a key in the list: who, with what, until when, from where.
func (r *keyRoom) row(k keychoice.Choice, at bool, w int) []string {
	t := r.theme
	name := safetext.Line(k.UserID())
	if name == "" {
		name = "a key without a name"
	}
	alg := t.Muted.Render(layout.Cut(safetext.Line(k.Algorithm), 12, t.Signs.Ellipsis))
	left := layout.Cut(name, w-3-layout.Width(alg), t.Signs.Ellipsis)
	if at {
		left = t.Accent.Render(left)
	}
	fingerprint := human.Key(t, k.Fingerprint)
	fate := human.Expiry(k.Until, r.now())
	second := fingerprint + "   " + t.Muted.Render(fate)
	if !k.Usable {
		second = fingerprint + "   " + t.Caution.Render(t.Signs.Icon(theme.Failed)+" cannot sign")
	}
	third := sourceWords(k.Key)
	if held := agentword.Short(k.Part, k.AgentAsked); held != "" {
		third += " " + t.Signs.Dot + " " + held
	}
	if k.LastUsed != "" {
		third += " " + t.Signs.Dot + " signed " + safetext.Line(k.LastUsed)
	}
	if k.Successor != "" {
		third = "followed by the key that ends in " + human.Tail(k.Successor)
	}
	if !k.Usable {
		third = safetext.Line(k.Problem)
	}
	return []string{
		layout.Ends(picker.Marker(t, at)+left, alg, w, t.Signs.Ellipsis),
		"    " + layout.Cut(second, w-4, t.Signs.Ellipsis),
		"    " + t.Muted.Render(layout.Cut(third, w-4, t.Signs.Ellipsis)),
		"",
	}
}

// sourceWords says where the secret lives.
func sourceWords(k keys.Key) string {
	switch {
	case k.Card != "":
		return "on card " + safetext.Line(k.Card)
	case k.Source == keys.SourceCard:
		return "on a card"
	case k.Source == keys.SourceGnuPG:
		return "GnuPG's keyring"
	case k.Source == keys.SourceFile:
		return "a keyring file"
	}
	return "bulla's store"
}

func (r *keyRoom) detail(w, _ int) []string {
	k := r.current()
	if k == nil || r.form != nil || r.task.active {
		return nil
	}
	t := r.theme
	out := []string{t.Muted.Render("Fingerprint")}
	out = append(out, human.FingerprintLines(k.Fingerprint, w)...)
	if k.Signing != "" && k.Signing != k.Fingerprint {
		out = append(out, "", t.Muted.Render("Signs with its subkey"))
		out = append(out, human.FingerprintLines(k.Signing, w)...)
	}
	out = append(out, "", t.Muted.Render("Names"))
	for _, u := range k.UserIDs[:min(4, len(k.UserIDs))] {
		out = append(out, layout.Cut(safetext.Line(u), w, t.Signs.Ellipsis))
	}
	until := k.Until
	if until.IsZero() {
		until = k.Expires
	}
	rows := [][]string{{t.Muted.Render("made"), human.Date(k.Created)}, {t.Muted.Render("valid"), human.Expiry(until, r.now())}, {t.Muted.Render("kept"), sourceWords(k.Key)}}
	if k.Source == keys.SourceStore {
		backup := "never tried"
		if !k.BackedUp.IsZero() {
			backup = human.Date(k.BackedUp)
		}
		rows = append(rows, []string{t.Muted.Render("backup"), backup})
	}
	out = append(append(out, ""), layout.Table(rows)...)
	if k.Part != nil {
		state, word := agentword.Part(*k.Part, k.AgentAsked)
		out = append(out, "", t.Muted.Render("In gpg-agent"))
		for i, l := range layout.Wrap(word, w-t.IconWidth()-1) {
			before := layout.Pad("", t.IconWidth())
			if i == 0 {
				before = t.Icon(state)
			}
			out = append(out, before+" "+l)
		}
	}
	for _, weak := range k.Weak {
		out = append(out, "")
		for _, l := range layout.Wrap("! "+safetext.Line(weak), w) {
			out = append(out, t.Caution.Render(l))
		}
	}
	return out
}

func (r *keyRoom) status() string {
	if r.form != nil {
		return r.form.status()
	}
	if r.asking {
		return "Type to filter; enter goes back to the list, esc shows all keys."
	}
	var parts []string
	if len(r.all.List) > 0 && r.all.Why != "" && r.filter == nil && r.list.At() == r.all.Preselected {
		parts = append(parts, capitalized(safetext.Line(r.all.Why))+".")
	}
	for _, n := range r.all.Notes {
		parts = append(parts, safetext.Line(n.Message))
	}
	return strings.Join(parts, " ")
}

func (r *keyRoom) hints() []keymap.Hint {
	if r.form != nil {
		return r.form.hints()
	}
	if r.asking {
		return []keymap.Hint{keymap.On(r.keys.Choose, "to the list"), keymap.On(r.keys.Back, "show all")}
	}
	hints := []keymap.Hint{keymap.Unless(r.refused(), r.keys.Choose, "choose"), keymap.On(r.keys.New, "")}
	all := keymap.Unless(r.keysElsewhere(), r.keys.AllKeys, "")
	if all.Off == "" {
		hints = append(hints, all)
	}
	hints = append(hints, keymap.On(r.keys.Filter, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Again, "read them again"), keymap.On(r.keys.Quit, ""))
	if all.Off != "" {
		hints = append(hints, all)
	}
	if r.o.CanMakeKey {
		hints = append(hints, keymap.On(r.keys.Quick, ""))
	}
	return hints
}

func (r *keyRoom) item() rail.Item {
	it := rail.Item{Title: "Key", State: theme.Pending}
	if r.chosen != nil {
		it.State, it.Value = theme.Done, human.Tail(r.chosen.Fingerprint)
	}
	return it
}

// capitalized begins a sentence.
func capitalized(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}
