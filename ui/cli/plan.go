package cli

import (
	"fmt"
	"strings"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/planword"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/keychoice"
	"bulla/workflow/record"
)

// planJSON is what --dry-run prints.
type planJSON struct {
	*workflow.Plan
	// Key hides the public key material of the plan's own key.
	Key      keyJSON       `json:"key"`
	Findings []findingJSON `json:"findings"`
}

type keyJSON struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	Primary     keys.Fingerprint `json:"primary_fingerprint"`
	UserID      string           `json:"user_id"`
	Algorithm   string           `json:"algorithm"`
	Expires     string           `json:"expires"`
	Source      keys.Source      `json:"source"`
}

type findingJSON struct {
	Rule     finding.Rule     `json:"rule"`
	Severity finding.Severity `json:"severity"`
	Step     workflow.StepID  `json:"step"`
	Message  string           `json:"message"`
	Hint     string           `json:"hint,omitempty"`
}

func planToJSON(p *workflow.Plan) *planJSON {
	k := p.Key
	out := &planJSON{Plan: p, Key: keyJSON{k.Fingerprint, k.Primary, k.UserID, k.Algorithm, rfc3339(k.Expires), k.Source}, Findings: []findingJSON{}}
	for _, f := range p.Findings {
		out.Findings = append(out.Findings, findingJSON{f.Rule, f.Severity, f.Step, f.Message, f.Hint})
	}
	return out
}

// plan prints what a release would create.
func (p *printer) plan(plan *workflow.Plan) {
	if p.json {
		p.object(eventJSON{Event: "plan", Plan: planToJSON(plan)})
		return
	}
	p.line("Nothing has been created yet. This would happen:")
	p.line("")
	p.line("  tag        %s on %.10s %q   signed, local", plan.Tag, plan.CommitID, plan.Subject)
	for i, f := range plan.Files {
		p.line("  %-10s %s   %s   %s", label(i, "files"), f.Name, human.Size(f.Size), planword.Signature(plan, f))
	}
	if len(plan.Files) > 0 {
		p.line("  %-10s %s   %s", "", plan.Shown(artifacts.SHA256Name), planword.List(plan, artifacts.SHA256Name))
		if plan.SHA512 {
			p.line("  %-10s %s   %s", "", plan.Shown(artifacts.SHA512Name), planword.List(plan, artifacts.SHA512Name))
		}
	}
	for i, img := range plan.Images {
		p.line("  %-10s %s", label(i, "image"), img.Name)
		p.line("  %-10s %s%s   signing it publishes the signature", "", img.Digest, platforms(img))
		if plan.ImageWith.Cosign() {
			p.line("  %-10s with cosign, by %s", "", plan.ImageKey)
		}
		if t := img.Trust; t != nil {
			p.line("  %-10s in Content Trust on %s, as %s", "", t.Server, strings.Join(t.Roles, ", "))
		}
	}
	p.line("  record     %s   %s", plan.Shown(record.Name), planword.List(plan, record.Name))
	p.line("  key        %s", plan.Key.Primary.Grouped())
	p.line("             %s", plan.Key.UserID)
	if plan.Key.Fingerprint != plan.Key.Primary {
		p.line("             signs with its subkey")
		p.line("             %s", plan.Key.Fingerprint.Grouped())
	}
	if plan.Push {
		p.line("  pushed     %s to %s (%s)", plan.Tag, plan.Remote, strings.Join(plan.PushAddresses(), ", "))
	} else {
		p.line("  pushed     no")
	}
	for _, f := range plan.Findings {
		if f.Severity != finding.Info {
			p.line("")
			p.line("%s: %s", f.Severity, f.Message)
			if f.Rule == keychoice.RuleSignatures {
				p.line("hint: %s", f.Hint)
			}
		}
	}
}

func label(i int, s string) string {
	if i > 0 {
		return ""
	}
	return s
}

func platforms(img workflow.PlannedImage) string {
	if n := len(img.Platforms); n > 0 {
		return fmt.Sprintf(" (index, %d platforms)", n)
	}
	return ""
}
