// Package safetext stands between text from outside and the terminal. User ids, tag messages,
// file names, branch names and the answers of servers are written by others: an escape sequence
// in them could repaint a verdict, a bidirectional override could turn a name around, an
// invisible character could make two names look alike.
//
// Whatever is not a visible character becomes its code between angle brackets, such as <1B> or
// <U+202E>: seen, and harmless. Spaces of any width become plain ones.
package safetext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is shown.
const (
	// MaxLine is the longest line in characters; what is left out is counted.
	MaxLine = 400
	// MaxLines is how many lines Block shows.
	MaxLines = 200
	// MaxMarks is how many combining marks may sit on one character. No language needs more;
	// towers of them paint over the neighbouring lines.
	MaxMarks = 4
)

// Line makes s fit for one line of a terminal: line breaks are shown as codes too.
func Line(s string) string {
	return clean(s, MaxLine)
}

// Block makes s fit for a terminal, line by line. Line breaks stay (CRLF becomes LF); a tab
// becomes four spaces.
func Block(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var out []string
	for l := range strings.SplitSeq(s, "\n") {
		if len(out) == MaxLines {
			out = append(out, "<more lines left out>")
			break
		}
		out = append(out, Line(strings.ReplaceAll(l, "\t", "    ")))
	}
	return strings.Join(out, "\n")
}

func clean(s string, limit int) string {
	if isPlain(s) && len(s) <= limit {
		return s
	}
	var b strings.Builder
	marks, dropped, shown := 0, 0, 0
	endMarks := func() {
		if dropped > 0 {
			fmt.Fprintf(&b, "<%d marks>", dropped)
		}
		marks, dropped = 0, 0
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if shown >= limit {
			endMarks()
			fmt.Fprintf(&b, "<%d more>", utf8.RuneCountInString(s[i:]))
			return b.String()
		}
		if n > 1 && isMark(r) && shown > 0 {
			if marks++; marks <= MaxMarks {
				b.WriteString(s[i : i+n])
			} else {
				dropped++
			}
			i += n
			continue
		}
		endMarks()
		writeRune(&b, r, n, s[i])
		if isMark(r) {
			marks = 1
		}
		shown++
		i += n
	}
	endMarks()
	return b.String()
}

// isMark reports a visible combining mark.
func isMark(r rune) bool { return unicode.IsMark(r) && visible(r) }

func writeRune(b *strings.Builder, r rune, size int, first byte) {
	switch {
	case r == utf8.RuneError && size == 1:
		fmt.Fprintf(b, "<%02X>", first)
	case r == ' ' || (unicode.Is(unicode.Zs, r)):
		b.WriteByte(' ')
	case isMark(r):
		// A mark with nothing before it would sit on our own text.
		b.WriteByte(' ')
		b.WriteRune(r)
	case visible(r):
		b.WriteRune(r)
	case r <= 0xFF:
		fmt.Fprintf(b, "<%02X>", r)
	default:
		fmt.Fprintf(b, "<U+%04X>", r)
	}
}

// visible reports whether a terminal shows something for r and nothing else happens.
// unicode.IsPrint leaves out controls, formatting characters (bidirectional overrides, zero
// width), private use, surrogates and the unassigned; some fillers and selectors pass it though
// they are invisible.
func visible(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) &&
		!unicode.Is(unicode.Variation_Selector, r) &&
		r != '\u2800' && // blank Braille pattern
		r != '\u17B4' && r != '\u17B5' // Khmer inherent vowels
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
