package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow/finding"
	"bulla/workflow/keydesk"
)

// healthLine is one finding as `keys check --json` prints it.
type healthLine struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	Subkey      keys.Fingerprint `json:"subkey,omitempty"`
	Path        string           `json:"path,omitempty"`
	Line        int              `json:"line,omitempty"`
	Rule        finding.Rule     `json:"rule"`
	Severity    finding.Severity `json:"severity"`
	Message     string           `json:"message"`
	Action      string           `json:"action"`
	RefusedBy   []string         `json:"refused_by"`
}

func (a *app) keysCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check [KEY|FILE]…",
		Short: "Examine the health of keys",
		Long: `Examine keys: by default all of bulla's store and GnuPG's secret ones. A FILE may
hold any number of public keys, as KEYS files do. Each finding says who refuses
such a key and what mends it. The exit code is 1 when there is an error.`,
	}
	a.jsonFlag(c.Flags(), "print each finding as a line of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		w, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		targets := make([]string, len(args))
		for i, t := range args {
			targets[i] = a.path(t)
		}
		found, err := w.CheckKeys(cmd.Context(), targets, keydesk.CheckOptions{Published: w.PublishedCopies(cmd.Context())})
		if err != nil {
			return err
		}
		p := a.printer()
		for i, f := range found {
			if p.json {
				p.object(healthLine{f.Fingerprint, f.Subkey, f.Path, f.Line, f.Rule, f.Severity, f.Message, f.Action, append([]string{}, f.RefusedBy...)})
				continue
			}
			if i == 0 || found[i-1].Fingerprint != f.Fingerprint || found[i-1].Line != f.Line {
				p.line("%s%s", f.Fingerprint.Grouped(), place(f))
			}
			p.line("    %-7s %s", f.Severity, f.Message)
			if f.Action != "" {
				p.line("            %s", f.Action)
			}
		}
		if len(found) == 0 && !p.json {
			p.line("Nothing was found.")
		}
		if p.err == nil && slices.ContainsFunc(found, func(f keydesk.Finding) bool { return f.Severity == finding.Error }) {
			return exitCode(explain.CodeFailed)
		}
		return p.err
	}
	return c
}

func place(f keydesk.Finding) string {
	switch {
	case f.Path == "":
		return ""
	case f.Line == 0:
		return "  " + f.Path
	}
	return fmt.Sprintf("  %s:%d", f.Path, f.Line)
}
