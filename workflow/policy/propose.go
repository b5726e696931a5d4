package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"bulla/keys"
)

// Release is a past release as a proposal looks at it.
type Release struct {
	Tag, ID  string // the tag's name, and the id of what it points at
	Verdicts []keys.Verdict
}

// Proposal is a policy made from the history as it is.
type Proposal struct {
	Signers    []ProposedSigner
	Exceptions []Exception
	// Refused are releases that the proposed policy would refuse.
	Refused []Refusal
}

// ProposedSigner is a Signer and where it comes from.
type ProposedSigner struct {
	Signer
	Origin string // one line for a comment
}

// Refusal is a release that a policy refuses. Undecided says that only a key is missing.
type Refusal struct {
	Tag       string
	Status    keys.Status
	Undecided bool
	Reasons   []string
}

// stillActive is how long before the newest release a signer may have signed last for the window
// to stay open.
const stillActive = 365 * 24 * time.Hour

// signerUse is when a key was used.
type signerUse struct {
	name        string
	key         keys.Fingerprint
	first, last time.Time
	tags        [2]string // of the first and last use
	count       int
}

// Propose makes a policy of releases, and of the keys in imports. Whoever signed a tag soundly, if
// perhaps weakly, may sign tags, files and records from the day of the first use; until the day of
// the last one, where that lies more than a year before the newest release. Weak signatures become
// exceptions. What else does not pass is told, not excused.
func Propose(releases []Release, imports []Signer, now time.Time) Proposal {
	var p Proposal
	uses := usesOf(releases)
	var newest time.Time
	for _, u := range uses {
		if u.last.After(newest) {
			newest = u.last
		}
	}
	for _, u := range uses {
		p.Signers = append(p.Signers, u.propose(newest))
	}
	for _, s := range imports {
		if !slices.ContainsFunc(uses, func(u *signerUse) bool { return slices.Contains(s.Keys, u.key) }) {
			p.Signers = append(p.Signers, ProposedSigner{Signer: s, Origin: "imported"})
		}
	}
	for _, r := range releases {
		if slices.ContainsFunc(r.Verdicts, func(v keys.Verdict) bool { return v.Status == keys.StatusWeak }) {
			p.Exceptions = append(p.Exceptions, weakException(r))
		}
	}
	p.Refused = p.policy().Check(releases, now)
	return p
}

func (p *Proposal) policy() *Policy {
	out := &Policy{Keyring: DefaultKeyring, Exceptions: p.Exceptions}
	for _, s := range p.Signers {
		out.Signers = append(out.Signers, s.Signer)
	}
	return out
}

// usesOf gathers the keys that made signatures which fit, in the order of their first use.
func usesOf(releases []Release) []*signerUse {
	by := map[keys.Fingerprint]*signerUse{}
	var out []*signerUse
	for _, r := range releases {
		for _, v := range r.Verdicts {
			s := v.Signer
			if s == nil || s.SignedAt.IsZero() || (!v.Status.Sound() && v.Status != keys.StatusWeak) || slices.Contains(v.Weak, FindingTagName) {
				continue
			}
			key, name := s.Primary, signerName(s)
			if s.Authority != "" { // without it the key in a certificate proves nothing
				key, name = s.Authority, "Authority "+s.Authority.KeyID()
			}
			u := by[key]
			if u == nil {
				u = &signerUse{name: name, key: key, first: s.SignedAt, last: s.SignedAt, tags: [2]string{r.Tag, r.Tag}}
				by[key] = u
				out = append(out, u)
			}
			u.count++
			if s.SignedAt.Before(u.first) {
				u.first, u.tags[0] = s.SignedAt, r.Tag
			}
			if s.SignedAt.After(u.last) {
				u.last, u.tags[1] = s.SignedAt, r.Tag
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *signerUse) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.key, b.key))
	})
	return out
}

// signerName makes a name that text accepts of a user id, which is anybody's text.
func signerName(s *keys.Signatory) string {
	name := ""
	if len(s.UserIDs) > 0 {
		name = CleanName(s.UserIDs[0])
	}
	return cmp.Or(name, "Key "+s.Primary.KeyID())
}

// CleanName makes one printable line of at most 200 bytes out of any text.
func CleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	for len(s) > 200 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}

