package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/record"
)

// record judges a release record and everything it binds: the record's own signature first, then
// tag, files and images, each by its own signature and against the digest in the record. sig ""
// is the record's path with .asc.
func (v *Verifier) record(ctx context.Context, path, sig string) ([]keys.Verdict, error) {
	vs, _, err := v.parsedRecord(ctx, path, sig)
	return vs, err
}

// parsedRecord is record, and returns what was judged: nil if it could not be read.
func (v *Verifier) parsedRecord(ctx context.Context, path, sig string) ([]keys.Verdict, *record.Statement, error) {
	res, err := artifacts.Verify(ctx, path, sig, v.judge)
	if err != nil {
		return []keys.Verdict{keys.NotChecked(keys.KindRecord, path, "The record cannot be read: "+rootCause(err).Error())}, nil, ctx.Err()
	}
	own := res.Verdicts
	for i := range own {
		own[i].Kind = keys.KindRecord
	}
	data, problem := readJudged(path, record.MaxSize, res)
	if problem != "" {
		return []keys.Verdict{keys.NotChecked(keys.KindRecord, path, problem)}, nil, nil
	}
	rec, err := record.Parse(data)
	if err != nil {
		return []keys.Verdict{{Kind: keys.KindRecord, Target: path, Status: keys.StatusMalformed, Reason: "It is no release record that can be read: " + err.Error() + "."}}, nil, nil
	}
	for i, verdict := range own {
		if verdict.Signer != nil && verdict.Signer.Fingerprint != rec.Predicate.Signer.Fingerprint {
			contradict(own[i:i+1], "The record is signed by another key than the one it names.")
		}
	}
	v.decideFiles(own)
	b := boundCheck{v: v, rec: rec, dir: filepath.Dir(path), own: own, sealed: v.vouched(own)}
	out := b.tag(ctx)
	out = append(out, b.files(ctx)...)
	out = append(out, b.checksums(ctx)...)
	out = append(out, b.images(ctx)...)
	return append(b.decide(out), own...), &rec, ctx.Err()
}

// readJudged reads a file whose signatures were judged just before, and says what is wrong if it
// is not the same any more: what is parsed must be what was judged.
func readJudged(path string, limit int64, judged artifacts.Verified) (data []byte, problem string) {
	data, err := limits.ReadIfThere(path, limit)
	switch {
	case err != nil:
		return nil, "It cannot be read: " + rootCause(err).Error() + "."
	case fmt.Sprintf("%x", sha256.Sum256(data)) != judged.SHA256:
		return nil, "It changed while it was checked."
	}
	return data, ""
}

// boundCheck judges what one record binds.
type boundCheck struct {
	v   *Verifier
	rec record.Statement
	dir string
	own []keys.Verdict // on the record itself
	// sealed says that the record's own signature passes, so that the images in it and their
	// public keys may be believed.
	sealed bool
}

// contradict turns verdicts into a failure: the thing is signed, but it is not what the record
// says it is.
func contradict(vs []keys.Verdict, reason string) []keys.Verdict {
	for i := range vs {
		vs[i].Status, vs[i].Reason = keys.StatusBad, reason
	}
	return vs
}

func (b boundCheck) tag(ctx context.Context) []keys.Verdict {
	t := b.rec.Predicate.Tag
	b.v.progress(t.Name, 0, b.total())
	if b.v.repo == nil {
		return []keys.Verdict{keys.NotChecked(keys.KindTag, t.Name, "There is no git repository here to look in.")}
	}
	tag, err := b.v.repo.Tag(ctx, t.Name)
	if errors.Is(err, gitops.ErrNotFound) {
		return []keys.Verdict{keys.NotChecked(keys.KindTag, t.Name, "This repository has no such tag.")}
	}
	if err != nil {
		return []keys.Verdict{keys.NotChecked(keys.KindTag, t.Name, "The tag cannot be read: "+err.Error())}
	}
	vs := JudgeTag(b.v.judge, tag)
	switch {
	case tag.ObjectID != t.Object:
		return contradict(vs, fmt.Sprintf("The tag is object %.12s here, but the record names %.12s.", tag.ObjectID, t.Object))
	case tag.CommitID != t.Commit:
		return contradict(vs, fmt.Sprintf("The tag points to commit %.12s, but the record names %.12s.", tag.CommitID, t.Commit))
	}
	return vs
}

