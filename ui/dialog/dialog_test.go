package dialog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/theme"
)

var (
	enter = tea.KeyMsg{Type: tea.KeyEnter}
	ascii = theme.New(theme.Options{ASCII: true})
)

func runes(s string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)} }

// TestNothingTyped: Enter on an empty field costs no try. Only an image key can be without a
// passphrase, and then Enter is pressed twice in a row.
func TestNothingTyped(t *testing.T) {
	for _, c := range []struct {
		name    string
		purpose keys.PassphrasePurpose
		fresh   bool
		keys    []tea.KeyMsg
		answers bool
		want    string
		says    string
	}{
		{"a signing key", keys.PurposeOpenPGP, false, []tea.KeyMsg{enter, enter, enter}, false, "", "Type the passphrase first."},
		{"the vault", keys.PurposeVault, false, []tea.KeyMsg{enter, enter}, false, "", "Type the passphrase first."},
		{"an image key, once", keys.PurposeImage, false, []tea.KeyMsg{enter}, false, "", "Enter again"},
		{"an image key, twice", keys.PurposeImage, false, []tea.KeyMsg{enter, enter}, true, "", ""},
		{"an image key, typed after all", keys.PurposeImage, false, []tea.KeyMsg{enter, runes("x"), enter}, true, "x", ""},
		{"an image key, erased again", keys.PurposeImage, false, []tea.KeyMsg{enter, runes("x"), {Type: tea.KeyBackspace}, enter}, false, "", "Enter again"},
		{"a new image key", keys.PurposeImage, true, []tea.KeyMsg{enter, enter, enter, enter}, false, "", "needs a passphrase"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answered, got := false, ""
			d := NewPassphrase(PassphraseOptions{Request: keys.PassphraseRequest{Purpose: c.purpose, New: c.fresh}, Answer: func(s keys.Secret, _ vault.Backend, ok bool) tea.Cmd {
				answered = ok
				_ = s.Use(func(b []byte) error { got = string(b); return nil })
				return nil
			}})
			for _, k := range c.keys {
				d.Key(k)
			}
			view := strings.Join(d.View(ascii, 72, 20), "\n")
			if answered != c.answers || got != c.want || (c.says != "" && !strings.Contains(view, c.says)) {
				t.Errorf("answered %v with %q; it shows\n%s", answered, got, view)
			}
		})
	}
}

// TestWeakPassphrase: a new passphrase that is easy to guess is called so before it is taken; one that
// opens a key that exists is not judged.
func TestWeakPassphrase(t *testing.T) {
	for _, c := range []struct {
		fresh bool
		typed string
		weak  bool
	}{{true, "release1", true}, {true, "correct-Horse 83 trellis vowel", false}, {false, "release1", false}} {
		d := NewPassphrase(PassphraseOptions{Request: keys.PassphraseRequest{Purpose: keys.PurposeImage, New: c.fresh}, Note: "a note"})
		d.Key(runes(c.typed))
		if view := strings.Join(d.View(ascii, 72, 20), "\n"); strings.Contains(view, "weak") {
			t.Errorf("%+v: judged while it is typed\n%s", c, view)
		}
		d.Key(tea.KeyMsg{Type: tea.KeyTab})
		view := strings.Join(d.View(ascii, 72, 20), "\n")
		if strings.Contains(view, "This passphrase is weak") != c.weak || strings.Contains(view, "bulla image key password") != c.weak {
			t.Errorf("%+v: it shows\n%s", c, view)
		}
		if strings.Contains(view, c.typed) {
			t.Error("it shows what was typed")
		}
	}
}

// TestLongMessage: a text that does not fit scrolls by the keys that people try.
func TestLongMessage(t *testing.T) {
	m := NewMessage("Long", func(theme.Theme, int) (out []string) {
		for i := range 30 {
			out = append(out, fmt.Sprintf("line %02d", i))
		}
		return out
	})
	for _, c := range []struct {
		key   tea.KeyMsg
		first string
	}{
		{tea.KeyMsg{}, "line 00"},
		{tea.KeyMsg{Type: tea.KeySpace, Runes: []rune(" ")}, "line 09"},
		{tea.KeyMsg{Type: tea.KeyPgDown}, "line 17"},
		{tea.KeyMsg{Type: tea.KeyPgUp}, "line 09"},
		{tea.KeyMsg{Type: tea.KeyEnd}, "line 21"},
		{runes("g"), "line 00"},
		{runes("G"), "line 21"},
		{tea.KeyMsg{Type: tea.KeyHome}, "line 00"},
		{runes("j"), "line 02"},
	} {
		if done, _ := m.Key(c.key); done {
			t.Fatalf("%v closed it", c.key)
		}
		view := m.View(ascii, 40, 10)
		if at := strings.Join(view, "|"); !strings.HasPrefix(strings.TrimPrefix(at, "^ more above|"), c.first) {
			t.Errorf("%v: %s, want %s first", c.key, at, c.first)
		}
	}
	if done, _ := m.Key(tea.KeyMsg{Type: tea.KeyEsc}); !done {
		t.Error("esc does not close it")
	}
}

