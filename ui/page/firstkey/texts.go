package firstkey

import (
	"context"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/scroll"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/workflow/firstkey"
)

// textsRoom shows what a project tells its users about the key.
type textsRoom struct {
	*state
	texts  *firstkey.Texts
	scroll scroll.Model
	err    error
}

func (r *textsRoom) enter() tea.Cmd {
	backend, f := r.o.Backend, r.fingerprint()
	return r.begin("writing the texts…", func(ctx context.Context, _ *desk) (any, error) {
		return backend.Texts(ctx, f)
	}, func(result any, err error) tea.Cmd {
		if r.err = err; err == nil {
			t := result.(firstkey.Texts)
			r.texts, r.scroll = &t, scroll.Model{}
		}
		return nil
	})
}

func (r *textsRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		r.next = true
	case r.texts == nil:
	case key.Matches(msg, r.keys.Copy):
		r.copy(r.texts.Security, "The text")
	case key.Matches(msg, r.keys.Entry):
		r.copy(r.texts.Keys, "The entry for KEYS")
	case key.Matches(msg, r.keys.Print) && r.o.Prints:
		r.print, r.note = r.texts.Security, "It is printed when you leave."
	default:
		r.scroll.Update(msg, r.keys)
	}
	return nil
}

func (r *textsRoom) back() bool   { return false }
func (r *textsRoom) typing() bool { return false }

func (r *textsRoom) value() (string, bool) { return "", r.texts != nil }

func (r *textsRoom) view(w, h int) []string {
	out := r.heading("For SECURITY.md or the README of your project", w)
	switch {
	case r.work != nil:
		return append(out, r.waiting(w)...)
	case r.err != nil:
		return append(out, r.failure(r.err, w)...)
	case r.texts == nil:
		return out
	}
	var lines []string
	for l := range strings.SplitSeq(strings.TrimRight(r.texts.Security, "\n"), "\n") {
		l = safetext.Line(l)
		lines = append(lines, hang(l, len(l)-len(strings.TrimLeft(l, " ")), w)...)
	}
	return append(out, r.scroll.View(r.theme, lines, h-len(out))...)
}

func (r *textsRoom) status() string {
	return "e copies the entry for a KEYS file, which is longer."
}

func (r *textsRoom) hints() []keymap.Hint {
	h := []keymap.Hint{keymap.On(r.keys.Choose, "end"), keymap.On(r.keys.Copy, "copy"), keymap.On(r.keys.Print, ""), keymap.On(r.keys.Entry, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Down, "more")}
	if !r.o.Prints {
		h = slices.Delete(h, 2, 3)
	}
	return h
}
