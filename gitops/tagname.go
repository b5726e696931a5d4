package gitops

import (
	"fmt"
	"strings"
)

// TagNameError says why a name cannot be a tag's.
type TagNameError struct{ Name, Reason string }

func (e *TagNameError) Error() string {
	return fmt.Sprintf("%q cannot be a tag name: it %s", e.Name, e.Reason)
}

// maxTagName bounds a tag's name, in bytes. File systems hold 255 per component; git sets no
// limit.
const maxTagName = 1024

// ValidTagName reports, as a *TagNameError, why git would not take name for a tag: the rules of
// git-check-ref-format(1) for refs/tags/name, and those of git tag itself, which refuses a
// leading dash and, since 2.48, HEAD.
func ValidTagName(name string) error {
	if r := tagNameFault(name); r != "" {
		return &TagNameError{Name: name, Reason: r}
	}
	return nil
}

func tagNameFault(name string) string {
	switch {
	case len(name) > maxTagName:
		return fmt.Sprintf("is longer than %d bytes", maxTagName)
	case name == "HEAD":
		return "is reserved"
	case strings.HasPrefix(name, "-"):
		return "begins with a dash"
	}
	return refNameFault(name)
}

// refNameFault holds the rules of git-check-ref-format(1) for the part after refs/tags/.
func refNameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case strings.HasPrefix(name, "/"), strings.HasSuffix(name, "/"), strings.Contains(name, "//"):
		return "has an empty part between slashes"
	case strings.Contains(name, ".."):
		return `contains ".."`
	case strings.Contains(name, "@{"):
		return `contains "@{"`
	case strings.HasSuffix(name, "."):
		return "ends with a dot"
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c < 0x20 || c == 0x7f:
			return "contains a control character"
		case c == ' ':
			return "contains a space"
		case strings.IndexByte("~^:?*[\\", c) >= 0:
			return fmt.Sprintf("contains %q", string(c))
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return "has a part that begins with a dot"
		}
		if strings.HasSuffix(part, ".lock") {
			return `has a part that ends with ".lock"`
		}
	}
	return ""
}

// safeRev refuses what is not one revision expression: it goes to git on its own line of
// standard input, where only these could be taken for something else.
func safeRev(rev string) error {
	if rev == "" || len(rev) > 4096 || strings.ContainsAny(rev, "\x00\n\r") || rev[0] == '-' {
		return fmt.Errorf("revision %q: %w", rev, ErrNotFound)
	}
	return nil
}
