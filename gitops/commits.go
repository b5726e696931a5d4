package gitops

import (
	"context"
	"fmt"
)

// CommitResult is one commit of many: the commit, or why it cannot be read.
type CommitResult struct {
	Commit
	Problem error // nil for a sound one
}

// Commits reads many commits by their object ids in two round trips, in the order of ids. What is
// missing, too large, or no commit has its Problem and does not hide the others.
func (r *Repo) Commits(ctx context.Context, ids []string) ([]CommitResult, error) {
	for _, id := range ids {
		if !isObjectID(id) {
			return nil, fmt.Errorf("object id %q: %w", id, ErrNotFound)
		}
	}
	objects, err := r.bulk.objects(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]CommitResult, len(objects))
	for i, o := range objects {
		c := &out[i]
		switch {
		case o.typ == "":
			c.Problem = fmt.Errorf("object %s: %w", o.id, ErrNotFound)
		case o.typ != "commit":
			c.Problem = fmt.Errorf("%s is a %s, not a commit: %w", o.id, o.typ, ErrNotFound)
		case o.size > maxObject:
			c.Problem = &TooLargeError{What: "commit " + o.id, Size: o.size, Limit: maxObject}
		default:
			c.Commit, c.Problem = parseCommit(o.id, o.data, r.format)
		}
		c.ID = ids[i]
	}
	return out, nil
}
