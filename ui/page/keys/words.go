package keys

import (
	"strconv"

	"github.com/charmbracelet/lipgloss"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/finding"
)

// How much there is to worry about a key.
const (
	weightNone = iota // nothing, or not known yet
	weightInfo
	weightWarning
	weightError
)

func weight(r *row) int {
	if r.Err != nil {
		return weightError
	}
	switch r.Worst() {
	case finding.Error:
		return weightError
	case finding.Warning:
		return weightWarning
	case finding.Info:
		return weightInfo
	}
	return weightNone
}

// sign is the icon of a severity, style its colour; "" is for none.
func sign(t theme.Theme, s finding.Severity) string {
	switch s {
	case finding.Error:
		return t.Icon(theme.Failed)
	case finding.Warning:
		return t.Icon(theme.Waiting)
	case finding.Info:
		return t.Icon(theme.Skipped)
	}
	return t.Icon(theme.Done)
}

func style(t theme.Theme, s finding.Severity) lipgloss.Style {
	switch s {
	case finding.Error:
		return t.Bad
	case finding.Warning:
		return t.Caution
	case finding.Info:
		return t.Muted
	}
	return t.Good
}

const bothPlaces = "both"

// place is where the key is, in a word.
func place(r *row) string {
	switch {
	case r.InStore && r.InGnuPG:
		return bothPlaces
	case r.InStore:
		return "bulla"
	case r.GnuPG.Card != "":
		return "card"
	}
	return "GnuPG"
}

// valid is the countdown.
func (t *table) valid(r *row) string {
	now := t.now()
	switch {
	case r.Err != nil:
		return t.theme.Muted.Render(t.theme.Signs.Dash)
	case r.Revoked:
		return t.theme.Bad.Render("revoked")
	case r.Expires.IsZero():
		return "no end"
	case r.ExpiredAt(now):
		return t.theme.Bad.Render("expired")
	}
	left := human.Span(r.Expires.Sub(now))
	if r.Expires.Sub(now) < keys.ExpiringSoon {
		return t.theme.Caution.Render(left)
	}
	return left
}

// public is at how many places the key was published, and whether it is current there.
func (t *table) public(r *row) string {
	n, old := len(r.Places), len(r.Stale)
	switch {
	case n == 0 && !r.Secret:
		return ""
	case n == 0:
		return t.theme.Muted.Render("nowhere")
	case old > 0:
		return t.theme.Caution.Render(strconv.Itoa(old) + " stale")
	}
	return t.theme.Good.Render(human.Count(n, "place"))
}

// remark is the worst finding in a few words, and how many more there are.
func (t *table) remark(r *row) string {
	if r.Err != nil {
		return sign(t.theme, finding.Error) + " " + t.theme.Bad.Render(safetext.Line(keydeed.ReadError(r.Err)))
	}
	if len(r.Findings) == 0 || !r.Secret && weight(r) < weightWarning { // what others might do better is no worry here
		return sign(t.theme, "") + " well"
	}
	f := r.Findings[0]
	text := keydeed.Short(f)
	if more := len(r.Findings) - 1; more > 0 {
		text += ", +" + strconv.Itoa(more)
	}
	return sign(t.theme, f.Severity) + " " + style(t.theme, f.Severity).Render(text)
}
