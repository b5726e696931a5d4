// Command ansi2png draws a tmux capture (capture-pane -p -e -N) as a PNG.
//
//	ansi2png -cols 80 -rows 24 [-light] [-fonts DIR] < screen.ansi > screen.png
//
// tmux is the terminal emulator; this only understands SGR and text. Attributes carry over line
// ends, as tmux writes them. It needs DejaVu Sans Mono (Debian: fonts-dejavu-core).
package main

import (
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const (
	fontSize = 16.0 // pixels
	margin   = 12   // pixels
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("ansi2png: ")
	cols, rows := flag.Int("cols", 80, "columns"), flag.Int("rows", 24, "rows")
	light := flag.Bool("light", false, "draw on white")
	fonts := flag.String("fonts", "/usr/share/fonts/truetype/dejavu", "folder of DejaVuSansMono.ttf")
	flag.Parse()
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	theme := dark
	if *light {
		theme = bright
	}
	s, err := newScreen(*cols, *rows, theme, *fonts)
	if err != nil {
		log.Fatal(err)
	}
	s.print(string(in))
	if err := png.Encode(os.Stdout, s.img); err != nil {
		log.Fatal(err)
	}
}

// screen draws characters into cells.
type screen struct {
	img           *image.RGBA
	theme         theme
	regular, bold font.Face
	cellW, cellH  int
	ascent        int
}

func newScreen(cols, rows int, t theme, fonts string) (*screen, error) {
	s := &screen{theme: t}
	var err error
	if s.regular, err = loadFace(filepath.Join(fonts, "DejaVuSansMono.ttf")); err != nil {
		return nil, err
	}
	if s.bold, err = loadFace(filepath.Join(fonts, "DejaVuSansMono-Bold.ttf")); err != nil {
		return nil, err
	}
	m := s.regular.Metrics()
	advance, _ := s.regular.GlyphAdvance('M')
	s.cellW, s.cellH, s.ascent = advance.Ceil(), (m.Ascent + m.Descent).Ceil(), m.Ascent.Ceil()
	s.img = image.NewRGBA(image.Rect(0, 0, cols*s.cellW+2*margin, rows*s.cellH+2*margin))
	draw.Draw(s.img, s.img.Bounds(), image.NewUniform(t.background), image.Point{}, draw.Src)
	return s, nil
}

func loadFace(path string) (font.Face, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := opentype.Parse(data)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: fontSize, DPI: 72, Hinting: font.HintingFull})
}

// print draws a whole capture from the upper left corner.
func (s *screen) print(text string) {
	var st style
	x, y := 0, 0
	for len(text) > 0 {
		if strings.HasPrefix(text, "\x1b[") {
			end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' && r <= '~' })
			if end < 0 {
				return
			}
			if text[2+end] == 'm' {
				st.apply(text[2:2+end], s.theme)
			}
			text = text[3+end:]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		switch {
		case r == '\n':
			x, y = 0, y+1
		case r >= ' ':
			w := max(1, runewidth.RuneWidth(r))
			s.cell(x, y, w, r, st)
			x += w
		}
	}
}

func (s *screen) cell(x, y, width int, r rune, st style) {
	fg, bg := st.fg, st.bg
	if fg == nil {
		fg = s.theme.foreground
	}
	if bg == nil {
		bg = s.theme.background
	}
	if st.reverse {
		fg, bg = bg, fg
	}
	if st.faint {
		fg = mix(fg, bg)
	}
	face := s.regular
	if st.bold {
		face = s.bold
	}
	cell := image.Rect(x*s.cellW, y*s.cellH, (x+width)*s.cellW, (y+1)*s.cellH).Add(image.Pt(margin, margin))
	draw.Draw(s.img, cell, image.NewUniform(bg), image.Point{}, draw.Src)
	d := font.Drawer{Dst: s.img, Src: image.NewUniform(fg), Face: face, Dot: fixed.P(cell.Min.X, cell.Min.Y+s.ascent)}
	d.DrawString(string(r))
	line := func(top int) {
		r := image.Rect(cell.Min.X, cell.Min.Y+top, cell.Max.X, cell.Min.Y+top+1)
		draw.Draw(s.img, r, image.NewUniform(fg), image.Point{}, draw.Src)
	}
	if st.underline {
		line(s.ascent + 2)
	}
	if st.strike {
		line(s.ascent * 2 / 3)
	}
}

func mix(a, b color.Color) color.Color {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	return color.RGBA{uint8((r1 + r2) >> 9), uint8((g1 + g2) >> 9), uint8((b1 + b2) >> 9), 255}
}