// total is the number of things that the record binds, itself included.
func (b boundCheck) total() int {
	p := b.rec.Predicate
	return 2 + len(p.Files) + len(p.Checksums) + len(p.Images)
}

func (b boundCheck) files(ctx context.Context) (out []keys.Verdict) {
	for i, name := range b.rec.Predicate.Files {
		b.v.progress(name, 1+i, b.total())
		path := filepath.Join(b.dir, filepath.FromSlash(name))
		want, ok := b.rec.DigestOf(name, "sha256")
		res, err := artifacts.Verify(ctx, path, "", b.v.judge)
		switch {
		case err != nil:
			missing := keys.NotChecked(keys.KindArtifact, name, unreadable(path, err))
			missing.Path = path
			out = append(out, missing)
			continue
		case !ok || res.SHA256 != want:
			contradict(res.Verdicts, "The file's SHA-256 is not the one in the record.")
		case b.rec.Predicate.ChecksumsOnly && len(res.Verdicts) == 1 && res.Verdicts[0].Status == keys.StatusUnsigned:
			res.Verdicts = b.byRecord(res)
		case len(res.Verdicts) == 1 && res.Verdicts[0].Status == keys.StatusUnsigned:
			// Its content is what was released, but what the release made of it is not all here: that is for
			// a person to know, and no verdict of another file makes it good.
			v := &res.Verdicts[0]
			v.Weak = append(v.Weak, FindingLostSignature)
			v.Reason = "Its own signature, which the release made, is not here. The record names this very content."
		}
		for j := range res.Verdicts {
			res.Verdicts[j].Target, res.Verdicts[j].Path = name, path
		}
		out = append(out, res.Verdicts...)
	}
	return out
}

// FindingLostSignature is the finding, in keys.Verdict.Weak, that a file lacks the signature that its release
// made of it, though the record of the release names its digest.
const FindingLostSignature = "its own signature is missing"

// byRecord are the verdicts on a file that has no signature of its own by intention, and the digest
// that the record names: those on the record, as if they were its own.
func (b boundCheck) byRecord(res artifacts.Verified) []keys.Verdict {
	out := slices.Clone(b.own)
	for i := range out {
		out[i].Kind, out[i].SHA256 = keys.KindArtifact, res.SHA256
	}
	return out
}

// checksums judges the signatures of the checksums files and compares their lines with the
// record; the files themselves were hashed by files already.
func (b boundCheck) checksums(ctx context.Context) (out []keys.Verdict) {
	for i, name := range b.rec.Predicate.Checksums {
		b.v.progress(name, 1+len(b.rec.Predicate.Files)+i, b.total())
		path := filepath.Join(b.dir, filepath.FromSlash(name))
		res, err := artifacts.Verify(ctx, path, "", b.v.judge)
		if err != nil {
			missing := keys.NotChecked(keys.KindChecksum, name, unreadable(path, err))
			missing.Path = path
			out = append(out, missing)
			continue
		}
		for j := range res.Verdicts {
			res.Verdicts[j].Target, res.Verdicts[j].Path, res.Verdicts[j].Kind = name, path, keys.KindChecksum
		}
		if reason := b.compareChecksums(path, res); reason != "" {
			contradict(res.Verdicts, reason)
		}
		out = append(out, res.Verdicts...)
	}
	return out
}

