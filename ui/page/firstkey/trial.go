package firstkey

import (
	"context"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

// trialRoom signs a tag in a scratch repository and lets others verify it.
type trialRoom struct {
	*state
	trial *firstkey.Trial
	err   error
}

func (r *trialRoom) enter() tea.Cmd { return nil }

func (r *trialRoom) key(msg tea.KeyMsg) tea.Cmd {
	again := key.Matches(msg, r.keys.Again)
	if msg.Paste || !again && !key.Matches(msg, r.keys.Choose) {
		return nil
	}
	if !again && (r.trial != nil || r.err != nil) {
		r.next = true
		return nil
	}
	r.err, r.trial = nil, nil
	backend, f := r.o.Backend, r.fingerprint()
	return r.begin("signing and checking a tag in a scratch repository…", func(ctx context.Context, d *desk) (any, error) {
		return backend.Trial(ctx, f, d.ask)
	}, func(result any, err error) tea.Cmd {
		if r.err = err; err == nil {
			t := result.(firstkey.Trial)
			r.trial = &t
		}
		return nil
	})
}

func (r *trialRoom) back() bool   { return false }
func (r *trialRoom) typing() bool { return false }

func (r *trialRoom) value() (string, bool) { return "good", r.trial != nil && r.trial.Passed() }

func (r *trialRoom) view(w, _ int) []string {
	out := r.heading("A test", w)
	switch {
	case r.work != nil:
		return append(out, r.waiting(w)...)
	case r.err != nil:
		return append(out, r.failure(r.err, w)...)
	case r.trial == nil:
		return append(out, layout.Wrap("A scratch repository is made, a tag in it signed with the key, and checked with the public key alone: by bulla, and by git and gpg in an empty home, where they are here. Then it is removed. None of your repositories and keyrings is touched.", w)...)
	}
	for _, l := range r.trial.Lines() {
		out = append(out, hang(safetext.Line(l), 10, w)...)
	}
	out = append(out, "")
	if r.trial.Passed() {
		if !r.trial.Git {
			return append(out, r.done("bulla finds the signature good. git and gpg were not asked.", w)...)
		}
		return append(out, r.done("What you sign is good for those who have your public key.", w)...)
	}
	for _, l := range hang(r.theme.Signs.Icon(theme.Failed)+" The signature is not good for everybody. Do not publish the key before you know why.", r.theme.IconWidth()+1, w) {
		out = append(out, r.theme.Bad.Render(l))
	}
	return out
}

func (r *trialRoom) status() string { return "" }

func (r *trialRoom) hints() []keymap.Hint {
	if r.trial == nil && r.err == nil {
		return []keymap.Hint{keymap.On(r.keys.Choose, "test it"), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Quit, "leave")}
	}
	return []keymap.Hint{keymap.On(r.keys.Choose, "go on"), keymap.On(r.keys.Again, "test again"), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, "")}
}
