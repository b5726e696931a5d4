package gitops

import "context"

// backend is what a Repo needs of a git implementation. There are two: gogit, in process, and
// gitcli, the user's git program. Both keep these promises: names are full ref names, ids are
// full and in lower case, what is missing is ErrNotFound.
type backend interface {
	treeReader
	// head reads HEAD without asking whether its commit exists.
	head(ctx context.Context) (headRef, error)
	// ref is the object a ref points at, symbolic refs followed.
	ref(ctx context.Context, name string) (id string, err error)
	// tagRefs lists refs/tags.
	tagRefs(ctx context.Context) ([]tagRef, error)
	// resolve finds the object that a revision expression names.
	resolve(ctx context.Context, rev string) (id, typ string, err error)
	// objects looks at several objects, in the order of ids. Data is read of commits and tags
	// up to maxObject only; a missing object has an empty type.
	objects(ctx context.Context, ids []string) ([]object, error)
	// history lists at most limit commits reachable from one and not from another (or "").
	history(ctx context.Context, from, without string, limit int) ([]string, error)
	// file reads a regular file of a commit, at most maxFile bytes.
	file(ctx context.Context, commit, path string) ([]byte, error)
	// changed lists at most limit tracked files that differ from HEAD or the index.
	changed(ctx context.Context, limit int) ([]string, error)

	// writeTag stores a tag object.
	writeTag(ctx context.Context, raw []byte) (id string, err error)
	// createRef makes a ref that must not exist: *ExistsError, *ConflictError.
	createRef(ctx context.Context, name, id string) error
	// deleteRef removes a ref that must still point at id: *MovedError, ErrNotFound.
	deleteRef(ctx context.Context, name, id string) error
}

// headRef is what HEAD says.
type headRef struct {
	ref string // full name of the branch, "" if detached
	id  string // "" if the branch has no commit
}

// tagRef is one ref below refs/tags.
type tagRef struct {
	name string // without refs/tags/
	id   string
}

// object is one object, its data only for commits and tags that are not too large.
type object struct {
	id, typ string
	size    int64
	data    []byte
}

const tagPrefix = "refs/tags/"
