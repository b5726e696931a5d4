package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"bulla/keys/publish"
	"bulla/ui/component/errand"
	"bulla/ui/component/keydeed"
	"bulla/ui/component/layout"
	"bulla/ui/component/placeword"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/keydesk"
)

// publish asks where to publish a key: again where it was, or at other places.
func (m *Model) publish(r *row) tea.Cmd {
	if len(r.Places) == 0 {
		m.choosePlaces(r)
		return nil
	}
	items := []dialog.Item{{Name: keydeed.AgainName, About: keydeed.AgainAbout(&r.State), Do: func() tea.Cmd { return m.planAgain(r, publish.Choice{}) }}}
	if len(r.UserIDs) > 1 {
		items = append(items, dialog.Item{Name: keydeed.AgainOtherIDs, About: keydeed.AgainOtherIDsAbout, Do: func() tea.Cmd { m.chooseIDsAgain(r); return nil }})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Publish the key", append(items, []dialog.Item{
		{Name: "At other places", About: "Key servers, a forge, a project's KEYS file, a Web Key Directory, and lines to print.", Do: func() tea.Cmd { m.choosePlaces(r); return nil }},
		{Name: keydeed.Of(keydeed.ExtendEverywhere).Name, About: keydeed.Of(keydeed.ExtendEverywhere).About, Off: m.fault(keydeed.ExtendEverywhere, r), Do: func() tea.Cmd { return m.start(keydeed.ExtendEverywhere) }},
	}...)))
	return nil
}

// idTicks are boxes for the user ids that become public; none where there is no choice.
func idTicks(r *row) (ids []*dialog.Field) {
	if len(r.UserIDs) < 2 {
		return nil
	}
	proposed := keydeed.ProposedIDs(&r.State)
	for _, id := range r.UserIDs {
		ids = append(ids, dialog.Tick("make public: "+keydeed.UserID(id), slices.Contains(proposed, id), keydeed.IDHelp(&r.State, id)))
	}
	return ids
}

// chosenIDs reads the boxes of idTicks.
func chosenIDs(ids []*dialog.Field, r *row) (c publish.Choice, wrong string) {
	if c.UserIDs, _ = ticked(ids, r.UserIDs); len(ids) > 0 && len(c.UserIDs) == 0 {
		return c, "Choose a user id: space ticks it."
	}
	return c, ""
}

// chooseIDsAgain asks which user ids go to the places that have the key.
func (m *Model) chooseIDsAgain(r *row) {
	ids := idTicks(r)
	m.o.Dialogs.Push(dialog.NewForm("Publish the key again", keydeed.WhichIDsAgain, ids, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		c, wrong := chosenIDs(ids, r)
		if wrong != "" {
			return wrong, ids[0], nil
		}
		return "", nil, m.planAgain(r, c)
	}))
}

// suggested are the places that a person most likely wants, in the form of publish.ParseTarget.
var suggested = []struct{ place, name, help string }{
	{"keys.openpgp.org", "keys.openpgp.org", "Found by fingerprint at once, and by address once you opened the link in a mail. Addresses can be withdrawn there."},
	{"keyserver.ubuntu.com", "keyserver.ubuntu.com", "A key server of the old kind: it never deletes anything. Distributions look there."},
	{"github", "your account on GitHub", "For the mark Verified beside tags. It takes an access token."},
	{"gitlab", "your account on GitLab", "For the mark Verified beside tags. It takes an access token."},
	{"codeberg", "your account on Codeberg", "For the mark Verified beside tags. It takes an access token."},
	{"KEYS", "the file KEYS in this folder", "The file that projects keep the keys of their releases in, as Apache's do."},
	{"allowed-signers", "lines for allowed_signers", "Nothing is sent: the lines are shown, for those who verify with git and SSH."},
	{"dns", "DNS records", "Nothing is sent: the records are shown, for the zone of your domain."},
}

const otherPlaceHelp = "hkps://HOST, wkd:FOLDER, file:PATH, github:URL, gitlab:URL, gitea:URL, vks:URL; several with blanks between them."

// choosePlaces asks for places and, of several user ids, for those that become public.
func (m *Model) choosePlaces(r *row) {
	var places []*dialog.Field
	var names []string
	for _, s := range suggested {
		t, err := publish.ParseTarget(s.place, m.o.Path("."))
		if err != nil || slices.ContainsFunc(r.Places, func(e publish.Entry) bool { return e.Target == t.String() }) {
			continue
		}
		places, names = append(places, dialog.Tick(s.name, false, s.help)), append(names, s.place)
	}
	other := dialog.Text("other", "", "hkps://keys.example.org", otherPlaceHelp)
	ids := idTicks(r)
	fields := slices.Concat(places, []*dialog.Field{other}, ids)
	m.o.Dialogs.Push(dialog.NewForm("Where shall it be published?", "Nothing is sent before you have seen what becomes public.", fields, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		wanted, _ := ticked(places, names)
		wanted = append(wanted, strings.Fields(other.Value())...)
		if len(wanted) == 0 {
			return "Choose a place: space ticks it.", fields[0], nil
		}
		var targets []publish.Target
		for _, w := range wanted {
			t, err := publish.ParseTarget(w, m.o.Path("."))
			if err != nil {
				return safetext.Line(keydeed.Sentence(targetReason(err))) + ".", other, nil
			}
			targets = append(targets, t)
		}
		c, wrong := chosenIDs(ids, r)
		if wrong != "" {
			return wrong, ids[0], nil
		}
		return "", nil, m.plan(r, targets, c)
	}))
}

