package qrcode

import (
	"strings"
	"testing"

	"github.com/muesli/termenv"

	"bulla/keys"
	"bulla/keys/paper"
	"bulla/ui/theme"
)

const someKey = keys.Fingerprint("3E9C0E147A219D4B55F01C2D3E4F5A6BC0DEEE87")

// modules reads a drawing back: true for dark.
func modules(t theme.Theme, lines []string) (out [][]bool) {
	ink := !t.Plain || t.Light
	for _, l := range lines {
		if t.ASCII {
			var row []bool
			for i := 0; i+1 < len(l); i += 2 {
				row = append(row, (l[i] == '#') == t.Light)
			}
			out = append(out, row)
			continue
		}
		var up, down []bool
		for _, c := range l {
			up = append(up, (c == '█' || c == '▀') == ink)
			down = append(down, (c == '█' || c == '▄') == ink)
		}
		out = append(out, up, down)
	}
	return out
}

// What is drawn is the code of the fingerprint, module by module, with a quiet border of two at
// least; where there is no room nothing is drawn.
func TestFingerprint(t *testing.T) {
	want, err := paper.QR("OPENPGP4FPR:" + string(someKey))
	if err != nil {
		t.Fatal(err)
	}
	env := func(lang string) func(string) string {
		return func(name string) string { return map[string]string{"LANG": lang}[name] }
	}
	plain := termenv.Ascii
	for name, c := range map[string]struct {
		theme     theme.Theme
		w, h, cut int
		fits      bool
	}{
		"80x24":           {theme.New(theme.Options{Env: env("C.UTF-8"), Profile: &plain, Mode: theme.Dark}), 80, 19, 0, true},
		"light":           {theme.New(theme.Options{Env: env("C.UTF-8"), Profile: &plain, Mode: theme.Light}), 80, 19, 0, true},
		"tight":           {theme.New(theme.Options{Env: env("C.UTF-8"), Profile: &plain, Mode: theme.Dark}), 80, 17, 2, true},
		"too low":         {theme.New(theme.Options{Env: env("C.UTF-8"), Profile: &plain, Mode: theme.Dark}), 80, 16, 0, false},
		"too narrow":      {theme.New(theme.Options{Env: env("C.UTF-8"), Profile: &plain, Mode: theme.Dark}), 32, 40, 0, false},
		"ASCII":           {theme.New(theme.Options{Env: env("C"), Profile: &plain, Mode: theme.Dark}), 120, 37, 0, true},
		"ASCII, light":    {theme.New(theme.Options{Env: env("C"), Profile: &plain, Mode: theme.Light}), 120, 37, 0, true},
		"ASCII on 120x40": {theme.New(theme.Options{Env: env("C"), Profile: &plain, Mode: theme.Dark}), 120, 35, 1, true},
		"ASCII on 80x24":  {theme.New(theme.Options{Env: env("C"), Profile: &plain, Mode: theme.Dark}), 80, 19, 0, false},
	} {
		lines, fault := Fingerprint(c.theme, someKey, c.w, c.h)
		if (fault == "") != c.fits || (len(lines) > 0) != c.fits {
			t.Errorf("%s: %q", name, fault)
			continue
		}
		if !c.fits {
			continue
		}
		got := modules(c.theme, lines)
		n := len(want) - 2*c.cut
		for y := range n {
			if len(got[y]) != n {
				t.Fatalf("%s: row %d has %d modules, want %d", name, y, len(got[y]), n)
			}
			for x := range n {
				if got[y][x] != want[y+c.cut][x+c.cut] {
					t.Fatalf("%s: module %d,%d differs\n%s", name, x, y, strings.Join(lines, "\n"))
				}
			}
		}
	}
}
