package ui

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"bulla/ui/theme"
	"bulla/workflow"
	"bulla/workflow/finding"
)

// demoVariable makes the test binary a program that shows the screens over a fake repository,
// for looking at them in a real terminal and for the test of the silent one:
//
//	go test -c -o /tmp/ui.test ./ui && BULLA_UI_DEMO=walk /tmp/ui.test
const demoVariable = "BULLA_UI_DEMO"

func TestMain(m *testing.M) {
	if what := os.Getenv(demoVariable); what != "" {
		os.Exit(demo(what))
	}
	os.Exit(m.Run())
}

func demo(what string) int {
	f := newFake()
	pace, _ := strconv.Atoi(os.Getenv("BULLA_UI_DEMO_PACE")) // milliseconds per step
	f.run = func(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
		return f.walkWith(ctx, p, face, func(workflow.StepID) error {
			select {
			case <-time.After(time.Duration(pace) * time.Millisecond):
			case <-ctx.Done():
			}
			return ctx.Err()
		})
	}
	o := Options{Open: f.open, Vault: &fakeVault{}, Display: Display{Theme: theme.Mode(os.Getenv("BULLA_UI_DEMO_THEME")), ASCII: os.Getenv("BULLA_UI_DEMO_ASCII") != "", Now: func() time.Time { return noon.Add(time.Since(start)) }}}
	switch what {
	case "empty":
		f.keyChoices.List, f.config.Release.Artifacts, f.images = nil, nil, nil
	case "practice":
		o.Practice, o.PracticePassphrase = &fakePractice{}, passphrase
	case "refused":
		f.planErr = refusal()
	case "dirty":
		f.findings = dirty()
	case "unfinished":
		f.unfinished = unfinished()
	case "broken":
		f.run = func(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
			return f.walkWith(ctx, p, face, func(s workflow.StepID) error {
				if s == workflow.StepArtifacts {
					return os.ErrPermission
				}
				return nil
			})
		}
	}
	_, err := Release(context.Background(), o)
	fmt.Println("ended with:", err)
	if err != nil {
		return 1
	}
	return 0
}

var start = time.Now()

func refusal() error {
	return &workflow.RefusedError{Findings: []workflow.Finding{
		{Finding: finding.Finding{Rule: workflow.RuleTagExists, Severity: finding.Error, Message: "The tag v1.4.0 exists already.", Hint: "choose another version, or delete the tag if it is not published"}, Step: workflow.StepTag},
		{Finding: finding.Finding{Rule: workflow.RuleRegistry, Severity: finding.Error, Message: "registry.acme.org lets \"rhea-ci\" pull but not push (403).", Hint: "log in as someone who may push"}, Step: workflow.StepImage},
	}}
}

func dirty() []workflow.Finding {
	return []workflow.Finding{
		{Finding: finding.Finding{Rule: workflow.RuleDirty, Severity: finding.Error, Message: "The working tree is not clean: src/widget.c, README.md changed.", Hint: "commit or stash the changes; untracked files do not matter"}, Step: workflow.StepPreflight},
		{Finding: finding.Finding{Rule: workflow.RuleRemote, Severity: finding.Warning, Message: "The remote origin did not answer within 15 s.", Hint: "a release without push does not need it"}, Step: workflow.StepPreflight},
	}
}

func unfinished() *workflow.Unfinished {
	return &workflow.Unfinished{Tag: "v1.4.0", Began: noon.Add(-3 * time.Hour), Done: []string{"v1.4.0 signed, on commit 1f2e3d4c5b"}, Left: []string{"Artifacts (begun)", "Image", "Record"}}
}
