package line

import (
	"context"

	"bulla/workflow"
)

// preflight says what stands in the way before anything is chosen. An error of the repository
// itself ends the walk: it is mended outside.
func (w *walk) preflight(ctx context.Context) error {
	w.t.Say("")
	w.t.Say("Preflight")
	var here, refused []workflow.Finding
	for _, f := range w.Session.Preflight(ctx, w.c) {
		switch {
		case f.Step != workflow.StepPreflight:
			// The choices that are still to be made are no news, and the last look checks all of it.
		case f.Severity == workflow.SeverityError:
			refused = append(refused, f)
		default:
			here = append(here, f)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.findings(here)
	if len(refused) > 0 {
		return &workflow.RefusedError{Findings: refused}
	}
	if len(here) == 0 {
		w.t.Say("  Nothing stands in the way.")
	}
	return nil
}

// findings prints each finding with its severity and what to do about it.
func (w *walk) findings(list []workflow.Finding) {
	for _, f := range list {
		w.t.Say("  %s: %s", string(f.Severity), f.Message)
		if f.Hint != "" {
			w.t.Say("    hint: %s", f.Hint)
		}
	}
}
