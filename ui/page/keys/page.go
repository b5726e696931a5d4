// Package keys is the page of all keys: those of bulla's store and of GnuPG's keyrings in one
// table, their health, and everything that can be done with them.
package keys

import (
	"context"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/ui/component/errand"
	"bulla/ui/component/frame"
	"bulla/ui/component/gather"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/keydesk"
)

// Options are what the page works with.
type Options struct {
	Context context.Context
	// Open opens the places where keys are. It runs outside the event loop, after the first frame,
	// and again when the person asks for it.
	Open    func(context.Context) (Backend, error)
	Theme   theme.Theme
	Now     func() time.Time
	Dialogs *dialog.Stack
	// Copy puts a text into the clipboard of the terminal; nil where that is not possible.
	Copy func(string) error
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string
	// NewKey opens the page that makes a key pair, in place of the form of this page; nil for the
	// form. What it made is seen when the keys are read again.
	NewKey func() tea.Cmd
	// Env reads the environment of the terminal that is lent to gpg-agent's own prompt; nil where there
	// is none.
	Env func(string) string
	// Back says where esc leads to once all keys are shown, in words that follow "back to"; "" for
	// nowhere: the page is all there is.
	Back string
}

// opened are the places where keys are, with a first look at those of bulla's store.
type opened struct {
	backend Backend
	list    []keydesk.State
}

// item is something that the survey brings: news of a key, or at its end what could not be read.
type item struct {
	news     keydesk.News
	problems []error
}

type copied struct {
	text string
	err  error
}

// Model is the page.
type Model struct {
	*gather.Page[opened, item]
	o    Options
	keys keymap.Map

	backend  Backend
	table    table
	problems []error

	errands *errand.Runner[ending]
	// succeeds is the key that a key follows which is being made; "" for none.
	succeeds keys.Fingerprint
	code     bool // the QR code is shown in place of the table
	left     bool
}

// New makes the page. Init begins to read the keys.
func New(o Options) *Model {
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Path == nil {
		o.Path = func(s string) string { return s }
	}
	m := &Model{o: o, keys: keymap.Default(), table: table{theme: o.Theme, now: o.Now}}
	m.Page = gather.New(gather.Options[opened, item]{
		Context: o.Context, Theme: o.Theme, Now: o.Now,
		Open: m.look, Look: survey, Opened: m.opened, Found: m.found,
		Rows: func() int { return len(m.table.rows) }, Shown: func() int { return len(m.table.order) }, Place: func() int { return m.table.place },
		Move: func(by int) { m.table.move(by) }, Filter: func(text string) { m.table.show(text, m.table.wanting) },
		ShowAll: func() { m.table.show("", false) }, Help: m.help,
		Example: "text, is:expired, in:gnupg", Reading: "reading the keys",
	})
	m.errands = errand.New(errand.Host[ending]{
		Context: o.Context, Dialogs: o.Dialogs, Env: o.Env, Go: m.Writes.Go, Show: m.Begin, Ended: m.ended,
		Right: func(e ending) bool { return e.err == nil && !e.unproved },
	})
	return m
}

// look opens the places, and looks quickly at bulla's store: that is what the person waits for.
func (m *Model) look(ctx context.Context) (opened, error) {
	b, err := m.o.Open(ctx)
	if err != nil {
		return opened{}, err
	}
	list, err := b.Glimpse(ctx)
	return opened{b, list}, err
}

func survey(ctx context.Context, o opened, put func(item)) error {
	put(item{problems: o.backend.Survey(ctx, func(n keydesk.News) { put(item{news: n}) })})
	return nil
}

// opened takes the first look; what is known from an earlier reading stays until there is news.
func (m *Model) opened(o opened, err error) {
	if err != nil {
		return
	}
	m.backend, m.problems = o.backend, nil
	if v := o.backend.PassphraseVault(); v != nil {
		m.errands.KeepIn(v)
	}
	m.table.glimpse(o.list, m.Run())
}

// found takes what the survey brought.
func (m *Model) found(items []item, ended bool) {
	for _, i := range items {
		m.problems = append(m.problems, i.problems...)
		if i.news.Change != nil {
			m.table.news(i.news, m.Run())
		}
	}
	if ended {
		m.table.settle(m.Run())
	}
	m.table.arrange()
}

// Update handles the results of commands.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	if msg, ok := msg.(copied); ok {
		m.Note = "Sent to the terminal's clipboard: " + msg.text
		if msg.err != nil {
			m.Note = "Not copied: " + explain.Error(msg.err).Headline
		}
	}
	return tea.Batch(m.errands.Update(msg), m.Page.Update(msg))
}

// Shutdown stops what is at work and waits for it: what is being written is written to its end.
func (m *Model) Shutdown() {
	m.errands.Stop()
	m.Page.Shutdown()
}

