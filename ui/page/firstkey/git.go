package firstkey

import (
	"context"
	"errors"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/gitops"
	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/workflow/firstkey"
)

// gitRoom tells git about the key, after showing what would be written where, and GnuPG, which git's
// own commands sign with.
type gitRoom struct {
	*state
	plan    *firstkey.GitPlan
	applied bool // the lines of plan are written
	refused bool // the person did not want them
	copied  bool // GnuPG has the key now
	choice  choice
	err     error
}

func (r *gitRoom) enter() tea.Cmd {
	if r.applied || r.copied {
		return nil
	}
	backend, f := r.o.Backend, r.fingerprint()
	r.plan, r.refused, r.err, r.choice = nil, false, nil, choice{}
	return r.begin("looking what git's configuration says…", func(ctx context.Context, _ *desk) (any, error) {
		return backend.PlanGit(ctx, f)
	}, func(result any, err error) tea.Cmd {
		if r.err = err; err == nil {
			p := result.(firstkey.GitPlan)
			r.plan = &p
		}
		r.offer()
		return nil
	})
}

// asksGit and asksGnuPG say which of the two questions is open.
func (r *gitRoom) asksGit() bool {
	return r.plan != nil && len(r.plan.Lines) > 0 && !r.applied && !r.refused
}

func (r *gitRoom) asksGnuPG() bool {
	return r.plan != nil && !r.asksGit() && r.plan.GnuPG && !r.plan.Known && !r.copied
}

// offer sets the choices for the open question; the one that changes nothing comes first.
func (r *gitRoom) offer() {
	switch {
	case r.asksGit():
		r.choice = choice{options: []string{"leave it as it is", "write that"}}
	case r.asksGnuPG():
		r.choice = choice{options: []string{"no copy in GnuPG", "copy the secret key to GnuPG too"}}
	default:
		r.choice = choice{options: []string{"go on"}}
	}
}

func (r *gitRoom) key(msg tea.KeyMsg) tea.Cmd {
	if r.err != nil {
		if key.Matches(msg, r.keys.Again) {
			return r.enter()
		}
		if key.Matches(msg, r.keys.Choose) && !msg.Paste {
			r.next = true
		}
		return nil
	}
	if !r.choice.key(msg, r.keys) {
		return nil
	}
	yes := r.choice.at == 1
	backend, f := r.o.Backend, r.fingerprint()
	switch {
	case r.asksGit() && !yes:
		r.refused = true
		r.offer()
	case r.asksGit():
		plan := *r.plan
		return r.begin("writing git's configuration…", func(ctx context.Context, _ *desk) (any, error) {
			return true, backend.ApplyGit(ctx, plan)
		}, func(_ any, err error) tea.Cmd {
			r.err, r.applied = err, err == nil
			r.offer()
			return nil
		})
	case r.asksGnuPG() && yes:
		return r.begin("copying the key to GnuPG…", func(ctx context.Context, d *desk) (any, error) {
			return true, backend.ToGnuPG(ctx, f, d.ask)
		}, func(_ any, err error) tea.Cmd {
			r.err, r.copied = err, err == nil
			r.offer()
			return nil
		})
	default:
		r.next = true
	}
	return nil
}

func (r *gitRoom) back() bool   { return false }
func (r *gitRoom) typing() bool { return false }

func (r *gitRoom) value() (string, bool) {
	return "set", r.applied || r.plan != nil && len(r.plan.Lines) == 0
}

func (r *gitRoom) view(w, _ int) []string {
	out := r.heading("git, and the key", w)
	switch {
	case r.work != nil:
		return append(out, r.waiting(w)...)
	case errors.Is(r.err, gitops.ErrNoGit):
		return append(out, layout.Wrap("git is not installed here, so there is nothing to tell it. bulla signs without it.", w)...)
	case r.err != nil:
		return append(out, r.failure(r.err, w)...)
	case r.plan == nil:
		return out
	}
	out = append(out, r.lines(w)...)
	if o := r.plan.Overrides; o != "" {
		for _, l := range layout.Wrap("! "+safetext.Line(o), w) {
			out = append(out, r.theme.Caution.Render(l))
		}
	}
	out = append(out, "")
	if !r.asksGit() {
		out = append(out, r.gnupg(w)...)
		out = append(out, "")
	}
	return append(out, r.choice.view(r.theme, w)...)
}

// lines shows what would be written, or was.
func (r *gitRoom) lines(w int) (out []string) {
	p := r.plan
	switch {
	case len(p.Lines) == 0:
		return r.done("git's configuration names this key already.", w)
	case r.refused:
		return r.prose("Nothing was written to git's configuration. bulla takes the key all the same where it is the only one.", w)
	case r.applied:
		out = append(out, r.done("Written. To put back what was there:", w)...)
		for _, c := range p.UndoGit() {
			out = append(out, layout.Indent(layout.Wrap(safetext.Line(c), w-2), "  ")...)
		}
		return out
	}
	why := "So that git and bulla take this key by themselves"
	if p.Named {
		why += ", and git knows whose commits and tags it makes"
	}
	out = append(out, layout.Wrap(why+". Nothing has been written yet. It would say, in", w)...)
	out = append(out, r.path(safetext.Line(p.File), w), "")
	for _, l := range p.Lines {
		for i, part := range layout.Wrap(l.Key+" = "+safetext.Line(l.Value), w-6) {
			if i > 0 {
				part = "  " + part
			}
			out = append(out, "    "+r.theme.Strong.Render(part))
		}
		for _, old := range l.Old {
			for _, part := range layout.Wrap("instead of "+safetext.Line(old), w-6) {
				out = append(out, "      "+r.theme.Caution.Render(part))
			}
		}
	}
	return out
}

// gnupg says what git's own commands can do.
func (r *gitRoom) gnupg(w int) []string {
	switch {
	case !r.plan.GnuPG:
		return r.prose("git's own tag -s asks GnuPG, which is not here or was never used. bulla tag and bulla release sign without it.", w)
	case r.plan.Known || r.copied:
		return r.done("GnuPG has the key, so git's own tag -s and commit -S work with it too.", w)
	}
	return layout.Wrap("git's own tag -s and commit -S ask GnuPG, which does not have the key. bulla needs no copy there; the fewer copies, the better.", w)
}

func (r *gitRoom) status() string { return "" }

func (r *gitRoom) hints() []keymap.Hint {
	if r.err != nil {
		return []keymap.Hint{keymap.On(r.keys.Choose, "go on without"), keymap.On(r.keys.Again, "try again"), keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, "")}
	}
	h := []keymap.Hint{keymap.On(r.keys.Choose, "choose")}
	if len(r.choice.options) > 1 {
		h = append(h, keymap.On(r.keys.Down, "other choice"))
	}
	return append(h, keymap.On(r.keys.Back, ""), keymap.On(r.keys.Help, ""), keymap.On(r.keys.Quit, "leave"))
}
