// Package dockerfile finds the images that a Dockerfile builds on: those of FROM, and those that
// COPY --from and RUN --mount=from take files out of, and the one that # syntax= lets do the build. It
// reads no more of the language than that takes (docs.docker.com/reference/dockerfile): directives,
// continued lines, comments, here-documents, ARG before the first FROM, and the substitution of
// variables; and that as BuildKit does. What is not worked out here is an error or a Problem, never
// passed over.
package dockerfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// MaxSize is the largest Dockerfile that is read, in bytes.
const MaxSize = 1 << 20

// Use says by which instruction an image is used.
type Use string

// The uses.
const (
	UseFrom  Use = "FROM"
	UseCopy  Use = "COPY --from"
	UseMount Use = "RUN --mount"
	// UseSyntax is the image that # syntax= names: BuildKit fetches it and lets it do the build.
	UseSyntax Use = "# syntax"
)

// Base is one place where an image is named. All of it is text from the file, which must be
// cleaned before a terminal sees it.
type Base struct {
	Line int // counts from 1
	Use  Use
	// Text is what stands there; Image what it is with its variables replaced.
	Text, Image string
	// Platform is what --platform says, with its variables replaced; "" for none, and for the one that
	// is built for where nobody says which that is.
	Platform string
	// Stage is the name that FROM … AS gives, or "".
	Stage string
	// Internal says that Image is an earlier stage of the file, or scratch: nothing is fetched.
	Internal bool
	// Problem says why the image cannot be told, or "".
	Problem string
}

// SyntaxError says what in a Dockerfile cannot be understood.
type SyntaxError struct {
	Line    int // 0 for the file as a whole
	Message string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// Parse lists the images that a Dockerfile names, in its order. args are build arguments, as
// docker build --build-arg gives them: they count where the file has an ARG of that name before
// its first FROM, and as the platforms that BuildKit predefines (BUILDPLATFORM, TARGETPLATFORM and
// their parts; docs.docker.com/reference/dockerfile, "Automatic platform ARGs"). What is built on is this
// machine unless they say otherwise. The error is a *SyntaxError.
func Parse(data []byte, args map[string]string) ([]Base, error) {
	if len(data) > MaxSize {
		return nil, &SyntaxError{Message: fmt.Sprintf("longer than %d bytes", MaxSize)}
	}
	lines, f, err := instructions(data)
	if err != nil {
		return nil, err
	}
	p := parser{file: f, args: args, vars: map[string]string{}, stages: map[string]bool{}}
	if f.syntax.line > 0 {
		image, _, _ := strings.Cut(f.syntax.rest, " ")
		p.out = append(p.out, Base{Line: f.syntax.line, Use: UseSyntax, Text: image, Image: image})
	}
	for _, l := range lines {
		if err := p.take(l); err != nil {
			return nil, err
		}
	}
	if p.count == 0 {
		return nil, &SyntaxError{Message: "there is no FROM in it"}
	}
	return p.out, nil
}

type parser struct {
	file       *file
	args, vars map[string]string
	stages     map[string]bool // by name in lower case
	count      int             // of stages
	out        []Base
	open       bool // what is built for was asked for, and is not known
}

// take reads one instruction.
func (p *parser) take(i instruction) error {
	switch i.name {
	case "ARG":
		if p.count == 0 { // those of a stage do not count in FROM
			p.arg(argWords(i.rest, p.file.escape))
		}
		return nil
	case "FROM":
		return p.from(i)
	}
	if p.count == 0 {
		return &SyntaxError{Line: i.line, Message: i.name + " before the first FROM"}
	}
	switch i.name {
	case "COPY", "ADD", "RUN":
		p.taken(i)
	case "ONBUILD":
		inner, err := p.file.instruction(i.line, i.rest)
		if err != nil {
			return err
		}
		if inner.name == "FROM" || inner.name == "ONBUILD" || inner.name == "MAINTAINER" {
			return &SyntaxError{Line: i.line, Message: "ONBUILD takes no " + inner.name}
		}
		return p.take(inner)
	}
	return nil
}

// arg sets variables: ARG NAME[=DEFAULT] ….
func (p *parser) arg(words []string) {
	for _, w := range words {
		name, value, set := strings.Cut(w, "=")
		given, ok := p.args[name]
		switch {
		case ok:
			p.vars[name] = given
		case set:
			delete(p.vars, name) // a default that cannot be told is none
			if value, problem := p.word(value); problem == "" {
				p.vars[name] = value
			}
		}
	}
}

// unquote takes quotes around a whole word off. It is not ok for a word with other quotes or escape
// characters in it: what a builder makes of those is not worked out here.
func unquote(s string) (string, bool) {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	return s, !strings.ContainsAny(s, "'\"\\`")
}

// from reads FROM [--platform=P] IMAGE [AS NAME].
func (p *parser) from(i instruction) error {
	words := blanks.Split(i.rest, -1)
	as := len(words) == 3 && strings.EqualFold(words[1], "as")
	if words[0] == "" || len(words) != 1 && !as {
		return &SyntaxError{Line: i.line, Message: "FROM names one image, and perhaps AS a stage"}
	}
	b := Base{Line: i.line, Use: UseFrom, Text: words[0]}
	b.Image, b.Problem = p.word(words[0])
	for _, f := range i.flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		if name != "platform" {
			return &SyntaxError{Line: i.line, Message: "FROM takes --platform alone"}
		}
		if b.Problem != "" {
			continue
		}
		p.open = false
		if b.Platform, b.Problem = p.word(value); p.open {
			b.Platform, b.Problem = "", "" // the same image, whichever platform is taken from it
		}
	}
	if b.Problem == "" && b.Image == "" {
		b.Problem = "no image is left once the variables are replaced"
	}
	b.Internal = b.Problem == "" && (b.Image == "scratch" || p.stages[strings.ToLower(b.Image)])
	if as {
		b.Stage = words[2]
		if !stageName.MatchString(strings.ToLower(b.Stage)) {
			return &SyntaxError{Line: i.line, Message: "a stage's name begins with a letter, and has letters, digits, dashes, dots and underscores"}
		}
		p.stages[strings.ToLower(b.Stage)] = true
	}
	p.count++
	p.out = append(p.out, b)
	return nil
}

