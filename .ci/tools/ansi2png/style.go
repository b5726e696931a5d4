package main

import (
	"image/color"
	"strconv"
	"strings"
)

// theme is a terminal's palette: its defaults and the sixteen named colours.
type theme struct {
	foreground, background color.Color
	named                  [16]color.Color
}

var (
	dark = newTheme("cdd6f4", "1e1e2e",
		"45475a f38ba8 a6e3a1 f9e2af 89b4fa f5c2e7 94e2d5 bac2de 6c7086 f38ba8 a6e3a1 f9e2af 89b4fa f5c2e7 94e2d5 ffffff")
	bright = newTheme("1f2328", "ffffff",
		"24292f cf222e 116329 7d4e00 0550ae 8250df 1b7c83 6e7781 57606a a40e26 1a7f37 633c01 0969da a475f9 3192aa 8c959f")
)

func newTheme(fg, bg, named string) theme {
	t := theme{foreground: hex(fg), background: hex(bg)}
	for i, s := range strings.Fields(named) {
		t.named[i] = hex(s)
	}
	return t
}

func hex(s string) color.RGBA {
	n, _ := strconv.ParseUint(s, 16, 32)
	return color.RGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255}
}

// indexed is a colour of the 256: sixteen named ones, a 6x6x6 cube, and 24 greys.
func (t theme) indexed(n int) color.Color {
	switch {
	case n < 0 || n > 255:
		return nil
	case n < 16:
		return t.named[n]
	case n < 232:
		n -= 16
		level := func(v int) uint8 { return [...]uint8{0, 95, 135, 175, 215, 255}[v] }
		return color.RGBA{level(n / 36), level(n / 6 % 6), level(n % 6), 255}
	}
	v := uint8(8 + 10*(n-232))
	return color.RGBA{v, v, v, 255}
}

// style is the state that SGR sequences change; nil colours are the terminal's defaults.
type style struct {
	fg, bg                                  color.Color
	bold, faint, underline, reverse, strike bool
}

// apply changes the style by the parameters of one SGR sequence (ECMA-48, 8.3.117).
func (s *style) apply(params string, t theme) {
	fields := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	if len(fields) == 0 {
		fields = []string{"0"}
	}
	var codes []int
	for _, f := range fields {
		n, _ := strconv.Atoi(f)
		codes = append(codes, n)
	}
	for len(codes) > 0 {
		switch n := codes[0]; {
		case n == 38 || n == 48:
			c, used := extended(codes[1:], t)
			if n == 38 {
				s.fg = c
			} else {
				s.bg = c
			}
			codes = codes[1+used:]
			continue
		case n >= 30 && n < 38:
			s.fg = t.named[n-30]
		case n >= 40 && n < 48:
			s.bg = t.named[n-40]
		case n >= 90 && n < 98:
			s.fg = t.named[n-90+8]
		case n >= 100 && n < 108:
			s.bg = t.named[n-100+8]
		default:
			s.attribute(n)
		}
		codes = codes[1:]
	}
}

func (s *style) attribute(n int) {
	switch n {
	case 0:
		*s = style{}
	case 1:
		s.bold = true
	case 2:
		s.faint = true
	case 4:
		s.underline = true
	case 7:
		s.reverse = true
	case 9:
		s.strike = true
	case 22:
		s.bold, s.faint = false, false
	case 24:
		s.underline = false
	case 27:
		s.reverse = false
	case 29:
		s.strike = false
	case 39:
		s.fg = nil
	case 49:
		s.bg = nil
	}
}

// extended reads what follows 38 or 48: "5;N" or "2;R;G;B".
func extended(codes []int, t theme) (color.Color, int) {
	switch {
	case len(codes) >= 2 && codes[0] == 5:
		return t.indexed(codes[1]), 2
	case len(codes) >= 4 && codes[0] == 2:
		return color.RGBA{uint8(codes[1]), uint8(codes[2]), uint8(codes[3]), 255}, 4
	}
	return nil, len(codes)
}
