package firstkey

import (
	"context"
	"fmt"
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/placeword"
	"bulla/ui/component/scroll"
	"bulla/ui/component/textfield"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

// publishRoom chooses places, shows exactly what would become public, sends it once that is
// confirmed, and tells what became of it at each place.
type publishRoom struct {
	*state
	offers  []firstkey.Offer
	ticked  map[string]bool // targets
	silent  map[string]bool // user ids that stay private
	list    picker.Model
	other   *textfield.Model
	whose   keys.Fingerprint // whose offers these are
	plan    *publish.Plan    // being looked at
	results []publish.Result
	sent    publish.Plan // what the results are about
	scroll  scroll.Model
	err     error
}

func newPublishRoom(s *state) *publishRoom {
	return &publishRoom{state: s, ticked: map[string]bool{}, silent: map[string]bool{}, other: textfield.New("", "github, wkd:FOLDER, KEYS, hkps://HOST…")}
}

func (r *publishRoom) enter() tea.Cmd {
	if r.whose == r.fingerprint() {
		return nil
	}
	backend, f := r.o.Backend, r.fingerprint()
	return r.begin("looking where it could go…", func(ctx context.Context, _ *desk) (any, error) {
		return backend.Offers(ctx, f)
	}, func(result any, err error) tea.Cmd {
		r.offers, _ = result.([]firstkey.Offer)
		r.err, r.whose = err, f
		for _, o := range r.offers {
			if o.Wise || o.Entry != nil {
				r.ticked[o.Target.String()] = true
			}
		}
		// What hides a person's address ties them to an account: that is for them to make public.
		open := publish.Open(r.ids())
		for _, u := range r.ids() {
			if !slices.Contains(open, u) {
				r.silent[u] = true
			}
		}
		return nil
	})
}

// The rows of the list: the offers, the field for another place, the user ids where there are several.
func (r *publishRoom) onOther() bool { return r.list.At() == len(r.offers) }

func (r *publishRoom) ids() []string {
	if ids := r.progress.Key.UserIDs; len(ids) > 1 {
		return ids
	}
	return nil
}

func (r *publishRoom) rows() int { return len(r.offers) + 1 + len(r.ids()) }

func (r *publishRoom) targets() (out []publish.Target) {
	for _, o := range r.offers {
		if r.ticked[o.Target.String()] {
			out = append(out, o.Target)
		}
	}
	return out
}

func (r *publishRoom) chosenIDs() (out []string) {
	for _, u := range r.progress.Key.UserIDs {
		if !r.silent[u] {
			out = append(out, u)
		}
	}
	return out
}

func (r *publishRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case r.results != nil:
		return r.resultsKey(msg)
	case r.plan != nil:
		return r.planKey(msg)
	}
	r.err = nil
	switch {
	case r.onOther() && r.otherKey(msg):
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		return r.preview()
	case key.Matches(msg, r.keys.Toggle):
		r.toggle()
	case key.Matches(msg, r.keys.Next):
		r.list.Set((r.list.At() + 1) % r.rows())
	case key.Matches(msg, r.keys.Previous):
		r.list.Set((r.list.At() + r.rows() - 1) % r.rows())
	default:
		r.list.Update(msg, r.keys, r.rows())
	}
	return nil
}

// otherKey types the name of another place; Enter adds it to the list. It reports whether the key was
// its business.
func (r *publishRoom) otherKey(msg tea.KeyMsg) bool {
	switch {
	case msg.Type == tea.KeyUp, msg.Type == tea.KeyDown, key.Matches(msg, r.keys.Next, r.keys.Previous):
		return false
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		if r.other.Value() == "" {
			return false
		}
		t, err := r.o.Backend.Place(r.other.Value())
		if err != nil {
			r.err = err
			return true
		}
		r.ticked[t.String()] = true
		r.other.SetValue("")
		if !slices.ContainsFunc(r.offers, func(o firstkey.Offer) bool { return o.Target == t }) {
			r.offers = append(r.offers, firstkey.Offer{Target: t, Why: "Named by you."})
		}
		r.list.Set(len(r.offers))
		return true
	}
	r.other.Update(msg)
	return true
}