func targetReason(err error) string {
	var e *publish.TargetError
	if errors.As(err, &e) {
		return fmt.Sprintf("%q: %s", e.Text, e.Reason)
	}
	return err.Error()
}

// plan works out what would be sent, and shows it.
func (m *Model) plan(r *row, targets []publish.Target, c publish.Choice) tea.Cmd {
	b, f := m.backend, r.Fingerprint
	return m.begin("working out what would become public", func(ctx context.Context, _ *errand.Errand) ending {
		plan, err := b.PlanPublish(ctx, selector(f), targets, c)
		return ending{err: err, tell: func() dialog.Dialog { return m.askPublish(r, plan, nil) }}
	})
}

// planAgain works out what would be sent to the places that have the key, and shows it.
func (m *Model) planAgain(r *row, c publish.Choice) tea.Cmd {
	b, f := m.backend, r.Fingerprint
	return m.begin("working out what would become public", func(ctx context.Context, _ *errand.Errand) ending {
		plan, problems, err := b.PlanAgain(ctx, selector(f), c)
		if err == nil && len(plan.Items) == 0 {
			err = errors.Join(problems...)
		}
		return ending{err: err, tell: func() dialog.Dialog { return m.askPublish(r, plan, problems) }}
	})
}

// askPublish shows exactly what becomes public, and where.
func (m *Model) askPublish(r *row, plan publish.Plan, problems []error) dialog.Dialog {
	sends := slices.ContainsFunc(plan.Items, func(i publish.Item) bool { return !i.Target.Prints() })
	yes := "make it public"
	if !sends {
		yes = "show the lines"
	}
	return dialog.NewConsent("This would become public", func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		for _, e := range problems {
			s.Text(t.Caution, "Not published again: "+safetext.Line(e.Error()))
		}
		s.Space()
		s.Lines = append(s.Lines, placeword.Plan(plan, w)...)
		return s.Lines
	}, yes, func() tea.Cmd { return m.visit(r, plan, true) })
}

// visit is the state of publishing a key, or of asking where it is: Update owns it.
type visit struct {
	sends   bool
	items   []publish.Item
	results []*publish.Result
	at      int // item that is being worked on
	doing   string
	over    bool
}

// visit goes from place to place: it sends the key and reads it back, or only asks.
func (m *Model) visit(r *row, plan publish.Plan, send bool) tea.Cmd {
	v := &visit{sends: send, items: plan.Items, results: make([]*publish.Result, len(plan.Items))}
	b, f := m.backend, r.Fingerprint
	doing := "publishing the key"
	if !send {
		doing = "asking the places"
	}
	cmd := m.begin(doing, func(ctx context.Context, e *errand.Errand) ending {
		face := keydesk.PublishFace{Ask: b.Remembered(e.Ask), Progress: func(p publish.Event) { e.Tell(func() { v.doing = p.Doing }) }}
		var err error
		done := make([]*publish.Result, len(plan.Items))
		for n := range plan.Items {
			e.Tell(func() { v.at, v.doing = n, "" })
			one := plan // each place on its own, so that its state is seen as soon as it is known
			one.Items = plan.Items[n : n+1]
			var rs []publish.Result
			if send {
				rs, err = b.Publish(ctx, one, face)
			} else {
				rs, err = b.CheckPublished(ctx, one, face)
			}
			if len(rs) > 0 {
				done[n] = &rs[0]
				e.Tell(func() { v.results[n] = &rs[0] })
			}
			if err != nil {
				break
			}
		}
		news, _ := b.Look(context.WithoutCancel(ctx), f)
		unproved := slices.ContainsFunc(done, func(r *publish.Result) bool {
			return r != nil && r.Target.NeedsToken() && r.Stage < publish.StageStored
		})
		end := ending{err: err, unproved: unproved, of: f, news: news, left: "Stopped. What was sent stays sent.", note: "Asked every place.", apply: func() { v.results, v.over = done, true }}
		if send {
			end.note = "Every place was asked for the key as it is now."
		}
		return end
	})
	m.o.Dialogs.Push(dialog.NewMessage(keydeed.Sentence(doing), v.view))
	return cmd
}

