package keydeed

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/backend"
	"bulla/ui/component/human"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/workflow/keydesk"
)

// The questions of a succession.
const (
	Grace     = "1y" // the time that an old key has left, unless another is chosen
	GraceHelp = "How long the old key stays valid beside the new one: 1y, 90d or a date such as 2028-01-31; never leaves its expiry as it is."
)

// Commit says what the commands of a succession are for.
const Commit = "Commit the changed files, signed with the old key where git can: then everyone sees that its owner let the new one in."

// FirstStatement is the name that StatementName begins with.
const FirstStatement = "statement.txt"

// StatementName proposes a name for the file of a statement that is free, with what comes beside it; it
// looks at the disk. path makes a path of a name.
func StatementName(path func(string) string) string {
	free := func(name string) bool {
		for _, f := range []string{path(name), path(name + ".asc")} {
			if _, err := os.Lstat(f); err == nil {
				return false
			}
		}
		return true
	}
	for name, i := FirstStatement, 2; i < 100; i++ {
		if free(name) {
			return name
		}
		name = "statement-" + strconv.Itoa(i) + ".txt"
	}
	return FirstStatement // whoever writes it is told that it is there
}

// Successors are the keys that could follow a key, the newest first: others of the same store whose
// secret is there.
func Successors(all []*keydesk.State, old keys.Fingerprint) []*keydesk.State {
	out := slices.DeleteFunc(slices.Clone(all), func(s *keydesk.State) bool {
		return s.Fingerprint == old || !s.Read || s.Err != nil || s.Revoked || !SecretInStore(s) || s.Successor != ""
	})
	slices.SortFunc(out, ByOwner)
	return out
}

// Succeed lets another key follow the key, with a statement that is written to a file.
func (s Subject) Succeed(plan keydesk.SuccessionPlan) Job {
	path := plan.StatementFile
	effects := s.followers(plan)
	effects = append(effects, Effect{Label: "writes", Text: safetext.Line(path) + ", signed by both keys in " + safetext.Line(path) + ".asc:"})
	effects = append(effects, textEffects(plan.Statement)...)
	for _, f := range plan.Files {
		effects = append(effects, Effect{Label: "changes", Text: safetext.Line(f.Path) + ": " + f.What + "."})
		effects = append(effects, textEffects(f.Added)...)
		effects = append(effects, shownEffects(plan, f.Keys)...)
	}
	if !slices.ContainsFunc(plan.Files, func(f keydesk.FileChange) bool { return f.Added != nil }) {
		effects = append(effects, Effect{Label: "policy", Text: "No policy here gets the new key. Where one lists the old key, add:"})
		effects = append(effects, textEffects(plan.Policy)...)
	}
	effects = append(effects, gitEffects(plan)...)
	stays := "Every signature that was made. Nothing is sent or committed."
	if slices.ContainsFunc(plan.Files, func(f keydesk.FileChange) bool { return f.Keys != nil }) {
		stays += " What the files hold becomes public once you push it."
	}
	effects = append(effects,
		Effect{Label: "stays", Text: stays},
		s.othersLearnBeside(plan.Files),
		Effect{Label: "undo", Text: s.Hints.Undo + " goes back for each of the two keys; files are yours to restore."},
	)
	return Job{Title: "Let a new key follow", Yes: "let it follow", Doing: "certifying, signing and writing", File: path, Effects: effects, Do: func(ctx context.Context, b backend.Keys, p Person) (Outcome, error) {
		done, err := b.CarryOutSuccession(ctx, plan.SucceedParams, b.Remembered(p.Ask))
		out := Outcome{Anew: true}
		if done.New.Fingerprint == "" {
			return out, err
		}
		if err != nil {
			return out, &explain.PartialError{Done: "The old key certifies the new one." + wrote(done.Written), Err: err}
		}
		out.Note = "The key " + human.Tail(done.New.Fingerprint) + " follows " + human.Tail(done.Old.Fingerprint) + "."
		out.Story = Story{Title: "The new key follows", Good: "Certified, signed and written.", Lines: written(done, s.Hints)}
		return out, nil
	}}
}

// followers say which key follows which, and how the old one ends.
func (s Subject) followers(plan keydesk.SuccessionPlan) []Effect {
	made := func(k keys.Key) string { return k.Fingerprint.Grouped() + ", made on " + human.Date(k.Created) }
	effects := []Effect{
		{Label: "old key", Text: UserID(plan.OldName)},
		{Text: made(plan.OldKey)},
		{Label: "new key", Text: UserID(plan.NewName)},
		{Text: made(plan.NewKey)},
	}
	if plan.NewKey.Created.Before(plan.OldKey.Created) {
		effects = append(effects, Effect{Label: "mind", Text: "The key that is to follow was made before the one that it follows: is it the other way round?", Caution: true})
	}
	effects = append(effects, Effect{Label: "certifies", Text: "The old key certifies the user ids of the new one: the keys themselves say who follows."})
	now := "The old key " + Until(plan.OldKey)
	if plan.Ends.IsZero() || plan.Ends.Equal(plan.OldKey.Expires) {
		return append(effects, Effect{Label: "ends", Text: now + ", which stays so."})
	}
	return append(effects, Effect{Label: "ends", Text: now + " now, and on " + human.Date(plan.Ends) + " then. bulla reminds you after that day."})
}

