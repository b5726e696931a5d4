package line

import (
	"context"

	"bulla/ui/component/human"
	"bulla/workflow"
	"bulla/workflow/finding"
)

// preflight says what stands in the way before anything is chosen. An error of the repository
// itself ends the walk: it is mended outside.
func (w *walk) preflight(ctx context.Context) error {
	w.t.Say("")
	w.t.Say("Preflight")
	taken := false
	var here, warnings, refused []workflow.Finding
	for _, f := range w.Session.Preflight(ctx, w.c) {
		if f.Rule == workflow.RuleSignatureExists {
			f.Severity, f.Here = finding.Warning, "with the files you can let bulla replace it"
		}
		if f.Severity == finding.Error && f.OfNamedVersion(w.c) {
			taken = true
			f.Severity, f.Here = finding.Warning, "name another version below"
		}
		switch {
		case f.Severity == finding.Warning:
			warnings = append(warnings, f)
		case f.Step != workflow.StepPreflight:
			// The choices that are still to be made are no news, and the last look checks all of it.
		case f.Severity == finding.Error:
			refused = append(refused, f)
		default:
			here = append(here, f)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.findings(append(here, warnings...))
	switch {
	case len(refused) > 0:
		return &workflow.RefusedError{Findings: refused}
	case taken:
		w.t.Say("  The commit can be released, but not as %s.", w.c.Version)
		w.c.Version = "" // asked for, as if none was named
	case len(warnings) > 0:
		w.t.Say("  Nothing stands in the way, but look at the %s above.", human.Count(len(warnings), "warning"))
	default:
		w.t.Say("  Nothing stands in the way.")
	}
	return nil
}

// findings prints each finding with its severity and what to do about it.
func (w *walk) findings(list []workflow.Finding) {
	for _, f := range list {
		w.finding(f.Finding)
	}
}

func (w *walk) finding(f finding.Finding) {
	w.t.Say("  %s: %s", string(f.Severity), f.Message)
	if advice := f.Advice(); advice != "" {
		w.t.Say("    hint: %s", advice)
	}
}