var stageName = regexp.MustCompile(`^[a-z][a-z0-9-_.]*$`)

// word is a word without its quotes, and with its variables replaced.
func (p *parser) word(s string) (out, problem string) {
	if s[:min(1, len(s))] == "'" && strings.Contains(s, "$") {
		return "", "variables in single quotes are not replaced"
	}
	s, ok := unquote(s)
	if !ok {
		return "", "it has quotes or escape characters in it"
	}
	return p.expand(s)
}

// taken reads what COPY --from=… and RUN --mount=…,from=… take files out of. Variables are not
// replaced there.
func (p *parser) taken(i instruction) {
	for _, f := range i.flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		b := Base{Line: i.line, Use: UseCopy}
		switch {
		case name == "from" && i.name != "RUN":
			if value == "" {
				continue
			}
		case name == "mount" && i.name == "RUN":
			b.Use = UseMount
			if value, b.Problem = mountFrom(value); value == "" && b.Problem == "" {
				continue
			}
		default:
			continue
		}
		b.Text, b.Image = value, value
		if strings.Contains(value, "$") {
			b.Problem = "variables are not replaced here by every builder"
		}
		b.Internal = b.Problem == "" && p.internal(value)
		p.out = append(p.out, b)
	}
}

// internal reports whether a name is an earlier stage, by name or number.
func (p *parser) internal(name string) bool {
	if n, err := strconv.Atoi(name); err == nil {
		return n >= 0 && n < p.count
	}
	return p.stages[strings.ToLower(name)]
}
