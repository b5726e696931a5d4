package gitops

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
	"github.com/pjbgf/sha1cd"
)

// The modes of a tree's entries, as git writes them.
const (
	ModeFile       = 0o100644
	ModeExecutable = 0o100755
	ModeLink       = 0o120000
	ModeSubmodule  = 0o160000
)

// maxTreeEntries bounds the files of one commit. The Linux kernel has 90,000.
const maxTreeEntries = 1_000_000

// TreeEntry is a file, symbolic link or submodule of a commit.
type TreeEntry struct {
	Path string // slashes, from the top; raw text
	Mode uint32 // one of the Mode constants, or an old 0100664
	ID   string // of the blob, or of a submodule's commit
	Size int64  // in bytes; 0 for a submodule
}

// treeReader is the part of a backend that reads trees and their files.
type treeReader interface {
	// tree lists everything below the commit's tree, folders excepted.
	tree(ctx context.Context, commit string, each func(TreeEntry) error) error
	// blobs reads blobs in the order of ids; one over limit bytes is handed over as nil.
	blobs(ctx context.Context, ids []string, limit int64, each func(i int, data []byte) error) error
}

// Tree lists the files, links and submodules of the commit that rev names, in git's order.
func (r *Repo) Tree(ctx context.Context, rev string) ([]TreeEntry, error) {
	id, err := r.commitID(ctx, rev)
	if err != nil {
		return nil, err
	}
	var list []TreeEntry
	err = r.bulk.tree(ctx, id, func(e TreeEntry) error {
		if len(list) == maxTreeEntries {
			return &TooLargeError{What: "the tree of " + id, Size: int64(len(list)) + 1, Limit: maxTreeEntries}
		}
		list = append(list, e)
		return nil
	})
	return list, err
}

// EachBlob reads blobs and calls each in the order of ids. A blob of more than limit bytes is
// handed over as nil. data is each's to keep.
func (r *Repo) EachBlob(ctx context.Context, ids []string, limit int64, each func(i int, data []byte) error) error {
	for _, id := range ids {
		if !isObjectID(id) {
			return fmt.Errorf("blob %q: %w", id, ErrNotFound)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return r.bulk.blobs(ctx, ids, limit, each)
}

// NewBlobHash computes the id that git gives to a blob of size bytes in this repository: write
// the bytes, then take BlobID. For SHA-1 it notices the known collision attacks.
func (r *Repo) NewBlobHash(size int64) hash.Hash {
	h := sha1cd.New()
	if r.format == formatSHA256 {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", size)
	return h
}

// BlobID is the id in lower-case hexadecimal of what was written to a hash of NewBlobHash, or ""
// if the bytes were made to collide.
func BlobID(h hash.Hash) string {
	if c, ok := h.(sha1cd.CollisionResistantHash); ok {
		sum, collides := c.CollisionResistantSum(nil)
		if collides {
			return ""
		}
		return fmt.Sprintf("%x", sum)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (g gitcli) tree(ctx context.Context, commit string, each func(TreeEntry) error) error {
	return g.git.stream(ctx, g.loc.dir(), nil, func(out io.Reader) error {
		r := bufio.NewReaderSize(out, 64<<10)
		for {
			line, err := r.ReadString(0)
			if err == io.EOF && line == "" {
				return nil
			}
			if err != nil {
				return err
			}
			e, err := parseTreeLine(line[:len(line)-1])
			if err != nil {
				return err
			}
			if err := each(e); err != nil {
				return err
			}
		}
	}, "ls-tree", "-r", "-z", "--long", "--full-tree", commit)
}

// parseTreeLine reads "MODE TYPE ID SIZE\tPATH", git ls-tree --long; a submodule has the size -.
func parseTreeLine(line string) (TreeEntry, error) {
	meta, path, ok := strings.Cut(line, "\t")
	f := strings.Fields(meta)
	if !ok || len(f) != 4 || !isObjectID(f[2]) {
		return TreeEntry{}, fmt.Errorf("git ls-tree answered %q", line)
	}
	mode, err := strconv.ParseUint(f[0], 8, 32)
	if err != nil {
		return TreeEntry{}, fmt.Errorf("git ls-tree answered %q", line)
	}
	e := TreeEntry{Path: path, Mode: uint32(mode), ID: f[2]}
	if f[3] != "-" {
		if e.Size, err = strconv.ParseInt(f[3], 10, 64); err != nil {
			return TreeEntry{}, fmt.Errorf("git ls-tree answered %q", line)
		}
	}
	return e, nil
}

func (g gitcli) blobs(ctx context.Context, ids []string, limit int64, each func(int, []byte) error) error {
	return g.batch(ctx, "--batch", ids, func(i int, o object, r *bufio.Reader) error {
		if o.typ != "blob" {
			return fmt.Errorf("blob %s: %w", o.id, ErrNotFound)
		}
		var data []byte
		if o.size > limit {
			if _, err := io.CopyN(io.Discard, r, o.size); err != nil {
				return err
			}
		} else {
			data = make([]byte, o.size)
			if _, err := io.ReadFull(r, data); err != nil {
				return err
			}
		}
		if _, err := r.Discard(1); err != nil {
			return err
		}
		return each(i, data)
	})
}

func (g gogit) tree(ctx context.Context, commit string, each func(TreeEntry) error) error {
	r, err := g.open()
	if err != nil {
		return err
	}
	c, err := r.CommitObject(plumbing.NewHash(commit))
	if err != nil {
		return fmt.Errorf("commit %s: %w", commit, err)
	}
	t, err := c.Tree()
	if err != nil {
		return err
	}
	walk := gitobject.NewTreeWalker(t, true, nil)
	defer walk.Close()
	for {
		name, entry, err := walk.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		e := TreeEntry{Path: name, Mode: uint32(entry.Mode), ID: entry.Hash.String()}
		switch e.Mode {
		case 0o040000:
			continue
		case ModeSubmodule:
		default:
			if e.Size, err = r.Storer.EncodedObjectSize(entry.Hash); err != nil {
				return fmt.Errorf("%s in %s: %w", name, commit, err)
			}
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

func (g gogit) blobs(ctx context.Context, ids []string, limit int64, each func(int, []byte) error) error {
	r, err := g.open()
	if err != nil {
		return err
	}
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := r.Storer.EncodedObject(plumbing.BlobObject, plumbing.NewHash(id))
		if err != nil {
			return fmt.Errorf("blob %s: %w", id, err)
		}
		var data []byte
		if e.Size() <= limit {
			if data, err = readEncoded(e); err != nil {
				return fmt.Errorf("blob %s: %w", id, err)
			}
		}
		if err := each(i, data); err != nil {
			return err
		}
	}
	return nil
}
