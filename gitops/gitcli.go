package gitops

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// gitcli is the backend that runs the user's git program.
type gitcli struct {
	git *program
	loc location
}

// maxList bounds lists of refs and commits, in bytes: a million tags.
const maxList = 128 << 20

func (g gitcli) read(ctx context.Context, limit int64, stdin string, args ...string) ([]byte, error) {
	return g.git.read(ctx, g.loc.dir(), limit, []byte(stdin), args...)
}

// exited reports whether git said no by its exit code alone.
func exited(err error, code int) bool {
	var e *GitError
	return errors.As(err, &e) && e.Code == code
}

func (g gitcli) head(ctx context.Context) (headRef, error) {
	out, err := g.read(ctx, 8192, "", "symbolic-ref", "-q", "HEAD")
	h := headRef{ref: strings.TrimSuffix(string(out), "\n")}
	if err != nil && !exited(err, 1) {
		return headRef{}, fmt.Errorf("%w: %w", ErrUnreadableHead, err)
	}
	out, err = g.read(ctx, 8192, "", "rev-parse", "-q", "--verify", "HEAD")
	if exited(err, 1) && h.ref != "" {
		return h, nil
	}
	if err != nil {
		return headRef{}, fmt.Errorf("%w: %w", ErrUnreadableHead, err)
	}
	h.id = strings.TrimSpace(string(out))
	return h, nil
}

func (g gitcli) ref(ctx context.Context, name string) (string, error) {
	// A pattern without wildcards matches this name, and those below it as if it were a folder.
	out, err := g.read(ctx, maxList, "", "for-each-ref", "--format=%(objectname) %(refname)", name)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		id, ref, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ref == name {
			return id, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, ErrNotFound)
}

func (g gitcli) tagRefs(ctx context.Context) ([]tagRef, error) {
	out, err := g.read(ctx, maxList, "", "for-each-ref", "--format=%(objectname) %(refname)", strings.TrimSuffix(tagPrefix, "/"))
	if err != nil {
		return nil, err
	}
	var refs []tagRef
	for line := range strings.Lines(string(out)) {
		id, ref, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if name, ok := strings.CutPrefix(ref, tagPrefix); ok {
			refs = append(refs, tagRef{name: name, id: id})
		}
	}
	return refs, nil
}

// resolve asks cat-file, which takes revision expressions on standard input: nothing in one
// can become an option.
func (g gitcli) resolve(ctx context.Context, rev string) (string, string, error) {
	if err := safeRev(rev); err != nil {
		return "", "", err
	}
	out, err := g.read(ctx, maxStderr, rev+"\n", "cat-file", "--batch-check")
	if err != nil {
		return "", "", err
	}
	f := strings.Fields(string(out))
	if len(f) != 3 || !isObjectID(f[0]) {
		return "", "", fmt.Errorf("revision %q: %w", rev, ErrNotFound)
	}
	return f[0], f[1], nil
}

func (g gitcli) objects(ctx context.Context, ids []string) ([]object, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list := make([]object, len(ids))
	err := g.batch(ctx, "--batch-check", ids, func(i int, o object, _ *bufio.Reader) error {
		list[i] = o
		return nil
	})
	if err != nil {
		return nil, err
	}
	var wanted []string
	var where []int
	for i, o := range list {
		if (o.typ == "tag" || o.typ == "commit") && o.size <= maxObject {
			wanted, where = append(wanted, o.id), append(where, i)
		}
	}
	if len(wanted) == 0 {
		return list, nil
	}
	err = g.batch(ctx, "--batch", wanted, func(i int, o object, r *bufio.Reader) error {
		if o.typ == "" || o.size > maxObject {
			return nil
		}
		o.data = make([]byte, o.size)
		if _, err := io.ReadFull(r, o.data); err != nil {
			return err
		}
		list[where[i]] = o
		_, err := r.Discard(1)
		return err
	})
	return list, err
}

// batch runs cat-file over ids and calls each with the parsed header of every answer.
func (g gitcli) batch(ctx context.Context, mode string, ids []string, each func(int, object, *bufio.Reader) error) error {
	stdin := []byte(strings.Join(ids, "\n") + "\n")
	return g.git.stream(ctx, g.loc.dir(), stdin, func(out io.Reader) error {
		r := bufio.NewReaderSize(out, 64<<10)
		for i, id := range ids {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return err
			}
			o := object{id: id}
			f := strings.Fields(string(line))
			if len(f) == 3 {
				if o.size, err = strconv.ParseInt(f[2], 10, 64); err != nil || o.size < 0 {
					return fmt.Errorf("git cat-file answered %q", line)
				}
				o.typ = f[1]
			}
			if err := each(i, o, r); err != nil {
				return err
			}
		}
		return nil
	}, "cat-file", mode)
}

