package images

import (
	"context"
	"errors"

	"bulla/docker"
	"bulla/workflow"
)

// Look finds out everything about one image, by tag or digest. An image that cannot be read is a
// Tag with an error; Look's own errors are ErrOffline, those of ctx, and a *docker.MovedError for
// a tag that is not at the digest it is pinned to.
func Look(ctx context.Context, v *workflow.Verifier, ref docker.Reference, o Options) (Tag, error) {
	client := v.Registry()
	if client == nil {
		return Tag{}, ErrOffline
	}
	s := &Survey{repository: ref.Repository(), verifier: v, client: client, repo: client.Repo(ref), seen: map[string]*inspection{}}
	t := s.lookAt(ctx, ref)
	if ctx.Err() != nil {
		return Tag{}, context.Cause(ctx)
	}
	if moved, ok := asMoved(t.Err); ok {
		return Tag{}, moved
	}
	if o.Trust != nil && ref.Tag() != "" {
		tags, err := o.Trust.Tags(ctx, s.repository)
		if x, ok := tags[ref.Tag()]; ok && err == nil {
			t.trusted(x)
		} else if err != nil {
			s.trustErr = err
		}
	}
	t.TrustErr = s.trustErr
	t.verdicts = s.verdicts(t)
	if t.Err == nil && !t.Cosign.Sound() && ref.Tag() != "" {
		t.Moved = append(t.Moved, s.lookForMoves(ctx, t)...)
	}
	return t, ctx.Err()
}

// lookForMoves looks at other signed digests of the repository for the name of the tag. It is a
// help for the person; where the tags cannot be listed there is none.
func (s *Survey) lookForMoves(ctx context.Context, t Tag) []Move {
	tags, err := s.repo.Tags(ctx)
	if err != nil {
		return nil
	}
	s.tags, s.repo = tags, s.client.In(s.repository).Knowing(tags)
	s.findStrays(ctx, []Tag{t})
	return s.movesOf(t)
}

func asMoved(err error) (moved *docker.MovedError, ok bool) {
	ok = errors.As(err, &moved)
	return moved, ok
}
