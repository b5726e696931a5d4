package cosign

import (
	"context"

	"bulla/docker"
	"bulla/keys"
)

// Verify judges every signature that lies beside the image, bundles and the older form, with
// the keys given: one verdict each, sound ones first, or a single one with StatusUnsigned. An
// attachment that is foreign, malformed or missing never hides the others. One that claims a key
// given here and was not made by it is bad, whoever put it there. The error is of reading the
// list of signatures, a *docker.RegistryError, or of ctx.
//
// A signature says nothing provable about its time, so a Signatory here has none.
func Verify(ctx context.Context, c *docker.Client, img docker.Image, pubs []PublicKey) ([]keys.Verdict, error) {
	r, err := Inspect(ctx, c.Repo(img.Reference), img.Digest, pubs)
	if err != nil {
		return nil, err
	}
	return r.Verdicts(img.Reference.String()), nil
}

func rank(s keys.Status) int {
	switch {
	case s.Sound():
		return 0
	case s == keys.StatusWeak:
		return 1
	}
	return 2
}

// judge says what one signature is worth, given these keys.
func (f found) judge(pubs []PublicKey) keys.Verdict {
	v := keys.Verdict{Claim: f.claim}
	if f.problem != "" {
		v.Status, v.Reason = f.problem, sentence(f.reason)
		return v
	}
	claimed := false
	for _, p := range pubs {
		fpr := p.Fingerprint()
		claimed = claimed || (fpr != "" && fpr == f.claim.Fingerprint)
		hash, ok := p.made(f.message, f.sig)
		if !ok {
			continue
		}
		if !f.names {
			v.Status = keys.StatusBad
			v.Reason = "The key " + string(fpr) + " made this signature, but for another image."
			return v
		}
		v.Claim.Hash, v.Claim.Algorithm = hash, p.family()
		v.Signer = &keys.Signatory{Fingerprint: fpr, Primary: fpr, Hash: hash, Algorithm: p.Algorithm(), Source: keys.SourceFile}
		v.Status, v.Reason = keys.StatusGood, "Signed with the image key "+string(fpr)+"."
		if w := p.weakness(); w != "" {
			v.Status, v.Weak = keys.StatusWeak, []string{w}
			v.Reason = "Signed with the image key " + string(fpr) + ", which is too short (" + p.Algorithm() + ")."
		}
		return v
	}
	switch {
	case claimed:
		v.Status = keys.StatusBad
		v.Reason = "It claims to be by the key " + string(f.claim.Fingerprint) + ", but that key did not make it: it was altered or forged."
	case !f.hinted && !f.names:
		// The older form names no key. A payload that is not about the image it lies beside is
		// wrong whoever signed it.
		v.Status, v.Reason = keys.StatusBad, "What the .sig tag holds was signed for another image, or altered."
	case f.claim.Fingerprint != "":
		v.Status, v.Reason = keys.StatusUnknownKey, "It claims to be by the key "+string(f.claim.Fingerprint)+", which is not among the keys at hand."
	default:
		v.Status, v.Reason = keys.StatusUnknownKey, "None of the keys at hand made it, and it does not say which did."
	}
	return v
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:] + "."
}
