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
		out[i].Commit, out[i].Problem = r.parsed(o)
	}
	return out, nil
}

// parsed reads a commit out of an object. With an error it has its id all the same.
func (r *Repo) parsed(o object) (c Commit, err error) {
	switch {
	case o.typ == "":
		err = fmt.Errorf("object %s: %w", o.id, ErrNotFound)
	case o.typ != "commit":
		err = fmt.Errorf("%s is a %s, not a commit: %w", o.id, o.typ, ErrNotFound)
	case o.size > maxObject:
		err = &TooLargeError{What: "commit " + o.id, Size: o.size, Limit: maxObject}
	default:
		c, err = parseCommit(o.id, o.data, r.format)
	}
	c.ID = o.id
	return c, err
}
