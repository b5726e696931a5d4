package dct

import (
	"context"
	"strings"

	"bulla/docker"
	"bulla/keys"
)

// Verify judges the tag that img was resolved from: one verdict for each signer of its digest, or
// a single one that is not good. The State is what was found beside it. An error means that
// nothing could be judged; it is one of those of Read. So is *NotInitializedError: whether that
// means "unsigned" is for the caller to say, by its Known.
//
// Trust data says nothing about the time of a signature, so a Signatory here has none.
func (r *Repository) Verify(ctx context.Context, img docker.Image, trust Trust) ([]keys.Verdict, *State, error) {
	if err := r.reference(img); err != nil {
		return nil, nil, err
	}
	s, err := r.Read(ctx, trust)
	if err != nil {
		return nil, nil, err
	}
	return s.Judge(img), s, nil
}

// Judge is Verify by trust data that was read already: a list of many tags needs one State.
func (s *State) Judge(img docker.Image) []keys.Verdict {
	base := keys.Verdict{Target: img.Reference.String(), Kind: keys.KindImage}
	offline := ""
	if s.Offline {
		offline = " The trust server was not asked: this is as of " + day(s.Checked) + "."
	}
	tag, ok := s.Tag(img.Reference.Tag())
	switch {
	case !ok:
		base.Status, base.Reason = keys.StatusUnsigned, "The trust data of the repository has no entry for this tag."+offline
		if s.entry(img.Reference.Tag(), img.Digest) != nil {
			base.Reason = "A signer has signed this tag, but it was not released." + offline
		}
		return []keys.Verdict{base}
	case tag.Digest != img.Digest:
		base.Status = keys.StatusBad
		base.Reason = "The tag was signed for " + orNone(tag.Digest) + " and points to " + img.Digest + " now." + offline
		return []keys.Verdict{base}
	case tag.Size != img.Size:
		base.Status, base.Reason = keys.StatusBad, "The tag was signed for a manifest of another size."+offline
		return []keys.Verdict{base}
	}
	signatures := tag.Signatures
	if len(signatures) == 0 { // released by a key whose owner has no role of their own
		signatures = []Signature{{Name: "releases", KeyIDs: tag.releasedBy}}
	}
	var out []keys.Verdict
	for _, sig := range signatures {
		v := base
		v.Status, v.Reason = keys.StatusGood, "Signed by "+sig.Who()+"."+offline
		v.Signer = &keys.Signatory{Hash: "sha256", Source: keys.SourceTrust, UserIDs: []string{sig.Who()}}
		if len(sig.KeyIDs) > 0 {
			v.Signer.Fingerprint = keys.Fingerprint(strings.ToUpper(sig.KeyIDs[0]))
			v.Signer.Primary = v.Signer.Fingerprint
			v.Claim.Fingerprint = v.Signer.Fingerprint
		}
		out = append(out, v)
	}
	return out
}

func orNone(digest string) string {
	if digest == "" {
		return "no digest of SHA-256"
	}
	return digest
}

// Who is the signer in words.
func (g Signature) Who() string {
	if g.Name == "" {
		return "the repository key"
	}
	return g.Name
}
