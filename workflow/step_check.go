package workflow

import (
	"context"
	"fmt"
	"slices"

	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// CheckError says that the check as a stranger did not find everything good.
type CheckError struct{ Failed []keys.Verdict }

func (e *CheckError) Error() string {
	return fmt.Sprintf("checked as a stranger, %s did not pass", plural(len(e.Failed), "target"))
}

// keyringOf is the keyring that holds the one public key of a signer: what a stranger has.
func keyringOf(k keys.SigningKey) (*keys.Keyring, error) {
	return keys.ReadKeyring(k.Public, k.Source)
}

// runCheck verifies everything just made the way a stranger would: a repository opened anew,
// files read anew, the registry asked anew, and the plan's public keys alone.
func runCheck(ctx context.Context, r *run) (string, error) {
	ring, err := keyringOf(r.plan.Key)
	if err != nil {
		return "", err
	}
	repo, err := r.s.world.OpenRepository(ctx, r.s.root())
	if err != nil {
		return "", err
	}
	trust, err := r.s.policyState(ctx)
	if err != nil {
		return "", err
	}
	var imageKeys []cosign.PublicKey
	if r.image != nil {
		imageKeys = append(imageKeys, r.image.Public())
	}
	v := verify.Stranger{
		World: verifyWorld(r.s.world), Repo: repo, Config: r.s.Config(), Keys: ring, ImageKeys: imageKeys, Policy: trust,
		Progress: func(item string, i, n int) {
			r.emit(StepProgress{Step: StepCheck, Item: item, Items: i, ItemsTotal: n})
		},
	}.Verifier()
	verdicts, err := v.VerifyRecord(ctx, r.result.Record)
	if err != nil {
		return "", err
	}
	for i := range verdicts {
		if verdicts[i].Kind == keys.KindRecord {
			verdicts[i].Target = record.Name
		}
	}
	r.result.Verdicts, r.result.trust = verdicts, trust
	for _, verdict := range verdicts {
		r.emit(Checked{Verdict: verdict})
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	failed, waiting := r.plan.failing(verdicts, trust)
	if len(failed) > 0 {
		return "", &CheckError{Failed: failed}
	}
	text := plural(len(verdicts), "target") + " good, with the public keys alone"
	if waiting > 0 {
		text += fmt.Sprintf("; for %d of them the policy wants more signers", waiting)
	}
	return text + r.compareSources(ctx, v), nil
}

// failing lists the verdicts that do not pass the check of a release, and counts those that only
// wait for other people's signatures, as preflight has warned.
func (p *Plan) failing(vs []keys.Verdict, trust verify.PolicyState) (out []keys.Verdict, waiting int) {
	for _, v := range verify.Failing(vs, false) {
		switch {
		case weakKeyKnown(p, v):
		case trust.CoSignersMissing(v):
			waiting++
		default:
			out = append(out, v)
		}
	}
	return append(out, p.missingTrust(vs)...), waiting
}

// missingTrust lists the verdicts on images that were signed in Content Trust and are not found to
// be. For whoever verifies one good signature of an image is enough; a release made both.
func (p *Plan) missingTrust(vs []keys.Verdict) (out []keys.Verdict) {
	for _, img := range p.Images {
		if img.Trust == nil || !p.ImageWith.Cosign() {
			continue
		}
		vouched := func(v keys.Verdict) bool {
			return v.Kind == keys.KindImage && v.Target == img.Name && v.Signer != nil && v.Signer.Source == keys.SourceTrust && v.OK(true)
		}
		if slices.ContainsFunc(vs, vouched) {
			continue
		}
		for _, v := range vs {
			if v.Kind == keys.KindImage && v.Target == img.Name && !v.OK(true) {
				out = append(out, v)
			}
		}
	}
	return out
}

// weakKeyKnown: who signs with a DSA or a short RSA key was warned in preflight and went on; the
// verdict says weak, and that is no surprise.
func weakKeyKnown(p *Plan, v keys.Verdict) bool {
	return v.Status == keys.StatusWeak && v.OK(true) && v.Signer != nil && v.Signer.Fingerprint == p.Key.Fingerprint
}
