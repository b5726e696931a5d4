package dockerfile

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// This file cuts a Dockerfile into instructions, as BuildKit does (frontend/dockerfile/parser): a line
// that one of the two takes for an instruction and the other does not could hide an image.

// instruction is one instruction with its continued lines joined.
type instruction struct {
	line  int
	name  string   // in upper case
	flags []string // the words before the arguments that begin with --, their quotes taken off
	rest  string
	text  string // all of it as it stands there
}

var (
	directive = regexp.MustCompile(`^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)
	blanks    = regexp.MustCompile(`[\t\v\f\r ]+`)
)

// known are the instructions that there are. What a builder does not know it refuses; so what is
// passed over here cannot name an image.
var known = map[string]bool{
	"ADD": true, "ARG": true, "CMD": true, "COPY": true, "ENTRYPOINT": true, "ENV": true, "EXPOSE": true, "FROM": true, "HEALTHCHECK": true,
	"LABEL": true, "MAINTAINER": true, "ONBUILD": true, "RUN": true, "SHELL": true, "STOPSIGNAL": true, "USER": true, "VOLUME": true, "WORKDIR": true,
}

// file is a Dockerfile that is being read.
type file struct {
	lines  []string
	n      int // lines that were read
	escape byte
	syntax instruction // what # syntax= names, in rest; its line is 0 for none
}

// next gives the next line, without its end.
func (f *file) next() (string, bool) {
	if f.n == len(f.lines) {
		return "", false
	}
	f.n++
	return strings.TrimRight(f.lines[f.n-1], "\r\n"), true
}

// instructions cuts a file into instructions. What here-documents hold is passed over.
func instructions(data []byte) (out []instruction, f *file, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	f = &file{lines: strings.SplitAfter(string(data), "\n"), escape: '\\'}
	if f.lines[len(f.lines)-1] == "" {
		f.lines = f.lines[:len(f.lines)-1]
	}
	if err := f.directives(); err != nil {
		return nil, nil, err
	}
	for {
		line, ok := f.next()
		if !ok {
			return out, f, nil
		}
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		start := f.n
		i, err := f.instruction(start, f.joined(line))
		if err != nil {
			return nil, nil, err
		}
		if err := f.passHereDocuments(i); err != nil {
			return nil, nil, err
		}
		out = append(out, i)
	}
}

// directives reads the parser directives, which stand before everything else. It leaves the lines to
// be read again: they are comments too.
func (f *file) directives() error {
	defer func() { f.n = 0 }()
	seen := map[string]bool{}
	f.otherSyntax()
	for {
		line, ok := f.next()
		m := directive.FindStringSubmatch(strings.TrimLeftFunc(line, unicode.IsSpace))
		if f.n == 1 && strings.HasPrefix(line, "#!") {
			continue // a shebang, before the line that names the syntax
		}
		if !ok || m == nil {
			return nil
		}
		name := strings.ToLower(m[1])
		switch {
		case name != "escape" && name != "syntax" && name != "check":
			return nil // a comment, and the end of the directives
		case seen[name]:
			return &SyntaxError{Line: f.n, Message: "the directive " + name + " stands twice"}
		case name == "escape" && m[2] != "`" && m[2] != `\`:
			return &SyntaxError{Line: f.n, Message: "the escape character must be ` or \\"}
		case name == "escape" && strings.HasPrefix(f.lines[0], "#!"):
			return &SyntaxError{Line: f.n, Message: "builders do not agree on an escape directive after a #! line"}
		case name == "escape":
			f.escape = m[2][0]
		case name == "syntax":
			f.syntax = instruction{line: f.n, rest: m[2]}
		}
		seen[name] = true
	}
}

// otherSyntax looks for the two other forms in which a file names its syntax: // syntax=…, and a JSON
// object. A directive proper counts before them.
func (f *file) otherSyntax() {
	var object struct {
		Syntax string `json:"syntax"`
	}
	if json.Unmarshal([]byte(strings.Join(f.lines, "")), &object) == nil && object.Syntax != "" {
		f.syntax = instruction{line: 1, rest: object.Syntax}
	}
	for i, l := range f.lines {
		rest, ok := strings.CutPrefix(strings.TrimRight(l, "\r\n"), "//")
		m := directive.FindStringSubmatch("#" + rest)
		if i == 0 && strings.HasPrefix(l, "#!") {
			continue
		}
		if !ok || m == nil {
			return
		}
		if strings.EqualFold(m[1], "syntax") {
			f.syntax = instruction{line: i + 1, rest: m[2]}
		}
	}
}

// joined adds the lines that go on from one. Empty lines and comments between them are passed over.
func (f *file) joined(line string) string {
	var b strings.Builder
	text, more := f.continued(line)
	b.WriteString(text)
	for more {
		next, ok := f.next()
		if !ok {
			break
		}
		if t := strings.TrimLeftFunc(next, unicode.IsSpace); t == "" || t[0] == '#' {
			continue
		}
		text, more = f.continued(next)
		b.WriteString(text)
	}
	return b.String()
}

// continued cuts the escape character off the end of a line, where the next line belongs to it: not
// where another escape character stands before it.
func (f *file) continued(line string) (text string, more bool) {
	end := strings.TrimRight(line, " \t")
	n := len(end)
	if n == 0 || end[n-1] != f.escape || n > 1 && end[n-2] == f.escape {
		return line, false
	}
	return end[:n-1], true
}

// instruction takes one apart.
func (f *file) instruction(line int, text string) (instruction, error) {
	parts := blanks.Split(strings.TrimSpace(text), 2)
	i := instruction{line: line, name: strings.ToUpper(parts[0]), text: text}
	if !known[i.name] {
		return i, &SyntaxError{Line: line, Message: "there is no such instruction"}
	}
	if len(parts) == 2 {
		i.flags, i.rest = takeFlags(parts[1], f.escape)
		i.rest = strings.TrimSpace(i.rest)
	}
	return i, nil
}

// passHereDocuments passes over the lines of the here-documents that an instruction begins.
func (f *file) passHereDocuments(i instruction) error {
	if i.name == "ONBUILD" {
		inner, err := f.instruction(i.line, i.rest)
		if err != nil || inner.name == "ONBUILD" {
			return err
		}
		i.name, i.rest = inner.name, inner.rest
	}
	if i.name != "RUN" && i.name != "COPY" && i.name != "ADD" || isList(i.rest) {
		return nil
	}
	docs, err := hereDocuments(i.line, i.text) // the flags too, as BuildKit does
	if err != nil {
		return err
	}
	for _, d := range docs {
		for {
			line, ok := f.next()
			if !ok {
				return &SyntaxError{Line: i.line, Message: "a here-document does not end"}
			}
			if d.tabs {
				line = strings.TrimLeft(line, "\t")
			}
			if line == d.end {
				break
			}
		}
	}
	return nil
}

// isList reports whether the arguments are in the form of a JSON list of texts.
func isList(args string) bool {
	var list []any
	if !strings.HasPrefix(args, "[") || json.Unmarshal([]byte(args), &list) != nil {
		return false
	}
	for _, x := range list {
		if _, ok := x.(string); !ok {
			return false
		}
	}
	return true
}
