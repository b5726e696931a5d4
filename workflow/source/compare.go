package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"bulla/gitops"
)

// member is a file or link of the archive.
type member struct {
	name       string // clean; with the prefix until it is known
	typ        entryType
	id         string // of the blob that git would make of it; "" for a SHA-1 made to collide
	executable bool
	special    bool // set-user-id, set-group-id or sticky
	modeKnown  bool
	outside    bool // not in the folder that the others lie in
}

// comparison is one archive held against one tree.
type comparison struct {
	repo    *gitops.Repo
	archive *archive
	allow   []string
	report  *Report

	tree    map[string]gitops.TreeEntry
	modules []string // submodules, with a final slash
	attrs   attributes
	members []member
	early   []Finding      // about entries, while the prefix is not known
	byName  map[string]int // index into members, by full name; the last entry counts
	hidden  map[string]int // files in submodules, by submodule
}

// Compare holds an archive against the tree of a tag. It reads the archive as hostile input:
// nothing is unpacked, what it holds is bounded, and whatever is odd about it is a finding. A
// file that is the same has the blob id that the tag names; SHA-1 is computed so that the known
// collision attacks are noticed.
//
// Errors are about the question: gitops.ErrNotFound, *FormatError, *PatternError, *fs.PathError,
// the context's. A damaged archive is a finding.
func Compare(ctx context.Context, repo *gitops.Repo, tag gitops.Tag, path string, o Options) (*Report, error) {
	for _, p := range o.Allow {
		if !doublestar.ValidatePattern(p) {
			return nil, &PatternError{Pattern: p}
		}
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	if tag.CommitID == "" {
		return nil, fmt.Errorf("the tag %s points to no commit: %w", tag.Name, gitops.ErrNotFound)
	}
	a, err := open(path, o.Limits)
	if err != nil {
		return nil, err
	}
	defer a.file.Close()
	c := &comparison{repo: repo, archive: a, allow: o.Allow, byName: map[string]int{}, hidden: map[string]int{},
		report: &Report{Archive: path, Format: a.format, Tag: tag.Name, Commit: tag.CommitID}}
	if err := c.readTree(ctx, tag.CommitID); err != nil {
		return nil, err
	}
	complete, err := c.readArchive(ctx)
	if err != nil {
		return nil, err
	}
	c.findPrefix()
	for _, f := range c.early {
		if f.Kind != BadName {
			f.Path = strings.TrimPrefix(f.Path, c.report.Prefix)
		}
		c.find(f.Kind, f.Path, f.Detail)
	}
	changed := c.compareMembers()
	if complete {
		c.findMissing()
	}
	c.findCollisions()
	if err := c.explain(ctx, changed); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.report.Findings, func(a, b Finding) int { return cmp.Compare(a.Path, b.Path) })
	return c.report, ctx.Err()
}

// find notes a difference. What a pattern allows is understood, unless it is one about the
// archive's form, which no generated file explains.
func (c *comparison) find(k Kind, path, detail string) {
	switch k {
	case Added, Changed, Missing, ModeChanged, TypeChanged, LinkChanged, LineEndings, HardLink, Submodule:
		for _, p := range c.allow {
			if ok, err := doublestar.Match(p, path); err == nil && ok {
				c.understood(Generated, path, "Allowed by "+p+": "+detail)
				return
			}
		}
	}
	c.report.Differences++
	c.list(Finding{Kind: k, Path: path, Detail: detail})
}

func (c *comparison) understood(k Kind, path, detail string) {
	c.list(Finding{Kind: k, Path: path, Detail: detail, Understood: true})
}

// list keeps the findings that fail before those that are understood.
func (c *comparison) list(f Finding) {
	list := c.report.Findings
	if len(list) < MaxFindings {
		c.report.Findings = append(list, f)
		return
	}
	if f.Understood {
		return
	}
	for i := range list {
		if list[i].Understood {
			list[i] = f
			return
		}
	}
}