// Left reports once that the person went back to where they came from.
func (m *Model) Left() bool {
	left := m.left
	m.left = false
	return left
}

// Made reads the keys again after a key was made elsewhere; f, which may be "", has the cursor then.
func (m *Model) Made(f keys.Fingerprint) tea.Cmd {
	switch old := m.succeeds; {
	case f != "" && old != "":
		m.askSuccession(old, f)
	case old != "":
		m.Note = "No new key was made: none follows yet."
	}
	m.succeeds = ""
	if f != "" {
		m.ShowAll()
		m.table.stand(f)
	}
	return m.Reload()
}

// Interrupt handles Ctrl+C. What is being done is stopped, and waited for by Shutdown: a key is
// changed as a whole or not at all.
func (m *Model) Interrupt(tea.KeyMsg) tea.Cmd {
	m.errands.Stop()
	return tea.Quit
}

// Key handles a key that no dialog took.
func (m *Model) Key(msg tea.KeyMsg) tea.Cmd {
	if !m.Typing() && !msg.Paste {
		if done, cmd := m.leaving(msg); done {
			return cmd
		}
	}
	if cmd, done := m.Page.Key(msg); done {
		m.code = m.code && !m.Typing()
		return cmd
	}
	return m.act(msg)
}

// leaving handles the keys that lead out of something. While an errand is under way no other key
// has an effect: what is typed too early may be a passphrase, and must become no action and no
// filter.
func (m *Model) leaving(msg tea.KeyMsg) (done bool, cmd tea.Cmd) {
	back := key.Matches(msg, m.keys.Back)
	switch {
	case m.errands.Doing() != "" && back:
		m.errands.Stop()
	case m.errands.Doing() != "" && key.Matches(msg, m.keys.Up, m.keys.Down, m.keys.PageUp, m.keys.PageDown):
		return false, nil
	case m.errands.Doing() != "":
		m.Note = "Something is under way: " + m.errands.Doing() + ". Esc stops it."
	case back && m.code:
		m.Note, m.code = "", false
	case m.leads() && (back || key.Matches(msg, m.keys.Quit)):
		m.left = true
	default:
		return false, nil
	}
	return true, nil
}

// leads reports whether esc leads away from the page.
func (m *Model) leads() bool { return m.o.Back != "" && m.table.text == "" && !m.table.wanting }

// act does what a key asks for.
func (m *Model) act(msg tea.KeyMsg) tea.Cmd {
	if cmd, ok := m.shortcut(msg); ok {
		return cmd
	}
	if key.Matches(msg, m.keys.Actions) {
		m.menu()
		return nil
	}
	if len(m.table.rows) == 0 {
		return nil
	}
	switch {
	case key.Matches(msg, m.keys.Mend):
		return m.mend()
	case key.Matches(msg, m.keys.Wanting):
		m.table.show(m.table.text, !m.table.wanting)
	case key.Matches(msg, m.keys.Sort):
		m.table.turn()
		m.Note = "Sorted by " + m.table.sort.String() + "."
	case key.Matches(msg, m.keys.Choose):
		m.tell()
	case key.Matches(msg, m.keys.Code):
		m.code = !m.code
	case key.Matches(msg, m.keys.Copy):
		return m.copy()
	}
	return nil
}

// tell opens everything about the chosen key.
func (m *Model) tell() {
	r := m.table.at()
	if r == nil {
		return
	}
	now := m.o.Now()
	m.o.Dialogs.Push(dialog.NewMessage("Key", func(t theme.Theme, w int) []string { return story(t, r, w, now) }))
}

// copyFault says why there is no fingerprint to copy, or "".
func (m *Model) copyFault() string {
	switch {
	case m.o.Copy == nil:
		return "this terminal has no clipboard"
	case m.table.at() == nil:
		return "no key is chosen"
	}
	return ""
}

func (m *Model) copy() tea.Cmd {
	if fault := m.copyFault(); fault != "" {
		m.Note = "Not copied: " + fault + "."
		return nil
	}
	text, put := string(m.table.at().Fingerprint), m.o.Copy
	return func() tea.Msg { return copied{text, put(text)} }
}

// Screen is the page for a frame of w by h.
func (m *Model) Screen(w, h int) frame.Screen {
	s := frame.Screen{Title: "keys", Hints: m.hints()}
	m.Draw(&s, w, h, m.list, m.teach, m.status)
	return s
}

// list draws the table, with everything about the chosen key beside it where there is room, or the
// key's code in place of both.
func (m *Model) list(w, h int) []string {
	r := m.table.at()
	if m.code && r != nil {
		return codeView(m.o.Theme, r, w, h)
	}
	if w < frame.WideWidth {
		return m.table.view(w, h)
	}
	return gather.Beside(m.o.Theme, w, h, 40, m.table.view, func(w int) []string {
		if r == nil {
			return nil
		}
		return story(m.o.Theme, r, w, m.o.Now())
	})
}

