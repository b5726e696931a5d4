package gitops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// gogit is the backend that works in process. Each operation opens the repository anew, which
// costs some file system calls and no more: go-git keeps lists of packs and objects that grow
// stale when git works beside it.
type gogit struct{ loc location }

func (g gogit) open() (*git.Repository, error) {
	var common billy.Filesystem
	if g.loc.commonDir != g.loc.gitDir {
		common = osfs.New(g.loc.commonDir)
	}
	dot := dotgit.NewRepositoryFilesystem(osfs.New(g.loc.gitDir), common)
	s := filesystem.NewStorageWithOptions(dot, cache.NewObjectLRUDefault(), filesystem.Options{
		AlternatesFS: osfs.New(filepath.VolumeName(g.loc.commonDir) + string(filepath.Separator)),
	})
	var tree billy.Filesystem
	if g.loc.root != "" {
		tree = osfs.New(g.loc.root)
	}
	return git.Open(s, tree)
}

func (g gogit) head(context.Context) (headRef, error) {
	r, err := g.open()
	if err != nil {
		return headRef{}, err
	}
	ref, err := r.Storer.Reference(plumbing.HEAD)
	if err != nil {
		return headRef{}, fmt.Errorf("%w: %w", ErrUnreadableHead, err)
	}
	if ref.Type() == plumbing.HashReference {
		if ref.Hash().IsZero() {
			return headRef{}, ErrUnreadableHead
		}
		return headRef{id: ref.Hash().String()}, nil
	}
	if !strings.HasPrefix(ref.Target().String(), "refs/") {
		return headRef{}, ErrUnreadableHead
	}
	h := headRef{ref: ref.Target().String()}
	branch, err := storer.ResolveReference(r.Storer, ref.Target())
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		return h, nil
	case err != nil:
		return headRef{}, fmt.Errorf("%w: %w", ErrUnreadableHead, err)
	}
	h.id = branch.Hash().String()
	return h, nil
}

func (g gogit) ref(_ context.Context, name string) (string, error) {
	r, err := g.open()
	if err != nil {
		return "", err
	}
	ref, err := storer.ResolveReference(r.Storer, plumbing.ReferenceName(name))
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return "", fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return ref.Hash().String(), nil
}

func (g gogit) tagRefs(ctx context.Context) ([]tagRef, error) {
	r, err := g.open()
	if err != nil {
		return nil, err
	}
	iter, err := r.Storer.IterReferences()
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var refs []tagRef
	err = iter.ForEach(func(ref *plumbing.Reference) error {
		name, ok := strings.CutPrefix(ref.Name().String(), tagPrefix)
		if !ok {
			return ctx.Err()
		}
		if ref.Type() == plumbing.SymbolicReference {
			to, err := storer.ResolveReference(r.Storer, ref.Target())
			if err != nil {
				return nil // dangling: git leaves it out too
			}
			ref = to
		}
		refs = append(refs, tagRef{name: name, id: ref.Hash().String()})
		return ctx.Err()
	})
	return refs, err
}

func (g gogit) resolve(_ context.Context, rev string) (string, string, error) {
	if err := safeRev(rev); err != nil {
		return "", "", err
	}
	r, err := g.open()
	if err != nil {
		return "", "", err
	}
	h, err := resolveIn(r, rev)
	if err != nil {
		return "", "", fmt.Errorf("revision %q: %w", rev, ErrNotFound)
	}
	o, err := r.Storer.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return "", "", fmt.Errorf("revision %q: %w", rev, ErrNotFound)
	}
	return h.String(), o.Type().String(), nil
}

// resolveIn looks in git's order, because go-git's own peels tags to commits on its way.
func resolveIn(r *git.Repository, rev string) (plumbing.Hash, error) {
	if isObjectID(rev) {
		return plumbing.NewHash(rev), nil
	}
	for _, prefix := range []string{"", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"} {
		ref, err := storer.ResolveReference(r.Storer, plumbing.ReferenceName(prefix+rev))
		if err == nil && (prefix != "" || rev == "HEAD" || strings.HasPrefix(rev, "refs/")) {
			return ref.Hash(), nil
		}
	}
	h, err := r.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return *h, nil
}

func (g gogit) objects(ctx context.Context, ids []string) ([]object, error) {
	r, err := g.open()
	if err != nil {
		return nil, err
	}
	list := make([]object, len(ids))
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list[i].id = id
		e, err := r.Storer.EncodedObject(plumbing.AnyObject, plumbing.NewHash(id))
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("object %s: %w", id, err)
		}
		list[i].typ, list[i].size = e.Type().String(), e.Size()
		if (e.Type() == plumbing.TagObject || e.Type() == plumbing.CommitObject) && e.Size() <= maxObject {
			if list[i].data, err = readEncoded(e); err != nil {
				return nil, fmt.Errorf("object %s: %w", id, err)
			}
		}
	}
	return list, nil
}

func readEncoded(e plumbing.EncodedObject) ([]byte, error) {
	rd, err := e.Reader()
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	data := make([]byte, e.Size())
	_, err = io.ReadFull(rd, data)
	return data, err
}

