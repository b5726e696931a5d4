package dockerfile

import (
	"encoding/csv"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// takeFlags takes the words that begin with -- off the front, with their quotes and escape characters
// taken out, as BuildKit's extractBuilderFlags does.
func takeFlags(s string, escape byte) (flags []string, rest string) {
	for {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		if !strings.HasPrefix(s, "--") {
			return flags, s
		}
		word, after := flag(s, escape)
		if word == "--" {
			return flags, after
		}
		flags, s = append(flags, word), after
	}
}

// flag reads one word to the next blank outside of quotes. BuildKit goes by bytes here.
func flag(s string, escape byte) (word, rest string) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && unicode.IsSpace(rune(c)):
			return b.String(), s[i:]
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			continue
		case quote != 0 && c == quote:
			quote = 0
			continue
		case c == escape:
			if i++; i == len(s) {
				return b.String(), ""
			}
			c = s[i]
		}
		b.WriteByte(c)
	}
	return b.String(), ""
}

// argWords are the words of ARG: blanks in quotes do not end one, and the quotes stay (BuildKit's
// parseWords).
func argWords(s string, escape byte) (words []string) {
	var b strings.Builder
	var quote rune
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if i += n; quote == 0 && unicode.IsSpace(c) {
			if b.Len() > 0 {
				words = append(words, b.String())
				b.Reset()
			}
			continue
		}
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		}
		if c == rune(escape) && quote != '\'' {
			if i == len(s) {
				break // at the end it says nothing
			}
			b.WriteRune(c)
			c, n = utf8.DecodeRuneInString(s[i:])
			i += n
		}
		b.WriteRune(c)
	}
	if b.Len() > 0 {
		words = append(words, b.String())
	}
	return words
}

// mountFrom is what --mount takes files from, "" for nothing. Its value is a line of CSV, and its keys
// are in upper or lower case.
func mountFrom(value string) (from, problem string) {
	r := csv.NewReader(strings.NewReader(value))
	fields, err := r.Read()
	if err != nil {
		return "", "the mount cannot be read"
	}
	for _, f := range fields {
		if key, v, ok := strings.Cut(f, "="); ok && strings.EqualFold(key, "from") {
			from = v
		}
	}
	return from, ""
}

// hereDocument is where a here-document ends.
type hereDocument struct {
	end  string
	tabs bool // tabs before it do not count
}

var hereWord = regexp.MustCompile(`(?s)^\d*<<(-?)([^<]+)$`)

// hereDocuments finds the here-documents that a line begins: words of it, as a shell has them, that
// consist of << and a name. The escape character is a backslash here whatever the directive says.
func hereDocuments(line int, s string) (out []hereDocument, err error) {
	if !strings.Contains(s, "<<") {
		return nil, nil
	}
	words, ok := shellWords(s)
	if !ok {
		return nil, &SyntaxError{Line: line, Message: "where its here-document begins cannot be told: a quote is not closed, or a variable is used in an unusual way"}
	}
	for _, w := range words {
		m := hereWord.FindStringSubmatch(w)
		if m == nil {
			continue
		}
		name, ok := plain(m[2])
		if !ok {
			return nil, &SyntaxError{Line: line, Message: "where its here-document ends cannot be told"}
		}
		if name != "" {
			out = append(out, hereDocument{end: name, tabs: m[1] != ""})
		}
	}
	return out, nil
}

var variable = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// shellWords splits s at blanks outside of quotes, and leaves quotes and escape characters where they
// are. It is not ok where a quote is not closed, or what stands in braces is no variable.
func shellWords(s string) (words []string, ok bool) {
	var b strings.Builder
	runes := []rune(s)
	var quote rune
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(runes):
			b.WriteRune(c)
			i++
			c = runes[i]
		case c == '$' && quote != '\'' && i+1 < len(runes) && runes[i+1] == '{':
			if !variable.MatchString(string(runes[i:])) {
				return nil, false // what a builder makes of other forms is not worked out here
			}
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case quote == 0 && unicode.IsSpace(c):
			if b.Len() > 0 {
				words = append(words, b.String())
				b.Reset()
			}
			continue
		}
		b.WriteRune(c)
	}
	if b.Len() > 0 {
		words = append(words, b.String())
	}
	return words, quote == 0
}

// plain takes the quotes and escape characters off a name. It is not ok for one with variables in it,
// on which not everybody agrees.
func plain(s string) (string, bool) {
	var b strings.Builder
	var quote rune
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case c == '$' && quote != '\'':
			return "", false
		case c == '\\' && quote == '"', c == '\\' && i+1 == len(runes):
			return "", false
		case c == '\\' && quote == 0:
			i++
			c = runes[i]
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			continue
		case c == quote:
			quote = 0
			continue
		}
		b.WriteRune(c)
	}
	return b.String(), true
}