func (g gitcli) history(ctx context.Context, from, without string, limit int) ([]string, error) {
	args := []string{"rev-list", "--max-count=" + strconv.Itoa(limit), from}
	if without != "" {
		args = append(args, "^"+without)
	}
	out, err := g.read(ctx, maxList, "", append(args, "--")...)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(out)), nil
}

func (g gitcli) file(ctx context.Context, commit, name string) ([]byte, error) {
	out, err := g.read(ctx, 1<<20, "", "ls-tree", "-z", "--full-tree", "--long", commit, "--", name)
	if err != nil {
		return nil, err
	}
	for entry := range bytes.SplitSeq(out, []byte{0}) {
		meta, at, _ := strings.Cut(string(entry), "\t")
		f := strings.Fields(meta) // mode, type, id, size
		if at != name || len(f) != 4 {
			continue
		}
		if !strings.HasPrefix(f[0], "100") {
			return nil, notRegular(name)
		}
		if size, err := strconv.ParseInt(f[3], 10, 64); err == nil && size > maxFile {
			return nil, &TooLargeError{What: name, Size: size, Limit: maxFile}
		}
		return g.read(ctx, maxFile, "", "cat-file", "blob", f[2])
	}
	return nil, fmt.Errorf("%s in %s: %w", name, commit, ErrNotFound)
}

// changed reads git status, which knows line endings, filters, sparse trees and submodules.
func (g gitcli) changed(ctx context.Context, limit int) ([]string, error) {
	if g.loc.root == "" {
		return nil, nil
	}
	var list []string
	err := g.git.stream(ctx, g.loc.dir(), nil, func(out io.Reader) error {
		r := bufio.NewReader(out)
		for len(list) < limit {
			entry, err := r.ReadString(0)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if len(entry) < 5 {
				return fmt.Errorf("git status answered %q", entry)
			}
			list = append(list, entry[3:len(entry)-1])
			if entry[0] == 'R' || entry[0] == 'C' { // the old name follows
				if _, err := r.ReadString(0); err != nil {
					return err
				}
			}
		}
		return errStop
	}, "status", "--porcelain=v1", "-z", "--untracked-files=no")
	return list, err
}

func (g gitcli) writeTag(ctx context.Context, raw []byte) (string, error) {
	// mktag checks more than hash-object would; the body, with the signature, is free.
	out, err := g.git.read(ctx, g.loc.dir(), 256, raw, "mktag")
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	if !isObjectID(id) {
		return "", fmt.Errorf("git mktag answered %q", id)
	}
	return id, nil
}

// createRef relies on git's own create-only update: an old value of zeros.
func (g gitcli) createRef(ctx context.Context, name, id string) error {
	_, err := g.read(ctx, 4096, "", "update-ref", "--no-deref", name, id, strings.Repeat("0", len(id)))
	return g.explainUpdate(ctx, err, name, "")
}

func (g gitcli) deleteRef(ctx context.Context, name, id string) error {
	if _, err := g.ref(ctx, name); err != nil {
		return err
	}
	_, err := g.read(ctx, 4096, "", "update-ref", "--no-deref", "-d", name, id)
	return g.explainUpdate(ctx, err, name, id)
}

// explainUpdate finds out why git refused to create (want is "") or delete a ref.
func (g gitcli) explainUpdate(ctx context.Context, err error, name, want string) error {
	var failed *GitError
	if !errors.As(err, &failed) {
		return err
	}
	if i := strings.Index(failed.Stderr, "'; '"); i < 0 && strings.Contains(failed.Stderr, ".lock': File exists") {
		return &LockedError{Ref: name, Path: between(failed.Stderr, "Unable to create '", "'")}
	}
	if with := between(failed.Stderr, "cannot lock ref '"+name+"': '", "' exists;"); with != "" {
		return &ConflictError{Ref: name, With: with}
	}
	switch is, rerr := g.ref(ctx, name); {
	case rerr == nil && want == "":
		return &ExistsError{Ref: name, ID: is}
	case rerr == nil && is != want:
		return &MovedError{Ref: name, Want: want, Is: is}
	case errors.Is(rerr, ErrNotFound) && want != "":
		return rerr
	}
	return err
}

func between(s, before, after string) string {
	_, s, ok := strings.Cut(s, before)
	if !ok {
		return ""
	}
	s, _, ok = strings.Cut(s, after)
	if !ok {
		return ""
	}
	return s
}