func (u *signerUse) propose(newest time.Time) ProposedSigner {
	s := Signer{Name: u.name, Keys: []keys.Fingerprint{u.key}, Signs: []keys.Kind{keys.KindTag, keys.KindArtifact, keys.KindRecord}}
	s.From = u.first.UTC().Truncate(24 * time.Hour)
	if newest.Sub(u.last) > stillActive {
		s.Until = u.last.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	}
	origin := fmt.Sprintf("%s, signed %s", u.tags[0], day(u.first))
	if u.count > 1 {
		origin = fmt.Sprintf("%d tags, %s to %s, last on %s", u.count, u.tags[0], u.tags[1], day(u.last))
	}
	return ProposedSigner{Signer: s, Origin: CleanName(origin)}
}

func weakException(r Release) Exception {
	var why []string
	for _, v := range r.Verdicts {
		for _, w := range v.Weak {
			if v.Status == keys.StatusWeak && !slices.Contains(why, w) && w != FindingTagName {
				why = append(why, w)
			}
		}
	}
	return Exception{
		Kind: keys.KindTag, Target: r.Tag, ID: r.ID, Allow: []Allowance{Allowance(keys.StatusWeak)},
		Reason: "Weak when the policy began: " + strings.Join(why, ", ") + ".",
	}
}

// Check lists the releases whose tags the policy refuses, in their order. It writes its decisions
// into their verdicts.
func (p *Policy) Check(releases []Release, now time.Time) (out []Refusal) {
	for _, r := range releases {
		p.Apply(r.Verdicts, now, func(keys.Verdict) string { return r.ID })
		if x, refused := refusal(r); refused {
			out = append(out, x)
		}
	}
	return out
}

func refusal(r Release) (Refusal, bool) {
	x := Refusal{Tag: r.Tag, Undecided: true}
	for _, v := range r.Verdicts {
		if v.OK(false) {
			continue
		}
		refused := v.Trusted != nil && !*v.Trusted
		if !v.Status.Undecided() || refused {
			x.Undecided = false
		}
		if x.Status == "" || !v.Status.Undecided() {
			x.Status = v.Status
		}
		reason := v.Reason
		if v.Status.Sound() {
			reason = v.PolicyReason
		} else if refused {
			reason += " " + v.PolicyReason
		}
		x.Reasons = append(x.Reasons, reason)
	}
	return x, len(x.Reasons) > 0
}

// TOML writes the proposal as it is meant to stand in bulla.toml, with comments. Parse reads it.
func (p Proposal) TOML() []byte {
	var b bytes.Buffer
	b.WriteString("# Whose signatures count: bulla policy --help.\n[policy]\n")
	fmt.Fprintf(&b, "keyring = %s\n", quote(DefaultKeyring))
	for _, s := range p.Signers {
		fmt.Fprintf(&b, "\n# %s\n[[policy.signer]]\nname = %s\nkeys = [%s]\nsigns = [%s]\n", s.Origin, quote(s.Name), list(s.Keys), list(s.Signs))
		if !s.From.IsZero() {
			fmt.Fprintf(&b, "from = %s\n", moment(s.From, false))
		}
		if !s.Until.IsZero() {
			fmt.Fprintf(&b, "until = %s\n", moment(s.Until, true))
		}
	}
	for _, e := range p.Exceptions {
		fmt.Fprintf(&b, "\n[[policy.exception]]\nkind = %s\ntarget = %s\nid = %s\nallow = [%s]\nreason = %s\n",
			quote(string(e.Kind)), quote(e.Target), quote(e.ID), list(e.Allow), quote(e.Reason))
	}
	if len(p.Refused) > 0 {
		b.WriteString("\n# This policy refuses these releases, or cannot decide on them:\n")
		for _, r := range p.Refused {
			fmt.Fprintf(&b, "#   %s: %s\n", CleanName(r.Tag), CleanName(strings.Join(r.Reasons, " ")))
		}
	}
	return b.Bytes()
}

// moment writes a bare TOML date where the time is the edge of a day, else a bare time.
func moment(t time.Time, end bool) string {
	if !t.Equal(t.Truncate(24 * time.Hour)) {
		return t.UTC().Format(time.RFC3339)
	}
	if end { // the last day, not the one after it
		t = t.AddDate(0, 0, -1)
	}
	return day(t)
}

func list[T ~string](items []T) string {
	quoted := make([]string, 0, len(items))
	for _, s := range items {
		quoted = append(quoted, quote(string(s)))
	}
	return strings.Join(quoted, ", ")
}

// quote writes a basic string of TOML. What strconv escapes in ways that TOML does not know is
// written as a code point.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == utf8.RuneError:
			b.WriteString(`\ufffd`)
		case r < ' ' || !strconv.IsPrint(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case !strconv.IsPrint(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
