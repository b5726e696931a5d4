package safetext

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Rhea Release <rhea@acme.org>", "Rhea Release <rhea@acme.org>"},
		{"letters of the world", "Жанна Ōé 山田 한글 עברית", "Жанна Ōé 山田 한글 עברית"},
		{"escape", "a\x1b[2Jb", "a<1B>[2Jb"},
		{"operating system command", "\x1b]52;c;aGk=\a", "<1B>]52;c;aGk=<07>"},
		{"C1 in UTF-8", "a\u009b31mb", "a<9B>31mb"},
		{"C1 as a raw byte", "a\x9b31mb", "a<9B>31mb"},
		{"line breaks", "a\r\nb\tc", "a<0D><0A>b<09>c"},
		{"bidirectional override", "exe.\u202efdp", "exe.<U+202E>fdp"},
		{"isolate", "\u2066x\u2069", "<U+2066>x<U+2069>"},
		{"zero width", "pay\u200bpal\ufeff", "pay<U+200B>pal<U+FEFF>"},
		{"soft hyphen", "a\u00adb", "a<AD>b"},
		{"hangul filler", "a\u3164b", "a<U+3164>b"},
		{"blank braille", "a\u2800b", "a<U+2800>b"},
		{"variation selector", "a\ufe0fb", "a<U+FE0F>b"},
		{"tag characters", "a\U000e0041b", "a<U+E0041>b"},
		{"private use", "a\ue0b0b", "a<U+E0B0>b"},
		{"line separator", "a\u2028b", "a<U+2028>b"},
		{"no-break space", "a\u00a0b\u3000c", "a b c"},
		{"invalid UTF-8", "a\xff\xfeb", "a<FF><FE>b"},
		{"combining flood", "Z" + strings.Repeat("\u0300", 20) + "a", "Z\u0300\u0300\u0300\u0300<16 marks>a"},
		{"leading mark", "\u0301a", " \u0301a"},
		{"too long", strings.Repeat("x", MaxLine+5), strings.Repeat("x", MaxLine) + "<5 more>"},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Line(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBlock(t *testing.T) {
	got := Block("one\r\ntwo\n\n\tthree\x1b[0m\rfour")
	if want := "one\ntwo\n\n    three<1B>[0m<0D>four"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	long := Block(strings.Repeat("x\n", 10*MaxLines))
	if n := strings.Count(long, "\n"); n != MaxLines {
		t.Errorf("%d line breaks, want %d", n, MaxLines)
	}
}

// FuzzBlock holds the promise: whatever goes in, nothing but visible characters, plain spaces
// and line feeds comes out, and never much of it.
func FuzzBlock(f *testing.F) {
	for _, s := range []string{"", "a\x1b[31m", "\u202e\u0301\u0301", "\xff\xc3", "Z" + strings.Repeat("\u0300", 99), "\r\n\n\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Block(s)
		if !utf8.ValidString(out) {
			t.Fatalf("not UTF-8: %q", out)
		}
		marks := 0
		for _, r := range out {
			if r != '\n' && r != ' ' && !visible(r) {
				t.Fatalf("%U came through: %q", r, out)
			}
			if unicode.IsMark(r) {
				marks++
			} else {
				marks = 0
			}
			if marks > MaxMarks {
				t.Fatalf("%d marks in a row: %q", marks, out)
			}
		}
		for l := range strings.SplitSeq(out, "\n") {
			if n := utf8.RuneCountInString(l); n > MaxLine*(MaxMarks+11)+20 {
				t.Fatalf("a line of %d characters", n)
			}
		}
		if strings.Contains(Line(s), "\n") {
			t.Fatal("Line left a line break")
		}
	})
}
