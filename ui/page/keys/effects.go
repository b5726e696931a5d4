package keys

import (
	"strconv"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/theme"
)

// effect is one thing that an action does, or leaves alone.
type effect struct {
	label, text string // safe to show
	caution     bool
}

// consent shows what an action does to a key before it does it.
func consent(title string, r *row, effects []effect, yes string, do func() tea.Cmd) *dialog.Consent {
	var f keys.Fingerprint
	name := ""
	if r != nil {
		f, name = r.Fingerprint, userID(r.name())
	}
	return dialog.NewConsent(title, func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		if name != "" {
			s.Text(t.Strong, name)
			s.Lines = append(s.Lines, human.FingerprintLines(f, w)...)
			s.Space()
		}
		for _, e := range effects {
			style := t.Body
			if e.caution {
				style = t.Caution
			}
			s.Styled(e.label, "", style, e.text)
		}
		return s.Lines
	}, yes, do)
}

// typedConsent is consent for what cannot be taken back: the person types the end of the
// fingerprint.
func typedConsent(title string, r *row, effects []effect, yes string, do func() tea.Cmd) *dialog.Consent {
	end := string(r.Fingerprint[len(r.Fingerprint)-8:])
	return consent(title, r, effects, yes, do).Typed(end, human.Tail(r.Fingerprint)+", the end of the fingerprint,")
}

// othersLearn says when others learn of a change.
func othersLearn(r *row) effect {
	switch n := len(r.Places); {
	case n == 0:
		return effect{label: "others", text: "Nobody learns of it until you publish the key (p)."}
	case n == 1:
		return effect{label: "others", text: "The place where the key is published keeps the old version until you publish it again (p)."}
	default:
		return effect{label: "others", text: "The " + strconv.Itoa(n) + " places where the key is published keep the old version until you publish it again (p)."}
	}
}

var undoable = effect{label: "undo", text: "u goes back to the key as it is now, until the next change."}

var oldBackups = effect{label: "backups", text: "The backups that exist do not hold the new subkey: make a new one (b).", caution: true}

// until is when a key ends, for a sentence.
func until(k keys.Key) string {
	if k.Expires.IsZero() {
		return "never expires"
	}
	return "expires on " + human.Date(k.Expires)
}
