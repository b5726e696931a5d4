package layout

import (
	"slices"
	"strings"
	"testing"
)

const red = "\x1b[31mred\x1b[0m"

func TestFit(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"cut", Cut("abcdef", 4, "…"), "abc…"},
		{"cut fits", Cut("abcd", 4, "…"), "abcd"},
		{"cut to nothing", Cut("abcd", 0, "…"), ""},
		{"middle", Middle("/a/long/path/file.tar.gz", 13, "…"), "/a/lon…tar.gz"},
		{"middle fits", Middle("short", 13, "…"), "short"},
		{"middle, ASCII", Middle("abcdefghij", 7, "..."), "ab...ij"},
		{"middle, too narrow", Middle("abcdefghij", 2, "..."), "ab"},
		{"pad", Pad("ab", 4), "ab  "},
		{"pad wide characters", Pad("山田", 3), "山 "},
		{"ends", Ends("left", "right", 12, "…"), "left   right"},
		{"ends, cut", Ends("leftleft", "right", 10, "…"), "lef… right"},
		{"ends, too narrow", Ends("left", "right", 3, "…"), "rig"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestOverKeepsWidth(t *testing.T) {
	bg := Block([]string{strings.Repeat(red, 5), "山田山田山田山田", ""}, 15, 3)
	for _, w := range []int{1, 4, 7, 14, 15, 20} {
		out := Over(bg, []string{Pad("box", w), Pad("box", w)}, 15)
		for i, l := range out {
			if Width(l) != 15 {
				t.Errorf("box of %d: line %d is %d columns wide: %q", w, i, Width(l), l)
			}
		}
	}
}

func TestWindow(t *testing.T) {
	for _, c := range []struct{ n, h, at, first, want int }{
		{10, 4, 0, 0, 0}, {10, 4, 4, 0, 1}, {10, 4, 9, 1, 6}, {10, 4, 2, 6, 2}, {3, 4, 2, 2, 0},
	} {
		if got := Window(c.n, c.h, c.at, c.first); got != c.want {
			t.Errorf("Window(%d, %d, %d, %d) = %d, want %d", c.n, c.h, c.at, c.first, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	got := Table([][]string{{"a", red, "x"}, {"bbb", "y", "z"}})
	want := []string{"a    " + red + "  x", "bbb  y    z"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrap(t *testing.T) {
	if got := Wrap("  use it --with-flag\n\nnow", 10); !slices.Equal(got, []string{"  use it", "--with-fla", "g", "", "now"}) {
		t.Errorf("got %q", got)
	}
	if got := Wrap("山田 山", 1); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if got := Wrap("one two three", 7); !slices.Equal(got, []string{"one two", "three"}) {
		t.Errorf("got %q", got)
	}
	for _, l := range Wrap(strings.Repeat("x", 20), 7) {
		if Width(l) > 7 {
			t.Errorf("line %q", l)
		}
	}
}

func TestCommand(t *testing.T) {
	got := Command("git -C '/a folder/x' commit -m \"Add the release key\" KEYS", 31)
	want := []string{"git -C '/a folder/x' commit \\", "-m \"Add the release key\" KEYS"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := Command("git push", 30); len(got) != 1 || got[0] != "git push" {
		t.Errorf("%q", got)
	}
	for _, l := range Command("mv '/home/ada/with a very long path that fits no line' PLACE", 20) {
		if Width(l) > 20 {
			t.Errorf("too long: %q", l)
		}
	}
}
