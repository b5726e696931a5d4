package images

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
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
	id := dialog.Text("root certificate", "", "64 hexadecimal digits", imagedeed.AskRoot)
	return m.form("Pin a root certificate", m.inTrust().ShownWords(), []*dialog.Field{id}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		typed, wrong := imagedeed.ParseRoot(id.Value())
		if wrong != "" {
			return wrong, id, nil
		}
		return "", nil, m.propose(m.inTrust().Pin(typed), nil)
	})
}

// unpin forgets the pin.
func (m *Model) unpin() tea.Cmd { return m.propose(m.inTrust().Unpin(), nil) }