// TestSpacePagesConsents: space leads to the end of what is agreed to, a page at a time, and agrees to
// nothing; where a word is typed then, it is text.
func TestSpacePagesConsents(t *testing.T) {
	for _, typed := range []bool{false, true} {
		agreed := 0
		c := NewConsent("Long", func(theme.Theme, int) (out []string) {
			for i := range 40 {
				out = append(out, fmt.Sprintf("line %d", i))
			}
			return out
		}, "do it", func() tea.Cmd { agreed++; return nil })
		if typed {
			c.Typed("AB", "the word")
		}
		space := tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}}
		view := func() string { return strings.Join(c.View(ascii, 40, 12), "\n") }
		if view(); strings.Contains(view(), "line 39") {
			t.Fatal("it is not long")
		}
		for range 8 {
			if done, _ := c.Key(space); done {
				t.Fatal("space answered")
			}
			view()
		}
		if !strings.Contains(view(), "line 39") || agreed != 0 {
			t.Errorf("agreed %d times:\n%s", agreed, view())
		}
		if typed {
			for _, k := range []tea.KeyMsg{runes("a"), space, runes("b"), enter} {
				c.Key(k)
			}
		} else {
			c.Key(runes("y"))
		}
		if agreed != 1 {
			t.Errorf("typed %v: agreed %d times", typed, agreed)
		}
	}
}

// What may be the beginning of a passphrase, typed too early, closes no message.
func TestMessageStays(t *testing.T) {
	m := NewError(errors.New("x"))
	for _, r := range "q?ny passphrase" {
		if done, _ := m.Key(runes(string(r))); done {
			t.Errorf("%q closed it", r)
		}
	}
	for _, k := range []tea.KeyType{tea.KeyEsc, tea.KeyEnter} {
		if done, _ := m.Key(tea.KeyMsg{Type: k}); !done {
			t.Errorf("%v does not close it", k)
		}
	}
	if done, _ := NewHelp(nil).Key(runes("?")); !done {
		t.Error("the help's own key does not close it")
	}
}

// Consent is possible once the end was seen; space leads there, and Enter is no answer.
func TestConsentToAll(t *testing.T) {
	agreed := false
	c := NewConsent("Long", func(theme.Theme, int) []string { return strings.Split(strings.Repeat("x ", 30), " ") }, "do it", func() tea.Cmd {
		agreed = true
		return nil
	})
	space := tea.KeyMsg{Type: tea.KeySpace, Runes: []rune(" ")}
	c.View(ascii, 40, 12)
	if h := c.Hints(); h[0].Off == "" || len(h) != 4 {
		t.Errorf("hints before the end: %+v", h)
	}
	if done, _ := c.Key(runes("y")); done || agreed {
		t.Fatal("it was agreed to unread")
	}
	for range 5 {
		c.Key(space)
		c.View(ascii, 40, 12)
	}
	if h := c.Hints(); h[0].Off != "" || len(h) != 2 {
		t.Errorf("hints at the end: %+v", h)
	}
	if done, _ := c.Key(tea.KeyMsg{Type: tea.KeyEnter}); done || agreed || !strings.Contains(strings.Join(c.View(ascii, 60, 12), "|"), "Press y to do it, or esc to leave it.") {
		t.Error("Enter is taken for an answer")
	}
	if done, _ := c.Key(runes("y")); !done || !agreed {
		t.Error("y does not agree")
	}
}

// A field is judged when it is left, in whatever way, and what stands in it stays.
func TestFormJudges(t *testing.T) {
	field := Text("address", "", "", "help").Judged(func(text string) string {
		if text == "bad" {
			return "That is no address."
		}
		return ""
	})
	submitted := false
	f := NewForm("Form", "", []*Field{field, Tick("box", false, "the box")}, "go", func() (string, *Field, tea.Cmd) { submitted = true; return "", nil, nil })
	shown := func() string { return strings.Join(f.View(theme.New(theme.Options{}), 60, 20), "\n") }
	typed := func(s string) {
		for _, r := range s {
			f.Key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
		}
	}
	typed("bad")
	for _, key := range []tea.KeyType{tea.KeyEnter, tea.KeyTab, tea.KeyShiftTab, tea.KeyDown, tea.KeyUp} {
		if done, _ := f.Key(tea.KeyMsg{Type: key}); done || !strings.Contains(shown(), "That is no address.") || field.Value() != "bad" {
			t.Errorf("%v: left with %q\n%s", key, field.Value(), shown())
		}
	}
	typed("!")
	if strings.Contains(shown(), "That is no address.") {
		t.Error("the fault is still told while it is mended")
	}
	f.Key(tea.KeyMsg{Type: tea.KeyTab})
	if !strings.Contains(shown(), "the box") {
		t.Errorf("it does not go on:\n%s", shown())
	}
	if done, _ := f.Key(tea.KeyMsg{Type: tea.KeyEnter}); !done || !submitted {
		t.Error("it was not submitted")
	}
}

// A field that does not apply is not there, and not gone through; what was chosen in it stays for when it does.
func TestFieldThatDoesNotApply(t *testing.T) {
	which := Choice("with", 0, "", "one", "other")
	only := Tick("only with one", false, "").When(func() bool { return which.At() == 0 })
	submitted := false
	f := NewForm("Form", "", []*Field{which, only}, "go", func() (string, *Field, tea.Cmd) { submitted = true; return "", nil, nil })
	shown := func() string { return strings.Join(f.View(theme.New(theme.Options{}), 60, 20), "\n") }
	press := func(keys ...tea.KeyType) (done bool) {
		for _, k := range keys {
			done, _ = f.Key(tea.KeyMsg{Type: k})
		}
		return done
	}
	press(tea.KeyTab, tea.KeySpace, tea.KeyTab)
	if !only.On() || !strings.Contains(shown(), "only with one") {
		t.Errorf("it applies:\n%s", shown())
	}
	press(tea.KeyRight)
	if strings.Contains(shown(), "only with one") {
		t.Errorf("it does not apply:\n%s", shown())
	}
	press(tea.KeyTab, tea.KeyRight)
	if !strings.Contains(shown(), "only with one") || !only.On() {
		t.Errorf("it applies again:\n%s", shown())
	}
	if press(tea.KeyRight); !press(tea.KeyEnter) || !submitted {
		t.Error("enter does not submit where nothing else is to be asked")
	}
}