func (r *publishRoom) toggle() {
	switch at := r.list.At(); {
	case at < len(r.offers):
		t := r.offers[at].Target.String()
		r.ticked[t] = !r.ticked[t]
	case at > len(r.offers):
		u := r.ids()[at-len(r.offers)-1]
		r.silent[u] = !r.silent[u]
	}
}

// preview works out what would become public. With no place ticked it goes on.
func (r *publishRoom) preview() tea.Cmd {
	targets, ids := r.targets(), r.chosenIDs()
	switch {
	case len(targets) == 0:
		r.next = true
		return nil
	case len(ids) == 0 && len(r.progress.Key.UserIDs) > 0:
		r.note = "Tick at least one user id: gpg refuses a key without any."
		return nil
	}
	backend, f := r.o.Backend, r.fingerprint()
	return r.begin("working out what would become public…", func(ctx context.Context, _ *desk) (any, error) {
		return backend.Plan(ctx, f, targets, ids)
	}, func(result any, err error) tea.Cmd {
		if r.err = err; err == nil {
			p := result.(publish.Plan)
			r.plan, r.scroll = &p, scroll.Model{}
		}
		return nil
	})
}

func (r *publishRoom) planKey(msg tea.KeyMsg) tea.Cmd {
	if !key.Matches(msg, r.keys.Choose) || msg.Paste {
		r.scroll.Update(msg, r.keys)
		return nil
	}
	if !r.scroll.End() { // nobody agrees to what they have not seen
		r.scroll.Update(tea.KeyMsg{Type: tea.KeyPgDown}, r.keys)
		return nil
	}
	sends, forGood := false, false
	for _, i := range r.plan.Items {
		sends, forGood = sends || !i.Target.Prints(), forGood || i.Permanent
	}
	if !sends {
		return r.send()
	}
	lines := []string{"What you have just seen of the key goes to:"}
	lines = append(lines, receivers(*r.plan, r.theme.Signs.Ellipsis)...)
	if forGood {
		lines = append(lines, "Some of it is for good: it cannot be taken back.")
	}
	r.o.Dialogs.Push(dialog.NewQuestion("Make this public?", lines, "make it public", "not yet", r.send))
	return nil
}

// receivers are the names of the places that something is sent to, or of the first of many.
func receivers(plan publish.Plan, ellipsis string) (out []string) {
	const most = 5
	for _, i := range plan.Items {
		if !i.Target.Prints() {
			out = append(out, "  "+layout.Middle(safetext.Line(i.Target.Name()), 60, ellipsis))
		}
	}
	if n := len(out); n > most {
		out = append(out[:most-1], fmt.Sprintf("  and %d more, which the list before named", n-most+1))
	}
	return out
}

// send carries out the plan.
func (r *publishRoom) send() tea.Cmd {
	plan := *r.plan
	r.sent = plan
	return r.call("publishing…", plan, r.o.Backend.Publish)
}

func (r *publishRoom) call(what string, plan publish.Plan, do func(context.Context, publish.Plan, keys.AskPassphrase, func(publish.Event)) ([]publish.Result, error)) tea.Cmd {
	return r.begin(what, func(ctx context.Context, d *desk) (any, error) {
		return do(ctx, plan, d.ask, func(e publish.Event) { d.say(safetext.Line(e.Doing) + "…") })
	}, func(result any, err error) tea.Cmd {
		rs, _ := result.([]publish.Result)
		if len(rs) == 0 {
			r.err = err
			return nil
		}
		r.results, r.plan, r.scroll = rs, nil, scroll.Model{}
		return nil
	})
}

func (r *publishRoom) resultsKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		r.next = true
	case key.Matches(msg, r.keys.Again):
		if r.unsent() {
			return r.call("publishing…", r.sent, r.o.Backend.Publish)
		}
		return r.call("asking the places again…", r.sent, r.o.Backend.Check)
	default:
		r.scroll.Update(msg, r.keys)
	}
	return nil
}

// unsent reports whether a place did not take what the person agreed to send.
func (r *publishRoom) unsent() bool {
	return slices.ContainsFunc(r.results, func(res publish.Result) bool { return res.Err != nil && res.Stage == publish.StageNone })
}