func (c *comparison) readTree(ctx context.Context, commit string) error {
	entries, err := c.repo.Tree(ctx, commit)
	if err != nil {
		return err
	}
	c.tree = make(map[string]gitops.TreeEntry, len(entries))
	var ids, dirs []string
	for _, e := range entries {
		c.tree[e.Path] = e
		dir, isAttributes := strings.CutSuffix(e.Path, attributesName)
		switch {
		case e.Mode == gitops.ModeSubmodule:
			c.modules = append(c.modules, e.Path+"/")
		case isAttributes && (dir == "" || strings.HasSuffix(dir, "/")) && e.Mode != gitops.ModeLink:
			ids, dirs = append(ids, e.ID), append(dirs, dir)
		}
	}
	c.attrs = attributes{}
	return c.repo.EachBlob(ctx, ids, maxAttributes, func(i int, data []byte) error {
		c.attrs[dirs[i]] = parseAttributes(data)
		return nil
	})
}

// readArchive hashes every file of the archive. complete says that it was read to its end.
func (c *comparison) readArchive(ctx context.Context) (complete bool, err error) {
	info, err := c.archive.walk(ctx, c.member)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, errTooMany):
		c.find(OverLimit, "", fmt.Sprintf("The archive has more than %d entries, or names of more than %d bytes; it was read no further.", c.archive.limits.Entries, c.archive.limits.Names))
	case errors.Is(err, errTooMuch):
		c.find(OverLimit, "", fmt.Sprintf("The archive unpacks to more than %d bytes; it was read no further.", c.archive.limits.Bytes))
	case err != nil:
		c.find(Damaged, "", "The archive cannot be read to its end: "+err.Error()+".")
	}
	if info.trailing {
		c.find(Trailing, "", "Something follows the end of the archive, which some tools would unpack too, or its end is damaged.")
	}
	if info.ambiguous != "" {
		c.find(Ambiguous, "", info.ambiguous)
	}
	if info.commit != "" && info.commit != c.report.Commit {
		c.find(OtherCommit, "", fmt.Sprintf("The archive says that it was made of commit %.12s; the tag names %.12s.", info.commit, c.report.Commit))
	}
	return err == nil, nil
}

// odd notes a finding about an entry while the archive is read.
func (c *comparison) odd(k Kind, path, detail string) {
	c.early = append(c.early, Finding{Kind: k, Path: path, Detail: detail})
}

// member takes in one entry.
func (c *comparison) member(e *entry) error {
	name, fault := cleanName(e.name)
	if fault != "" {
		c.odd(BadName, e.name, fault)
		return nil
	}
	if e.typ == typeDir || name == "." {
		return nil
	}
	m := member{name: name, typ: e.typ, executable: e.mode&0o100 != 0, modeKnown: e.modeKnown,
		special: e.mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0}
	switch e.typ {
	case typeSpecial:
		c.odd(Special, name, "It is a device, a pipe or something unknown.")
		return nil
	case typeHardLink:
		target, fault := cleanName(e.link)
		i, ok := c.byName[target]
		if fault != "" || !ok {
			c.odd(HardLink, name, "It is a hard link to something that is not in the archive before it.")
			return nil
		}
		c.odd(HardLink, name, "It is a hard link: unpacking it makes one file of two.")
		m.id, m.typ = c.members[i].id, c.members[i].typ
	case typeLink:
		h := c.repo.NewBlobHash(int64(len(e.link)))
		io.WriteString(h, e.link) // a hash never fails
		m.id = gitops.BlobID(h)
	case typeFile:
		h := c.repo.NewBlobHash(e.size)
		n, err := io.Copy(h, e.content)
		if err != nil {
			return err
		}
		if n != e.size {
			return fmt.Errorf("an entry has %d bytes where the archive says %d", n, e.size)
		}
		m.id = gitops.BlobID(h)
	}
	if i, ok := c.byName[name]; ok {
		c.odd(Duplicate, name, "The archive has two entries of this name; tools disagree which one counts.")
		c.members[i] = m
		return nil
	}
	c.byName[name] = len(c.members)
	c.members = append(c.members, m)
	return nil
}