// GitQuestion asks whether git shall sign with the new key.
const GitQuestion = "Let git sign with the new key from now on (user.signingKey)?"

// gitEffects say with which key git signs then.
func gitEffects(plan keydesk.SuccessionPlan) (out []Effect) {
	g, next := plan.GitSwitch, string(plan.NewKey.Fingerprint)
	switch {
	case g == nil && plan.Git:
		out = append(out, Effect{Label: "git", Text: "Its configuration does not name the old key, and is left as it is."})
	case g == nil:
	case len(g.Lines) > 0 && plan.Git:
		l := g.Lines[0]
		out = append(out, Effect{Label: "git", Text: safetext.Line(g.File) + " gets:"}, Effect{Text: "| " + l.Key + " = " + safetext.Line(l.Value)})
		for _, old := range l.Old {
			out = append(out, Effect{Text: "| instead of " + safetext.Line(old)})
		}
	case len(g.Lines) > 0:
		out = append(out, Effect{Label: "git", Text: "It goes on signing with the old key, which " + safetext.Line(g.File) + " names."})
	}
	if g != nil && g.Here != "" {
		out = append(out, Effect{Label: "git here", Text: "In this folder a configuration of its own names the old key, and comes first. It is left as it is; git config user.signingKey " + next + " changes it.", Caution: true})
	}
	if g != nil && plan.Git && !g.Known {
		text, command := lacks(g, next)
		out = append(out, Effect{Label: "mind", Text: strings.TrimSpace(text + " " + command), Caution: true})
	}
	return out
}

// lacks says that git's own commands cannot sign with the new key yet, and the command that helps.
func lacks(g *keydesk.GitSwitch, next string) (text, command string) {
	if !g.GnuPG {
		return "git's own commit -S and tag -s ask GnuPG, which is not here or was never used. bulla signs without it.", ""
	}
	return "git's own commit -S and tag -s ask GnuPG, which does not have the new key. They fail until it is copied there:", "bulla keys to-gnupg " + next
}

// shownEffects say with which user ids keys go into a file, and which are kept back.
func shownEffects(plan keydesk.SuccessionPlan, list []keydesk.ShownKey) (out []Effect) {
	for _, k := range list {
		which := "the new key"
		if k.Fingerprint == plan.OldKey.Fingerprint {
			which = "the old key"
		}
		for _, id := range k.UserIDs {
			out = append(out, Effect{Text: "| " + which + " with " + UserID(id)})
		}
		for _, id := range k.Kept {
			out = append(out, Effect{Text: "| not in it: " + UserID(id) + ", which stays unpublished"})
		}
		for _, n := range k.Notes {
			out = append(out, Effect{Text: safetext.Line(n)})
		}
	}
	return out
}

// othersLearnBeside is othersLearn where some of the places are files that are written at once.
func (s Subject) othersLearnBeside(files []keydesk.FileChange) Effect {
	written := func(e publish.Entry) bool {
		return slices.ContainsFunc(files, func(f keydesk.FileChange) bool {
			return slices.ContainsFunc(f.Keys, func(k keydesk.ShownKey) bool { return k.Place == e.Target })
		})
	}
	left := *s.State
	left.Places = slices.DeleteFunc(slices.Clone(left.Places), written)
	if len(left.Places) == 0 && len(left.Places) < len(s.State.Places) {
		return Effect{Label: "others", Text: "The old key is published nowhere but in what is changed here."}
	}
	return Subject{State: &left, Now: s.Now, Hints: s.Hints}.othersLearn()
}

// textEffects are the lines of a text, as they will be written.
func textEffects(text []byte) (out []Effect) {
	for l := range strings.Lines(string(text)) {
		if l = safetext.Line(strings.TrimSpace(l)); l != "" {
			out = append(out, Effect{Text: "| " + l})
		}
	}
	return out
}

func wrote(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " Written: " + safetext.Line(strings.Join(list, ", ")) + "."
}

// copyable begins a line that is to be copied, see Story.
const copyable = "    "

// written tells which files there are, and what is left to do.
func written(done keydesk.SuccessionDone, h Hints) (out []string) {
	out = append(out, "Written:")
	for _, f := range done.Written {
		out = append(out, copyable+safetext.Line(f))
	}
	if len(done.Commit) > 0 {
		out = append(out, "", Commit)
		for _, c := range done.Commit {
			out = append(out, copyable+safetext.Line(c))
		}
	}
	if g := done.Git; g != nil {
		out = append(out, "", "git signs with the new key from now on. This puts back what was there:")
		for _, c := range keydesk.UndoConfig(g.Lines) {
			out = append(out, copyable+safetext.Line(c))
		}
		if !g.Known {
			text, command := lacks(g, string(done.New.Fingerprint))
			if out = append(out, text); command != "" {
				out = append(out, copyable+command)
			}
		}
	}
	return append(out, "", "Then publish both keys again ("+h.Publish+") wherever else they are to be found, and back up the new one ("+h.BackUp+") if it has no backup yet.")
}
