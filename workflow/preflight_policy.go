package workflow

import (
	"context"
	"fmt"

	"bulla/keys"
	"bulla/workflow/policy"
	"bulla/workflow/project"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// policy: what will be signed must be accepted by the policy that `bulla verify` applies to it
// afterwards. Signatures that are still to come are judged as if they were made now.
func (x *examination) policy(ctx context.Context) {
	trust, err := x.s.policyState(ctx)
	if err != nil {
		x.refuse(RulePolicy, StepPreflight, err, "The policy of this repository cannot be read: "+err.Error()+".", "mend it; bulla policy check tells whether it is sound")
		return
	}
	if trust.Policy == nil || x.plan.Key.Primary == "" {
		return
	}
	for _, v := range x.plan.expected() {
		r := trust.Policy.Evaluate(policy.Target{Kind: v.Kind, Name: v.Target}, []keys.Verdict{v}, x.plan.Created)
		d := r.Decisions[0]
		switch {
		case d.Trusted == nil || *d.Trusted:
		case d.Standing == policy.StandingTrusted:
			x.warn(RulePolicy, StepKey, fmt.Sprintf("The policy wants %d signers for each %s; this release makes one signature.", r.Need, v.Kind), "it is trusted once the others have signed too")
		default:
			step := StepKey
			if v.Kind == keys.KindImage {
				step = StepImage
			}
			x.refuse(RulePolicy, step, nil, fmt.Sprintf("The policy would refuse the %s that this release signs. %s", v.Kind, d.Reason),
				"choose a key that the policy lists, or list this one in "+project.ConfigName+" and commit that first")
		}
	}
}

// policyState is the policy by which strangers decide: the one of `bulla verify`.
func (s *Session) policyState(ctx context.Context) (verify.PolicyState, error) {
	return verify.ReadPolicy(ctx, s.repo, s.root(), verify.PolicyOptions{})
}

// expected are the verdicts on what the plan will sign, one of each kind that policies speak of.
func (p *Plan) expected() (out []keys.Verdict) {
	who := &keys.Signatory{
		Fingerprint: p.Key.Fingerprint, Primary: p.Key.Primary, SignedAt: p.Created, Algorithm: p.Key.Algorithm,
		Hash: keys.HashName(p.Key.Hash),
	}
	add := func(kind keys.Kind, target string, by *keys.Signatory) {
		out = append(out, keys.Verdict{Kind: kind, Target: target, Status: keys.StatusGood, Signer: by})
	}
	add(keys.KindTag, p.Tag, who)
	if len(p.Files) > 0 {
		add(keys.KindArtifact, p.Files[0].Name, who)
	}
	add(keys.KindRecord, record.Name, who)
	if len(p.Images) > 0 && p.ImageID != "" {
		add(keys.KindImage, p.Images[0].Name, &keys.Signatory{Fingerprint: keys.Fingerprint(p.ImageID), Primary: keys.Fingerprint(p.ImageID)})
	}
	return out
}
