package gitops

import (
	"context"
)

// commitChunk is how many commits of a range are in memory at the same time.
const commitChunk = 500

// EachCommit reads the commits that rev contains and without, any revision or "" for none, does
// not: newest first, tags peeled. A commit that cannot be read is handed over with its id and
// the error. More than limit commits are a *TooLargeError, before each is called.
func (r *Repo) EachCommit(ctx context.Context, rev, without string, limit int, each func(Commit, error) error) error {
	from, err := r.commitID(ctx, rev)
	if err != nil {
		return err
	}
	if without != "" {
		if without, err = r.commitID(ctx, without); err != nil {
			return err
		}
	}
	ids, err := r.bulk.history(ctx, from, without, limit+1)
	if err != nil {
		return err
	}
	if len(ids) > limit {
		return &TooLargeError{What: "the range of commits", Size: int64(len(ids)), Limit: int64(limit)}
	}
	for len(ids) > 0 {
		n := min(commitChunk, len(ids))
		list, err := r.bulk.objects(ctx, ids[:n])
		if err != nil {
			return err
		}
		ids = ids[n:]
		for _, o := range list {
			if err := each(r.parsed(o)); err != nil {
				return err
			}
		}
	}
	return nil
}
