package cli

import (
	"fmt"
	"strings"
	"time"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
)

// verdictJSON is one signature, or one target without any, as `verify --json` and `log --json`
// print it. What a signature only claims has fields of its own.
type verdictJSON struct {
	Target             string           `json:"target"`
	Kind               keys.Kind        `json:"kind"`
	Status             keys.Status      `json:"status"`
	Trusted            *bool            `json:"trusted"`
	Fingerprint        keys.Fingerprint `json:"fingerprint"`
	PrimaryFingerprint keys.Fingerprint `json:"primary_fingerprint"`
	KeyID              string           `json:"key_id"`
	UserIDs            []string         `json:"user_ids"`
	SignedAt           string           `json:"signed_at"`
	Hash               string           `json:"hash"`
	KeyAlgorithm       string           `json:"key_algorithm"`
	Weak               []string         `json:"weak"`
	Reason             string           `json:"reason"`
	PolicyReason       string           `json:"policy_reason,omitempty"`
	ClaimedFingerprint keys.Fingerprint `json:"claimed_fingerprint,omitempty"`
	ClaimedAt          string           `json:"claimed_at,omitempty"`
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func toJSON(v keys.Verdict) verdictJSON {
	out := verdictJSON{
		Target: v.Target, Kind: v.Kind, Status: v.Status, Trusted: v.Trusted, KeyID: v.Claim.KeyID,
		UserIDs: []string{}, Weak: v.Weak, Reason: v.Reason, PolicyReason: v.PolicyReason,
	}
	if out.Weak == nil {
		out.Weak = []string{}
	}
	if s := v.Signer; s != nil {
		out.Fingerprint, out.PrimaryFingerprint = s.Fingerprint, s.Primary
		out.UserIDs = append(out.UserIDs, s.UserIDs...)
		out.SignedAt, out.Hash, out.KeyAlgorithm = rfc3339(s.SignedAt), s.Hash, s.Algorithm
		if out.KeyID == "" {
			out.KeyID = s.Fingerprint.KeyID()
		}
		return out
	}
	out.ClaimedFingerprint, out.ClaimedAt = v.Claim.Fingerprint, rfc3339(v.Claim.SignedAt)
	return out
}

// printVerdict prints one verdict as a line of JSON, or as a line of text and its reason where
// it is not simply good.
func (p *printer) verdict(v keys.Verdict) {
	if p.json {
		p.object(toJSON(v))
		return
	}
	word := string(v.Status)
	if v.Trusted != nil && !*v.Trusted {
		word = "not trusted"
	}
	p.line("%-12s %-8s %s%s", word, v.Kind, v.Target, signedBy(v))
	if v.Status != keys.StatusGood || (v.Trusted != nil && !*v.Trusted) || len(v.Weak) > 0 {
		p.line("             %s", v.Reason)
		if v.PolicyReason != "" {
			p.line("             %s", v.PolicyReason)
		}
		if len(v.Weak) > 0 {
			p.line("             noted: %s", strings.Join(v.Weak, ", "))
		}
	}
}

func signedBy(v keys.Verdict) string {
	if v.Signer == nil {
		return ""
	}
	who := ""
	if len(v.Signer.UserIDs) > 0 {
		who = " " + v.Signer.UserIDs[0]
	}
	on := ""
	if !v.Signer.SignedAt.IsZero() {
		on = ", " + v.Signer.SignedAt.UTC().Format("2006-01-02")
	}
	return fmt.Sprintf("  by%s %s%s", who, v.Signer.Primary.Short(), on)
}

// codeOf is the exit code for a set of verdicts: 0 where all pass, 1 where something is wrong, 3
// where something could not be checked and nothing is worse.
func codeOf(vs []keys.Verdict, allowWeak bool) int {
	code := explain.CodeOK
	for _, v := range workflow.Failing(vs, allowWeak) {
		if !v.Status.Undecided() || (v.Trusted != nil && !*v.Trusted) {
			return explain.CodeFailed
		}
		code = explain.CodeUnchecked
	}
	return code
}
