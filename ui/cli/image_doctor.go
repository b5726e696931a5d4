package cli

import (
	"context"

	"github.com/spf13/cobra"

	"bulla/docker"
	"bulla/ui/explain"
	"bulla/workflow/finding"
	"bulla/workflow/images"
)

// doctorJSON is a finding of `image doctor --json`.
type doctorJSON struct {
	Target   string           `json:"target"`
	Rule     finding.Rule     `json:"rule"`
	Severity finding.Severity `json:"severity"`
	Message  string           `json:"message"`
	Hint     string           `json:"hint,omitempty"`
}

func (a *app) imageDoctorCommand() *cobra.Command {
	server := ""
	c := &cobra.Command{
		Use:   "doctor REPOSITORY",
		Short: "Say what a registry can hold, and what you may do there",
		Long: `Say what a registry can hold and what you may do there: whether the connection is
plain or verified, who you are, whether you may pull and push, where signatures
go, whether there is a trust server, and what cosign will find.

Nothing is written. What no registry tells beforehand cannot be seen: tags that
cannot be changed, quotas, rules about what may be stored.

Exit codes: 0, 1 where there is an error, 3 where the registry gave no answer.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&server, "trust-server", "", "the https `address` of the trust server; by default the one that belongs to the registry")
	a.jsonFlag(c.Flags(), "print each finding as a line of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		repo, err := docker.ParseRepository(args[0])
		if err != nil {
			return err
		}
		if _, err := a.open(cmd.Context()); err != nil {
			return err
		}
		list, err := a.examineRegistry(cmd.Context(), repo, server)
		if err != nil {
			return err
		}
		p := a.printer()
		code := explain.CodeOK
		for _, f := range list {
			p.finding(repo, f)
			switch {
			case f.Severity != finding.Error:
			case f.Unreachable && code != explain.CodeFailed:
				code = explain.CodeUnchecked
			case !f.Unreachable:
				code = explain.CodeFailed
			}
		}
		if p.err == nil && code != explain.CodeOK {
			return exitCode(code)
		}
		return p.err
	}
	return c
}

// examineRegistry lets the doctor look at a repository; trustServer "" is the one that belongs to it. The
// world must be open.
func (a *app) examineRegistry(ctx context.Context, repo docker.Repository, trustServer string) ([]finding.Finding, error) {
	return images.ExamineRegistry(ctx, a.world.Registry, repo, func(ctx context.Context) images.TrustServer {
		return a.contentTrust().Examine(ctx, repo, trustServer)
	}, a.Now())
}

// finding prints one finding about a registry.
func (p *printer) finding(repo docker.Repository, f finding.Finding) {
	if p.json {
		p.object(doctorJSON{repo.String(), f.Rule, f.Severity, f.Message, f.Hint})
		return
	}
	p.line("%-8s %-13s %s", f.Severity, f.Rule, f.Message)
	if f.Hint != "" {
		p.line("         %-13s (%s)", "", f.Hint)
	}
}
