package gitops

import (
	"context"
	"errors"
	"fmt"
)

// Subject is one line of history.
type Subject struct{ ID, Subject string }

// maxNesting bounds how many tags may stand between a name and its commit.
const maxNesting = 32

// Resolve finds the object that a revision expression names, unpeeled: for an annotated tag
// the tag object. An empty rev is HEAD. It returns ErrNoCommits where HEAD has none, and
// ErrNotFound.
func (r *Repo) Resolve(ctx context.Context, rev string) (id, typ string, err error) {
	if rev == "" || rev == "HEAD" || rev == "@" {
		h, err := r.own.head(ctx)
		if err != nil {
			return "", "", err
		}
		if h.id == "" {
			return "", "", ErrNoCommits
		}
		return h.id, "commit", nil
	}
	return r.bulk.resolve(ctx, rev)
}

// Commit reads the commit that rev names, tags peeled. ErrNotFound if it names none.
func (r *Repo) Commit(ctx context.Context, rev string) (Commit, error) {
	id, err := r.commitID(ctx, rev)
	if err != nil {
		return Commit{}, err
	}
	return r.commit(ctx, id)
}

// commitID resolves rev and peels tags.
func (r *Repo) commitID(ctx context.Context, rev string) (string, error) {
	id, typ, err := r.Resolve(ctx, rev)
	for depth := 0; err == nil && typ == "tag"; depth++ {
		if depth == maxNesting {
			return "", &MalformedError{ID: id, Type: "tag", Reason: "tags nested too deeply"}
		}
		var o object
		if o, err = r.object(ctx, id); err != nil {
			return "", err
		}
		var t tagObject
		if t, err = parseTag(id, o.data); err == nil {
			id, typ = t.target, t.typ
		}
	}
	if err != nil {
		return "", err
	}
	if typ != "commit" {
		return "", fmt.Errorf("%q is a %s, not a commit: %w", rev, typ, ErrNotFound)
	}
	return id, nil
}

func (r *Repo) commit(ctx context.Context, id string) (Commit, error) {
	o, err := r.object(ctx, id)
	if err != nil {
		return Commit{}, err
	}
	if o.typ != "commit" {
		return Commit{}, fmt.Errorf("%s is a %s, not a commit: %w", id, o.typ, ErrNotFound)
	}
	return parseCommit(id, o.data, r.format)
}

// object reads one commit or tag object whole.
func (r *Repo) object(ctx context.Context, id string) (object, error) {
	list, err := r.bulk.objects(ctx, []string{id})
	if err != nil {
		return object{}, err
	}
	switch o := list[0]; {
	case o.typ == "":
		return object{}, fmt.Errorf("object %s: %w", id, ErrNotFound)
	case o.size > maxObject:
		return object{}, &TooLargeError{What: "object " + id, Size: o.size, Limit: maxObject}
	default:
		return o, nil
	}
}

// Subjects lists the newest commits of HEAD that since, a tag or any revision, does not
// contain; all of them if since is empty. A repository without commits has none.
func (r *Repo) Subjects(ctx context.Context, since string, limit int) ([]Subject, error) {
	from, err := r.commitID(ctx, "HEAD")
	if errors.Is(err, ErrNoCommits) || limit <= 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	without := ""
	if since != "" {
		if id, rerr := r.bulk.ref(ctx, tagPrefix+since); rerr == nil {
			since = id // a tag, though a branch be named the same
		}
		if without, err = r.commitID(ctx, since); err != nil {
			return nil, err
		}
	}
	ids, err := r.bulk.history(ctx, from, without, limit)
	if err != nil {
		return nil, err
	}
	list, err := r.bulk.objects(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Subject, 0, len(list))
	for _, o := range list {
		_, body := splitObject(o.data)
		out = append(out, Subject{ID: o.id, Subject: subjectOf(string(body))})
	}
	return out, nil
}