// teach is what is shown where there is no key.
func (m *Model) teach(w int) []string {
	if !m.Done() {
		return []string{m.Working("reading the keys of GnuPG" + m.o.Theme.Signs.Ellipsis)}
	}
	out := gather.Teach(m.o.Theme, w, "No keys yet.",
		"A key pair is what you sign releases with: the secret key stays here, the public key goes to everybody who wants to check them.",
		"n makes a key pair. i imports one that you have: a file, a backup on paper that was typed in, or what gpg --export-secret-keys wrote. f fetches the public key of somebody else.",
		"Keys of GnuPG and of smartcards are found by themselves.",
	)
	for _, e := range m.problems {
		for _, l := range layout.Wrap(safetext.Line(explain.Error(e).Headline), w) {
			out = append(out, m.o.Theme.Caution.Render(l))
		}
	}
	return out
}

func (m *Model) status() string {
	t := m.o.Theme
	if m.code {
		return "The fingerprint of the key, for a phone to read. v or esc goes back to the list."
	}
	line := human.Count(len(m.table.rows), "key")
	if n := len(m.table.order); n != len(m.table.rows) {
		line = strconv.Itoa(n) + " of " + line + " shown"
	}
	if !m.Done() {
		read := 0
		for _, r := range m.table.rows {
			if r.Read {
				read++
			}
		}
		line = m.Working("read " + strconv.Itoa(read) + " of " + human.Count(len(m.table.rows), "key"))
		if read == len(m.table.rows) {
			line = m.Working("GnuPG, and where keys are published" + t.Signs.Ellipsis)
		}
	}
	line += " " + t.Signs.Dot + " " + m.table.counts()
	if n := len(m.problems); n > 0 {
		line += " " + t.Signs.Dot + " " + t.Caution.Render(human.Count(n, "problem")+", see ?")
	}
	return line
}

func (m *Model) hints() []keymap.Hint {
	k := m.keys
	if m.Typing() {
		return m.Hints()
	}
	var hints []keymap.Hint
	back := "show all again"
	if m.leads() {
		back = "back to " + m.o.Back
		hints = append(hints, keymap.On(k.Back, back)) // the way out is said before all else
	}
	if len(m.table.rows) == 0 {
		hints = append(hints, keymap.Unless(m.fault(keydeed.Generate, nil), k.New, ""), keymap.Unless(m.fault(keydeed.Import, nil), k.Import, ""), keymap.Unless(m.fault(keydeed.Fetch, nil), k.Fetch, "fetch a key"))
		return append(hints, m.Hints()...)
	}
	wanting := "only what needs care"
	if m.table.wanting {
		wanting = "all again"
	}
	care := []keymap.Hint{keymap.Unless(keydeed.MendFault(stateOf(m.table.at())), k.Mend, ""), keymap.On(k.Filter, ""), keymap.On(k.Help, "")}
	if m.leads() {
		care[0], care[2] = care[2], care[0] // the way out took a place from the help
	}
	hints = append(append(hints, keymap.On(k.Choose, "all about it"), keymap.On(k.Actions, "actions")), care...)
	hints = append(hints,
		keymap.On(k.Code, ""), keymap.Unless(m.copyFault(), k.Copy, ""), keymap.On(k.Wanting, wanting), keymap.On(k.Sort, ""),
		keymap.On(k.Again, "read them again"),
	)
	if !m.leads() {
		hints = append(hints, keymap.On(k.Back, back))
	}
	return append(hints, keymap.On(k.Quit, ""))
}

func (m *Model) help() {
	groups := []dialog.Group{
		{Name: "Keys", Hints: m.hints()},
		{Name: "What to do with a key", Hints: m.shortcutHints(m.table.at())},
		{Name: "In the filter", Hints: []keymap.Hint{
			gather.Word("rhea", "in a user id, fingerprint or algorithm; all words must fit"),
			gather.Word("is:secret", "also public, expired, revoked, published, unpublished, stale, well, broken"),
			gather.Word("in:gnupg", "also in:bulla, in:card, in:both"),
		}},
		m.Moves(),
	}
	if len(m.problems) > 0 {
		var list []keymap.Hint
		for _, e := range m.problems {
			list = append(list, gather.Word(m.o.Theme.Signs.Icon(theme.Failed), safetext.Line(explain.Error(e).Headline)))
		}
		groups = append([]dialog.Group{{Name: "What could not be read", Hints: list}}, groups...)
	}
	m.o.Dialogs.Push(dialog.NewHelp(groups))
}
