package keydesk

import (
	"fmt"
	"slices"

	"bulla/keys"
	"bulla/workflow/finding"
)

// The rules about a key that another follows.
const (
	RuleRetiring finding.Rule = "retiring" // its time of grace goes on
	RuleRetired  finding.Rule = "retired"  // and is over
)

// retirement is found without what an old key is no longer to do, expire late, and with what is left
// to do about a key that another follows.
func (x *checkup) retirement(found []Finding, k keys.Key) []Finding {
	if k.Successor == "" {
		return found
	}
	found = slices.DeleteFunc(found, func(f Finding) bool {
		return f.Rule == finding.Rule(keys.HealthExpiring) || f.Rule == finding.Rule(keys.HealthExpired) || f.Rule == finding.Rule(keys.HealthNoExpiry)
	})
	const day = "2 January 2006"
	name, next := string(k.Fingerprint), k.Successor.Short()
	revoke := "bulla keys revoke " + name + " --reason superseded, then publish it again"
	f := Finding{Rule: RuleRetiring, Severity: finding.Info}
	switch {
	case k.ExpiredAt(x.now):
		f.Rule, f.Severity = RuleRetired, finding.Warning
		f.Message = fmt.Sprintf("The key %s follows it, and it expired on %s, as planned. Who has it from before the change of its expiry takes it for valid until it is revoked.", next, k.Expires.UTC().Format(day))
		f.Action = revoke
	case !k.Retires.IsZero() && !x.now.Before(k.Retires):
		f.Rule, f.Severity = RuleRetired, finding.Warning
		f.Message = fmt.Sprintf("The key %s follows it, and it was to end on %s, but is valid still: what it signs counts.", next, k.Retires.UTC().Format(day))
		f.Action = revoke + "; or let it expire: bulla keys extend " + name + " --expires 1d"
	case !k.Retires.IsZero():
		f.Message = fmt.Sprintf("The key %s follows it: it ends on %s.", next, k.Retires.UTC().Format(day))
		f.Action = "sign with " + string(k.Successor)
	default:
		f.Message = fmt.Sprintf("The key %s follows it. No day is set on which it ends.", next)
		f.Action = revoke + ", once nobody needs it"
	}
	return append(found, f)
}

// Retired are the keys of a list whose time is over, because another follows them, and which are not
// revoked yet; each with what is left to do.
func (w *Places) Retired(list []keys.Key) (out []Finding) {
	x := &checkup{w: w, now: w.Now()}
	for _, k := range list {
		if k.Revoked || k.Source != keys.SourceStore || !hasAnySecret(k) {
			continue
		}
		for _, f := range x.retirement(nil, k) {
			if f.Rule == RuleRetired {
				f.Fingerprint = k.Fingerprint
				out = append(out, f)
			}
		}
	}
	return out
}