func (g gogit) history(ctx context.Context, from, without string, limit int) ([]string, error) {
	r, err := g.open()
	if err != nil {
		return nil, err
	}
	cut, err := g.loc.shallow()
	if err != nil {
		return nil, err
	}
	known := commitWalk{store: r.Storer, cut: cut, seen: map[plumbing.Hash]bool{}}
	if without != "" {
		if err = known.add(plumbing.NewHash(without)); err == nil {
			err = known.each(ctx, func(*gitobject.Commit) error { return nil })
		}
		if err != nil {
			return nil, err
		}
	}
	var ids []string
	walk := commitWalk{store: r.Storer, cut: cut, seen: known.seen}
	if err = walk.add(plumbing.NewHash(from)); err == nil {
		err = walk.each(ctx, func(c *gitobject.Commit) error {
			if len(ids) >= limit {
				return storer.ErrStop
			}
			ids = append(ids, c.Hash.String())
			return nil
		})
	}
	return ids, err
}

func (g gogit) file(_ context.Context, commit, name string) ([]byte, error) {
	r, err := g.open()
	if err != nil {
		return nil, err
	}
	c, err := r.CommitObject(plumbing.NewHash(commit))
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", commit, err)
	}
	tree, err := c.Tree()
	if err != nil {
		return nil, err
	}
	entry, err := findEntry(r.Storer, tree, name)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", name, commit, err)
	}
	if entry.Mode != filemode.Regular && entry.Mode != filemode.Executable && entry.Mode != filemode.Deprecated {
		return nil, notRegular(name)
	}
	e, err := r.Storer.EncodedObject(plumbing.BlobObject, entry.Hash)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", name, commit, err)
	}
	if e.Size() > maxFile {
		return nil, &TooLargeError{What: name, Size: e.Size(), Limit: maxFile}
	}
	return readEncoded(e)
}

// findEntry follows a path from the top of a tree: ErrNotFound where it leads nowhere, another error
// where a folder on the way is not here, as in a partial clone.
func findEntry(store storer.EncodedObjectStorer, tree *gitobject.Tree, name string) (gitobject.TreeEntry, error) {
	for {
		first, rest, deeper := strings.Cut(name, "/")
		i := slices.IndexFunc(tree.Entries, func(e gitobject.TreeEntry) bool { return e.Name == first })
		switch {
		case i < 0 || deeper && tree.Entries[i].Mode != filemode.Dir:
			return gitobject.TreeEntry{}, ErrNotFound
		case !deeper:
			return tree.Entries[i], nil
		}
		var err error
		if tree, err = gitobject.GetTree(store, tree.Entries[i].Hash); err != nil {
			return gitobject.TreeEntry{}, err
		}
		name = rest
	}
}

// changed is what go-git makes of the working tree. It hashes every file and does not know
// content filters, so a file that git would call clean may be listed, never the reverse. The library
// cannot be interrupted in it: where ctx ends first, it comes to its end by itself, and only reads.
func (g gogit) changed(ctx context.Context, limit int) ([]string, error) {
	if g.loc.root == "" {
		return nil, nil
	}
	type result struct {
		list []string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		list, err := g.status()
		done <- result{firstSorted(list, limit), err}
	}()
	select {
	case r := <-done:
		return r.list, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// firstSorted sorts list and cuts it to limit.
func firstSorted(list []string, limit int) []string {
	slices.Sort(list)
	return list[:min(len(list), limit)]
}

// status lists what is changed, in no order.
func (g gogit) status() (list []string, err error) {
	r, err := g.open()
	if err != nil {
		return nil, err
	}
	tree, err := r.Worktree()
	if err != nil {
		return nil, err
	}
	status, err := tree.StatusWithOptions(git.StatusOptions{Strategy: git.Preload})
	if err != nil {
		return nil, err
	}
	for path, s := range status {
		tracked := s.Worktree != git.Untracked || s.Staging != git.Untracked
		if tracked && (s.Worktree != git.Unmodified || s.Staging != git.Unmodified) {
			list = append(list, path)
		}
	}
	return list, nil
}

// writeTag stores the object and syncs it before a ref may point at it.
func (g gogit) writeTag(_ context.Context, raw []byte) (string, error) {
	r, err := g.open()
	if err != nil {
		return "", err
	}
	o := r.Storer.NewEncodedObject()
	o.SetType(plumbing.TagObject)
	w, err := o.Writer()
	if err != nil {
		return "", err
	}
	if _, err := w.Write(raw); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	// The folder is made first: of what fails after it, the error names the temporary file.
	id := o.Hash().String()
	if err := os.MkdirAll(filepath.Join(g.loc.commonDir, "objects", id[:2]), 0o777); err != nil {
		return "", fmt.Errorf("storing the tag object: %w", err)
	}
	if _, err := r.Storer.SetEncodedObject(o); err != nil {
		return "", errors.Join(fmt.Errorf("storing the tag object: %w", err), removeTempIn(err))
	}
	return id, syncFile(filepath.Join(g.loc.commonDir, "objects", id[:2], id[2:]))
}

// syncFile flushes a file that another library has written. A missing one is no error: the
// object was in a pack already.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil
		}
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && runtime.GOOS != "windows" { // a read-only handle cannot there
		return err
	}
	return nil
}

func (g gogit) createRef(ctx context.Context, name, id string) error {
	return files{g.loc.commonDir}.create(ctx, name, id)
}

func (g gogit) deleteRef(ctx context.Context, name, id string) error {
	return files{g.loc.commonDir}.remove(ctx, name, id)
}
