// Package layout fits text into rectangles of terminal cells. It knows about escape sequences and
// about characters that take two columns or none.
package layout

import (
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// Width is how many columns a line takes.
func Width(s string) int { return ansi.StringWidth(s) }

// Cut shortens a line to w columns, ending it in tail where something was lost.
func Cut(s string, w int, tail string) string {
	if w <= 0 {
		return ""
	}
	return ansi.Truncate(s, w, tail)
}

// Middle shortens a plain line to w columns by leaving out its middle: the ends of paths and
// names tell most.
func Middle(s string, w int, ellipsis string) string {
	n := Width(s)
	if n <= w {
		return s
	}
	keep := w - Width(ellipsis)
	if keep < 2 {
		return Cut(s, w, "")
	}
	right := keep / 2
	return ansi.Truncate(s, keep-right, "") + ellipsis + ansi.TruncateLeft(s, n-right, "")
}

// Pad cuts or fills a line to exactly w columns.
func Pad(s string, w int) string {
	s = Cut(s, w, "")
	return s + strings.Repeat(" ", max(0, w-Width(s)))
}

// Ends puts left and right at the two ends of a line of w columns. Where both do not fit, left
// is cut.
func Ends(left, right string, w int, ellipsis string) string {
	rw := Width(right)
	if rw >= w {
		return Pad(right, w)
	}
	if rw == 0 {
		return Pad(Cut(left, w, ellipsis), w)
	}
	return Pad(Cut(left, w-rw-1, ellipsis), w-rw) + right
}

// Wrap breaks plain text at spaces into lines of at most w columns; a longer word is broken too.
// It never breaks at a hyphen: flags and file names have them. Spaces at the beginning stay.
func Wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	var out []string
	for par := range strings.SplitSeq(s, "\n") {
		out = append(out, wrapLine(par, w)...)
	}
	return out
}

func wrapLine(s string, w int) []string {
	text := strings.TrimLeft(s, " ")
	line := strings.Repeat(" ", min(len(s)-len(text), w-1))
	var out []string
	empty := true // the line holds no word yet
	for word := range strings.SplitSeq(text, " ") {
		next := line + " " + word
		if empty {
			next = line + word
		}
		if Width(next) > w && !empty {
			out = append(out, line)
			next = word
		}
		for Width(next) > w {
			head := Cut(next, w, "")
			if head == "" { // one character is wider than the line
				return out
			}
			out = append(out, head)
			next = Skip(next, w)
		}
		line, empty = next, false
	}
	return append(out, line)
}

// Indent puts prefix before each line.
func Indent(lines []string, prefix string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = prefix + l
	}
	return out
}

// Block cuts or fills lines to exactly w columns and h rows.
func Block(lines []string, w, h int) []string {
	out := make([]string, 0, h)
	for i := range h {
		l := ""
		if i < len(lines) {
			l = lines[i]
		}
		out = append(out, Pad(l, w))
	}
	return out
}

// Beside joins columns of equal height line by line, with a gap between them.
func Beside(gap string, columns ...[]string) []string {
	if len(columns) == 0 {
		return nil
	}
	out := append([]string(nil), columns[0]...)
	for _, c := range columns[1:] {
		for i := range out {
			if i < len(c) {
				out[i] += gap + c[i]
			}
		}
	}
	return out
}

// Window is the part of n rows that a view of height h shows so that row at is in sight. It
// returns the first row shown.
func Window(n, h, at, first int) int {
	if at < first {
		first = at
	}
	if at >= first+h {
		first = at - h + 1
	}
	return max(0, min(first, n-h))
}

// Over lays box over the middle of background, whose lines all have w columns.
func Over(background, box []string, w int) []string {
	bw := 0
	for _, l := range box {
		bw = max(bw, Width(l))
	}
	bw = min(bw, w)
	x, y := (w-bw)/2, max(0, (len(background)-len(box))/2)
	out := append([]string(nil), background...)
	for i, l := range box {
		if y+i >= len(out) {
			break
		}
		bg := out[y+i]
		left, right := Pad(bg, x), ansi.TruncateLeft(bg, x+bw, "")
		out[y+i] = left + Pad(l, bw) + Pad(right, w-x-bw)
	}
	return out
}

// Table aligns rows into columns, two spaces apart. Cells may hold escape sequences.
func Table(rows [][]string) []string {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], lipgloss.Width(c))
		}
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		var b strings.Builder
		for j, c := range r {
			if j == len(r)-1 {
				b.WriteString(c)
			} else {
				b.WriteString(Pad(c, widths[j]) + "  ")
			}
		}
		out[i] = b.String()
	}
	return out
}

// Skip drops the first w columns of a line.
func Skip(s string, w int) string { return ansi.TruncateLeft(s, w, "") }

// Command breaks a command for a POSIX shell into lines of at most w columns, between words and with
// a backslash at the end of all but the last, so that it can be copied as it stands. Where a word is
// longer than a line it is broken as other text is.
func Command(s string, w int) (out []string) {
	words := shellWords(s)
	if len(words) == 0 || Width(s) <= w || slices.ContainsFunc(words, func(word string) bool { return Width(word)+2 > w }) {
		return Wrap(s, w)
	}
	line := words[0]
	for _, word := range words[1:] {
		if Width(line)+1+Width(word)+2 <= w {
			line += " " + word
		} else {
			out, line = append(out, line+` \`), word
		}
	}
	return append(out, line)
}

// shellWords parts s at blanks outside of quotes. Quotes stay.
func shellWords(s string) (out []string) {
	word, quote := "", rune(0)
	for _, r := range s {
		switch {
		case r == ' ' && quote == 0:
			if word != "" {
				out = append(out, word)
			}
			word = ""
			continue
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
		word += string(r)
	}
	if word != "" {
		out = append(out, word)
	}
	return out
}
