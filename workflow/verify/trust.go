package verify

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/workflow/policy"
)

// Policy is by what the Verifier decides whom to trust.
func (v *Verifier) Policy() PolicyState { return v.trust }

// Keyring holds the public keys that the Verifier judges with.
func (v *Verifier) Keyring() *keys.Keyring { return v.judge.Keyring }

// ImageKeys are the public keys that the Verifier checks image signatures with.
func (v *Verifier) ImageKeys() []cosign.PublicKey { return slices.Clone(v.imageKeys) }

// DecideImage lets the policy decide on verdicts about the image with a digest, in place.
func (v *Verifier) DecideImage(vs []keys.Verdict, digest string) []keys.Verdict {
	return v.decideOne(vs, digest)
}

// Registry is the client that images are looked at with, nil where the network is not to be used.
func (v *Verifier) Registry() *docker.Client {
	if v.offline {
		return nil
	}
	return v.world.Registry
}

// policyKeyring is the keyring of the policy: OpenPGP keys and lines of allowed_signers. Image keys
// in it are added to the Verifier's.
func (v *Verifier) policyKeyring() *keys.Keyring {
	rest := v.trust.keyring
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if pub, err := cosign.ParsePublicKey(pem.EncodeToMemory(block)); err == nil {
			v.imageKeys = append(v.imageKeys, pub)
		}
	}
	ring, err := keys.ReadKeyring(v.trust.keyring, keys.SourceFile)
	if err != nil && !errors.Is(err, keys.ErrNoKeys) {
		v.problems = append(v.problems, fmt.Errorf("%s: %w", v.trust.Policy.Keyring, err))
	}
	return ring
}

// followPolicy walks from the root to HEAD. Its error is a *policy.ChainError where the way is
// broken.
func (v *Verifier) followPolicy(ctx context.Context, o PolicyOptions) error {
	if o.Root == "" {
		return nil
	}
	chain := policy.Chain{Repo: v.repo, Now: v.judge.Now, Judge: v.judgeChange}
	p, changes, err := chain.Walk(ctx, o.Root)
	var root *policy.RootError
	if errors.As(err, &root) {
		return &TargetError{Text: "--policy-root " + root.Root, Reason: root.Reason}
	}
	if err != nil {
		return err
	}
	v.trust.Policy, v.trust.Changes, v.trust.Rooted = p, changes, true
	return nil
}

// judgeChange judges a signature on a change of the policy, with the keys of the policy before it
// beside those at hand.
func (v *Verifier) judgeChange(kind keys.Kind, name string, payload, signature []byte, made time.Time, extra []byte) []keys.Verdict {
	ring := v.judge.Keyring
	if !v.onlyKeys && len(extra) > 0 {
		former, _ := keys.ReadKeyring(extra, keys.SourceFile) // what is unreadable in it is missing
		ring = keys.MergeKeyrings(ring, former)
	}
	return JudgeBytes(&keys.Judge{Keyring: ring, Now: v.judge.Now}, kind, name, payload, signature, made)
}

// decide lets the policy decide on verdicts, in place. id finds the object id or SHA-256 of what a
// verdict is about.
func (v *Verifier) decide(vs []keys.Verdict, id func(keys.Verdict) string) []keys.Verdict {
	v.trust.Policy.Apply(vs, v.judge.Now, id)
	return vs
}

// decideOne is decide where everything is about one object.
func (v *Verifier) decideOne(vs []keys.Verdict, id string) []keys.Verdict {
	return v.decide(vs, func(keys.Verdict) string { return id })
}

// decideFiles is decide for files: what an exception is about is what was judged.
func (v *Verifier) decideFiles(vs []keys.Verdict) []keys.Verdict {
	return v.decide(vs, func(x keys.Verdict) string { return x.SHA256 })
}

// vouched reports whether one of the verdicts on a record passes, and the policy, where it speaks of
// records, has the signers that it wants.
func (v *Verifier) vouched(vs []keys.Verdict) bool {
	best := keys.Summarize(vs)
	decided := v.trust.Policy == nil || !v.trust.Policy.Governs(best.Kind) || best.Trusted != nil
	return best.OK(true) && decided
}

// decide lets the policy decide on everything that a record binds. What its verdicts call sound
// has the digests in the record.
//
// On signatures of Content Trust the record decides, which names the root that stands behind them:
// the policy lists no keys of theirs.
func (b boundCheck) decide(vs []keys.Verdict) []keys.Verdict {
	own := vs[:0:0]
	var trust []keys.Verdict
	for _, x := range vs {
		if x.Signer == nil || x.Signer.Source != keys.SourceTrust {
			own = append(own, x)
			continue
		}
		if yes := true; b.v.trust.Policy != nil && x.Status.Sound() {
			x.Trusted, x.PolicyReason = &yes, "The record names the root that stands behind it."
		}
		trust = append(trust, x)
	}
	return append(b.decideByPolicy(own), trust...)
}

func (b boundCheck) decideByPolicy(vs []keys.Verdict) []keys.Verdict {
	return b.v.decide(vs, func(x keys.Verdict) string {
		switch x.Kind {
		case keys.KindTag:
			return b.rec.Predicate.Tag.Object
		case keys.KindImage:
			for _, seal := range b.rec.Predicate.Images {
				if seal.Reference == x.Target {
					return seal.Digest
				}
			}
			return ""
		}
		return x.SHA256
	})
}

// FinishCommit adds what the policy says to the verdicts on a commit's signatures. It may change
// vs.
func (v *Verifier) FinishCommit(id string, vs []keys.Verdict) []keys.Verdict {
	return v.decideOne(vs, id)
}
