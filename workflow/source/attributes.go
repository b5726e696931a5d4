package source

import (
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// attributes are the .gitattributes files of a tree (gitattributes(5)), by their folder: "" for
// the top, else with a final slash. What an archiver has in its own configuration is no part of
// what was signed, and counts for nothing here.
type attributes map[string][]attributeLine

// attributeLine is one line: a pattern and what it says of attributes, the last word first.
type attributeLine struct {
	pattern string
	words   []string
}

// attributesName is the file that attributes are read from; maxAttributes its limit in bytes,
// a hundredth of git's own.
const (
	attributesName = ".gitattributes"
	maxAttributes  = 1 << 20
)

func parseAttributes(data []byte) (lines []attributeLine) {
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		// A pattern in quotes may hold blanks; it is rare, and passing it over is strict.
		if len(f) < 2 || f[0][0] == '#' || f[0][0] == '"' || f[0][0] == '!' || strings.HasPrefix(f[0], "[attr]") {
			continue
		}
		lines = append(lines, attributeLine{pattern: f[0], words: f[1:]})
	}
	return lines
}

// value is what the tree says of an attribute of a path: "set", "unset", a value, or "" for
// nothing. Files deeper in the tree and lines further down win.
func (a attributes) value(name, attribute string) string {
	for dir := name; dir != ""; {
		dir = strings.TrimSuffix(dir, "/")
		dir = dir[:strings.LastIndexByte(dir, '/')+1]
		lines := a[dir]
		for i := len(lines) - 1; i >= 0; i-- {
			if v, ok := lines[i].says(attribute); ok && matches(lines[i].pattern, strings.TrimPrefix(name, dir)) {
				return v
			}
		}
	}
	return ""
}

func (l attributeLine) says(attribute string) (value string, ok bool) {
	for i := len(l.words) - 1; i >= 0; i-- {
		switch w := l.words[i]; {
		case w == attribute:
			return "set", true
		case w == "-"+attribute:
			return "unset", true
		case w == "!"+attribute:
			return "", true
		case strings.HasPrefix(w, attribute+"="):
			return w[len(attribute)+1:], true
		}
	}
	return "", false
}

// matches reports whether a pattern fits a path relative to the pattern's own folder. A folder's
// path ends in a slash, as git archive asks for it.
func matches(pattern, name string) bool {
	if onlyFolders, ok := strings.CutSuffix(pattern, "/"); ok {
		if !strings.HasSuffix(name, "/") {
			return false
		}
		pattern = onlyFolders
	}
	name = strings.TrimSuffix(name, "/")
	if !strings.Contains(pattern, "/") {
		name = path.Base(name)
	}
	ok, err := doublestar.Match(strings.TrimPrefix(pattern, "/"), name)
	return err == nil && ok
}

// ignored reports whether export-ignore leaves a path out of archives, by itself or with a folder
// that it lies in.
func (a attributes) ignored(name string) bool {
	for i := range len(name) {
		if name[i] == '/' && a.value(name[:i+1], "export-ignore") == "set" {
			return true
		}
	}
	return a.value(name, "export-ignore") == "set"
}
