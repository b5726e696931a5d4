package release

import (
	"errors"
	"fmt"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/scroll"
	"bulla/ui/component/secretfield"
	"bulla/ui/component/textfield"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
)

// line is a line of the form.
type line int

const (
	lineName line = iota
	lineEmail
	lineAlgorithm
	lineExpires
	linePass
	lineAgain
	lines
)

var lineNames = [lines]string{"name", "e-mail", "algorithm", "expires", "passphrase", "once more"}

// keyForm makes a key pair in bulla's store.
type keyForm struct {
	*state
	text  [lines]*textfield.Model // name, e-mail, expires
	pass  [2]*secretfield.Model
	rsa   bool
	at    line
	wrong string
	weak  string // what to tell of a passphrase that is easy to guess
	task  task
	err   error
	made  *store.Generated
	part  scroll.Model // of what tells about it
}

type keyMade struct {
	id   int
	made store.Generated
	err  error
}

func newKeyForm(s *state) *keyForm {
	f := &keyForm{state: s, pass: [2]*secretfield.Model{secretfield.New(), secretfield.New()}}
	// The author of the last commit is most often the one who releases; it can be changed.
	who := s.repo.Head.Author
	f.text[lineName] = textfield.Propose(safetext.Line(who.Name), "Rhea Release")
	f.text[lineEmail] = textfield.Propose(safetext.Line(who.Email), "rhea@example.org")
	f.text[lineExpires] = textfield.Propose("2y", "2y, 18m, 90d, 2028-01-31 or never")
	return f
}

func (f *keyForm) wipe() {
	for _, p := range f.pass {
		p.Wipe()
	}
}

// key handles a key; leave closes the form.
func (f *keyForm) key(msg tea.KeyMsg) (cmd tea.Cmd, leave bool) {
	if f.task.active {
		return nil, false
	}
	if f.made != nil {
		f.part.Update(msg, f.keys)
		return nil, key.Matches(msg, f.keys.Choose)
	}
	f.wrong, f.err = "", nil
	switch {
	case key.Matches(msg, f.keys.Choose) && !msg.Paste:
		if f.at < lineAgain {
			f.leave((f.at + 1) % lines)
			return nil, false
		}
		return f.make(), false
	case key.Matches(msg, f.keys.Next), msg.Type == tea.KeyDown:
		f.leave((f.at + 1) % lines)
	case key.Matches(msg, f.keys.Previous), msg.Type == tea.KeyUp:
		f.at = (f.at + lines - 1) % lines
	case f.at == lineAlgorithm:
		if key.Matches(msg, f.keys.Left, f.keys.Right, f.keys.Toggle) {
			f.rsa = !f.rsa
		}
	case f.at >= linePass:
		field := f.pass[f.at-linePass]
		field.Update(msg)
		if f.at == linePass {
			s := field.Copy()
			f.weak = explain.WeakPassphrase(s, keys.PurposeOpenPGP)
			s.Destroy()
		}
		if field.Full() {
			f.wrong = fmt.Sprintf("A passphrase has at most %d bytes.", vault.MaxPassphrase)
		}
	default:
		f.text[f.at].Update(msg)
	}
	return nil, false
}

// leave goes on to another line, unless what stands in this one can't be meant.
func (f *keyForm) leave(to line) {
	if err := f.fault(f.at); err != nil {
		f.refuse(err)
		return
	}
	f.at = to
}

// fault is what is wrong with a line by itself. An empty name or address is none: the other may do.
func (f *keyForm) fault(l line) error {
	switch l {
	case lineName, lineEmail:
		p := store.GenerateParams{Name: f.text[lineName].Value()}
		if l == lineEmail {
			p = store.GenerateParams{Email: f.text[lineEmail].Value()}
		}
		if p.Name+p.Email == "" {
			return nil
		}
		return p.CheckUserID()
	case lineExpires:
		_, err := store.ParseLifetime(f.text[lineExpires].Value(), f.now())
		return err
	}
	return nil
}

// refuse shows a typed error at the line that it is about. It reports false for every other error.
func (f *keyForm) refuse(err error) bool {
	var param *store.ParamError
	var lifetime *store.LifetimeError
	switch {
	case errors.As(err, &lifetime):
		f.wrong, f.at = "The lifetime is not clear: 2y, 18m, 90d, 2028-01-31 or never.", lineExpires
		return true
	case !errors.As(err, &param):
		return false
	}
	l, ok := map[string]line{"name": lineName, "email": lineEmail, "algorithm": lineAlgorithm, "lifetime": lineExpires, "passphrase": linePass}[param.Field]
	if !ok {
		return false
	}
	f.at, f.wrong = l, "The "+lineNames[l]+" "+safetext.Line(param.Reason)+"."
	switch {
	case l == lineExpires:
		f.wrong = "The lifetime " + safetext.Line(param.Reason) + "."
	case f.text[lineName].Value() == "" && f.text[lineEmail].Value() == "":
		f.wrong = "A key needs a name or an address."
	}
	return true
}

// params are what the form says, but for the passphrase.
func (f *keyForm) params() (p store.GenerateParams, err error) {
	p = store.GenerateParams{Name: f.text[lineName].Value(), Email: f.text[lineEmail].Value(), Algorithm: "ed25519"}
	if f.rsa {
		p.Algorithm = "rsa4096"
	}
	if err := p.CheckUserID(); err != nil {
		return p, err
	}
	p.Lifetime, err = store.ParseLifetime(f.text[lineExpires].Value(), f.now())
	return p, err
}

