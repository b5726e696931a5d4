package cli

import (
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/component/layout"
	"bulla/ui/explain"
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
	var before *publish.Item
	for n := range plan.Items {
		i := &plan.Items[n]
		if before == nil || string(before.Data) != string(i.Data) {
			p.line("")
			p.publicKey(*i)
		}
		before = i
		p.line("")
		p.line("  to         %s", i.Target.Name())
		for _, s := range append([]string{i.Sentence}, i.Notes...) {
			p.wrapped(13, s)
		}
	}
	p.line("")
}

// publicKey prints what is sent of a key, and what is not.
func (p *printer) publicKey(i publish.Item) {
	p.line("  key        %s", i.Key.Fingerprint.Grouped())
	p.line("             %s, %d bytes, %s", i.Key.Algorithm, len(i.Data), until(i.Key))
	for n, u := range i.Key.UserIDs {
		p.line("  %-10s %s", label(n, "user id"), u)
	}
	for n, u := range i.LeftOut {
		p.line("  %-10s %s", label(n, "not sent"), u)
	}
	for n, s := range i.Key.Subkeys {
		p.line("  %-10s %s  %s", label(n, "subkey"), s.Fingerprint.Grouped(), s.Algorithm)
	}
}

func until(k keys.Key) string {
	switch {
	case k.Revoked:
		return "revoked"
	case k.Expires.IsZero():
		return "never expires"
	}
	return "expires " + k.Expires.UTC().Format("2 January 2006")
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
			Notes: append([]string{}, r.Notes...), Lines: append([]string{}, r.Lines...), CheckedAt: rfc3339(r.At),
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
	p.line("%s: %s", r.Target.Name(), r.State())
	for _, a := range r.Addresses {
		p.wrapped(4, a.Address+": "+addressWord(a))
	}
	if r.Err != nil && several {
		x := explain.Error(r.Err)
		p.wrapped(4, strings.TrimSpace(x.Headline+" "+x.Cause))
	}
	for _, d := range r.Differences {
		p.wrapped(4, d.String())
	}
	for _, s := range r.Notes {
		p.wrapped(4, s)
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

func addressWord(a publish.Address) string {
	word := map[publish.AddressState]string{
		publish.AddressFound: "findable", publish.AddressWaiting: "a mail was sent to it; open the link in it, then check again: bulla keys status",
		publish.AddressHidden: "not confirmed there", publish.AddressUpload: "written; not seen online yet", publish.AddressMissing: "not found by it",
		publish.AddressOtherKey: "another key is found by it", publish.AddressUnknown: "could not be checked",
	}[a.State]
	if a.Detail != "" {
		word += " (" + a.Detail + ")"
	}
	return word
}
