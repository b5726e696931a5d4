package imageword

import (
	"fmt"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/safetext"
	"bulla/workflow/images"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// Show tells everything about one image, in lines.
func Show(t images.Tag) (out []string) {
	say := func(format string, args ...any) { out = append(out, safetext.Line(fmt.Sprintf(format, args...))) }
	say("%s", t.Reference.String())
	say("  digest     %s", t.Image.Digest)
	say("  type       %s, %s", t.Image.MediaType, human.Size(t.Image.Size))
	for _, c := range t.Image.Children {
		if c.Platform != "" {
			say("  platform   %s  %s%s", c.Platform, c.Digest, coverage(t, c.Digest))
		}
	}
	for i, v := range t.Verdicts() {
		out = append(out, "")
		what := "signature"
		switch {
		case i < len(t.Cosign.Signatures):
			what = Form(t.Cosign.Signatures[i].Form)
		case t.Trust != nil, t.TrustErr != nil:
			what = "Content Trust"
		}
		say("  %-10s %s", v.Status, what)
		out = append(out, Reasons(v)...)
		if Claimed(v) {
			say("             It says of itself that it was made on %s.", v.Claim.SignedAt.UTC().Format("2006-01-02 15:04 UTC"))
		}
		if i < len(t.Cosign.Signatures) && t.Cosign.Signatures[i].Tag != "" {
			say("             The signer named the tag %s.", t.Cosign.Signatures[i].Tag)
		}
	}
	for i, r := range Remarks(t) {
		if i == 0 {
			out = append(out, "")
		}
		out = append(out, "  - "+r)
	}
	return out
}

// Reasons are why a verdict is as it is, in lines.
func Reasons(v keys.Verdict) (out []string) {
	for _, s := range []string{v.Reason, v.PolicyReason} {
		if s != "" {
			out = append(out, "             "+safetext.Line(s))
		}
	}
	return out
}

// Claimed reports whether a signature says itself when it was made, and nothing proves it.
func Claimed(v keys.Verdict) bool {
	return v.Signer != nil && v.Signer.SignedAt.IsZero() && !v.Claim.SignedAt.IsZero()
}

// coverage says whether an image of an index is signed on its own, where that was looked at.
func coverage(t images.Tag, digest string) string {
	for _, c := range t.Children {
		switch {
		case c.Digest != digest:
		case c.Err != nil:
			return "  (not looked at)"
		case c.Signed:
			return "  signed on its own too"
		default:
			return "  by the index only"
		}
	}
	return ""
}

// Outcome is what a gate says, in one word.
func Outcome(o images.Outcome) string {
	switch o {
	case images.Allowed:
		return "allowed"
	case images.Unchecked:
		return "unknown"
	}
	return "refused"
}

// Elsewhere says that a system signs an image which did not have to vouch for it, or "".
func Elsewhere(d images.Decision) string {
	switch d.Elsewhere() {
	case policy.SystemContentTrust:
		return "Content Trust signs it, and did not have to vouch."
	case policy.SystemCosign:
		return "A cosign key signs it, and did not have to vouch."
	}
	return ""
}

// MovedLines tell over which digests a tag was signed that points elsewhere now.
func MovedLines(t images.Tag) (out []string) {
	for _, m := range t.Moved {
		out = append(out, "             It was signed over "+safetext.Line(m.From)+" before, and points to "+t.Image.Digest+" now.")
	}
	return out
}

// OtherName says of an image that its signatures name other tags than the one that it was asked for
// under, "" where they do not or where Content Trust signs this tag: a signature of cosign covers the
// digest alone, so the gate lets the image pass.
func OtherName(t images.Tag) string {
	if !t.Renamed() || t.Trust.Sound() {
		return ""
	}
	return safetext.Line(verify.OtherTag(t.SignedAs(), t.Reference.Tag()))
}