// findPrefix finds the folder that archives put everything into, and takes it off: the one whose
// files fit the tree best, if they fit better than without. In an archive that fits nowhere it is
// the folder that everything lies in.
func (c *comparison) findPrefix() {
	plain := 0
	below := map[string]int{}
	for _, m := range c.members {
		if _, ok := c.tree[m.name]; ok {
			plain++
		}
		dir, rest, _ := strings.Cut(m.name, "/")
		if _, ok := c.tree[rest]; ok {
			below[dir+"/"]++
		}
	}
	top, fits := "", plain
	for _, dir := range slices.Sorted(maps.Keys(below)) {
		if below[dir] > fits {
			top, fits = dir, below[dir]
		}
	}
	if fits == 0 {
		top = c.commonTop()
	}
	c.report.Prefix = top
	for i, m := range c.members {
		c.members[i].outside = !strings.HasPrefix(m.name, top)
		c.members[i].name = strings.TrimPrefix(m.name, top)
	}
}

// commonTop is the folder, with its slash, that everything in the archive lies in, or "".
func (c *comparison) commonTop() string {
	top := ""
	for i, m := range c.members {
		dir, _, ok := strings.Cut(m.name, "/")
		if !ok || (i > 0 && dir+"/" != top) {
			return ""
		}
		top = dir + "/"
	}
	return top
}

// compareMembers holds every member against the tree and returns those whose content differs,
// for an explanation.
func (c *comparison) compareMembers() (changed map[string]change) {
	changed = map[string]change{}
	for _, m := range c.members {
		t, ok := c.tree[m.name]
		if !ok || m.outside {
			c.added(m)
			continue
		}
		isLink := t.Mode == gitops.ModeLink
		same := m.id == t.ID
		switch {
		case t.Mode == gitops.ModeSubmodule:
			c.find(TypeChanged, m.name, "It is a submodule in the tag and a file in the archive.")
			continue
		case isLink != (m.typ == typeLink):
			c.find(TypeChanged, m.name, "It is a symbolic link on one side and a file on the other.")
			continue
		case isLink && !same:
			c.find(LinkChanged, m.name, "The symbolic link leads elsewhere.")
			continue
		}
		if !same {
			changed[m.name] = change{tree: t, id: m.id}
		}
		if m.special {
			same = false
			c.find(ModeChanged, m.name, "It has special permissions (set-user-id, set-group-id or sticky).")
		} else if executable := t.Mode&0o100 != 0; !isLink && m.modeKnown && executable != m.executable {
			same = false
			words := map[bool]string{true: "executable", false: "not executable"}
			c.find(ModeChanged, m.name, fmt.Sprintf("It is %s in the tag and %s in the archive.", words[executable], words[m.executable]))
		}
		if same {
			c.report.Same++
		}
	}
	return changed
}

func (c *comparison) added(m member) {
	if m.outside {
		c.find(Added, m.name, "It is in the archive, beside the folder of everything else, and the tag does not have it.")
		return
	}
	for _, module := range c.modules {
		if strings.HasPrefix(m.name, module) {
			c.hidden[strings.TrimSuffix(module, "/")]++
			return
		}
	}
	c.find(Added, m.name, "It is in the archive, and the tag does not have it.")
}

func (c *comparison) findMissing() {
	present := make(map[string]bool, len(c.members))
	for _, m := range c.members {
		present[m.name] = present[m.name] || !m.outside
	}
	for path, t := range c.tree {
		switch {
		case t.Mode == gitops.ModeSubmodule:
			if n := c.hidden[path]; n > 0 {
				c.find(Submodule, path, fmt.Sprintf("It holds %d files of another repository (its commit %.12s): they were not compared.", n, t.ID))
			}
		case present[path]:
		case c.attrs.ignored(path):
			c.understood(LeftOut, path, "It is left out, as export-ignore in .gitattributes asks for.")
		default:
			c.find(Missing, path, "The tag has it, and the archive leaves it out.")
		}
	}
}

// findCollisions finds names that are one name on systems which do not tell upper from lower
// case. Where the tag itself has them, they are no news.
func (c *comparison) findCollisions() {
	first := make(map[string]string, len(c.members))
	for _, m := range c.members {
		if m.outside {
			continue
		}
		key := folded(m.name)
		other, ok := first[key]
		if !ok {
			first[key] = m.name
			continue
		}
		_, here := c.tree[m.name]
		_, there := c.tree[other]
		if !here || !there {
			c.find(Collision, m.name, fmt.Sprintf("Systems which do not tell upper from lower case take it for %q.", other))
		}
	}
}
