package paper

import (
	"bytes"
	"fmt"
	"html"
	"strings"

	qrcode "github.com/skip2/go-qrcode"
)

// qrSeparator stands between the lines in a QR code. It is one of the characters that QR codes
// store compactly, as are all of those in the lines.
const qrSeparator = "/"

// linesPerCode keeps a code small enough for a phone's camera to read from paper: 15 lines are
// about 800 characters.
const linesPerCode = 15

// QR draws text as a QR code: rows of modules, true for dark ones, with the quiet border that
// readers need. It is for short texts such as "OPENPGP4FPR:" and a fingerprint.
func QR(text string) ([][]bool, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, err
	}
	return q.Bitmap(), nil
}

// Codes are the texts of the sheet's QR codes, in order.
func (s Sheet) Codes() (out []string) {
	lines := s.lines()
	for i := 0; i < len(lines); i += linesPerCode {
		chunk := lines[i:min(i+linesPerCode, len(lines))]
		for k := range chunk {
			chunk[k] = strings.ReplaceAll(chunk[k], " ", "")
		}
		out = append(out, strings.Join(chunk, qrSeparator))
	}
	return out
}

// HTML is the sheet as a page to print, with QR codes. It needs nothing from elsewhere.
func (s Sheet) HTML() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Paper backup of an OpenPGP key</title>
<style>
body { font-family: monospace; font-size: 10pt; margin: 1.5cm }
pre { white-space: pre-wrap }
figure { display: inline-block; margin: 5mm; break-inside: avoid }
svg { width: 75mm; height: 75mm }
</style></head><body>
<pre>`)
	b.WriteString(html.EscapeString(string(s.Text())))
	b.WriteString("</pre>\n")
	codes := s.Codes()
	for i, text := range codes {
		modules, err := QR(text)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "<figure>%s<figcaption>QR code %d of %d</figcaption></figure>\n", svg(modules), i+1, len(codes))
	}
	b.WriteString("</body></html>\n")
	return b.Bytes(), nil
}

// svg draws the modules as one path, a run of dark ones at a time.
func svg(modules [][]bool) string {
	var d strings.Builder
	for y, row := range modules {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&d, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	n := len(modules)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path d="%s"/></svg>`, n, n, d.String())
}