// compareChecksums says how a checksums file differs from the record, or "".
func (b boundCheck) compareChecksums(path string, judged artifacts.Verified) string {
	data, problem := readJudged(path, 4<<20, judged)
	if problem != "" {
		return problem
	}
	sums, err := artifacts.ParseChecksums(bytes.NewReader(data))
	if err != nil {
		return "The checksums cannot be read."
	}
	algorithm := strings.ToLower(strings.TrimSuffix(filepath.Base(path), "SUMS"))
	seen := map[string]bool{}
	for _, s := range sums {
		if want, ok := b.rec.DigestOf(s.Name, algorithm); !ok || want != s.Digest {
			return "The checksums name another digest than the record does."
		}
		seen[s.Name] = true
	}
	if len(seen) != len(b.rec.Predicate.Files) {
		return "The checksums and the record do not name the same files."
	}
	return ""
}

// images judges each image by the key in the record, if the record is sealed, and by the keys at
// hand; and compares what the tag points to now with the digest in the record.
func (b boundCheck) images(ctx context.Context) (out []keys.Verdict) {
	for i, seal := range b.rec.Predicate.Images {
		b.v.progress(seal.Reference, 1+len(b.rec.Predicate.Files)+len(b.rec.Predicate.Checksums)+i, b.total())
		if !b.sealed {
			// Whoever wrote it must not choose whom this computer talks to.
			out = append(out, keys.NotChecked(keys.KindImage, seal.Reference, "The record's own signature does not pass, so the registry that it names is not asked."))
			continue
		}
		img, problem, err := b.v.resolveImage(ctx, seal.Reference)
		switch {
		case err != nil:
			out = append(out, keys.NotChecked(keys.KindImage, seal.Reference, "The reference in the record cannot be used."))
			continue
		case problem != nil:
			out = append(out, *problem)
			continue
		}
		vs := b.image(ctx, seal, img)
		if img.Digest != seal.Digest {
			contradict(vs, fmt.Sprintf("The tag points to %.19s now, but the record names %.19s.", img.Digest, seal.Digest))
		}
		out = append(out, vs...)
	}
	return out
}

// image judges one image by every system that the record says has signed it.
func (b boundCheck) image(ctx context.Context, seal record.ImageSeal, img docker.Image) (vs []keys.Verdict) {
	if seal.ContentTrust == nil || seal.PublicKey != "" {
		pubs := append([]cosign.PublicKey{}, b.v.imageKeys...)
		if pub, err := cosign.ParsePublicKey([]byte(seal.PublicKey)); err == nil {
			pubs = append(pubs, pub)
		}
		vs, _ = b.v.judgeImage(ctx, seal.Reference, img, pubs)
	}
	if seal.ContentTrust != nil {
		vs = append(vs, b.contentTrust(ctx, seal, img)...)
	}
	return vs
}

// contentTrust judges a tag by the trust data that the record names, from the root in it on.
func (b boundCheck) contentTrust(ctx context.Context, seal record.ImageSeal, img docker.Image) []keys.Verdict {
	switch {
	case !b.sealed:
		return []keys.Verdict{keys.NotChecked(keys.KindImage, seal.Reference, "The record is not vouched for, so neither is the root of the trust data that it names.")}
	case len(seal.ContentTrust.RootCertificates) == 0:
		return []keys.Verdict{keys.NotChecked(keys.KindImage, seal.Reference, "Nothing names the root of the trust data.")}
	}
	clients := dct.NewClients(b.v.world.TrustClient)
	defer clients.Close()
	r := clients.Get(seal.ContentTrust.Server).Repository(dct.GUNOf(img.Reference))
	vs, _, err := r.Verify(ctx, img, dct.Trust{Certificates: seal.ContentTrust.RootCertificates})
	var bad *dct.MetadataError
	switch {
	case errors.As(err, &bad):
		return []keys.Verdict{{Kind: keys.KindImage, Target: seal.Reference, Status: keys.StatusBad, Reason: "The trust data must not be trusted: " + err.Error() + "."}}
	case err != nil:
		return []keys.Verdict{keys.NotChecked(keys.KindImage, seal.Reference, "Content Trust could not be checked: "+err.Error()+".")}
	}
	for i := range vs {
		if vs[i].Target = seal.Reference; vs[i].Status.Sound() {
			vs[i].Reason = "Content Trust: " + vs[i].Reason
		}
	}
	return vs
}