// view draws each place with how far the key has come there.
func (v *visit) view(t theme.Theme, w int) []string {
	s := &sheet.Sheet{Theme: t, Width: w}
	for n, i := range v.items {
		s.Space()
		r := v.results[n]
		icon, word := t.Icon(theme.Pending), "waits for its turn"
		switch {
		case r == nil && !v.over && n == v.at:
			icon, word = t.Icon(theme.Running), v.doing+t.Signs.Ellipsis
		case r == nil && v.over:
			icon, word = t.Icon(theme.Skipped), "not reached"
		case r == nil:
		case r.Target.Prints() && r.Err == nil:
			icon, word = t.Icon(theme.Done), r.State()
		case r.Err != nil || len(r.Differences) > 0:
			icon, word = t.Icon(theme.Failed), r.State()
		case r.Waiting():
			icon, word = t.Icon(theme.Waiting), r.State()
		case r.Done():
			icon, word = t.Icon(theme.Done), r.State()
		default:
			icon, word = t.Icon(theme.Waiting), r.State()
		}
		s.Lines = append(s.Lines, icon+" "+t.Strong.Render(safetext.Line(i.Target.Name())))
		s.Text(t.Body, "  "+safetext.Line(word))
		if r != nil {
			outcome(s, i, r)
		}
	}
	if v.over && slices.ContainsFunc(v.results, func(r *publish.Result) bool { return r != nil && r.Waiting() }) {
		s.Space()
		s.Text(t.Muted, "Where a mail or an upload is waited for: do that, then ask again; the menu (a) has it.")
	}
	return s.Lines
}

// outcome tells what became of the key at a place, stage by stage.
func outcome(s *sheet.Sheet, i publish.Item, r *publish.Result) {
	t := s.Theme
	if r.Target.Prints() && r.Err == nil {
		for _, l := range r.Lines {
			for piece := range slices.Chunk([]rune(l), max(10, s.Width)) { // all of it: it is to be used
				s.Text(t.Body, safetext.Line(string(piece)))
			}
		}
		s.Text(t.Muted, "bulla keys publish "+i.Key.Fingerprint.KeyID()+" --to "+r.Target.String()+" prints this to copy.")
		return
	}
	steps := []struct {
		stage publish.Stage
		word  string
	}{{publish.StageSent, "sent"}, {publish.StageStored, "stored"}, {publish.StageFingerprint, "by fingerprint"}, {publish.StageAddress, "by address"}}
	var ladder []string
	for _, st := range steps {
		if st.stage > max(r.Goal, r.Stage, publish.StageFingerprint) {
			break
		}
		icon := t.Icon(theme.Pending)
		if r.Stage >= st.stage {
			icon = t.Icon(theme.Done)
		}
		ladder = append(ladder, icon+" "+st.word)
	}
	line := "  " + strings.Join(ladder, " "+t.Signs.Arrow+" ")
	s.Lines = append(s.Lines, layout.Cut(line, s.Width, t.Signs.Ellipsis))
	say := func(style lipgloss.Style, text string) {
		for _, l := range layout.Wrap(safetext.Line(text), s.Width-2) {
			s.Lines = append(s.Lines, "  "+style.Render(l))
		}
	}
	for _, a := range r.Addresses {
		say(t.Body, a.Address+": "+placeword.Address(a))
	}
	if r.Err != nil {
		x := explain.Error(r.Err)
		say(t.Bad, strings.TrimSpace(x.Headline+" "+x.Cause))
		for _, next := range x.Next {
			say(t.Body, t.Signs.Bullet+" "+next)
		}
	} else {
		for _, d := range r.Differences {
			say(t.Bad, d.String())
		}
	}
	for _, n := range r.Notes {
		say(t.Muted, n)
	}
	for _, c := range r.Commands {
		for _, l := range layout.Command(safetext.Line(c), s.Width-4) {
			s.Lines = append(s.Lines, "    "+t.Accent.Render(l))
		}
	}
}

// checkPlaces asks where a key is published, after saying whom.
func (m *Model) checkPlaces(r *row) tea.Cmd {
	b, f := m.backend, r.Fingerprint
	m.o.Dialogs.Push(consent("Ask the places", r, []keydeed.Effect{
		{Label: "asked", Text: keydeed.PlaceNames(&r.State)},
		{Label: "sent", Text: keydeed.CheckSends},
	}, "ask them", func() tea.Cmd {
		return m.begin("reading what was published", func(ctx context.Context, _ *errand.Errand) ending {
			plan, problems, err := b.PlanAgain(ctx, selector(f), publish.Choice{})
			if err == nil && len(plan.Items) == 0 {
				err = errors.Join(problems...)
			}
			end := ending{err: err}
			if err == nil {
				end.then = func() tea.Cmd { return m.visit(r, plan, false) }
			}
			return end
		})
	}))
	return nil
}
