package workflow

import (
	"context"

	"bulla/artifacts"
	"bulla/keys/limits"
	"bulla/workflow/record"
)

// onlyPushLeft reports whether a journal tells that everything was made and checked, and only the
// push that was asked for is missing.
func onlyPushLeft(entries []entry) bool {
	if len(entries) == 0 || !entries[0].Plan.Push {
		return false
	}
	done, _ := progress(entries)
	for _, st := range walk {
		if _, ok := done[st.id]; !ok && (st.writes || st.id == StepCheck) && st.id != StepPush {
			return false
		}
	}
	_, pushed := done[StepPush]
	return !pushed
}

// settlePushed ends the journal of a release that only its push is missing from, where the tag is on
// the remote by now, wherever a push goes: somebody pushed it by hand. It reports false where that is
// not so, or not known.
func (s *Session) settlePushed(ctx context.Context, p *Plan) bool {
	tag, err := s.repo.Tag(ctx, p.Tag)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, remoteDeadline)
	defer cancel()
	list, err := s.repo.PushedTags(ctx, p.Remote, p.Tag)
	if err != nil {
		return false
	}
	for _, at := range list {
		if at.ID != tag.ObjectID {
			return false
		}
	}
	return s.completePush(p.Tag) == nil
}

// recall fills the result with what a former run has made, where only the push is left: no key has
// to be opened then. Where something is missing or is not what was made, it reports false, and all
// steps run again.
func (r *run) recall(ctx context.Context) bool {
	p := r.plan
	if len(existing(p.outputs())) < len(p.outputs()) {
		return false
	}
	tag, err := r.ownTag(ctx)
	if err != nil || tag == nil {
		return false
	}
	data, err := limits.ReadFile(p.recordPath(), record.MaxSize)
	if err != nil {
		return false
	}
	rec, err := record.Parse(data)
	if err != nil || rec.Predicate.Tag.Object != tag.ObjectID {
		return false
	}
	res := Result{Plan: p, Resumed: true, TagID: tag.ObjectID, Record: p.recordPath()}
	for _, f := range p.Files {
		name, err := relativeTo(p.Dir, f.Path)
		sum, ok := rec.DigestOf(name, "sha256")
		if err != nil || !ok {
			return false
		}
		sum512, _ := rec.DigestOf(name, "sha512")
		res.Files = append(res.Files, artifacts.Signed{File: f.File, SHA256: sum, SHA512: sum512, SignaturePath: f.SignaturePath(), Kept: true})
	}
	for _, list := range p.checksumLists() {
		res.Checksums = append(res.Checksums, list, list+".asc")
	}
	for _, img := range p.Images {
		if img.Trust != nil { // only the trust server knows what was signed
			return false
		}
		manifest, _ := r.published(ctx, img)
		if manifest == "" {
			return false
		}
		res.Images = append(res.Images, SignedImage{Name: img.Name, Digest: img.Digest, Manifest: manifest})
	}
	*r.result = res
	return true
}
