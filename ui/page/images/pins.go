package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker/dct"
	"bulla/ui/component/errand"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// showPins shows which root the repository must have.
func (m *Model) showPins() tea.Cmd {
	d := m.o.Desk
	return m.begin("reading the pins", func(ctx context.Context, _ *errand.Errand) ending {
		p, err := d.Pins(ctx)
		if err != nil {
			return ending{err: err}
		}
		rule, err := d.PinRule(ctx)
		if err != nil {
			return ending{err: err}
		}
		text := ""
		if p.Pinned() && len(rule.Roots) > 0 {
			text = rule.TOML()
		}
		h := m.handing("The root that it must have", text, func(t theme.Theme, w int) []string { return pinStory(t, w, m.o.Name, p, text) })
		h.name = "image-rule.toml"
		return ending{tell: h}
	})
}

func pinStory(t theme.Theme, w int, name string, p images.PinView, rule string) []string {
	s := &sheet.Sheet{Theme: t, Width: w}
	s.Text(t.Strong, safetext.Line(name))
	switch {
	case p.ByPolicy:
		s.Fact("said by", "the policy in bulla.toml, or the command line")
	case p.Pinned():
		s.Fact("said by", safetext.Line(p.Path))
	default:
		s.Text(t.Body, "Nothing says which root key it must have: nothing in Content Trust is believed. Ask the publisher for the id of the root certificate, in another way than through the trust server, and pin it.")
	}
	list := func(what string, ids []string) {
		for _, id := range ids {
			s.Space()
			s.Text(t.Muted, what)
			s.Text(t.Body, id)
		}
	}
	if p.ByPolicy { // an id of whichever kind stands in both lists
		list("root certificate, or root key", p.Trust.RootKeys)
	} else {
		list("root certificate", p.Trust.Certificates)
		list("root key", p.Trust.RootKeys)
	}
	s.Fact("signed by", safetext.Line(p.Trust.CA))
	if p.ByPolicy && p.OwnPinned() {
		s.Space()
		s.Text(t.Caution, "bulla's own pins name a root too ("+safetext.Line(p.Path)+"): the policy goes before them.")
	}
	if rule != "" && !p.ByPolicy {
		s.Space()
		s.Text(t.Muted, "As a rule of the policy, for bulla.toml:")
		s.Lines = append(s.Lines, textLines(rule, w)...)
	}
	return s.Lines
}

// pin keeps a root certificate among bulla's own pins.
func (m *Model) pin() tea.Cmd {
	id := dialog.Text("root certificate", "", "64 hexadecimal digits", "Its id, the Root Key of docker trust inspect. From the publisher, in another way than through the trust server.")
	return m.form("Pin a root certificate", m.shownRoots(), []*dialog.Field{id}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		typed, ok := policy.ParseRoot(strings.ReplaceAll(id.Value(), " ", ""))
		if !ok || strings.HasPrefix(typed, policy.RootKeyPrefix) {
			return "That is not the id of a root certificate: 64 hexadecimal digits.", id, nil
		}
		v := m.standing.trust
		effects := []sheet.Effect{
			{Label: "then", Text: "Trust data of the repository counts only from this root on, or from a successor that it has signed."},
			{Label: "kept in", Text: safetext.Line(v.Pins.Path)},
		}
		if v.Pins.OwnPinned() {
			effects = append(effects, sheet.Effect{Label: "replaces", Text: ownPins(v.Pins), Caution: true})
		}
		m.o.Dialogs.Push(m.look("Pin it", m.o.Name, []string{typed}, effects, "pin it", func() tea.Cmd {
			d := m.o.Desk
			return m.begin("keeping the pin", func(context.Context, *errand.Errand) ending {
				return ending{err: d.Pin([]string{typed}), note: "Pinned.", anew: true}
			})
		}))
		return "", nil, nil
	})
}

// ownPins are the ids that bulla's own pins name.
func ownPins(p images.PinView) string {
	var out []string
	for _, id := range slices.Concat(p.Own.Certificates, p.Own.RootKeys) {
		out = append(out, halves(id))
	}
	return strings.Join(out, ", ")
}

// shownRoots tells what the trust server shows, which vouches for nothing.
func (m *Model) shownRoots() string {
	shown := shown(m.standing.trust.Err)
	if len(shown) == 0 {
		return ""
	}
	return fmt.Sprintf("The trust server shows %s. Nothing vouches for it: compare it with what the publisher says.", strings.Join(shown, ", "))
}

// unpin forgets the pin.
func (m *Model) unpin() tea.Cmd {
	v := m.standing.trust
	m.o.Dialogs.Push(m.look("Forget the pin", m.o.Name, slices.Concat(v.Pins.Own.Certificates, v.Pins.Own.RootKeys), []sheet.Effect{
		{Label: "from", Text: safetext.Line(v.Pins.Path)},
		{Label: "then", Text: "Nothing in Content Trust is believed for the repository until another root is pinned or named by the policy.", Caution: true},
		{Label: "note", Text: "What the repository was seen to hold stays remembered, so that an older state is still found out once it is pinned again."},
	}, "forget it", func() tea.Cmd {
		d := m.o.Desk
		return m.begin("forgetting the pin", func(context.Context, *errand.Errand) ending {
			had, err := d.Unpin()
			note := "The pin is forgotten."
			if !had {
				note = "Not forgotten: it is pinned by the beginning of its name, which is for others too. It is in " + v.Pins.Path + "."
			}
			return ending{err: err, note: note, anew: true}
		})
	}))
	return nil
}

// shown are the ids of the root certificates that a trust server shows and nothing vouches for.
func shown(err error) (ids []string) {
	var unpinned *dct.UnpinnedError
	if errors.As(err, &unpinned) {
		for _, c := range unpinned.Shown {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
