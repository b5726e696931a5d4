package gitops

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// maxFile bounds the files read out of commits, in bytes.
const maxFile = 16 << 20

// ReadFile reads a regular file of the commit that rev names, at most 16 MiB. The path is a
// slash path from the top. A symbolic link, folder or submodule is ErrNotFound.
func (r *Repo) ReadFile(ctx context.Context, rev, path string) ([]byte, error) {
	p, err := cleanPath(path)
	if err != nil {
		return nil, err
	}
	id, err := r.commitID(ctx, rev)
	if err != nil {
		return nil, err
	}
	return r.bulk.file(ctx, id, p)
}

func notRegular(name string) error {
	return fmt.Errorf("%s is not a regular file there: %w", name, ErrNotFound)
}

// cleanPath makes a path inside a commit canonical, refusing what leads out of it.
func cleanPath(name string) (string, error) {
	p := path.Clean(strings.ReplaceAll(name, "\\", "/"))
	if name == "" || p == "." || p == ".." || strings.HasPrefix(p, "../") || strings.HasPrefix(p, "/") || strings.IndexByte(p, 0) >= 0 {
		return "", fmt.Errorf("path %q: %w", name, ErrNotFound)
	}
	return p, nil
}

// PathIDs tells which object a path names in each of many commits, given by their ids, in one round
// trip for each folder of the path and two more: the object's id, or "" where the commit has nothing
// there. The path is a slash path from the top. A commit or a folder of it that is not here, as in a
// partial clone, is an error: nobody knows then what the path names. A missing commit is ErrNotFound.
func (r *Repo) PathIDs(ctx context.Context, commits []string, path string) ([]string, error) {
	p, err := cleanPath(path)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(p, "\n\r") {
		return nil, fmt.Errorf("path %q: %w", path, ErrNotFound)
	}
	for _, id := range commits {
		if !isObjectID(id) {
			return nil, fmt.Errorf("object id %q: %w", id, ErrNotFound)
		}
	}
	if len(commits) == 0 {
		return nil, nil
	}
	if g, ok := r.bulk.(gitcli); ok {
		return g.pathIDs(ctx, commits, p)
	}
	return gogit{r.loc}.pathIDs(ctx, commits, p)
}

// pathIDs goes down the trees itself. cat-file would take COMMIT:PATH too, and calls a path missing
// whether a tree has nothing of that name or is not here, as in a partial clone.
func (g gitcli) pathIDs(ctx context.Context, commits []string, path string) ([]string, error) {
	list, err := g.objects(ctx, commits)
	if err != nil {
		return nil, err
	}
	at := make([]string, len(commits)) // what the path names as far as it was followed, "" for nothing
	for i, o := range list {
		if o.typ != "commit" {
			return nil, fmt.Errorf("commit %s: %w", o.id, ErrNotFound)
		}
		headers, _ := splitObject(o.data)
		for _, h := range headers {
			if h.key == "tree" {
				at[i] = cmp.Or(at[i], h.value)
			}
		}
	}
	for name, rest, deeper := strings.Cut(path, "/"); ; name, rest, deeper = strings.Cut(rest, "/") {
		below, err := g.entries(ctx, at, name, deeper)
		if err != nil {
			return nil, err
		}
		for i, id := range at {
			at[i] = below[id]
		}
		if !deeper {
			return at, nil
		}
	}
}

// entries finds the entry of that name in each of the trees, "" among them for none; where it is to
// be a folder, it is left out if it is none.
func (g gitcli) entries(ctx context.Context, trees []string, name string, folder bool) (map[string]string, error) {
	ids := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(trees))), func(id string) bool { return id == "" })
	found := make(map[string]string, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := g.batch(ctx, "--batch", ids, func(_ int, o object, r *bufio.Reader) error {
		switch {
		case o.typ != "tree":
			return fmt.Errorf("tree %s: %w", o.id, ErrNotFound)
		case o.size > maxTree:
			return &TooLargeError{What: "tree " + o.id, Size: o.size, Limit: maxTree}
		}
		data := make([]byte, o.size)
		if _, err := io.ReadFull(r, data); err != nil {
			return err
		}
		mode, id, err := entryOf(data, name, len(o.id)/2)
		if err != nil {
			return &MalformedError{ID: o.id, Type: "tree", Reason: err.Error()}
		}
		if !folder || mode == "40000" {
			found[o.id] = id
		}
		_, err = r.Discard(1)
		return err
	})
	return found, err
}

// maxTree bounds a tree object, one folder of a commit, in bytes.
const maxTree = 16 << 20

// entryOf finds the entry of that name in a tree object, whose ids have size bytes: its mode and the
// object's id, "" for none. Entries stand one behind another: MODE NAME, a NUL, the id.
func entryOf(tree []byte, name string, size int) (mode, id string, err error) {
	for len(tree) > 0 {
		head, rest, ok := bytes.Cut(tree, []byte{0})
		m, n, named := bytes.Cut(head, []byte(" "))
		if !ok || !named || len(rest) < size {
			return "", "", errors.New("an entry is cut off")
		}
		if string(n) == name {
			return string(m), hex.EncodeToString(rest[:size]), nil
		}
		tree = rest[size:]
	}
	return "", "", nil
}

func (g gogit) pathIDs(ctx context.Context, commits []string, path string) ([]string, error) {
	r, err := g.open()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(commits))
	for i, id := range commits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := r.CommitObject(plumbing.NewHash(id))
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", id, ErrNotFound)
		}
		tree, err := c.Tree()
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", id, err)
		}
		switch entry, err := findEntry(r.Storer, tree, path); {
		case err == nil:
			out[i] = entry.Hash.String()
		case !errors.Is(err, ErrNotFound):
			return nil, fmt.Errorf("%s in %s: %w", path, id, err)
		}
	}
	return out, nil
}
