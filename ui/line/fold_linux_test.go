package line

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"

	"bulla/ui/component/layout"
)

// TestFold: on a real terminal of some width no sentence and no question is broken within a word, and what
// is to be copied is not broken at all.
func TestFold(t *testing.T) {
	const (
		sentence = "  12  The newest self-signature counts for the expiry, a hard revocation fails everything, and a soft one what came after it."
		command  = "  git config --global user.signingKey 3E9C0E147A219D4B55F01C2D3E4F5A6BC0DEEE87 and more of it"
		question = "What to do (number or a word of it; ? lists all, d tells the key again, Enter goes back):"
		path     = "  Written to /a/very/long/path/that/has/no/blanks/whatever/happens/and/goes/on/and/on/and/on.asc."
	)
	for _, w := range []uint16{40, 60, 80, 120} {
		master, tty, err := pty.Open()
		if err != nil {
			t.Skip("no pseudo-terminal: ", err)
		}
		if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: w}); err != nil {
			t.Fatal(err)
		}
		var seen bytes.Buffer
		done := make(chan struct{})
		go func() { defer close(done); _, _ = io.Copy(&seen, master) }()
		term := NewTerminal(strings.NewReader("x\n"), tty, nil)
		for _, s := range []string{sentence, command, path} {
			term.Say("%s", s)
		}
		term.SayWhole("%s", sentence)
		term.prose("  ", strings.TrimSpace(sentence))
		if _, err := term.Ask(t.Context(), question); err != nil {
			t.Fatal(err)
		}
		_ = tty.Close()
		<-done
		_ = master.Close()
		out := strings.ReplaceAll(seen.String(), "\r\n", "\n")
		whole := map[string]bool{command: true, sentence: true, strings.TrimPrefix(path, "  Written to "): true}
		for l := range strings.Lines(out) {
			l = strings.TrimSuffix(l, "\n")
			if layout.Width(l) >= int(w) && !whole[l] && !whole[strings.TrimSpace(l)] {
				t.Errorf("%d columns: too long: %q", w, l)
			}
		}
		if !strings.Contains(out, command+"\n") || !strings.Contains(out, sentence+"\n") {
			t.Errorf("%d columns: broken, and to be copied:\n%s", w, out)
		}
		if words := strings.Fields(out); !strings.Contains(strings.Join(words, " "), strings.Join(strings.Fields(sentence+" "+command), " ")) {
			t.Errorf("%d columns: words were lost or broken:\n%s", w, out)
		}
		if !strings.HasSuffix(out, " ") {
			t.Errorf("the question does not end with a blank: %q", out)
		}
	}
	var plain bytes.Buffer
	if NewTerminal(strings.NewReader(""), &plain, nil).Say("%s", sentence); plain.String() != sentence+"\n" {
		t.Errorf("broken where there is no terminal: %q", plain.String())
	}
}
