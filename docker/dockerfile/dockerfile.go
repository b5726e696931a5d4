// Package dockerfile finds the images that a Dockerfile builds on: those of FROM, and those that
// COPY --from and RUN --mount=from take files out of. It reads no more of the language than that
// takes (docs.docker.com/reference/dockerfile): the escape directive, continued lines, comments,
// here-documents, ARG before the first FROM, and the substitution of variables.
package dockerfile

import (
	"bufio"
	"bytes"
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
)

// Base is one place where an image is named. All of it is text from the file, which must be
// cleaned before a terminal sees it.
type Base struct {
	Line int // counts from 1
	Use  Use
	// Text is what stands there; Image what it is with its variables replaced.
	Text, Image string
	// Platform is what --platform says, with its variables replaced; "" for none.
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
// their parts). The error is a *SyntaxError.
func Parse(data []byte, args map[string]string) ([]Base, error) {
	if len(data) > MaxSize {
		return nil, &SyntaxError{Message: fmt.Sprintf("longer than %d bytes", MaxSize)}
	}
	lines, err := instructions(data)
	if err != nil {
		return nil, err
	}
	p := parser{args: args, vars: map[string]string{}, stages: map[string]bool{}}
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

// instruction is one instruction with its continued lines joined.
type instruction struct {
	line       int
	name, rest string // name in upper case
}

var (
	directive = regexp.MustCompile(`^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*$`)
	heredoc   = regexp.MustCompile(`<<-?\s*(?:"([^"\s]+)"|'([^'\s]+)'|([A-Za-z0-9_.]+))`)
)

// instructions cuts a file into instructions. What here-documents hold is passed over.
func instructions(data []byte) (out []instruction, err error) {
	escape, directives := `\`, true
	s := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	s.Buffer(nil, MaxSize+1)
	var text strings.Builder
	var ends []string // of here-documents that are open
	start, n := 0, 0
	for s.Scan() {
		n++
		line := strings.TrimSuffix(s.Text(), "\r")
		if len(ends) > 0 {
			if strings.TrimLeft(line, "\t") == ends[0] {
				ends = ends[1:]
			}
			continue
		}
		trimmed := strings.TrimSpace(line)
		if m := directive.FindStringSubmatch(trimmed); directives && m != nil {
			if strings.EqualFold(m[1], "escape") {
				if m[2] != "`" && m[2] != `\` {
					return nil, &SyntaxError{Line: n, Message: "the escape character must be ` or \\"}
				}
				escape = m[2]
			}
			continue
		}
		directives = false
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue // also between the lines of one instruction
		}
		if text.Len() == 0 {
			start = n
		}
		if end := strings.TrimRight(line, " \t"); strings.HasSuffix(end, escape) {
			text.WriteString(strings.TrimSuffix(end, escape))
			continue
		}
		text.WriteString(line)
		i := cut(start, text.String())
		text.Reset()
		ends = hereDocuments(i)
		out = append(out, i)
	}
	if s.Err() != nil {
		return nil, &SyntaxError{Line: n + 1, Message: "the line is too long"}
	}
	if text.Len() > 0 {
		out = append(out, cut(start, text.String()))
	}
	return out, nil
}

func cut(line int, text string) instruction {
	text = strings.TrimSpace(text)
	name, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	return instruction{line: line, name: strings.ToUpper(name), rest: strings.TrimSpace(rest)}
}

// hereDocuments are the words at which the here-documents of an instruction end.
func hereDocuments(i instruction) (ends []string) {
	if i.name != "RUN" && i.name != "COPY" && i.name != "ADD" {
		return nil
	}
	for _, m := range heredoc.FindAllStringSubmatch(i.rest, -1) {
		ends = append(ends, m[1]+m[2]+m[3])
	}
	return ends
}

type parser struct {
	args, vars map[string]string
	stages     map[string]bool // by name in lower case
	count      int             // of stages
	out        []Base
}

// take reads one instruction.
func (p *parser) take(i instruction) error {
	words := strings.Fields(i.rest)
	switch i.name {
	case "ARG":
		if p.count == 0 { // those of a stage do not count in FROM
			p.arg(words)
		}
	case "FROM":
		return p.from(i.line, words)
	case "COPY", "ADD", "RUN":
		if p.count == 0 {
			return &SyntaxError{Line: i.line, Message: i.name + " before the first FROM"}
		}
		p.taken(i, words)
	case "ONBUILD":
		if inner := cut(i.line, i.rest); p.count > 0 && inner.name != "FROM" {
			return p.take(inner)
		}
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
			value, problem := p.expand(unquote(value))
			if problem == "" {
				p.vars[name] = value
			}
		}
	}
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// flags takes the words that begin with -- off the front.
func flags(words []string) (out map[string]string, rest []string) {
	out = map[string]string{}
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		name, value, _ := strings.Cut(words[0][2:], "=")
		out[name] = value
		words = words[1:]
	}
	return out, words
}

// from reads FROM [--platform=P] IMAGE [AS NAME].
func (p *parser) from(line int, words []string) error {
	set, words := flags(words)
	as := len(words) == 3 && strings.EqualFold(words[1], "as")
	if len(words) != 1 && !as {
		return &SyntaxError{Line: line, Message: "FROM names one image, and perhaps AS a stage"}
	}
	b := Base{Line: line, Use: UseFrom, Text: words[0]}
	b.Image, b.Problem = p.expand(unquote(words[0]))
	if v, ok := set["platform"]; ok && b.Problem == "" {
		b.Platform, b.Problem = p.expand(unquote(v))
	}
	if b.Problem == "" && b.Image == "" {
		b.Problem = "no image is left once the variables are replaced"
	}
	b.Internal = b.Image == "scratch" || p.stages[strings.ToLower(b.Image)]
	if as {
		b.Stage = words[2]
		p.stages[strings.ToLower(b.Stage)] = true
	}
	p.count++
	p.out = append(p.out, b)
	return nil
}

// taken reads what COPY --from=… and RUN --mount=…,from=… take files out of. Variables are not
// replaced there.
func (p *parser) taken(i instruction, words []string) {
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		name, value, _ := strings.Cut(words[0][2:], "=")
		value = unquote(value)
		words = words[1:]
		use := UseCopy
		switch {
		case name == "from" && i.name != "RUN":
		case name == "mount" && i.name == "RUN":
			use = UseMount
			from := ""
			for part := range strings.SplitSeq(value, ",") {
				if v, ok := strings.CutPrefix(strings.TrimSpace(part), "from="); ok {
					from = v
				}
			}
			value = from
		default:
			continue
		}
		if value == "" {
			continue
		}
		b := Base{Line: i.line, Use: use, Text: value, Image: value}
		if strings.Contains(value, "$") {
			b.Problem = "variables are not replaced here by every builder"
		}
		b.Internal = p.internal(value)
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
