package cli

import (
	"fmt"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/workflow/verify"
)

// tell writes the report for people: what passes in a line for each status and signer (or, with
// --verbose, for each entry), all else in full after it, and last how many were checked.
func (r *report) tell(p *printer, full func(entry)) {
	var groups []*summaryGroup
	var rest []entry
	for _, e := range r.entries {
		if e.sums(r.allowWeak) && !r.verbose {
			groups = e.joins(groups)
		} else if e.outcome != passes || !r.quiet {
			rest = append(rest, e)
		}
	}
	if !r.quiet {
		for _, g := range groups {
			g.print(p)
		}
	}
	for _, e := range rest {
		if e.outcome == passes {
			e.print(p)
		} else {
			full(e)
		}
	}
	if total := r.total(); total != "" && !r.quiet {
		p.line("%s", total)
	}
}

// sums reports whether e may be summed up: it passes, and by its own status. What passes because
// another signature carries it, because the policy makes an exception, beside a release that it is not
// part of, or as an image that was signed under another tag, is told in full.
func (e entry) sums(allowWeak bool) bool {
	if e.verdict == nil {
		return e.part && e.outcome == passes
	}
	if e.apart != "" || slices.Contains(e.verdict.Weak, verify.FindingOtherTag) {
		return false
	}
	s := e.verdict.Status
	return e.outcome == passes && (s.Sound() || allowWeak && s == keys.StatusWeak)
}

// summaryGroup are entries that pass in the same way, at least one.
type summaryGroup struct{ entries []entry }

// joins adds e to the group that it belongs to.
func (e entry) joins(groups []*summaryGroup) []*summaryGroup {
	for _, g := range groups {
		if first := g.entries[0]; first.status == e.status && sameSigner(first.verdict, e.verdict) {
			g.entries = append(g.entries, e)
			return groups
		}
	}
	return append(groups, &summaryGroup{[]entry{e}})
}

// sameSigner reports whether a line about one verdict's signer is true of the other's.
func sameSigner(a, b *keys.Verdict) bool {
	if a == nil || b == nil {
		return a == b
	}
	if (a.Signer == nil) != (b.Signer == nil) || !slices.Equal(a.Weak, b.Weak) {
		return false
	}
	return a.Signer == nil || a.Signer.Primary == b.Signer.Primary && signerName(a.Signer) == signerName(b.Signer)
}

// print writes the group's line, and what is to be said of a status that is not simply good.
func (g *summaryGroup) print(p *printer) {
	first := g.entries[0]
	if len(g.entries) == 1 {
		first.print(p)
		return
	}
	v := first.verdict
	if v == nil {
		p.line("%-12s %s", "("+first.status+")", g.what())
		return
	}
	by := ""
	if v.Signer != nil {
		by = "  by " + signerName(v.Signer)
	}
	p.line("%-12s %s%s", first.status, g.what(), by)
	same := !slices.ContainsFunc(g.entries, func(e entry) bool { return e.reason != first.reason })
	switch {
	case v.Status == keys.StatusGood:
	case same:
		p.line("             %s", v.Reason)
	case v.Status == keys.StatusGoodExpiredSince:
		p.line("             Made while the key was valid; it has expired, or was replaced, since.")
	}
	if len(v.Weak) > 0 {
		p.line("             noted: %s", strings.Join(v.Weak, ", "))
	}
}

// what says what the group is about: the name of a thing that is the only one of its kind, the
// number of the others. What several signatures speak for is one thing.
func (g *summaryGroup) what() string {
	var kinds []string
	count, name := map[string]int{}, map[string]string{}
	known := map[thing]bool{}
	for _, e := range g.entries {
		if known[e.thing()] {
			continue
		}
		known[e.thing()] = true
		if count[e.kind]++; count[e.kind] == 1 {
			kinds = append(kinds, e.kind)
			name[e.kind] = e.target
		}
	}
	for i, k := range kinds {
		switch {
		case count[k] == 1:
			kinds[i] = k + " " + name[k]
		case k == sourceKind:
			kinds[i] = fmt.Sprintf("%d files of the archive", count[k])
		default:
			kinds[i] = fmt.Sprintf("%d %ss", count[k], k)
		}
	}
	return strings.Join(kinds, ", ")
}

// total says how many things were checked, how many of them do not pass, and how many there are of
// each status; "" where one line told it all.
func (r *report) total() string {
	var statuses []string
	count := map[string]int{}
	n, failed, open, apart := 0, 0, 0, 0
	for _, e := range r.things() {
		n++
		if e.apart != "" {
			apart++
		}
		switch e.outcome {
		case fails:
			failed++
		case undecided:
			open++
		case passes:
		}
		if count[e.status]++; count[e.status] == 1 {
			statuses = append(statuses, e.status)
		}
	}
	if n < 2 {
		return ""
	}
	result := ", all pass"
	if failed+open > 0 {
		result = ""
		if failed > 0 {
			result += fmt.Sprintf(", %d failed", failed)
		}
		if open > 0 {
			result += fmt.Sprintf(", %d undecided", open)
		}
	}
	if apart > 0 {
		result += fmt.Sprintf(", %d not part of the release", apart)
	}
	for i, s := range statuses {
		statuses[i] = fmt.Sprintf("%d %s", count[s], s)
	}
	return fmt.Sprintf("%d checked%s: %s", n, result, strings.Join(statuses, ", "))
}

// thing is what an entry is about: a file, a tag. Several entries may be about one.
type thing struct{ kind, target string }

func (e entry) thing() thing { return thing{e.kind, e.target} }

// things are the entries that decide on each thing, in order: what fails before what is undecided,
// and what passes by itself before what passes with it.
func (r *report) things() (out []entry) {
	rank := func(e entry) int {
		if e.outcome == passes && e.sums(r.allowWeak) {
			return -1
		}
		return -2 + 2*int(e.outcome)
	}
	place := map[thing]int{}
	for _, e := range r.entries {
		i, known := place[e.thing()]
		switch {
		case e.part:
		case !known:
			place[e.thing()] = len(out)
			out = append(out, e)
		case rank(e) > rank(out[i]):
			out[i] = e
		}
	}
	return out
}
