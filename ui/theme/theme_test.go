package theme

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/muesli/termenv"

	"bulla/ui/component/layout"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]Mode{"": Auto, "auto": Auto, "light": Light, "dark": Dark} {
		if got, err := ParseMode(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, err := ParseMode("pink"); err == nil {
		t.Error("pink was accepted")
	}
}

func TestBackground(t *testing.T) {
	profile := termenv.ANSI256
	dark := New(Options{Mode: Dark, Out: io.Discard, Profile: &profile}).Muted.Render("x")
	light := New(Options{Mode: Light, Out: io.Discard, Profile: &profile}).Muted.Render("x")
	if dark == light {
		t.Fatal("light and dark look the same")
	}
	for v, want := range map[string]string{"": dark, "15;0": dark, "0;15": light, "0;default;7": light, "15;8": dark, "x": dark, "0;99": dark, ";": dark} {
		if got := New(Options{Mode: Auto, Out: io.Discard, Profile: &profile, Env: env("COLORFGBG", v)}).Muted.Render("x"); got != want {
			t.Errorf("COLORFGBG=%q: %q", v, got)
		}
	}
}

func TestUTF8(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{[]string{"LANG", "en_GB.UTF-8"}, true},
		{[]string{"LANG", "de_DE.utf8"}, true},
		{[]string{"LANG", "C"}, false},
		{[]string{"LC_ALL", "C", "LANG", "en_GB.UTF-8"}, false},
		{[]string{"LC_CTYPE", "C.UTF-8", "LANG", "C"}, true},
	} {
		if got := UTF8(env(c.env...)); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}

// TestNoColor: where NO_COLOR is set nothing but text may be left.
func TestNoColor(t *testing.T) {
	var out bytes.Buffer
	th := New(Options{Out: &out, Env: env("NO_COLOR", "1", "TERM", "xterm-256color", "LANG", "C.UTF-8")})
	text := th.Accent.Render("a") + th.Bad.Render("b") + th.Cursor.Render("c") + th.Icon(Done)
	if !th.Plain || strings.Contains(text, "\x1b") {
		t.Errorf("plain %v: %q", th.Plain, text)
	}
	if out.Len() > 0 {
		t.Errorf("the terminal was asked: %q", out.String())
	}
}

func TestSigns(t *testing.T) {
	uni, ascii := New(Options{Env: env("LANG", "C.UTF-8")}), New(Options{ASCII: true, Env: env("LANG", "C.UTF-8")})
	if uni.ASCII || !ascii.ASCII || !New(Options{Env: env("LANG", "C")}).ASCII {
		t.Error("ASCII is not by flag and locale")
	}
	for s := Pending; s <= Failed; s++ {
		if layout.Width(uni.Signs.Icon(s)) != uni.IconWidth() || layout.Width(ascii.Signs.Icon(s)) != ascii.IconWidth() {
			t.Errorf("%s: icons of different widths", s.Word())
		}
		if got := ascii.Fold(ascii.Icon(s)); got != ascii.Icon(s) {
			t.Errorf("%s: the twin is not ASCII: %q", s.Word(), got)
		}
	}
	if got := ascii.Fold("é 山 … \x1b[1m"); got != "? ?? . \x1b[1m" {
		t.Errorf("folded: %q", got)
	}
	if got := uni.Fold("é 山 …"); got != "é 山 …" {
		t.Errorf("changed: %q", got)
	}
}
