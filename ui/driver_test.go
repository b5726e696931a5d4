package ui

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"

	"bulla/ui/component/layout"
)

// driver plays Bubble Tea without a terminal: it runs commands in the background, feeds their
// messages back, and checks after each message what must hold of every frame.
type driver struct {
	t       *testing.T
	r       *root
	msgs    chan tea.Msg
	ended   chan struct{}
	quit    bool
	counted map[string]int // messages, by type
	secret  string         // must never be on the screen
}

// patience is how long a test waits for something that must come.
const patience = 30 * time.Second

func testOptions(f *fake) Options {
	return Options{
		Display: noDisplay(), Open: f.open, Vault: &fakeVault{},
		Images: func(context.Context, string) (Images, error) { return newFakeImages(), nil },
	}
}

// noDisplay is where nobody looks and nobody types, in a locale of UTF-8, at noon.
func noDisplay() Display {
	return Display{
		In: strings.NewReader(""), Out: io.Discard, Now: func() time.Time { return noon },
		Env: func(name string) string { return map[string]string{"LANG": "C.UTF-8"}[name] },
	}
}

func drive(t *testing.T, o Options) *driver {
	t.Helper()
	return driveRoot(t, newRoot(context.Background(), o))
}

// driveColoured is drive with 256 colours.
func driveColoured(t *testing.T, o Options) *driver {
	t.Helper()
	r := newRoot(context.Background(), o)
	profile := termenv.ANSI256
	r.theme = o.theme(&profile)
	r.build()
	return driveRoot(t, r)
}

func driveRoot(t *testing.T, r *root) *driver {
	t.Helper()
	d := &driver{t: t, r: r, msgs: make(chan tea.Msg), ended: make(chan struct{}), counted: map[string]int{}, secret: passphrase}
	if r.o.Practice != nil {
		d.secret = "" // it is shown on purpose
	}
	t.Cleanup(func() { close(d.ended); r.shutdown() })
	if v := r.View(); v != "" {
		t.Errorf("drawn before the size was known: %q", v)
	}
	d.run(r.Init())
	d.apply(tea.WindowSizeMsg{Width: 80, Height: 24})
	return d
}

func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		select {
		case d.msgs <- msg:
		case <-d.ended:
		}
	}()
}

func (d *driver) apply(msg tea.Msg) {
	d.t.Helper()
	switch msg := msg.(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.run(c)
		}
	case tea.QuitMsg:
		d.quit = true
	default:
		d.counted[fmt.Sprintf("%T", msg)]++
		_, cmd := d.r.Update(msg)
		d.run(cmd)
		d.check()
	}
}

// until feeds messages until ok.
func (d *driver) until(what string, ok func() bool) *driver {
	d.t.Helper()
	limit := time.After(patience)
	for !ok() {
		select {
		case msg := <-d.msgs:
			d.apply(msg)
		case <-limit:
			d.t.Fatalf("never came: %s\n%s", what, d.r.View())
		}
	}
	return d
}

// see waits for a text on the screen.
func (d *driver) see(text string) *driver {
	d.t.Helper()
	return d.until(text, func() bool { return strings.Contains(sgr.ReplaceAllString(d.r.View(), ""), text) })
}

// hidden fails if a text is on the screen.
func (d *driver) hidden(text string) *driver {
	d.t.Helper()
	if strings.Contains(d.r.View(), text) {
		d.t.Errorf("on the screen: %q\n%s", text, d.r.View())
	}
	return d
}

var named = map[string]tea.KeyType{
	"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "up": tea.KeyUp, "down": tea.KeyDown,
	"left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace, "ctrl+c": tea.KeyCtrlC, "ctrl+u": tea.KeyCtrlU,
	"ctrl+p": tea.KeyCtrlP, "ctrl+g": tea.KeyCtrlG, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp, "home": tea.KeyHome, "end": tea.KeyEnd,
}

// press types keys, one message each: a name, or text of which every character is a key.
func (d *driver) press(keys ...string) *driver {
	d.t.Helper()
	for _, k := range keys {
		if typ, ok := named[k]; ok {
			d.apply(tea.KeyMsg{Type: typ})
			continue
		}
		for _, c := range k {
			typ := tea.KeyRunes
			if c == ' ' {
				typ = tea.KeySpace
			}
			d.apply(tea.KeyMsg{Type: typ, Runes: []rune{c}})
		}
	}
	return d
}

func (d *driver) paste(text string) *driver {
	d.t.Helper()
	d.apply(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text), Paste: true})
	return d
}

func (d *driver) size(w, h int) *driver {
	d.t.Helper()
	d.apply(tea.WindowSizeMsg{Width: w, Height: h})
	return d
}

var sgr = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// check is what must hold of every frame: it fits, it holds nothing but text and colours, and no
// secret.
func (d *driver) check() {
	d.t.Helper()
	view := d.r.View()
	lines := strings.Split(view, "\n")
	if len(lines) > d.r.h {
		d.t.Fatalf("%d rows on a terminal of %d:\n%s", len(lines), d.r.h, view)
	}
	for i, l := range lines {
		if n := layout.Width(l); n > d.r.w {
			d.t.Fatalf("row %d has %d columns on a terminal of %d:\n%s", i, n, d.r.w, view)
		}
	}
	text := sgr.ReplaceAllString(view, "")
	for _, c := range text {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c >= 0x200b && c <= 0x200f || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
			d.t.Fatalf("%U reached the screen:\n%q", c, view)
		}
		if d.r.theme.ASCII && c > '~' {
			d.t.Fatalf("%U on an ASCII screen:\n%s", c, view)
		}
	}
	if d.secret == "" {
		return
	}
	for i := 0; i+5 <= len(d.secret); i++ {
		if strings.Contains(text, d.secret[i:i+5]) {
			d.t.Fatalf("a part of the passphrase is on the screen:\n%s", view)
		}
	}
}

// The ways to the rooms. Each begins where the one before it ends.
func (d *driver) toKey() *driver {
	return d.see("Nothing stands in the way").press("enter").see("Which key")
}
func (d *driver) toTag() *driver {
	return d.toKey().see("Rhea Release").press("enter").see("last release is")
}
func (d *driver) toText() *driver  { return d.toTag().press("enter").see("What does tag") }
func (d *driver) toFiles() *driver { return d.toText().press("enter").see("each with its .asc") }
func (d *driver) toImage() *driver {
	return d.toFiles().press("enter").images()
}
func (d *driver) toLook() *driver { return d.toImage().press("enter").see("Type 1.4.0") }
func (d *driver) toAsk() *driver  { return d.toLook().press("1.4.0", "enter").see("> passphrase") }
func (d *driver) toEnd() *driver  { return d.toAsk().press(passphrase, "enter").see("Released v1.4.0") }

// images waits until the registry has answered and the image keys are known.
func (d *driver) images() *driver { return d.see("2 platforms").see("takes cosign").see("release.key") }
