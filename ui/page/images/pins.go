package images

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/imagedeed"
	"bulla/ui/dialog"
)

// showPins shows which root the repository must have.
func (m *Model) showPins() tea.Cmd {
	d := m.o.Desk
	return m.begin("reading the pins", func(ctx context.Context, _ *errand.Errand) ending {
		p, text, err := imagedeed.Pinned(ctx, d)
		if err != nil {
			return ending{err: err}
		}
		h := m.handingStory(imagedeed.PinsOf(m.o.Name, p, text), text)
		h.name = "image-rule.toml"
		return ending{tell: h}
	})
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
