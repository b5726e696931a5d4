package source

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of names, in bytes. Linux allows 4,096 for a path and 255 for a part of it.
const (
	maxName = 4096
	maxPart = 255
)

// cleanName is the name of an entry as a path of the tree, or what is wrong with it.
func cleanName(raw string) (name, fault string) {
	switch {
	case raw == "":
		return "", "It has no name."
	case len(raw) > maxName:
		return "", "Its name is too long for any system."
	case raw[0] == '/':
		return "", "Its name is absolute: unpacking it may write anywhere."
	case len(raw) > 1 && raw[1] == ':':
		return "", "Its name begins with a drive letter: unpacking it on Windows may write anywhere."
	case strings.ContainsRune(raw, '\\'):
		return "", "Its name holds a backslash, which parts folders on Windows."
	}
	for r := range strings.SplitSeq(raw, "/") {
		switch {
		case r == "..":
			return "", "Its name leads out of the archive's own folder."
		case len(r) > maxPart:
			return "", "A part of its name is too long for most systems."
		}
	}
	for _, r := range raw {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return "", "Its name holds characters that cannot be seen."
		}
	}
	return path.Clean(raw), ""
}

// folded is the same for names that are one on systems which do not tell upper from lower case,
// or one way to write an accent from another.
func folded(name string) string {
	if !utf8.ValidString(name) {
		return name
	}
	return strings.ToLower(norm.NFC.String(name))
}
