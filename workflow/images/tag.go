package images

import (
	"fmt"
	"slices"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/workflow/policy"
)

// Tag is one tag of a repository, or one image that no tag names, and what is known about it.
type Tag struct {
	// Reference names it by its tag; by its digest where no tag names it.
	Reference docker.Reference
	// Image is what it points to; its Digest is "" where Err is set.
	Image docker.Image
	// Err says why nothing could be found out.
	Err error
	// Cosign is what lies beside the image.
	Cosign cosign.Report
	// Trust is what Content Trust says of the tag, nil where it says nothing or was not asked.
	Trust *Trusted
	// TrustErr says why Content Trust could not be asked, or nil.
	TrustErr error
	// Children are the images of an index, where the index is signed; else nil.
	Children []Child
	// Moved tells that the tag was signed over another digest and is not signed over this one.
	Moved []Move
	// Blind says that the tag is not signed, and that nobody could tell if it was once, over another
	// digest: the registry shows signatures to those alone who know the digest, and no record or trust
	// data names one.
	Blind bool

	cosign, trust []keys.Verdict // decided by the policy
}

// Child is one image of an index. The signature over the index covers it for whoever pulls by
// the index, and not for whoever pulls it by its own digest.
type Child struct {
	docker.Child
	Signed bool  // soundly, on its own
	Err    error // why that is not known
}

// Move is a digest that a tag was signed over, and is not at any more.
type Move struct {
	From string // the digest that was signed
	By   keys.Fingerprint
	// SignedAt is when it was signed, as the signature claims, or zero.
	SignedAt time.Time
	// System is by which system it was signed; "" where only the record of a release says so. By is
	// then who signed the record, and Release the release.
	System  policy.System
	Release string
}

// Sentence tells of the move, where the tag is at the digest now. It may quote text from outside.
func (m Move) Sentence(now string) string {
	if m.Release != "" {
		return fmt.Sprintf("It has moved: the record of release %s names %s, and it points to %s now.", m.Release, m.From, now)
	}
	at := ""
	if !m.SignedAt.IsZero() {
		at = " (it says on " + m.SignedAt.UTC().Format("2006-01-02") + ")"
	}
	return fmt.Sprintf("It has moved: %s was signed under this tag%s, and it points to %s now.", m.From, at, now)
}

// Trusted is what Content Trust says of one tag.
type Trusted struct {
	Digest string // that the tag was signed over, "sha256:…"; "" where it was not signed
	// Verdicts are one for each signer of the digest that the tag is at, or one that is not good.
	Verdicts []keys.Verdict
}

// Sound reports whether a signer vouches for what the tag points to.
func (t *Trusted) Sound() bool {
	return t != nil && slices.ContainsFunc(t.Verdicts, func(v keys.Verdict) bool { return v.Status.Sound() })
}

// Verdicts are those on all signatures, with the reference as the target, or a single one that
// says that there is none, or that nothing could be found out. The policy has decided on them.
// Those on Cosign.Signatures come first, in their order.
func (t Tag) Verdicts() []keys.Verdict {
	switch {
	case len(t.trust) == 0 || t.Err != nil:
		return slices.Clone(t.cosign)
	case len(t.Cosign.Signatures) == 0:
		return slices.Clone(t.trust)
	}
	return slices.Concat(t.cosign, t.trust)
}

// Verdict is the one that counts most: an image needs one good signature, so the best is taken.
// Of an image without any sound one, it is the worst.
func (t Tag) Verdict() keys.Verdict {
	vs := t.Verdicts()
	for _, v := range vs {
		if v.OK(false) {
			return v
		}
	}
	return keys.Summarize(vs)
}

// Uncovered counts the images of an index that are not signed on their own.
func (t Tag) Uncovered() int {
	n := 0
	for _, c := range t.Children {
		if !c.Signed && c.Err == nil {
			n++
		}
	}
	return n
}

// SignedAs are the tags under which sound signatures say that the image was signed, each once.
func (t Tag) SignedAs() []string { return t.Cosign.SignedAs() }

// Renamed reports whether every sound signature that names a tag names another one.
func (t Tag) Renamed() bool { return t.Cosign.Renamed(t.Reference.Tag()) }

// signedHere reports whether the image that the tag is at is signed, and not under other tags alone.
func (t Tag) signedHere() bool { return t.Cosign.Sound() && (!t.Renamed() || t.Trust.Sound()) }

// Judged fills in the verdicts of a Tag that was put together by hand, without a policy.
func Judged(t Tag) Tag {
	target := t.Reference.String()
	if t.Err != nil {
		t.cosign = []keys.Verdict{keys.NotChecked(keys.KindImage, target, reason(t.Err))}
		return t
	}
	t.cosign = t.Cosign.Verdicts(target)
	if t.Trust != nil {
		t.trust = t.Trust.Verdicts
	}
	return t
}
