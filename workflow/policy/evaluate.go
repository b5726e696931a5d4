package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
)

// FindingTagName is the finding, in keys.Verdict.Weak, that a tag object bears another name than
// the ref that points to it.
const FindingTagName = "ref and tag object named differently"

// Target is what the verdicts given to Evaluate are about.
type Target struct {
	Kind keys.Kind
	Name string
	// ID is the object id of a tag or commit, or the SHA-256 of anything else; "" if it is not
	// known, which no exception fits.
	ID string
	// NotBefore is a moment before which the target cannot have been made, whatever dates it
	// bears; zero for none.
	NotBefore time.Time
}

// Standing is what the policy makes of a signer.
type Standing string

// The standings.
const (
	// StandingNone: the policy does not speak of this kind, or no signer is proved.
	StandingNone Standing = ""
	// StandingTrusted: listed for this kind and time, with algorithms that satisfy the policy.
	StandingTrusted Standing = "trusted"
	// StandingKnown: listed, but not for this.
	StandingKnown Standing = "known but not trusted"
	// StandingUnlisted: the policy does not know the key.
	StandingUnlisted Standing = "not listed"
	// StandingExcepted: an exception accepts what would have been refused.
	StandingExcepted Standing = "excepted"
)

// Decision is what the policy says of one verdict.
type Decision struct {
	Standing Standing
	// Trusted is nil where the policy does not speak.
	Trusted *bool
	// Excepted says that the policy accepts the verdict's status, though it is not a good one.
	Excepted bool
	// Signer is the name under which the policy lists the signer, "" for none.
	Signer string
	// Reason is one plain sentence; it may quote names and reasons out of the policy.
	Reason string
}

// Result is what the policy says of one target.
type Result struct {
	// Decisions stand in the order of the verdicts.
	Decisions []Decision
	// Governed says that the policy speaks of this kind.
	Governed bool
	// Need is how many different signers must have signed; Signers are those that have.
	Need    int
	Signers []string
	// Enough says that they suffice. An exception for the threshold does too.
	Enough bool
}

// Evaluate decides on all the verdicts about one target. It is a pure function; now is the moment
// as of which is judged, for signatures that carry no time.
//
// A verdict without a proved signer is decided on by exceptions alone. Where too few signers have
// signed, the signatures of those who have do not count either; where a missing key could be the
// reason, nothing is decided on them. It is none on images, where whoever may push can put signatures
// by nobody beside the others.
func (p *Policy) Evaluate(t Target, vs []keys.Verdict, now time.Time) Result {
	r := Result{Governed: p.Governs(t.Kind), Need: p.Needed(t.Kind), Decisions: make([]Decision, len(vs))}
	x := p.exception(t)
	undecided := 0
	for i, v := range vs {
		d := p.decide(t, v, x, now)
		r.Decisions[i] = d
		switch {
		case passes(v, d):
			if who := signerOf(v, d); !slices.Contains(r.Signers, who) {
				r.Signers = append(r.Signers, who)
			}
		case v.Status.Undecided() && t.Kind != keys.KindImage:
			undecided++
		}
	}
	r.Enough = len(r.Signers) >= r.Need || (len(r.Signers) > 0 && x.allows(AllowThreshold))
	if r.Governed && !r.Enough && len(r.Signers) > 0 {
		r.tooFew(vs, len(r.Signers)+undecided >= r.Need)
	}
	return r
}

// passes reports whether a signature counts.
func passes(v keys.Verdict, d Decision) bool {
	return (v.Status.Sound() || d.Excepted) && d.Trusted != nil && *d.Trusted
}

// signerOf tells signers apart: by name where they have one, else by key.
func signerOf(v keys.Verdict, d Decision) string {
	switch {
	case d.Signer != "":
		return d.Signer
	case v.Signer != nil:
		return string(v.Signer.Primary)
	}
	return "nobody"
}

// tooFew withdraws the trust in signatures that would have passed. open says that others may have
// signed whose keys are missing.
func (r *Result) tooFew(vs []keys.Verdict, open bool) {
	reason := fmt.Sprintf("The policy wants %d signers, and only %d signed: %s.", r.Need, len(r.Signers), strings.Join(r.Signers, ", "))
	trusted := boolean(false)
	if open {
		trusted = nil
		reason = fmt.Sprintf("The policy wants %d signers: %s signed, and who else did cannot be told without the missing keys.", r.Need, strings.Join(r.Signers, ", "))
	}
	for i := range r.Decisions {
		if d := &r.Decisions[i]; passes(vs[i], *d) {
			d.Trusted, d.Reason = trusted, reason
		}
	}
}

func boolean(b bool) *bool { return &b }

// decide looks at one verdict.
func (p *Policy) decide(t Target, v keys.Verdict, x *Exception, now time.Time) Decision {
	governs := p.Governs(t.Kind)
	d := Decision{Trusted: v.Trusted, Reason: v.PolicyReason}
	status := Allowance(v.Status)
	if slices.Contains(excusable, v.Status) {
		d.Excepted = x.allows(status) || (v.Status == keys.StatusWeak && p.Algorithms.AllowWeak && governs && !slices.Contains(v.Weak, keys.WeakOutside))
	}
	if v.Signer == nil {
		return p.decideUnsigned(v, x, d)
	}
	objections := p.objections(t, v, governs, now, &d)
	var left []string
	for _, o := range objections {
		if !x.allows(o.kind) {
			left = append(left, o.text)
		}
	}
	switch {
	case len(left) > 0:
		d.Trusted, d.Reason, d.Excepted = boolean(false), sentence(left), false
		if d.Standing == StandingTrusted {
			d.Standing = StandingKnown
		}
	case len(objections) > 0 || x.allows(status):
		d.Standing, d.Trusted, d.Reason = StandingExcepted, boolean(true), x.sentence()
	case governs:
		d.Trusted = boolean(true)
		d.Reason = fmt.Sprintf("The policy trusts %s for this.", d.Signer)
	}
	return d
}

