package keydeed

import (
	"context"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/ui/backend"
	"bulla/ui/component/human"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/workflow/keydesk"
)

// The questions of a succession.
const (
	Grace         = "1y" // the time that an old key has left, unless another is chosen
	GraceHelp     = "How long the old key stays valid beside the new one: 1y, 90d or a date such as 2028-01-31; never leaves its expiry as it is."
	StatementName = "statement.txt"
)

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
func (s Subject) Succeed(plan keydesk.SuccessionPlan, path string) Job {
	effects := []Effect{
		{Label: "new key", Text: UserID(plan.NewKey.UserID())},
		{Text: plan.NewKey.Fingerprint.Grouped()},
		{Label: "certifies", Text: "The old key certifies the user ids of the new one: the keys themselves say who follows."},
	}
	now := "The old key " + Until(plan.OldKey)
	if plan.Ends.IsZero() || plan.Ends.Equal(plan.OldKey.Expires) {
		effects = append(effects, Effect{Label: "ends", Text: now + ", which stays so."})
	} else {
		effects = append(effects, Effect{Label: "ends", Text: now + " now, and on " + human.Date(plan.Ends) + " then. bulla reminds you after that day."})
	}
	effects = append(effects, Effect{Label: "writes", Text: safetext.Line(path) + ", signed by both keys in " + safetext.Line(path) + ".asc:"})
	effects = append(effects, textEffects(plan.Statement)...)
	for _, f := range plan.Files {
		effects = append(effects, Effect{Label: "changes", Text: safetext.Line(f.Path) + ": " + f.What + "."})
		effects = append(effects, textEffects(f.Added)...)
	}
	if !slices.ContainsFunc(plan.Files, func(f keydesk.FileChange) bool { return f.Added != nil }) {
		effects = append(effects, Effect{Label: "policy", Text: "No policy here gets the new key. Where one lists the old key, add:"})
		effects = append(effects, textEffects(plan.Policy)...)
	}
	effects = append(effects,
		Effect{Label: "stays", Text: "Every signature that was made. Nothing is published or committed."},
		s.othersLearn(),
		Effect{Label: "undo", Text: s.Hints.Undo + " goes back for each of the two keys; files are yours to restore."},
	)
	return Job{Title: "Let a new key follow", Yes: "let it follow", Doing: "certifying, signing and writing", File: path, Effects: effects, Do: func(ctx context.Context, b backend.Keys, p Person) (Outcome, error) {
		done, err := b.CarryOutSuccession(ctx, plan.SucceedParams, path, b.Remembered(p.Ask))
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

// written tells which files there are, and what is left to do.
func written(done keydesk.SuccessionDone, h Hints) (out []string) {
	out = append(out, "Written:")
	for _, f := range done.Written {
		out = append(out, safetext.Line(f))
	}
	if len(done.Written) > 2 {
		out = append(out, "", "Commit what changed in the repository, signed with the old key: who follows the policy sees by that who changed it.")
	}
	return append(out, "", "Now publish both keys again ("+h.Publish+"), and make a backup of the new one ("+h.BackUp+") if there is none.")
}
