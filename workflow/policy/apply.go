package policy

import (
	"time"

	"bulla/keys"
)

// Apply decides on verdicts about any number of targets and writes what came out into them:
// Trusted, PolicyReason and Excepted. id finds the Target.ID of what a verdict is about; it is
// called only where an exception bears the target's name. A nil policy changes nothing.
//
// The results are one for each target, in the order in which they first occur. Applying a policy
// twice is as good as once.
func (p *Policy) Apply(vs []keys.Verdict, now time.Time, id func(keys.Verdict) string) []Result {
	if p == nil {
		return nil
	}
	type target struct {
		kind keys.Kind
		name string
	}
	var order []target
	members := map[target][]int{}
	for i, v := range vs {
		t := target{v.Kind, v.Target}
		if members[t] == nil {
			order = append(order, t)
		}
		members[t] = append(members[t], i)
	}
	results := make([]Result, 0, len(order))
	for _, t := range order {
		list := make([]keys.Verdict, 0, len(members[t]))
		for _, i := range members[t] {
			list = append(list, vs[i])
		}
		about := Target{Kind: t.kind, Name: t.name}
		if p.Expects(t.kind, t.name) {
			about.ID = id(list[0])
		}
		r := p.Evaluate(about, list, now)
		for n, i := range members[t] {
			d := r.Decisions[n]
			vs[i].Trusted, vs[i].PolicyReason, vs[i].Excepted = d.Trusted, d.Reason, d.Excepted
		}
		results = append(results, r)
	}
	return results
}
