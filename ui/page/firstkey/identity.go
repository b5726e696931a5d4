package firstkey

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/qrcode"
	"bulla/ui/component/sheet"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
)

// identityRoom shows the fingerprint.
type identityRoom struct {
	*state
	seen bool
	// alone says that the QR code is shown in place of the text; canAlone that it would fit so, and
	// does not fit beside it.
	alone, canAlone bool
}

// besideCode is the least width of the text beside the QR code.
const besideCode = 44

func (r *identityRoom) enter() tea.Cmd { return nil }

func (r *identityRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		r.seen, r.next = true, true
	case key.Matches(msg, r.keys.Copy):
		r.copy(string(r.fingerprint()), "The fingerprint")
	case key.Matches(msg, r.keys.Code) && r.canAlone:
		r.alone = !r.alone
	}
	return nil
}

// copy puts text on the clipboard and says so.
func (s *state) copy(text, what string) {
	switch {
	case s.o.Copy == nil:
		s.note = "There is no clipboard here."
	case s.o.Copy(text) != nil:
		s.note = "The clipboard did not take it."
	default:
		s.note = what + " was given to the terminal's clipboard, if it has one."
	}
}

func (r *identityRoom) back() bool {
	was := r.alone
	r.alone = false
	return was
}

func (r *identityRoom) typing() bool { return false }

func (r *identityRoom) value() (string, bool) {
	if !r.state.made {
		return "", false
	}
	return human.Tail(r.fingerprint()), r.seen
}

func (r *identityRoom) view(w, h int) []string {
	code, _ := qrcode.Fingerprint(r.theme, r.fingerprint(), w, h)
	wide := 0
	if len(code) > 0 {
		wide = layout.Width(code[0])
	}
	const gap = 4
	beside := len(code) > 0 && w-wide-gap >= besideCode
	if r.canAlone = len(code) > 0 && !beside; !r.canAlone {
		r.alone = false
	}
	switch {
	case r.alone:
		return code
	case !beside:
		return r.text(w)
	}
	text := r.text(w - wide - gap)
	n := max(len(text), len(code))
	return layout.Beside(strings.Repeat(" ", gap), layout.Block(text, w-wide-gap, n), layout.Block(code, wide, n))
}

// text is all there is to say of the key's identity.
func (r *identityRoom) text(w int) []string {
	k := r.progress.Key
	out := r.heading("The key's identity is its fingerprint", w)
	for _, l := range human.FingerprintLines(k.Fingerprint, w-4) {
		out = append(out, "    "+r.theme.Strong.Render(l))
	}
	out = append(out, "")
	out = append(out, layout.Wrap("Give it to people by another way than the key itself: on a card, by phone, on your page. They compare all of it; shorter ids can be forged.", w)...)
	s := sheet.Sheet{Theme: r.theme, Width: w, Lines: append(out, "")}
	label := "user ids"
	for _, u := range k.UserIDs {
		s.Fact(label, safetext.Line(u))
		label = ""
	}
	s.Fact("kind", k.Algorithm+": a primary key that certifies, a subkey that signs")
	s.Fact("valid", human.Expiry(k.Expires, r.o.Now()))
	return s.Lines
}

func (r *identityRoom) status() string {
	switch {
	case r.alone:
		return "The fingerprint, for a phone to read. v or esc goes back to the text."
	case r.canAlone:
		return "v shows it as a QR code, for a phone to read."
	}
	return ""
}

func (r *identityRoom) hints() []keymap.Hint {
	if r.canAlone {
		return []keymap.Hint{keymap.On(r.keys.Choose, "go on"), keymap.On(r.keys.Copy, ""), keymap.On(r.keys.Code, "QR code"), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Quit, "leave")}
	}
	return []keymap.Hint{keymap.On(r.keys.Choose, "go on"), keymap.On(r.keys.Copy, ""), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Quit, "leave")}
}
