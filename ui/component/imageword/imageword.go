// Package imageword says in words what is known about an image in a registry. Every face uses the
// same ones. All of it is safe to show.
package imageword

import (
	"fmt"
	"slices"
	"strings"

	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// State is what a tag is worth, in one short word.
func State(t images.Tag) string {
	v := t.Verdict()
	switch {
	case t.Err != nil:
		return "not read"
	case len(t.Moved) > 0:
		return "moved"
	case v.OK(false):
		return "signed"
	case v.Trusted != nil && !*v.Trusted && v.Status.Sound():
		return "refused"
	}
	switch v.Status {
	case keys.StatusUnsigned:
		return "unsigned"
	case keys.StatusUnknownKey:
		return "no key"
	case keys.StatusNotChecked:
		return "unknown"
	case keys.StatusMalformed:
		return "damaged"
	}
	return string(v.Status)
}

// By tells which systems signed a tag, by their sound signatures: "bundle, sig", "content trust".
func By(t images.Tag) string {
	var out []string
	for _, s := range t.Cosign.Signatures {
		if word := string(s.Form); s.Status.Sound() && !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	if t.Trust.Sound() {
		out = append(out, "content trust")
	}
	return strings.Join(out, ", ")
}

// Form names how a signature is kept.
func Form(f cosign.Form) string {
	switch f {
	case cosign.FormBundle:
		return "cosign bundle"
	case cosign.FormLegacy:
		return "cosign .sig"
	}
	return "the list of signatures"
}

// Digest is a digest with its middle left out, in ASCII.
func Digest(d string) string {
	algorithm, hex, ok := strings.Cut(d, ":")
	if !ok || len(hex) < 16 {
		return safetext.Line(d)
	}
	return algorithm + ":" + hex[:12]
}

// Remarks are what to know about a tag beyond its verdicts, in sentences, the gravest first.
func Remarks(t images.Tag) (out []string) {
	say := func(format string, args ...any) { out = append(out, safetext.Line(fmt.Sprintf(format, args...))) }
	for _, m := range t.Moved {
		say("%s", Moved(m, t.Image.Digest))
	}
	for _, s := range t.Cosign.Hidden() {
		say("cosign 3 does not find the .sig signature by %s: it looks there only where no bundle lies beside the image, and one does, whoever made it. bulla image sign with that key adds a bundle.", s.Signer.Primary.Short())
	}
	if other := OtherName(t); other != "" {
		say("%s", other)
	}
	if n := t.Uncovered(); n > 0 {
		are := "is"
		if n > 1 {
			are = "are"
		}
		say("%s of the index %s not signed on %s own: whoever pulls one by its own digest finds no signature. bulla image sign --recursive signs them too.", human.Count(n, "platform"), are, theirs(n))
	}
	if t.Blind {
		say("Whether it was signed before, over another digest, cannot be known: this registry shows signatures only to who knows the digest, and no record of a release here names one.")
	}
	if t.TrustErr != nil && t.Verdict().OK(false) { // else it is the verdict's reason
		say("%s", TrustProblem(t.TrustErr))
	}
	for i, o := range t.Cosign.Others {
		if i == maxOthers {
			say("Also beside it: %s more, not judged.", human.Count(len(t.Cosign.Others)-i, "attachment"))
			break
		}
		say("Also beside it, not judged: %s, %s.", Other(o), o.Digest)
	}
	return out
}

// Moved tells of a tag that was signed over another digest than the one that it points to now.
func Moved(m images.Move, now string) string { return safetext.Line(m.Sentence(now)) }

// SignMoved is what to ask oneself before a tag that has moved is signed where it is.
const SignMoved = "Sign it only if you know why it has moved."

// maxOthers is how many attachments are named one by one.
const maxOthers = 5

func theirs(n int) string {
	if n == 1 {
		return "its"
	}
	return "their"
}

// Other names an attachment that is no signature by what it says of itself.
func Other(o cosign.Other) string {
	switch {
	case o.Predicate != "":
		return "an attestation (" + safetext.Line(o.Predicate) + ")"
	case strings.Contains(o.ArtifactType, "spdx"), strings.Contains(o.ArtifactType, "cyclonedx"):
		return "a bill of materials (" + safetext.Line(o.ArtifactType) + ")"
	case strings.HasPrefix(o.ArtifactType, "application/vnd.cncf.notary"):
		return "a signature of notation, which bulla cannot judge"
	case o.ArtifactType == "":
		return "something that does not say what it is"
	}
	return safetext.Line(o.ArtifactType)
}

// Remark is the one thing to know about a tag in a few words, "" where all is plainly well.
func Remark(t images.Tag) string {
	v := t.Verdict()
	switch {
	case len(t.Moved) > 0:
		return "moved from " + strings.TrimPrefix(Digest(t.Moved[0].From), "sha256:")
	case t.Err != nil:
		return strings.TrimSuffix(v.Reason, ".")
	case v.Trusted != nil && !*v.Trusted:
		return safetext.Line(v.PolicyReason)
	case len(t.Cosign.Hidden()) > 0:
		return "cosign does not find the .sig"
	case t.Renamed():
		return safetext.Line("signed as " + strings.Join(t.SignedAs(), ", "))
	case v.Status == keys.StatusUnknownKey && v.Claim.Fingerprint != "":
		return "key " + human.Tail(v.Claim.Fingerprint) + " not at hand"
	case t.TrustErr != nil:
		return trustRemark(t.TrustErr)
	case t.Uncovered() > 0:
		return fmt.Sprintf("%d of %s not signed alone", t.Uncovered(), human.Count(len(t.Children), "platform"))
	}
	return ""
}
