package images

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/layout"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// admission shows a policy for an admission controller.
func (m *Model) admission(a imagedeed.Action) tea.Cmd {
	repository := m.o.Name
	return m.chooseKey("Signed by which key?", func(k images.Key) tea.Cmd {
		return m.begin("reading the key", func(context.Context, *errand.Errand) ending {
			s, err := imagedeed.AdmissionPolicy(a, repository, k)
			return m.snippet(s, err)
		})
	})
}

// pinned shows the pinned root as another program wants it.
func (m *Model) pinned(a imagedeed.Action) tea.Cmd {
	d := m.o.Desk
	return m.begin("reading the pins", func(ctx context.Context, _ *errand.Errand) ending {
		s, err := imagedeed.PinnedRoot(ctx, d, a)
		return m.snippet(s, err)
	})
}

// snippet shows a text that others need: it is printed, copied or saved, and never put anywhere else.
func (m *Model) snippet(s imagedeed.Snippet, err error) ending {
	if err != nil {
		return ending{err: err}
	}
	h := m.handing(s.Title, s.Text, func(t theme.Theme, w int) []string {
		out := wrapped(cleaned(s.Notes), w)
		for i := range out {
			out[i] = t.Caution.Render(out[i])
		}
		return append(out, textLines(s.Text, w)...)
	})
	h.name = s.File
	return ending{tell: h}
}

// textLines are the lines of a text, the long ones broken.
func textLines(text string, w int) (out []string) {
	for l := range strings.Lines(text) {
		out = append(out, layout.Wrap(safetext.Line(strings.TrimSuffix(l, "\n")), w)...)
	}
	return out
}
