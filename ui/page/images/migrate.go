package images

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/imagedeed"
	"bulla/workflow/images"
)

// migrate looks what would be carried over to cosign, and then does it.
func (m *Model) migrate() tea.Cmd {
	d := m.o.Desk
	return m.chooseKey("Which key signs with cosign?", func(k images.Key) tea.Cmd {
		return m.begin("looking what can be carried over", func(ctx context.Context, e *errand.Errand) ending {
			list, err := d.Migrate(ctx, images.MigrateOrder{Key: k.Path, Dry: true}, face(d, e))
			return ending{err: err, then: func() tea.Cmd {
				carry := imagedeed.Migration{Desk: d, Name: m.o.Name, Key: k, List: list}
				if carry.Nothing() {
					m.o.Dialogs.Push(storyOf(carry.Story("Nothing to carry over")))
					return nil
				}
				return m.propose(carry.CarryOver(), nil)
			}}
		})
	})
}
