package firstkey

import (
	"context"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/passphrase"
	"bulla/ui/component/layout"
	"bulla/ui/component/secretfield"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

// secretRoom asks for the passphrase and makes the key.
type secretRoom struct {
	*state
	fields   [2]*secretfield.Model
	at       int
	strength passphrase.Strength // of the first field
	words    int                 // bits of a passphrase that was made here, 0 for a typed one
	wrong    string
	err      error
	missing  []error
}

func newSecretRoom(s *state) *secretRoom {
	return &secretRoom{state: s, fields: [2]*secretfield.Model{secretfield.New(), secretfield.New()}}
}

func (r *secretRoom) wipe() {
	for _, f := range r.fields {
		f.Wipe()
	}
}

func (r *secretRoom) enter() tea.Cmd { return nil }

func (r *secretRoom) key(msg tea.KeyMsg) tea.Cmd {
	r.wrong, r.err = "", nil
	switch {
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		if r.at == 0 {
			r.at = 1
			return nil
		}
		return r.make()
	case key.Matches(msg, r.keys.Words):
		r.makeWords()
	case key.Matches(msg, r.keys.Next, r.keys.Previous), msg.Type == tea.KeyDown, msg.Type == tea.KeyUp:
		r.at = 1 - r.at
	default:
		r.fields[r.at].Update(msg)
		if r.at == 0 {
			r.words = 0
			r.estimate()
		}
	}
	return nil
}

func (r *secretRoom) estimate() {
	s := r.fields[0].Copy()
	r.strength = passphrase.Estimate(s, r.known()...)
	s.Destroy()
}

// known is what everybody connects with the key.
func (r *secretRoom) known() []string {
	return append([]string{r.params.Name, r.params.Email, r.start.Project}, r.params.Also...)
}

// makeWords shows a passphrase of words, to be written down; taken, it stands in the first field and
// is to be typed from paper into the second.
func (r *secretRoom) makeWords() {
	s, bits, err := r.o.Backend.Words()
	if err != nil {
		r.err = err
		return
	}
	r.o.Dialogs.Push(&wordsDialog{secret: s, bits: bits, keys: r.keys, take: func(s keys.Secret) {
		r.fields[0].Fill(s)
		r.fields[1].Wipe()
		r.words, r.at = bits, 1
		r.strength = passphrase.Strength{Bits: float64(bits), Level: passphrase.Strong}
	}})
}

// make checks what was typed and makes the key.
func (r *secretRoom) make() tea.Cmd {
	switch {
	case r.fields[0].Empty():
		r.wrong, r.at = "A passphrase is needed: without one the file alone would sign.", 0
		return nil
	case r.fields[0].Full() || r.fields[1].Full():
		r.wipe()
		r.wrong, r.at = "That is too long: 4096 bytes at most.", 0
		return nil
	}
	first, second := r.fields[0].Copy(), r.fields[1].Take()
	same := first.Equal(second)
	second.Destroy()
	if !same {
		first.Destroy()
		if r.wrong, r.at = "The two differ. Type the second again, or both.", 1; r.words > 0 {
			r.wrong = "Those are other words. Type them from your paper: small letters, one blank between two. ctrl+g makes others."
		}
		return nil
	}
	r.wipe()
	p := r.params
	p.Passphrase = first
	backend := r.o.Backend
	return r.begin("making the key…", func(ctx context.Context, _ *desk) (any, error) {
		defer first.Destroy()
		return backend.Make(ctx, p)
	}, r.ended)
}

func (r *secretRoom) ended(result any, err error) tea.Cmd {
	m, _ := result.(firstkey.Made)
	if m.Key.Fingerprint == "" {
		r.err, r.at = err, 0
		r.strength = passphrase.Strength{}
		return nil
	}
	r.made, r.missing, r.err = true, m.Missing, err
	r.progress = firstkey.Progress{Key: m.Key, Revocation: m.Revocation}
	r.next = true
	return nil
}

func (r *secretRoom) back() bool {
	r.wipe()
	r.at, r.strength = 0, passphrase.Strength{}
	return false
}

func (r *secretRoom) typing() bool { return true }

func (r *secretRoom) value() (string, bool) { return "", r.made }

func (r *secretRoom) view(w, _ int) []string {
	out := r.heading("The passphrase that protects it", w)
	for i, name := range []string{"passphrase", "once more"} {
		out = append(out, row(r.theme, name, 10, i == r.at && r.work == nil, r.fields[i].View(r.theme, w-13, i == r.at && r.work == nil)))
	}
	out = append(out, "")
	switch {
	case r.work != nil:
		return append(out, r.waiting(w)...)
	case r.err != nil:
		return append(out, r.failure(r.err, w)...)
	case r.wrong != "":
		for _, l := range layout.Wrap(r.wrong, w) {
			out = append(out, r.theme.Bad.Render(l))
		}
		out = append(out, "")
	}
	out = append(out, r.judged(w)...)
	out = append(out, r.prose("Whoever has the key's file and this signs as you. bulla keeps it nowhere unless you say so. It is asked for again when the backup is tried, so have it at hand.", w)...)
	id := layout.Cut(safetext.Line(r.params.Name+" <"+r.params.Email+">"), w-10, r.theme.Signs.Ellipsis)
	return append(out, "", r.theme.Muted.Render("for       ")+id)
}

// judged says how strong the passphrase is at most.
func (r *secretRoom) judged(w int) (out []string) {
	if r.fields[0].Empty() {
		return nil
	}
	style := map[passphrase.Level]theme.State{passphrase.Weak: theme.Failed, passphrase.Fair: theme.Waiting, passphrase.Strong: theme.Done}[r.strength.Level]
	text := r.strength.Sentence()
	if r.words > 0 {
		text = passphrase.RandomSentence(r.words)
	}
	for _, l := range layout.Wrap(text, w) {
		out = append(out, r.theme.StateStyle(style).Render(l))
	}
	if r.words == 0 {
		out = append(out, r.prose(passphrase.Basis, w)...)
	}
	return append(out, "")
}

func (r *secretRoom) status() string { return "ctrl+g makes one of six random words for you." }

func (r *secretRoom) hints() []keymap.Hint {
	enter := "next"
	if r.at == 1 {
		enter = "make the key"
	}
	return []keymap.Hint{keymap.On(r.keys.Choose, enter), keymap.On(r.keys.Words, ""), keymap.On(r.keys.Next, ""), keymap.On(r.keys.Back, "")}
}

// wordsDialog shows a passphrase, once. What the screen shows it must have as text: the terminal and
// Bubble Tea hold it for as long as the dialog is open, and may a while longer.
type wordsDialog struct {
	secret keys.Secret
	bits   int
	keys   keymap.Map
	take   func(keys.Secret)
}

// Title is the dialog's title.
func (d *wordsDialog) Title() string { return "Six random words" }

// Key takes the words, or drops them.
func (d *wordsDialog) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	switch {
	case msg.Paste:
		return false, nil
	case key.Matches(msg, d.keys.Choose):
		d.take(d.secret)
		d.secret.Destroy()
		return true, nil
	case key.Matches(msg, d.keys.Back):
		d.Dismiss()
		return true, nil
	}
	return false, nil
}

// View draws the words.
func (d *wordsDialog) View(t theme.Theme, w, _ int) []string {
	out := layout.Wrap("Write these words down on paper, in this order. They are shown only now, and kept nowhere.", w)
	out = append(out, "")
	_ = d.secret.Use(func(b []byte) error {
		for _, l := range layout.Wrap(string(b), w-4) {
			out = append(out, "    "+t.Strong.Render(l))
		}
		return nil
	})
	out = append(out, "")
	for _, l := range layout.Wrap(passphrase.RandomSentence(d.bits), w) {
		out = append(out, t.Muted.Render(l))
	}
	return out
}

// Hints are the keys of the dialog.
func (d *wordsDialog) Hints() []keymap.Hint {
	return []keymap.Hint{keymap.On(d.keys.Choose, "I wrote them down"), keymap.On(d.keys.Back, "others, or my own")}
}

// Dismiss drops the words.
func (d *wordsDialog) Dismiss() { d.secret.Destroy() }

var _ dialog.Dialog = (*wordsDialog)(nil)
