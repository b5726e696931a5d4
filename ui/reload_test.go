package ui

import (
	"context"
	"testing"

	"bulla/workflow/history"
	"bulla/workflow/images"
)

// deafTimeline is a history of which a pass heeds nothing until the channel is closed.
type deafTimeline struct {
	*fakeTimeline
	free chan struct{}
}

func (f deafTimeline) Commits(ctx context.Context, emit func(history.Update)) error {
	<-f.free
	return f.fakeTimeline.Commits(ctx, emit)
}

// deafImages is a registry that does not answer, whatever is cancelled.
type deafImages struct {
	*fakeImages
	free chan struct{}
}

func (f deafImages) Judge(ctx context.Context, emit func(int, images.Tag)) error {
	<-f.free
	return f.fakeImages.Judge(ctx, emit)
}

// TestReadAnewBesideADeafOne: r reads anew at once, also while the reading before it is stuck; q
// leaves, and the end waits for both.
func TestReadAnewBesideADeafOne(t *testing.T) {
	t.Run("history", func(t *testing.T) {
		free, opened := make(chan struct{}), 0
		p := playHistory(t, nil, func(o *HistoryOptions) {
			o.Open = func(context.Context) (Timeline, error) {
				if opened++; opened == 1 {
					return deafTimeline{newFakeTimeline(), free}, nil
				}
				return newFakeTimeline(), nil
			}
		}, false).see("10 tags").press("r").settled()
		close(free)
		p.press("q").ends()
	})
	t.Run("images", func(t *testing.T) {
		free, opened := make(chan struct{}), 0
		p := playImages(t, nil, func(o *ImagesOptions) {
			o.Open = func(context.Context) (Images, error) {
				if opened++; opened == 1 {
					return deafImages{newFakeImages(), free}, nil
				}
				return newFakeImages(), nil
			}
		}, false).see("looked at 0 of 8").press("r").see("no tag")
		close(free)
		p.press("q").ends()
	})
}
