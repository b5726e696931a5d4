package cosign

import (
	"cmp"
	"context"
	"slices"

	"bulla/docker"
	"bulla/keys"
)

// Form is how a signature is kept beside an image.
type Form string

// The forms.
const (
	// FormBundle is a sigstore bundle in the list of referrers: what cosign 3 makes.
	FormBundle Form = "bundle"
	// FormLegacy is a payload under the tag sha256-DIGEST.sig: what cosign 2 makes.
	FormLegacy Form = "sig"
)

// Report is everything that was found beside an image.
type Report struct {
	Digest string // of the image
	// Signatures are those found, sound ones first; what could not be read is among them.
	Signatures []Signed
	// Others are attachments that are no signatures: attestations, bills of materials, and what
	// nobody knows. They were not judged.
	Others []Other
	// API says that the registry lists referrers itself (OCI distribution specification 1.1): then no
	// tag tells of signatures on images that no tag names any more.
	API bool
}

// Signed is one signature. The Target of its verdict is empty: the image may have many names.
type Signed struct {
	keys.Verdict
	Form     Form   // "" for a remark about the list as a whole
	Manifest string // digest of the manifest that holds it, or ""
	// Tag is under which tag the signer saw the image, where the signed bytes say so and the
	// verdict is sound; raw text. Signatures of cosign have it only where sign -a tag=… was given.
	Tag string
}

// Other is an attachment that is no signature. All of it is the registry's word, raw text.
type Other struct {
	Digest       string
	ArtifactType string
	// Predicate is what a bundle claims to state about the image, such as
	// https://slsa.dev/provenance/v1; "" for what is no bundle.
	Predicate string
}

func otherOf(d docker.Descriptor) Other {
	return Other{Digest: d.Digest, ArtifactType: d.ArtifactType, Predicate: d.Annotations[predicateAnnotation]}
}

// bundle reports whether cosign takes the attachment for a bundle.
func (o Other) bundle() bool { return isBundle(o.ArtifactType) == 1 }

// Inspect reads everything that lies beside the image with a digest and judges the signatures as
// Verify does. The error is of reading the lists, a *docker.RegistryError, or of ctx.
func Inspect(ctx context.Context, repo *docker.Repo, digest string, pubs []PublicKey) (Report, error) {
	c, err := collect(ctx, repo, digest)
	if err != nil {
		return Report{}, err
	}
	out := Report{Digest: digest, Others: c.others, API: c.api}
	for _, f := range c.list {
		s := Signed{Verdict: f.judge(pubs), Form: f.form, Manifest: f.manifest}
		s.Kind = keys.KindImage
		if s.Signer != nil && s.Status != keys.StatusBad {
			s.Tag = f.tag
		}
		out.Signatures = append(out.Signatures, s)
	}
	slices.SortStableFunc(out.Signatures, func(a, b Signed) int { return cmp.Compare(rank(a.Status), rank(b.Status)) })
	return out, nil
}

// Verdicts are those of the signatures, on a target; or a single one with StatusUnsigned.
func (r Report) Verdicts(target string) []keys.Verdict {
	if len(r.Signatures) == 0 {
		reason := "No signature lies beside this image in the registry."
		if len(r.Others) > 0 {
			reason = "No signature lies beside this image in the registry, only attachments of other kinds."
		}
		return []keys.Verdict{keys.Unsigned(keys.KindImage, target, reason)}
	}
	out := make([]keys.Verdict, len(r.Signatures))
	for i, s := range r.Signatures {
		out[i] = s.Verdict
		out[i].Target = target
	}
	return out
}

// Sound reports whether one signature is sound.
func (r Report) Sound() bool {
	return slices.ContainsFunc(r.Signatures, func(s Signed) bool { return s.Status.Sound() })
}

// SignedAs are the tags under which sound signatures say that the image was signed, each once; raw text.
func (r Report) SignedAs() (out []string) {
	for _, s := range r.Signatures {
		if s.Status.Sound() && s.Tag != "" && !slices.Contains(out, s.Tag) {
			out = append(out, s.Tag)
		}
	}
	return out
}

// Renamed reports whether every sound signature that names a tag names another one than tag: an image
// that was signed as an older version may be posing as this one. A digest may well have several tags.
func (r Report) Renamed(tag string) bool {
	as := r.SignedAs()
	return tag != "" && len(as) > 0 && !slices.Contains(as, tag)
}

// Hidden are the sound signatures of the older form that cosign 3 does not find: it looks under
// the .sig tag only where no bundle lies beside the image, whoever made that and whatever it
// states. A key that has a sound bundle too is not hidden. What cosign cannot read as a bundle
// hides nothing (measured with cosign 3.1.3).
func (r Report) Hidden() (out []Signed) {
	covered := map[keys.Fingerprint]bool{}
	hides := slices.ContainsFunc(r.Others, Other.bundle)
	for _, s := range r.Signatures {
		if s.Form != FormBundle {
			continue
		}
		hides = hides || (s.Status != keys.StatusMalformed && s.Status != keys.StatusNotChecked)
		if s.Status.Sound() {
			covered[s.Signer.Fingerprint] = true
		}
	}
	for _, s := range r.Signatures {
		if hides && s.Form == FormLegacy && s.Status.Sound() && !covered[s.Signer.Fingerprint] {
			out = append(out, s)
		}
	}
	return out
}
