package images

import (
	"context"
	"errors"
	"sync"

	"bulla/docker"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// Look finds out everything about one image, by tag or digest. An image that cannot be read is a
// Tag with an error; Look's own errors are ErrOffline, those of ctx, and a *docker.MovedError for
// a tag that is not at the digest it is pinned to.
func Look(ctx context.Context, v *verify.Verifier, ref docker.Reference, o Options) (Tag, error) {
	t, _, err := look(ctx, v, ref, o, false)
	return t, err
}

// look is Look, with the rule that was gone by. A gate has no use for what the tag was before, where all
// that has to vouch for it does.
func look(ctx context.Context, v *verify.Verifier, ref docker.Reference, o Options, gate bool) (Tag, policy.ImageRule, error) {
	none := policy.ImageRule{}
	client := v.Registry()
	if client == nil {
		return Tag{}, none, ErrOffline
	}
	s := newSurvey(v, client, ref.Repository(), o)
	var trust sync.WaitGroup
	trust.Go(func() { s.readTrust(ctx) }) // the registry and the trust server at the same time
	t := s.lookAt(ctx, ref)
	trust.Wait()
	if ctx.Err() != nil {
		return Tag{}, none, context.Cause(ctx)
	}
	if moved, ok := asMoved(t.Err); ok {
		return Tag{}, none, moved
	}
	s.judge(&t)
	vouched := gate && len(s.rule.By) > 0 && !s.rule.Wants(policy.SystemCosign) && t.Trust.Sound()
	if t.Err == nil && !t.signedHere() && ref.Tag() != "" && !vouched {
		s.lookForMoves(ctx, &t)
	}
	return t, s.rule, ctx.Err()
}

// lookForMoves looks at other signed digests of the repository, and at the records of releases, for
// the name of the tag. It is a help for the person; where nothing can be listed there is none.
func (s *Survey) lookForMoves(ctx context.Context, t *Tag) {
	if tags, err := s.repo.Tags(ctx); err == nil {
		s.tags, s.repo = tags, s.client.In(s.repository).Knowing(tags)
		s.findStrays(ctx, []Tag{*t})
	}
	s.findRecorded(ctx, []Tag{*t})
	s.settleMoves(t)
}

// MovedBefore are digests that a tag was signed over, and is not at now: what to know before it is signed
// where it is, which is now. It is a help for the person: where nobody can tell there is none, and a trust server is
// waited for no longer than a list waits for it.
func MovedBefore(ctx context.Context, v *verify.Verifier, ref docker.Reference, o Options) (moved []Move, now string) {
	if o.Trust != nil {
		o.Trust = hurried{o.Trust}
	}
	t, err := Look(ctx, v, ref, o)
	if err != nil {
		return nil, ""
	}
	return t.Moved, t.Image.Digest
}

// hurried is a trust server that is not waited for long.
type hurried struct{ ContentTrust }

// Read is ContentTrust's.
func (h hurried) Read(ctx context.Context, repo docker.Repository, roots []string, server string, firstUse bool) (TrustData, error) {
	ctx, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	return h.ContentTrust.Read(ctx, repo, roots, server, firstUse)
}

func asMoved(err error) (moved *docker.MovedError, ok bool) {
	ok = errors.As(err, &moved)
	return moved, ok
}
