// Package qrcode draws the fingerprint of a key as a QR code, for a phone to read from the screen.
package qrcode

import (
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/paper"
	"bulla/ui/theme"
)

// codeText is what phones read from the code (OpenKeychain, and others after it).
func codeText(f keys.Fingerprint) string { return "OPENPGP4FPR:" + string(f) }

// quiet is the border that a reader needs at least, in modules; the standard's four are used where
// there is room.
const quiet = 2

// Fingerprint draws a fingerprint as a QR code in at most w columns and h rows, or says in words why it
// cannot.
func Fingerprint(t theme.Theme, f keys.Fingerprint, w, h int) (lines []string, fault string) {
	bits, err := paper.QR(codeText(f))
	if err != nil {
		return nil, err.Error()
	}
	draw, across, down := halfBlocks, 1, 2 // columns for a module, modules in a row
	if t.ASCII {
		draw, across, down = wholeBlocks, 2, 1
	}
	bits, least := fit(bits, w/across, h*down)
	if bits == nil {
		return nil, fmt.Sprintf("The code takes %d columns and %d rows here; there are %d and %d.", least*across, (least+down-1)/down, w, h)
	}
	return draw(t, bits), ""
}

// fit cuts the quiet border of a code until it fits, nil if it does not; least is how many modules
// it takes at least.
func fit(bits [][]bool, w, h int) (out [][]bool, least int) {
	border := 0
	for border < len(bits)/2 && !anyDark(bits[border]) {
		border++
	}
	for cut := 0; cut <= max(0, border-quiet); cut++ {
		n := len(bits) - 2*cut
		least = n
		if n <= w && n <= h {
			for _, row := range bits[cut : len(bits)-cut] {
				out = append(out, row[cut:len(row)-cut])
			}
			return out, least
		}
	}
	return nil, least
}

func anyDark(row []bool) bool {
	for _, b := range row {
		if b {
			return true
		}
	}
	return false
}

// halfBlocks draws two modules above each other as one character: black on white with colours;
// without them light modules get the colour of the text on a dark background, dark ones on a light.
func halfBlocks(t theme.Theme, bits [][]bool) (out []string) {
	ink := func(dark bool) bool { return dark == (!t.Plain || t.Light) }
	for y := 0; y < len(bits); y += 2 {
		var b strings.Builder
		for x := range bits[y] {
			up, down := ink(bits[y][x]), false
			if y+1 < len(bits) {
				down = ink(bits[y+1][x])
			} else if t.Plain {
				down = ink(false)
			}
			switch {
			case up && down:
				b.WriteString("█")
			case up:
				b.WriteString("▀")
			case down:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		out = append(out, t.Code.Render(b.String()))
	}
	return out
}

// wholeBlocks draws each module as two characters of ASCII, for locales without blocks.
func wholeBlocks(t theme.Theme, bits [][]bool) (out []string) {
	for _, row := range bits {
		var b strings.Builder
		for _, dark := range row {
			switch {
			case !t.Plain && dark:
				b.WriteString(t.Code.Reverse(true).Render("  "))
			case !t.Plain:
				b.WriteString(t.Code.Render("  "))
			case dark == t.Light:
				b.WriteString("##")
			default:
				b.WriteString("  ")
			}
		}
		out = append(out, b.String())
	}
	return out
}
