// Package contract holds what bulla promises to programs that read its output.
package contract

import (
	"time"

	"bulla/keys"
)

// Verdict is one signature, or one target without any, as `verify --json`, `log --json` and the
// exports of the history page print it. What a signature only claims has fields of its own.
type Verdict struct {
	Target             string           `json:"target"`
	Kind               keys.Kind        `json:"kind"`
	Status             keys.Status      `json:"status"`
	Trusted            *bool            `json:"trusted"`
	Fingerprint        keys.Fingerprint `json:"fingerprint"`
	PrimaryFingerprint keys.Fingerprint `json:"primary_fingerprint"`
	Authority          keys.Fingerprint `json:"authority,omitempty"`
	KeyID              string           `json:"key_id"`
	UserIDs            []string         `json:"user_ids"`
	// SignedAt is null where no time is proved: an empty text would be read as a time.
	SignedAt           *string          `json:"signed_at"`
	Hash               string           `json:"hash"`
	KeyAlgorithm       string           `json:"key_algorithm"`
	Weak               []string         `json:"weak"`
	Reason             string           `json:"reason"`
	PolicyReason       string           `json:"policy_reason,omitempty"`
	ClaimedFingerprint keys.Fingerprint `json:"claimed_fingerprint,omitempty"`
	ClaimedAt          string           `json:"claimed_at,omitempty"`
	ClaimedSubject     string           `json:"claimed_subject,omitempty"`
}

// Of is v as the contract has it.
func Of(v keys.Verdict) Verdict {
	out := Verdict{
		Target: v.Target, Kind: v.Kind, Status: v.Status, Trusted: v.Trusted, KeyID: v.Claim.KeyID,
		UserIDs: []string{}, Weak: v.Weak, Reason: v.Reason, PolicyReason: v.PolicyReason,
	}
	if out.Weak == nil {
		out.Weak = []string{}
	}
	if s := v.Signer; s != nil {
		out.Fingerprint, out.PrimaryFingerprint, out.Authority = s.Fingerprint, s.Primary, s.Authority
		out.UserIDs = append(out.UserIDs, s.UserIDs...)
		out.Hash, out.KeyAlgorithm = s.Hash, s.Algorithm
		if at := Time(s.SignedAt); at != "" {
			out.SignedAt = &at
		}
		if out.KeyID == "" {
			out.KeyID = s.Fingerprint.KeyID()
		}
		if s.SignedAt.IsZero() { // an image's signature proves no time
			out.ClaimedAt = Time(v.Claim.SignedAt)
		}
		return out
	}
	out.ClaimedFingerprint, out.ClaimedAt, out.ClaimedSubject = v.Claim.Fingerprint, Time(v.Claim.SignedAt), v.Claim.Subject
	return out
}

// Time is a moment in RFC 3339, UTC; "" for the zero time.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