func (r *publishRoom) back() bool {
	switch {
	case r.results != nil:
		r.results = nil
	case r.plan != nil:
		r.plan = nil
	default:
		return false
	}
	r.err, r.scroll = nil, scroll.Model{}
	return true
}

func (r *publishRoom) typing() bool { return r.plan == nil && r.results == nil && r.onOther() }

func (r *publishRoom) value() (string, bool) {
	best, left := publish.StageNone, ""
	for _, e := range r.progress.Published.Entries {
		switch u, unshared := r.progress.Unshared[e.Target]; {
		case !unshared:
			best = max(best, e.Stage)
		case u.Committed && left == "":
			left = "to push"
		case !u.Committed:
			left = "to commit"
		}
	}
	for _, res := range r.results {
		switch {
		case len(res.Commands) == 0:
			best = max(best, res.Stage)
		case left == "": // a file that only this computer has, which the progress does not know of yet
			left = "to commit"
		}
	}
	if best < publish.StageSent { // what lies in a working tree alone is found by nobody
		return left, left != ""
	}
	return [...]string{"", "sent", "stored", "findable", "findable"}[best], true
}

func (r *publishRoom) view(w, h int) []string {
	var out []string
	switch {
	case r.results != nil:
		out = r.heading("What became of it", w)
	case r.plan != nil && r.work != nil:
		out = r.heading("Publishing", w)
	case r.plan != nil && r.err != nil:
		out = r.heading("It was not published", w)
	case r.plan != nil:
		out = r.heading("Nothing has been sent yet. This would become public:", w)
	default:
		out = r.heading("Where shall others find it?", w)
	}
	room := h - len(out)
	switch {
	case r.work != nil:
		return append(out, r.waiting(w)...)
	case r.err != nil && r.plan == nil && r.results == nil:
		return append(append(out, r.failure(r.err, w)...), "", r.otherRow(w))
	case r.err != nil:
		return append(out, r.failure(r.err, w)...)
	case r.results != nil:
		return append(out, r.scroll.View(r.theme, r.outcome(w), room)...)
	case r.plan != nil:
		return append(out, r.scroll.View(r.theme, placeword.Plan(*r.plan, w), room)...)
	}
	return append(out, r.list.View(r.theme, r.items(w), room)...)
}

// otherRow is the field for another place.
func (r *publishRoom) otherRow(w int) string {
	return picker.Marker(r.theme, r.onOther()) + "another:  " + r.other.View(r.theme, w-14, r.onOther())
}

// items are the rows of the list.
func (r *publishRoom) items(w int) (out [][]string) {
	t := r.theme
	tick := func(on bool) string {
		if on {
			return t.Signs.On + " "
		}
		return t.Signs.Off + " "
	}
	indent := layout.Pad("", 2+layout.Width(tick(true)))
	for i, o := range r.offers {
		name := layout.Middle(safetext.Line(o.Target.Name()), w-8, t.Signs.Ellipsis)
		item := []string{picker.Marker(t, i == r.list.At()) + tick(r.ticked[o.Target.String()]) + name}
		why := o.Why
		if o.Entry != nil {
			why = o.Entry.Stage.String() + " when it was asked last. " + why
		}
		for _, l := range layout.Wrap(safetext.Line(why), w-layout.Width(indent)) {
			item = append(item, indent+t.Muted.Render(l))
		}
		out = append(out, item)
	}
	out = append(out, []string{r.otherRow(w)})
	for i, u := range r.ids() {
		var item []string
		if i == 0 {
			item = append(item, "", "What becomes public of the key:")
		}
		out = append(out, append(item, picker.Marker(t, len(r.offers)+1+i == r.list.At())+tick(!r.silent[u])+layout.Cut(safetext.Line(u), w-8, t.Signs.Ellipsis)))
	}
	return out
}

