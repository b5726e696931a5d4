package cli

import (
	"fmt"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/component/layout"
	"bulla/ui/component/placeword"
	"bulla/ui/safetext"
)

// publishPlanLine is one target of a plan as --dry-run --json prints it.
type publishPlanLine struct {
	Plan        bool             `json:"plan"`
	Target      string           `json:"target"`
	Kind        publish.Kind     `json:"kind"`
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	UserIDs     []string         `json:"user_ids"`
	NotSent     []string         `json:"not_sent"`
	Subkeys     []subkeyLine     `json:"subkeys"`
	Expires     string           `json:"expires"`
	Revoked     bool             `json:"revoked"`
	Bytes       int              `json:"bytes"`
	Permanent   bool             `json:"permanent"`
	Sentence    string           `json:"sentence"`
	Notes       []string         `json:"notes"`
}

// publishResultLine is what became of a key at one target, as --json prints it.
type publishResultLine struct {
	Target      string               `json:"target"`
	Kind        publish.Kind         `json:"kind"`
	Fingerprint keys.Fingerprint     `json:"fingerprint"`
	Stage       publish.Stage        `json:"stage"`
	Goal        publish.Stage        `json:"goal"`
	State       string               `json:"state"`
	Done        bool                 `json:"done"`
	Waiting     bool                 `json:"waiting"`
	Addresses   []publish.Address    `json:"addresses"`
	Differences []publish.Difference `json:"differences"`
	Notes       []string             `json:"notes"`
	Lines       []string             `json:"lines"`
	CheckedAt   string               `json:"checked_at"`
	Error       string               `json:"error"`
}

// publishPlan prints exactly what would become public.
func (p *printer) publishPlan(plan publish.Plan) {
	if p.json {
		for _, i := range plan.Items {
			p.object(publishPlanLine{
				Plan: true, Target: i.Target.String(), Kind: i.Target.Kind, Fingerprint: i.Key.Fingerprint,
				UserIDs: append([]string{}, i.Key.UserIDs...), NotSent: append([]string{}, i.LeftOut...), Subkeys: toKeyLine(i.Key, i.Key.Created).Subkeys,
				Expires: rfc3339(i.Key.Expires), Revoked: i.Key.Revoked, Bytes: len(i.Data), Permanent: i.Permanent, Sentence: i.Sentence, Notes: append([]string{}, i.Notes...),
			})
		}
		return
	}
	p.line("Nothing has been sent yet. This would become public:")
	p.line("")
	for _, l := range placeword.Plan(plan, 79) {
		p.line("%s", l)
	}
	p.line("")
}

// publishResults prints what became of a key at each place.
func (p *printer) publishResults(plan publish.Plan, rs []publish.Result) {
	for n, r := range rs {
		p.publishResult(plan.Items[n].Key, r, len(rs) > 1)
	}
}

// publishResult prints what became of a key at a place. Its error is told only where it is one of
// several: else it is the answer to the command.
func (p *printer) publishResult(k keys.Key, r publish.Result, several bool) {
	if p.json {
		l := publishResultLine{
			Target: r.Target.String(), Kind: r.Target.Kind, Fingerprint: k.Fingerprint, Stage: r.Stage, Goal: r.Goal, State: r.State(), Done: r.Done(), Waiting: r.Waiting(),
			Addresses: append([]publish.Address{}, r.Addresses...), Differences: append([]publish.Difference{}, r.Differences...),
			Notes: append(append([]string{}, r.Notes...), r.Commands...), Lines: append([]string{}, r.Lines...), CheckedAt: rfc3339(r.At),
		}
		if r.Err != nil {
			l.Error = r.Err.Error()
		}
		p.object(l)
		return
	}
	if r.Target.Prints() && r.Err == nil {
		for _, l := range r.Lines {
			p.raw(l)
		}
		return
	}
	for _, l := range placeword.Result(r, several, 79) {
		p.line("%s", l)
	}
}

// wrapped prints a sentence behind an indent, in lines that fit a terminal of 80 columns.
func (p *printer) wrapped(indent int, s string) {
	for _, l := range layout.Wrap(safetext.Line(s), 79-indent) {
		p.line("%*s%s", indent, "", l)
	}
}

// raw prints a line that is to be copied and so may be long. It holds what bulla made.
func (p *printer) raw(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, s)
	}
}