// make checks what was typed and begins the work. What is wrong keeps the passphrases.
func (f *keyForm) make() tea.Cmd {
	p, err := f.params()
	if err != nil {
		if !f.refuse(err) {
			f.err = err
		}
		return nil
	}
	for i, field := range f.pass {
		if field.Full() {
			field.Wipe()
			f.wrong, f.at = fmt.Sprintf("A passphrase has at most %d bytes.", vault.MaxPassphrase), linePass+line(i)
			return nil
		}
	}
	if f.pass[0].Empty() {
		f.wrong, f.at = "A passphrase is needed: without one the file alone would sign.", linePass
		return nil
	}
	pass, again := f.pass[0].Take(), f.pass[1].Take()
	defer again.Destroy()
	if !pass.Equal(again) {
		pass.Destroy()
		f.wrong, f.at = "The two passphrases differ. Type them again.", linePass
		return nil
	}
	p.Passphrase = pass
	ctx, id := f.begin(&f.task)
	backend := f.backend
	return f.writes.Go(func() tea.Msg {
		defer pass.Destroy()
		made, err := backend.GenerateKey(ctx, p)
		return keyMade{id, made, err}
	})
}

func (f *keyForm) typing() bool { return f.made == nil }

func (f *keyForm) view(w, h int) []string {
	if f.made != nil {
		return f.part.View(f.theme, f.success(w), h)
	}
	out := f.heading("A new key to sign releases with", w)
	for l := lineName; l < lines; l++ {
		out = append(out, f.row(l, w))
	}
	out = append(out, "")
	switch {
	case f.task.active:
		return append(out, f.waiting(f.task, "making the key…"))
	case f.err != nil:
		return append(out, failure(f.state, f.err, w)...)
	case f.wrong != "":
		for _, l := range layout.Wrap(f.wrong, w) {
			out = append(out, f.theme.Bad.Render(l))
		}
		return out
	}
	if f.weak != "" && f.at == lineAgain && !f.pass[0].Empty() {
		return append(out, f.caution(f.weak, w)...)
	}
	help := "bulla keeps it in its own store, locked with the passphrase, and makes a revocation certificate with it."
	switch f.at {
	case lineName, lineEmail:
		help = "Who signs, as others will see it."
		if f.text[f.at].Proposed() {
			help += " Taken from the last commit: typing replaces it, the arrow keys edit it."
		}
	case lineAlgorithm:
		help = "ed25519 is small, fast and understood by GnuPG since 2.1. rsa4096 is for the oldest verifiers."
	case lineExpires:
		help = "2y, 18m, 90d, 2028-01-31 or never. Two years is a good span."
	}
	return append(out, f.prose(help, w)...)
}

// caution wraps a warning; text begins with a small letter.
func (f *keyForm) caution(text string, w int) (out []string) {
	for _, l := range layout.Wrap("Warning: "+text, w) {
		out = append(out, f.theme.Caution.Render(l))
	}
	return out
}

func (f *keyForm) row(l line, w int) string {
	focus := l == f.at && !f.task.active
	label := layout.Pad(lineNames[l], 11)
	if !focus {
		label = f.theme.Muted.Render(label)
	}
	value := ""
	switch {
	case l == lineAlgorithm:
		signs := [2]string{f.theme.Signs.Radio, f.theme.Signs.RadioOff}
		if f.rsa {
			signs[0], signs[1] = signs[1], signs[0]
		}
		value = signs[0] + " ed25519   " + signs[1] + " rsa4096"
	case l >= linePass:
		value = f.pass[l-linePass].View(f.theme, w-14, focus)
	default:
		value = f.text[l].View(f.theme, w-14, focus)
	}
	return picker.Marker(f.theme, focus) + label + " " + value
}

// success tells what was made and what to do with it.
func (f *keyForm) success(w int) []string {
	k := f.made.Key
	out := []string{f.theme.Icon(theme.Done) + " " + f.theme.Strong.Render(layout.Cut("Made a key for "+safetext.Line(k.UserID()), w-4, f.theme.Signs.Ellipsis)), ""}
	out = append(out, human.FingerprintLines(k.Fingerprint, w)...)
	out = append(out, "", "Revocation certificate:")
	out = append(out, layout.Indent(layout.Wrap(safetext.Line(f.made.Revocation), w-2), "  ")...) // whole: to be copied
	out = append(out, f.prose("It makes the key invalid should it be lost or stolen. Move it off this machine.", w)...)
	out = append(out, "", "Back the key up before you rely on it:")
	out = append(out, layout.Indent(layout.Wrap("bulla keys backup "+k.Fingerprint.KeyID()+" -o backup.asc", w-2), "  ")...)
	if f.weak != "" {
		out = append(append(out, ""), f.caution(f.weak, w)...)
	}
	return out
}

func (f *keyForm) status() string {
	switch {
	case f.made != nil:
		return "The key is ready. Enter goes back to the list, where it is chosen already."
	case f.at == lineAlgorithm:
		return "Left and right change the algorithm."
	}
	return ""
}

func (f *keyForm) hints() []keymap.Hint {
	if f.made != nil {
		return []keymap.Hint{keymap.On(f.keys.Choose, "go on"), keymap.On(f.keys.Help, "")}
	}
	enter := "next"
	if f.at == lineAgain {
		enter = "make the key"
	}
	move := key.NewBinding(key.WithKeys("up", "down"), key.WithHelp("up/down", "other field"))
	return []keymap.Hint{keymap.On(f.keys.Choose, enter), keymap.On(move, ""), keymap.On(f.keys.Back, "leave it")}
}
