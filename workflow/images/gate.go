package images

import (
	"context"
	"slices"

	"bulla/docker"
	"bulla/keys"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// Outcome is what a gate says.
type Outcome int

// The outcomes.
const (
	Allowed   Outcome = iota
	Unchecked         // nothing is known to be wrong, but it could not be checked
	Refused
)

// Decision is whether an image may be used, and by which digest.
type Decision struct {
	Tag     Tag
	Outcome Outcome
	// By are the systems that had to vouch, all of them.
	By []policy.System
	// Rule is the policy's pattern for the repository, "" where none fits.
	Rule string
	// Pull is the reference to use from here on, by digest alone: what was judged. It is zero
	// unless the image is allowed.
	Pull docker.Reference
}

// Gate decides whether an image may be used: what docker pull did with Content Trust. By default
// a cosign signature must vouch for it; the policy's rule for the repository, or o, may want
// Content Trust, or both. The digest is found out once, and everything is about that digest.
// Errors are those of Look.
func Gate(ctx context.Context, v *verify.Verifier, ref docker.Reference, o Options, allowWeak bool) (Decision, error) {
	t, rule, err := look(ctx, v, ref, o, true)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Tag: t, By: rule.By, Rule: rule.Repository}
	if len(d.By) == 0 {
		d.By = []policy.System{policy.SystemCosign}
	}
	for _, s := range d.By {
		vs := t.cosign
		if s == policy.SystemContentTrust && t.Err == nil {
			vs = t.trust
		}
		d.Outcome = max(d.Outcome, outcome(vs, allowWeak))
	}
	if d.Outcome == Allowed {
		if d.Pull, err = ref.WithDigest(t.Image.Digest); err != nil {
			return Decision{}, err
		}
	}
	return d, nil
}

// Verdicts are those that decide: on the signatures of the systems that had to vouch.
func (d Decision) Verdicts() (out []keys.Verdict) {
	if d.Tag.Err != nil || slices.Contains(d.By, policy.SystemCosign) {
		out = append(out, d.Tag.cosign...)
	}
	if d.Tag.Err == nil && slices.Contains(d.By, policy.SystemContentTrust) {
		out = append(out, d.Tag.trust...)
	}
	return out
}

// Deciding is what was looked at, without the signatures of systems that did not have to vouch.
func (d Decision) Deciding() Tag {
	t := d.Tag
	if t.Err != nil {
		return t
	}
	if !slices.Contains(d.By, policy.SystemCosign) {
		t.cosign, t.Cosign.Signatures = nil, nil
	}
	if !slices.Contains(d.By, policy.SystemContentTrust) {
		t.trust, t.Trust, t.TrustErr = nil, nil, nil
	}
	return t
}

// Elsewhere is a system that soundly signs an image which is not allowed, and did not have to vouch; ""
// for none.
func (d Decision) Elsewhere() policy.System {
	switch {
	case d.Outcome == Allowed || d.Tag.Err != nil:
	case d.Tag.Trust.Sound() && !slices.Contains(d.By, policy.SystemContentTrust):
		return policy.SystemContentTrust
	case d.Tag.Cosign.Sound() && !slices.Contains(d.By, policy.SystemCosign):
		return policy.SystemCosign
	}
	return ""
}

// outcome sums up the verdicts of one system: one that passes is enough.
func outcome(vs []keys.Verdict, allowWeak bool) Outcome {
	out := Unchecked
	for _, v := range vs {
		switch {
		case v.OK(allowWeak):
			return Allowed
		case !v.Status.Undecided() || (v.Trusted != nil && !*v.Trusted):
			out = Refused
		}
	}
	return out
}

// Undecidable is the decision on what could not be looked at, or is not the image that was meant:
// a status that is not good, and the reason in one sentence.
func Undecidable(target string, status keys.Status, reason string) Decision {
	vs := []keys.Verdict{{Kind: keys.KindImage, Target: target, Status: status, Reason: reason}}
	return Decision{Outcome: outcome(vs, false), By: []policy.System{policy.SystemCosign}, Tag: Tag{cosign: vs}}
}
