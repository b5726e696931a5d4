package gitops

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// PathIDs tells which object a path names in each of many commits, given by their ids, in two
// round trips at the most: the object's id, or "" where the commit has nothing there. The path is
// a slash path from the top. A commit that is missing is ErrNotFound.
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

// pathIDs names the objects as revision expressions, which cat-file takes line by line.
func (g gitcli) pathIDs(ctx context.Context, commits []string, path string) ([]string, error) {
	list, err := g.objects(ctx, commits)
	if err != nil {
		return nil, err
	}
	var names strings.Builder
	for _, o := range list {
		if o.typ != "commit" {
			return nil, fmt.Errorf("commit %s: %w", o.id, ErrNotFound)
		}
		names.WriteString(o.id + ":" + path + "\n")
	}
	out, err := g.read(ctx, maxList, names.String(), "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(commits) {
		return nil, fmt.Errorf("git cat-file answered %d lines for %d names", len(lines), len(commits))
	}
	for i, l := range lines {
		if !isObjectID(l) { // "ID:PATH missing"
			lines[i] = ""
		}
	}
	return lines, nil
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
		if entry, err := tree.FindEntry(path); err == nil {
			out[i] = entry.Hash.String()
		}
	}
	return out, nil
}
