// Package source compares a source archive with the tree of a tag, file by file: a signed tag
// says nothing about an archive that people download, and what only the archive holds has been
// read by nobody. The archive is read as hostile input and never unpacked.
package source

import (
	"fmt"
	"strings"
)

// Kind says how an entry of the archive differs from the tag's tree. The words are stable:
// scripts may rely on them.
type Kind string

// The kinds of findings.
const (
	Added       Kind = "added"          // not in the tree
	Changed     Kind = "changed"        // other content
	Missing     Kind = "missing"        // in the tree, not in the archive
	ModeChanged Kind = "mode"           // executable here and not there, or special bits
	TypeChanged Kind = "type"           // a file here, a symbolic link there
	LinkChanged Kind = "link"           // the symbolic link leads elsewhere
	LineEndings Kind = "line-endings"   // the lines are the same, their ends are not
	Expanded    Kind = "expanded"       // $Format$ was replaced, as export-subst asks for
	LeftOut     Kind = "left-out"       // missing, as export-ignore asks for
	Generated   Kind = "generated"      // differs, and is allowed to by name
	Submodule   Kind = "submodule"      // holds files of another repository
	BadName     Kind = "bad-name"       // absolute, leading out of the archive, or not printable
	Duplicate   Kind = "duplicate"      // the same name twice: tools disagree which one counts
	HardLink    Kind = "hard-link"      // git knows none
	Special     Kind = "special"        // a device, a pipe, or an entry of an unknown type
	Collision   Kind = "name-collision" // two names are one on other systems
	OtherCommit Kind = "other-commit"   // the archive says that it was made of another commit
	Trailing    Kind = "trailing-data"  // something follows the end of the archive
	Ambiguous   Kind = "ambiguous"      // programs disagree which files the archive holds
	Damaged     Kind = "damaged"        // cannot be read to its end
	OverLimit   Kind = "over-limit"     // larger than a source archive may be
)

// Finding is one difference.
type Finding struct {
	Kind Kind
	// Path is relative to the top of the tree, or the raw name where it is a bad one; "" for
	// the archive as a whole. Raw text: clean it before showing it.
	Path string
	// Detail is one plain sentence. It may quote text from the archive.
	Detail string
	// Understood says that the difference is one that the tag itself or the caller asks for.
	Understood bool
}

// Report is what a comparison found.
type Report struct {
	Archive string // as it was named
	Format  string // "tar", "tar.gz", "tar.bz2", "tar.zst", "tar.xz", "zip"
	Tag     string
	Commit  string
	// Prefix is the folder that everything in the archive lies in, with a final slash, or "".
	Prefix string
	// Same is the number of files and links that are as in the tree.
	Same int
	// Findings are sorted by path, at most MaxFindings of them; Differences is the number of
	// all that are not understood.
	Findings    []Finding
	Differences int
}

// MaxFindings is how many findings a Report lists.
const MaxFindings = 2000

// OK reports whether the archive is the tag's tree, but for what is understood.
func (r *Report) OK() bool { return r.Differences == 0 }

// Summary says the result in one plain sentence.
func (r *Report) Summary() string {
	if r.OK() {
		s := fmt.Sprintf("The archive is the tree of %s: %d files are the same", r.Tag, r.Same)
		if n := len(r.Findings); n > 0 {
			s += fmt.Sprintf(", %d differ as they may", n)
		}
		return s + "."
	}
	counts := map[Kind]int{}
	for _, f := range r.Findings {
		if !f.Understood {
			counts[f.Kind]++
		}
	}
	var parts []string
	for _, k := range []Kind{Added, Changed, Missing} {
		if counts[k] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
			delete(counts, k)
		}
	}
	others := 0
	for _, n := range counts {
		others += n
	}
	if others > 0 {
		parts = append(parts, fmt.Sprintf("%d otherwise", others))
	}
	s := fmt.Sprintf("The archive is not the tree of %s: %s", r.Tag, strings.Join(parts, ", "))
	if len(r.Findings) == MaxFindings {
		s += fmt.Sprintf(", of %d differences in all", r.Differences)
	}
	return s + "."
}

// Limits bound what an archive may unpack to.
type Limits struct {
	Entries int
	Bytes   int64 // of all content together
	Names   int   // bytes of all names together, which are kept in memory
}

// DefaultLimits are several times what the Linux kernel has.
var DefaultLimits = Limits{Entries: 500_000, Bytes: 8 << 30, Names: 64 << 20}

// Options are what a comparison may pass over.
type Options struct {
	// Allow are globs, relative to the top of the tree, of what may differ: generated files,
	// as a rule. ** crosses folders.
	Allow  []string
	Limits Limits // zero: DefaultLimits
}

// FormatError says that a file is no archive that can be read here.
type FormatError struct {
	Path   string
	Format string // "lzip", or "" if it is not recognised at all
}

func (e *FormatError) Error() string {
	if e.Format == "" {
		return e.Path + " is no archive: tar (also with gzip, bzip2, xz or zstd) and zip can be compared"
	}
	return fmt.Sprintf("%s is compressed with %s, which is not supported: unpack it (%s -dk) and compare the tar file", e.Path, e.Format, e.Format)
}

// PatternError says that a glob of Options.Allow is none.
type PatternError struct{ Pattern string }

func (e *PatternError) Error() string { return fmt.Sprintf("%q is no pattern", e.Pattern) }