// outcome tells what became of the key at each place.
func (r *publishRoom) outcome(w int) (out []string) {
	t := r.theme
	for i, res := range r.results {
		if i > 0 {
			out = append(out, "")
		}
		lines := placeword.Result(res, true, w-4)
		st := theme.Failed
		switch {
		case res.Done():
			st = theme.Done
		case res.Waiting(), res.Err == nil:
			st = theme.Waiting
		}
		name := layout.Middle(safetext.Line(res.Target.Name()), w-t.IconWidth()-1, t.Signs.Ellipsis)
		head := layout.Wrap(name+": "+safetext.Line(res.State()), w-t.IconWidth()-1)
		for j, l := range head {
			icon := layout.Pad("", t.IconWidth())
			if j == 0 {
				icon = t.Icon(st)
			}
			out = append(out, icon+" "+t.StateStyle(st).Render(l))
		}
		out = append(out, layout.Indent(r.ladder(res, w-4), "    ")...)
		out = append(out, lines[1:]...)
		for _, l := range res.Lines {
			for _, part := range layout.Wrap(safetext.Line(l), w-4) {
				out = append(out, "    "+part)
			}
		}
	}
	return out
}

// ladder shows how far the key has come at a place, of how far it can come there.
func (r *publishRoom) ladder(res publish.Result, w int) (out []string) {
	if res.Goal < publish.StageStored {
		return nil
	}
	t, line := r.theme, ""
	for s := publish.StageSent; s <= res.Goal; s++ {
		rung := map[publish.Stage]string{publish.StageSent: "sent", publish.StageStored: "stored", publish.StageFingerprint: "fingerprint", publish.StageAddress: "address"}[s]
		if s <= res.Stage {
			rung = t.Icon(theme.Done) + " " + rung
		} else {
			rung = t.Muted.Render(t.Signs.Icon(theme.Pending) + " " + rung)
		}
		if s > publish.StageSent {
			rung = t.Muted.Render(t.Signs.Arrow+" ") + rung
		}
		if line != "" && layout.Width(line)+1+layout.Width(rung) > w {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += " "
		}
		line += rung
	}
	return append(out, line)
}

func (r *publishRoom) status() string {
	switch {
	case r.results != nil && slices.ContainsFunc(r.results, publish.Result.Waiting):
		return "Open the link in the mail, or upload the files; then r asks again."
	case r.results != nil:
		return "bulla keys status asks again whenever you like."
	case r.plan != nil:
		return "It is sent only after one more question."
	case r.onOther():
		return "Type a place and press enter to add it."
	case len(r.targets()) == 0:
		return "Without a place nothing is published; you can do it later."
	}
	return "Nothing is sent before you have seen what becomes public."
}

func (r *publishRoom) hints() []keymap.Hint {
	switch {
	case r.results != nil:
		again := "check again"
		if r.unsent() {
			again = "try again"
		}
		return r.scrolling([]keymap.Hint{keymap.On(r.keys.Choose, "go on"), keymap.On(r.keys.Again, again), keymap.On(r.keys.Back, "other places")})
	case r.plan != nil && !r.scroll.End():
		return r.scrolling([]keymap.Hint{keymap.On(r.keys.Choose, "read on"), keymap.On(r.keys.Back, "choose otherwise")})
	case r.plan != nil:
		return r.scrolling([]keymap.Hint{keymap.On(r.keys.Choose, "make it public"), keymap.On(r.keys.Back, "choose otherwise")})
	case r.onOther() && r.other.Value() != "":
		return []keymap.Hint{keymap.On(r.keys.Choose, "add it"), keymap.On(r.keys.EraseAll, ""), keymap.On(r.keys.Back, "")}
	}
	enter := "see what becomes public"
	if len(r.targets()) == 0 {
		enter = "go on without"
	}
	if r.onOther() { // letters are text here
		return []keymap.Hint{keymap.On(r.keys.Choose, enter), keymap.On(r.keys.Next, "next line"), keymap.On(r.keys.Back, "")}
	}
	return []keymap.Hint{keymap.On(r.keys.Choose, enter), keymap.On(r.keys.Toggle, "tick"), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Quit, "leave")}
}

// scrolling adds the keys that move longer text.
func (r *publishRoom) scrolling(h []keymap.Hint) []keymap.Hint {
	if r.scroll.More() {
		h = append(h, keymap.On(r.keys.Down, "more"))
	}
	return append(h, keymap.On(r.keys.Help, ""))
}
