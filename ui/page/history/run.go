package history

import (
	"context"

	"bulla/ui/component/gather"
	"bulla/workflow/history"
)

// run judges a timeline in the background; fed is a batch of what it found.
type (
	run = gather.Run[history.Update]
	fed = gather.Batch[history.Update]
)

func start(ctx context.Context, id int, b Backend) *run {
	return gather.Start(ctx, id, func(ctx context.Context, put func(history.Update)) error {
		for _, pass := range []func(context.Context, func(history.Update)) error{b.Tags, b.Commits, b.Files} {
			if err := pass(ctx, put); err != nil {
				return err
			}
		}
		return nil
	})
}
