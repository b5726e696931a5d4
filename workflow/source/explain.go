package source

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"bulla/gitops"
)

// Limits of what is explained: files whose content differs are looked at again up to this size,
// and this many bytes are held at once.
const (
	maxExplained = 1 << 20
	maxHeld      = 32 << 20
)

// change is a file whose content differs: its entry in the tree, and its id in the archive.
type change struct {
	tree gitops.TreeEntry
	id   string
}

// differing is the content of such a file.
type differing struct {
	name    string
	id      string // in the tree
	archive []byte
}

// explain says how files differ. Those too large to be looked at are simply changed.
func (c *comparison) explain(ctx context.Context, changed map[string]change) error {
	if len(changed) == 0 {
		return nil
	}
	var held []differing
	size := 0
	flush := func() error {
		ids := make([]string, len(held))
		for i, d := range held {
			ids[i] = d.id
		}
		err := c.repo.EachBlob(ctx, ids, maxExplained, func(i int, data []byte) error {
			c.difference(held[i], data)
			return ctx.Err()
		})
		held, size = held[:0], 0
		return err
	}
	err := c.reread(ctx, changed, func(name string, data []byte) error {
		held = append(held, differing{name: name, id: changed[name].tree.ID, archive: data})
		delete(changed, name)
		if size += len(data); size > maxHeld || len(held) >= 1000 {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	for name := range changed {
		c.find(Changed, name, "Its content is not the tag's.")
	}
	return nil
}

// reread goes through the archive once more for the content of some small files. What the first
// reading could not reach, this one leaves out too.
func (c *comparison) reread(ctx context.Context, wanted map[string]change, each func(string, []byte) error) error {
	var failed error
	_, _ = c.archive.walk(ctx, func(e *entry) error {
		name, fault := cleanName(e.name)
		if fault != "" || e.typ != typeFile || e.size > maxExplained {
			return nil
		}
		name = strings.TrimPrefix(name, c.report.Prefix)
		w, ok := wanted[name]
		if !ok || w.tree.Size > maxExplained {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(e.content, maxExplained+1))
		if err != nil || len(data) > maxExplained {
			return err
		}
		h := c.repo.NewBlobHash(int64(len(data)))
		h.Write(data)
		if gitops.BlobID(h) != w.id {
			return nil // another entry of that name, which does not count
		}
		failed = each(name, data)
		return failed
	})
	if failed != nil {
		return failed
	}
	return ctx.Err()
}

// difference names what is different about a file's content.
func (c *comparison) difference(d differing, tree []byte) {
	lf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
	switch {
	case tree == nil:
		c.find(Changed, d.name, "Its content is not the tag's.")
	case c.attrs.value(d.name, "export-subst") == "set" && isExpanded(tree, d.archive):
		c.understood(Expanded, d.name, "$Format$ is replaced in it, as export-subst in .gitattributes asks for.")
	case !bytes.Equal(lf(tree), lf(d.archive)):
		c.find(Changed, d.name, "Its content is not the tag's.")
	case c.attrs.value(d.name, "eol") == "crlf" && bytes.Equal(d.archive, bytes.ReplaceAll(lf(tree), []byte("\n"), []byte("\r\n"))):
		c.understood(LineEndings, d.name, "Its lines end in CRLF, as eol=crlf in .gitattributes asks for.")
	default:
		c.find(LineEndings, d.name, "Its lines are the tag's, but they end differently (LF and CRLF).")
	}
}

// maxExpansion bounds what one $Format$ may have become, in bytes.
const maxExpansion = 512

// isExpanded reports whether got is want with every $Format:…$ replaced by a line of harmless
// text. What git would put there depends on its version and on other refs, so that it cannot be
// foretold; what could be code in some language is not accepted.
func isExpanded(want, got []byte) bool {
	opening := []byte("$Format:")
	expanded := false
	for {
		i := bytes.Index(want, opening)
		if i < 0 {
			return expanded && bytes.Equal(want, got)
		}
		length := bytes.IndexByte(want[i+1:], '$')
		if length < 0 || bytes.IndexByte(want[i:i+1+length], '\n') >= 0 {
			return false
		}
		if !bytes.HasPrefix(got, want[:i]) {
			return false
		}
		want, got = want[i+1+length+1:], got[i:]
		// The literal text up to the next $Format$ says where this expansion ends.
		next := want
		if j := bytes.Index(want, opening); j >= 0 {
			next = want[:j]
		}
		end := len(got)
		if len(next) > 0 {
			end = bytes.Index(got, next)
		}
		if end < 0 || end > maxExpansion || slices.ContainsFunc(got[:end], isRisky) {
			return false
		}
		got, expanded = got[end:], true
	}
}

// isRisky reports what has no place in an id, a date, a name or an address. Blanks, commas,
// brackets and arrows are what %d gives.
func isRisky(b byte) bool {
	return b < ' ' || b == 0x7f || strings.IndexByte("\"'`\\$;{}|&*=#!?", b) >= 0
}
