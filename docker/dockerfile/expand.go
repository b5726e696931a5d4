package dockerfile

import (
	"runtime"
	"slices"
	"strings"
)

// target are the arguments that BuildKit sets to what is built for, without an ARG. Only who starts the
// build knows that.
var target = []string{"TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT"}

// build are the arguments that BuildKit sets to where it runs, without an ARG: to this machine, in a
// Linux of its own where the system is another one.
var build = buildArguments(runtime.GOARCH)

func buildArguments(arch string) map[string]string {
	variant := ""
	if arch == "arm" {
		variant = "v7"
	}
	return map[string]string{
		"BUILDPLATFORM": strings.TrimSuffix("linux/"+arch+"/"+variant, "/"), "BUILDOS": "linux", "BUILDARCH": arch, "BUILDVARIANT": variant,
	}
}

// lookup finds a variable.
func (p *parser) lookup(name string) (value string, ok bool) {
	if value, ok = p.vars[name]; ok {
		return value, ok
	}
	here, builds := build[name]
	if !builds && !slices.Contains(target, name) {
		return "", false
	}
	if value, ok = p.args[name]; !ok {
		value, ok = here, builds
		p.open = p.open || !builds
	}
	return value, ok
}

// maxExpansion bounds how long a name may become.
const maxExpansion = 4096

// expand replaces $NAME, ${NAME}, ${NAME:-default} and ${NAME:+other}. A variable without a value
// is a problem, and not the empty text that a builder takes: what then would be fetched is told by
// nobody.
func (p *parser) expand(s string) (out, problem string) {
	return p.expandDepth(s, 0)
}

func (p *parser) expandDepth(s string, depth int) (out, problem string) {
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		value, rest, problem := p.variable(s, depth)
		if problem != "" {
			return "", problem
		}
		b.WriteString(value)
		s = rest
		if b.Len() > maxExpansion {
			return "", "it is too long once the variables are replaced"
		}
	}
	return b.String(), ""
}

// variable reads what follows a $.
func (p *parser) variable(s string, depth int) (value, rest, problem string) {
	if depth > 5 {
		return "", "", "variables are nested too deeply"
	}
	if !strings.HasPrefix(s, "{") {
		n := nameLength(s)
		if n == 0 {
			return "$", s, ""
		}
		value, ok := p.lookup(s[:n])
		if !ok {
			return "", "", "the variable " + s[:n] + " has no value; --build-arg gives it one"
		}
		return value, s[n:], ""
	}
	inner, rest, ok := braces(s[1:])
	n := nameLength(inner)
	if !ok || n == 0 {
		return "", "", "a variable in braces is not complete"
	}
	name, how := inner[:n], inner[n:]
	value, set := p.lookup(name)
	switch {
	case how == "" && set:
		return value, rest, ""
	case strings.HasPrefix(how, ":-") || strings.HasPrefix(how, "-"):
		word, colon := strings.CutPrefix(how, ":")
		if set && !(colon && value == "") {
			return value, rest, ""
		}
		value, problem = p.expandDepth(word[1:], depth+1)
		return value, rest, problem
	case strings.HasPrefix(how, ":+") || strings.HasPrefix(how, "+"):
		word, colon := strings.CutPrefix(how, ":")
		if !set || (colon && value == "") {
			return "", rest, ""
		}
		value, problem = p.expandDepth(word[1:], depth+1)
		return value, rest, problem
	case how != "":
		return "", "", "the variable " + name + " is used in a way that bulla does not replace"
	}
	return "", "", "the variable " + name + " has no value; --build-arg gives it one"
}

// braces finds the brace that closes.
func braces(s string) (inner, rest string, ok bool) {
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

// nameLength is how much of s is the name of a variable.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}
