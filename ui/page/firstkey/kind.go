package firstkey

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys/store"
	"bulla/ui/component/layout"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/workflow/firstkey"
)

// kindRoom asks for the algorithm and how long the key lasts.
type kindRoom struct {
	*state
	rsa      bool
	expires  *textfield.Model
	at       int // 0 algorithm, 1 expires
	ready    bool
	complain bool // the lifetime was left
}

func newKindRoom(s *state) *kindRoom {
	return &kindRoom{state: s, expires: textfield.New("2y", "2y, 18m, 90d, 2028-01-31 or never")}
}

func (r *kindRoom) enter() tea.Cmd {
	if !r.ready {
		r.ready, r.rsa = true, r.start.RSA != ""
	}
	return nil
}

func (r *kindRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		if r.at == 0 {
			r.at = 1
			return nil
		}
		r.settle()
	case key.Matches(msg, r.keys.Next, r.keys.Previous), msg.Type == tea.KeyDown, msg.Type == tea.KeyUp:
		r.complain = r.complain || r.at == 1
		r.at = 1 - r.at
	case r.at == 0:
		if key.Matches(msg, r.keys.Left, r.keys.Right, r.keys.Toggle) {
			r.rsa = !r.rsa
		}
	default:
		r.complain = false
		r.expires.Update(msg)
	}
	return nil
}

func (r *kindRoom) settle() {
	life, err := firstkey.Lifetime(r.expires.Value(), r.o.Now())
	if err != nil {
		r.complain = true
		return
	}
	r.params.Lifetime, r.params.Algorithm = life.Lifetime, store.AlgorithmEd25519
	if r.rsa {
		r.params.Algorithm = store.AlgorithmRSA4096
	}
	r.next = true
}

func (r *kindRoom) back() bool   { return false }
func (r *kindRoom) typing() bool { return r.at == 1 }

func (r *kindRoom) value() (string, bool) {
	return r.params.Algorithm, r.params.Algorithm != "" || r.made
}

func (r *kindRoom) view(w, _ int) []string {
	out := r.heading("What kind of key, and for how long?", w)
	signs := [2]string{r.theme.Signs.Radio, r.theme.Signs.RadioOff}
	if r.rsa {
		signs[0], signs[1] = signs[1], signs[0]
	}
	out = append(out, row(r.theme, "algorithm", 9, r.at == 0, signs[0]+" Ed25519   "+signs[1]+" RSA 4096"),
		row(r.theme, "expires", 9, r.at == 1, r.expires.View(r.theme, w-12, r.at == 1)), "")
	text := "Ed25519 is small and fast; every GnuPG since 2.1 takes it."
	if r.rsa {
		text = "RSA with 4096 bits is for policies and programs that know nothing newer. It takes some seconds to make."
	}
	out = append(out, r.prose(text, w)...)
	if r.start.RSA != "" {
		for _, l := range layout.Wrap("! RSA is wanted here: "+safetext.Line(r.start.RSA)+".", w) {
			out = append(out, r.theme.Caution.Render(l))
		}
	}
	out = append(out, "")
	life, err := firstkey.Lifetime(r.expires.Value(), r.o.Now())
	switch {
	case err == nil:
		out = append(out, layout.Wrap(life.Sentence, w)...)
	case r.complain:
		out = append(out, r.failure(err, w)...)
	default:
		out = append(out, r.prose("2y, 18m, 90d, a date such as 2028-01-31, or never.", w)...)
	}
	return out
}

func (r *kindRoom) status() string {
	if r.at == 0 {
		return "Left and right change it."
	}
	return "2y, 18m, 90d, a date such as 2028-01-31, or never. Two years is a good span."
}

func (r *kindRoom) hints() []keymap.Hint {
	return []keymap.Hint{keymap.On(r.keys.Choose, "next"), keymap.On(r.keys.Next, ""), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, "")}
}
