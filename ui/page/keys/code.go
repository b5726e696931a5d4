package keys

import (
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/qrcode"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// codeView is the whole body with the code: the fingerprint to read beside it or in its place.
func codeView(t theme.Theme, r *row, w, h int) []string {
	lines, fault := qrcode.Fingerprint(t, r.Fingerprint, w, h)
	beside := max(0, w-2)
	if len(lines) > 0 {
		beside = w - layout.Width(lines[0]) - 3
	}
	const least = 24 // columns, for five groups of four
	var text []string
	if beside >= least {
		text = append(text, t.Strong.Render(layout.Cut(safetext.Line(r.name()), beside, t.Signs.Ellipsis)), "")
		text = append(text, human.FingerprintLines(r.Fingerprint, min(beside, 30))...)
		text = append(text, "")
		words := "Scan it with a phone that has the key, or let somebody read the groups to you: the same fingerprint is the same key."
		if fault != "" {
			words = fault + " Read the groups of four instead: the same fingerprint is the same key."
		}
		text = append(text, layout.Wrap(words, beside)...)
	}
	if len(lines) == 0 {
		return layout.Indent(append([]string{""}, text...), " ")
	}
	return layout.Beside("   ", lines, layout.Block(text, max(0, beside), len(lines)))
}
