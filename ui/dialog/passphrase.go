package dialog

import (
	"fmt"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/secretfield"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// Passphrase asks for one passphrase, twice for a new one, and where it shall be kept.
type Passphrase struct {
	req    keys.PassphraseRequest
	fields []*secretfield.Model
	at     int // field with the focus
	offers []vault.Status
	keep   int // index into offers
	note   string
	wrong  string
	weak   string // what to tell of a new one that is easy to guess
	empty  bool   // nothing was typed, and Enter again means that there is no passphrase
	answer func(keys.Secret, vault.Backend, bool) tea.Cmd
	keys   keymap.Map
}

// PassphraseOptions say what to ask and whom to tell.
type PassphraseOptions struct {
	Request keys.PassphraseRequest
	// Offers are the places where the passphrase may be kept; Chosen is the one to begin with.
	// Without any, nothing is offered.
	Offers []vault.Status
	Chosen vault.Backend
	// Note is an extra line, safe to show.
	Note string
	// Answer is told exactly once: the passphrase, which then belongs to it, and where to keep
	// it, or false if the person declined. It must not block; its command is run.
	Answer func(s keys.Secret, keep vault.Backend, ok bool) tea.Cmd
}

// NewPassphrase makes the dialog.
func NewPassphrase(o PassphraseOptions) *Passphrase {
	p := &Passphrase{req: o.Request, note: o.Note, answer: o.Answer, keys: keymap.Default()}
	p.fields = []*secretfield.Model{secretfield.New()}
	if o.Request.New {
		p.fields = append(p.fields, secretfield.New())
	} else if o.Request.Purpose != keys.PurposeVault {
		p.offers = o.Offers
	}
	for i, s := range p.offers {
		if s.Backend == o.Chosen || (o.Chosen == "" && s.Backend == vault.BackendMemory) {
			p.keep = i
		}
	}
	if o.Request.Card != "" {
		p.wrong = explain.PINTries(o.Request)
	} else if n := o.Request.Attempt; n > 1 {
		p.wrong = fmt.Sprintf("That was not the right one. Try %d of %d.", n, keys.PassphraseTries)
	}
	return p
}

// Title says what the passphrase is for.
func (p *Passphrase) Title() string {
	which := ""
	if p.req.New {
		which = "New "
	}
	if p.req.Card != "" {
		return "PIN of card " + safetext.Line(p.req.Card)
	}
	switch p.req.Purpose {
	case keys.PurposeImage:
		return capital(which + "passphrase of the image key")
	case keys.PurposeVault:
		return capital(which + "master passphrase of the vault file")
	case keys.PurposeAgent:
		return capital(which + "passphrase or PIN, for gpg-agent")
	case keys.PurposeToken:
		return "Access token of an account"
	case keys.PurposeTrustRoot:
		return capital(which + "passphrase of the root key of Content Trust")
	case keys.PurposeTrust:
		return capital(which + "passphrase of a key of Content Trust")
	}
	return capital(which + "passphrase of the signing key")
}

func capital(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// Key types, moves, or answers.
func (p *Passphrase) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	switch {
	case key.Matches(msg, p.keys.Back) && !msg.Paste:
		return true, p.reply(keys.Secret{}, "", false)
	case key.Matches(msg, p.keys.Choose) && !msg.Paste:
		return p.enter()
	case key.Matches(msg, p.keys.Next, p.keys.Previous):
		p.at = (p.at + 1) % len(p.fields)
	case msg.Type == tea.KeyUp || msg.Type == tea.KeyDown:
		p.move(msg.Type == tea.KeyDown)
	default:
		p.wrong, p.empty = "", false
		p.fields[p.at].Update(msg)
		if p.req.New && p.at == 0 {
			p.estimate()
		}
		if p.fields[p.at].Full() {
			p.wrong = fmt.Sprintf("A passphrase has at most %d bytes.", vault.MaxPassphrase)
		}
	}
	return false, nil
}

// estimate looks how easy to guess the new passphrase is.
func (p *Passphrase) estimate() {
	if p.weak = ""; p.fields[0].Empty() {
		return
	}
	s := p.fields[0].Copy()
	p.weak = explain.WeakPassphrase(s, p.req.Purpose)
	s.Destroy()
}

// move goes to the next place that can be used.
func (p *Passphrase) move(down bool) {
	if len(p.fields) > 1 {
		p.at = (p.at + 1) % len(p.fields)
		return
	}
	step := len(p.offers) - 1
	if down {
		step = 1
	}
	for range p.offers {
		p.keep = (p.keep + step) % len(p.offers)
		if usable(p.offers[p.keep]) {
			return
		}
	}
}

// usable reports whether a passphrase can be kept there: at once, or after a person unlocked it
// or, for the file, made it.
func usable(s vault.Status) bool {
	return s.State == vault.Ready || s.State == vault.Locked || (s.State == vault.NeedsSetup && s.Backend == vault.BackendFile)
}

func (p *Passphrase) enter() (done bool, cmd tea.Cmd) {
	if len(p.fields) > 1 && p.at == 0 {
		p.at = 1
		return false, nil
	}
	if p.req.New && p.fields[0].Empty() {
		p.wrong, p.at = "A new key needs a passphrase.", 0
		return false, nil
	}
	if p.refuses() {
		return false, nil
	}
	s := p.fields[0].Take()
	if p.req.New {
		again := p.fields[1].Take()
		defer again.Destroy()
		if !s.Equal(again) {
			s.Destroy()
			p.wrong, p.weak, p.at = "The two differ. Type it again.", "", 0
			return false, nil
		}
	}
	keep := vault.BackendMemory
	if len(p.offers) > 0 {
		keep = p.offers[p.keep].Backend
	}
	return true, p.reply(s, keep, true)
}

// refuses says why what stands in the fields can be no passphrase: one that is too long was cut, and
// an empty one opens nothing but an image key, which cosign makes without a password too.
func (p *Passphrase) refuses() bool {
	for i, f := range p.fields {
		if f.Full() {
			f.Wipe()
			p.wrong, p.at = fmt.Sprintf("A passphrase has at most %d bytes.", vault.MaxPassphrase), i
			return true
		}
	}
	switch {
	case !p.fields[0].Empty() || p.empty:
		return false
	case p.req.Purpose == keys.PurposeImage && !p.req.New:
		p.wrong, p.empty = "Nothing was typed. Enter again if the key has no passphrase.", true
	default:
		p.wrong, p.at = "Type the passphrase first.", 0
	}
	return true
}

func (p *Passphrase) reply(s keys.Secret, keep vault.Backend, ok bool) (cmd tea.Cmd) {
	for _, f := range p.fields {
		f.Wipe()
	}
	if p.answer != nil {
		cmd = p.answer(s, keep, ok)
		p.answer = nil
	}
	return cmd
}

// Dismiss declines.
func (p *Passphrase) Dismiss() { p.reply(keys.Secret{}, "", false) }

// View draws the fields and the places.
func (p *Passphrase) View(t theme.Theme, w, h int) []string {
	out := []string{t.Strong.Render(layout.Cut(safetext.Line(p.req.Label), w, t.Signs.Ellipsis))}
	if f := keys.Fingerprint(p.req.ID); len(f) == 40 || len(f) == 64 {
		out = append(out, t.Muted.Render(human.Key(t, f)))
	}
	out = append(out, "")
	names := []string{"passphrase "}
	if p.req.Purpose == keys.PurposeToken {
		names[0] = "token      "
	}
	if p.req.Card != "" {
		names[0] = "PIN        "
	}
	if p.req.New {
		names = []string{"passphrase ", "once more  "}
	}
	for i, f := range p.fields {
		out = append(out, picker.Marker(t, i == p.at)+names[i]+f.View(t, w-13, i == p.at))
	}
	if p.wrong != "" {
		for _, l := range layout.Wrap(p.wrong, w-2) {
			out = append(out, t.Bad.Render("  "+l))
		}
	}
	if p.weak != "" && p.at > 0 { // not while it is being typed
		for _, l := range layout.Wrap(capital(p.weak), w-2) {
			out = append(out, t.Caution.Render("  "+l))
		}
	}
	if p.note != "" {
		out = append(out, t.Muted.Render("  "+layout.Cut(p.note, w-2, t.Signs.Ellipsis)))
	}
	if p.wrong+p.note == "" && (p.weak == "" || p.at == 0) {
		out = append(out, "")
	}
	return append(out, p.places(t, w, h-len(out))...)
}

// places lists where the passphrase can be kept, and what the chosen place means.
func (p *Passphrase) places(t theme.Theme, w, h int) []string {
	if len(p.offers) == 0 {
		return nil
	}
	name := func(s vault.Status) string {
		if s.Backend == vault.BackendMemory {
			return "nowhere: only in memory, until bulla ends"
		}
		return safetext.Line(s.Name)
	}
	out := []string{"", "Where shall it be kept?"}
	if h < len(out)+len(p.offers) { // the choice alone: it must be in sight whatever the room
		line := "Keep it in " + name(p.offers[p.keep])
		if p.offers[p.keep].Backend == vault.BackendMemory {
			line = "Keep it " + name(p.offers[p.keep])
		}
		return []string{"", layout.Cut(line, w, t.Signs.Ellipsis)}[max(0, 2-max(1, h)):]
	}
	for i, s := range p.offers {
		sign := t.Signs.RadioOff
		if i == p.keep {
			sign = t.Accent.Render(t.Signs.Radio)
		}
		name := name(s)
		line := "  " + sign + " " + name
		if !usable(s) {
			line = t.Muted.Render("  "+t.Signs.RadioOff+" "+name+": ") + t.Muted.Render(safetext.Line(s.Reason))
		}
		out = append(out, layout.Cut(line, w, t.Signs.Ellipsis))
	}
	if s := p.offers[p.keep]; s.Backend != vault.BackendMemory {
		for _, l := range layout.Wrap(safetext.Line(s.Sentence), w-6) {
			out = append(out, t.Muted.Render("      "+l))
		}
	}
	return out[:max(0, min(h, len(out)))]
}

// Hints are the keys of the dialog.
func (p *Passphrase) Hints() []keymap.Hint {
	h := []keymap.Hint{keymap.On(p.keys.Choose, "use it"), keymap.On(p.keys.Back, "cancel")}
	if len(p.fields) > 1 {
		h = append(h, keymap.On(p.keys.Next, "other field"))
	}
	if len(p.offers) > 1 {
		b := key.NewBinding(key.WithKeys("up", "down"), key.WithHelp("up/down", "where to keep it"))
		h = append(h, keymap.On(b, ""))
	}
	return append(h, keymap.On(p.keys.EraseAll, "erase"))
}
