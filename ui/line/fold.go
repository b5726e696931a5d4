package line

import (
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"bulla/ui/component/layout"
)

// maxRoom is how wide text gets at most, in columns: longer lines are hard to read.
const maxRoom = 79

// columns is how wide the terminal is that is written to; 0 where that is none, or one that does not say.
func (t *Terminal) columns() int {
	f, ok := t.out.(*os.File)
	if !ok {
		return 0
	}
	c, err := f.SyscallConn() // Fd would have reads of a terminal go on past their deadline
	if err != nil {
		return 0
	}
	w := 0
	_ = c.Control(func(fd uintptr) {
		if width, _, err := term.GetSize(int(fd)); err == nil {
			w = width
		}
	})
	return w
}

// room is how wide text is to be, in columns.
func (t *Terminal) room() int {
	if w := t.columns(); w > 20 {
		return min(maxRoom, w-1)
	}
	return maxRoom
}

// numbered is what stands before the text of one of several choices.
var numbered = regexp.MustCompile(`^ *\d+ {2,}`)

// folded breaks a sentence or a choice that the terminal has no room for between words: the terminal itself would
// break it within one. What is no sentence stays as it is: a command, a path or a fingerprint is copied
// whole from a line that the terminal broke.
func (t *Terminal) folded(s string) string {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRight(s, " "))
	if !strings.ContainsRune(".:;!?…)]", last) && !numbered.MatchString(s) {
		return s
	}
	return t.fold(s)
}

func (t *Terminal) fold(s string) string {
	w := t.columns()
	if w <= 20 || layout.Width(s) < w {
		return s
	}
	hang := s[:len(s)-len(strings.TrimLeft(s, " "))]
	if n := numbered.FindString(s); n != "" {
		hang = strings.Repeat(" ", len(n))
	}
	var out strings.Builder
	line, empty := "", true // the line holds no word yet
	for word := range strings.SplitSeq(s, " ") {
		next := line + " " + word
		if empty {
			next = line + word
		}
		if !empty && word != "" && strings.TrimSpace(line) != "" && layout.Width(next) >= w {
			out.WriteString(strings.TrimRight(line, " ") + "\n")
			next = hang + word
		}
		line, empty = next, false
	}
	out.WriteString(line)
	return out.String()
}
