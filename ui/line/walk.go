package line

import (
	"context"
	"errors"

	"bulla/workflow"
)

// Walker is what the walk needs.
type Walker struct {
	World   *workflow.World
	Session *workflow.Session
	Choices workflow.Choices
}

// Walk leads through a release line by line.
func Walk(ctx context.Context, t *Terminal, w Walker) (*workflow.Result, error) {
	return nil, errors.New("placeholder")
}