// decideUnsigned looks at a verdict that proves no signer. The policy has nothing to say of it,
// but for an exception.
func (p *Policy) decideUnsigned(v keys.Verdict, x *Exception, d Decision) Decision {
	switch {
	case d.Excepted:
		d.Standing, d.Trusted, d.Reason = StandingExcepted, boolean(true), x.sentence()
	case v.Status == keys.StatusUnknownKey && p.Lists(v.Claim.Fingerprint):
		d.Reason = "The policy lists this key, but its keyring lacks it."
	}
	return d
}

func (x *Exception) sentence() string {
	return "The policy makes an exception: " + strings.TrimSuffix(x.Reason, ".") + "."
}

func sentence(parts []string) string { return strings.Join(parts, " ") }

// objection is something that the policy has against a signature, and what would allow it.
type objection struct {
	kind Allowance
	text string
}

// objections lists everything that the policy has against a signature, and fills in the signer.
func (p *Policy) objections(t Target, v keys.Verdict, governs bool, now time.Time, d *Decision) (out []objection) {
	if slices.Contains(v.Weak, FindingTagName) {
		out = append(out, objection{AllowTagName, "The tag object is named differently than the ref that points to it."})
	}
	if !governs {
		return out
	}
	if text := p.judgeSigner(t, v.Signer, now, d); text != "" {
		out = append(out, objection{AllowSigner, text})
	}
	if text := p.Algorithms.judge(v); text != "" {
		out = append(out, objection{AllowAlgorithm, text})
	}
	if p.Algorithms.RefuseSHA1Selfs && slices.ContainsFunc(v.Weak, func(w string) bool { return strings.HasSuffix(w, "self-signature on the key") }) {
		out = append(out, objection{AllowSelfSignature, "The key's self-signature is by a broken hash, which the policy refuses."})
	}
	return out
}

// judgeSigner finds the signer in the policy. It says what is missing, or "".
func (p *Policy) judgeSigner(t Target, s *keys.Signatory, now time.Time, d *Decision) string {
	at := s.SignedAt
	if at.IsZero() {
		at = now
	}
	d.Standing = StandingUnlisted
	why, date := "", ""
	for _, entry := range p.Signers {
		if !entry.lists(s) {
			continue
		}
		d.Signer = entry.Name
		if d.Standing == StandingUnlisted {
			d.Standing = StandingKnown
		}
		if !slices.Contains(entry.Signs, kindOf(t.Kind)) {
			continue
		}
		why, date = entry.outside(at), "the signature is of "+day(at)
		if why == "" && t.NotBefore.After(at) {
			why, date = entry.outside(t.NotBefore), "what was signed builds on work of "+day(t.NotBefore)
		}
		if why == "" {
			d.Standing = StandingTrusted
			return ""
		}
	}
	switch {
	case d.Standing == StandingUnlisted:
		return fmt.Sprintf("The key %s is not listed in the policy.", s.Primary)
	case why == "":
		return fmt.Sprintf("The policy lists %s, but not for signatures on this kind of thing (%s).", d.Signer, kindOf(t.Kind))
	}
	return fmt.Sprintf("The policy lists %s for this %s, but %s.", d.Signer, why, date)
}

// lists reports whether the entry names the signer's key, or what vouches for it: the primary key or
// the certificate authority.
func (s *Signer) lists(by *keys.Signatory) bool {
	return slices.Contains(s.Keys, by.Primary) || slices.Contains(s.Keys, by.Fingerprint) || by.Authority != "" && slices.Contains(s.Keys, by.Authority)
}

// outside says when the signer may sign, if that is not at t.
func (s *Signer) outside(t time.Time) string {
	switch {
	case !s.From.IsZero() && t.Before(s.From):
		return "from " + day(s.From)
	case !s.Until.IsZero() && !t.Before(s.Until):
		return "until " + day(s.Until.Add(-time.Nanosecond))
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// judge says which minimum the algorithms of a signature miss, or "".
func (a *Algorithms) judge(v keys.Verdict) string {
	s := v.Signer
	family := strings.TrimRight(s.Algorithm, "0123456789")
	bits, _ := strconv.Atoi(s.Algorithm[len(family):]) // 0 where no number belongs
	switch {
	case len(a.Hashes) > 0 && !slices.Contains(a.Hashes, s.Hash):
		return fmt.Sprintf("The policy does not accept the hash %s.", s.Hash)
	case len(a.Keys) > 0 && !slices.Contains(a.Keys, s.Algorithm) && !slices.Contains(a.Keys, family):
		return fmt.Sprintf("The policy does not accept %s keys.", s.Algorithm)
	case family == "rsa" && bits < a.RSABits:
		return fmt.Sprintf("The policy wants RSA keys of at least %d bits, this one has %d.", a.RSABits, bits)
	}
	return ""
}
