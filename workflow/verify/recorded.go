package verify

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/keys"
	"bulla/workflow/record"
)

// RecordedImage is what the record of a past release says of an image.
type RecordedImage struct {
	Reference docker.Reference // with its tag
	Digest    string
	Release   string // git's tag
	// Signer is the primary key that signed the record, On when the record says it was planned.
	Signer keys.Fingerprint
	On     time.Time
}

// maxRecords is how many records are read for RecordedImages.
const maxRecords = 500

// RecordedImages reads the records of past releases that lie in or beside the git repository, and
// returns the images that they bind. A record counts only if its own signature is sound, by a key at
// hand that no policy refuses. Where nothing is found, or there is no repository, there are none; the
// error is that of ctx.
func (v *Verifier) RecordedImages(ctx context.Context) (out []RecordedImage, err error) {
	if v.repo == nil {
		return nil, nil
	}
	tags, err := v.repo.Tags(ctx)
	if err != nil {
		return nil, ctx.Err()
	}
	var paths []string
	for _, t := range slices.Backward(tags) {
		version := v.VersionOf(t.Name)
		own, shared := v.HistoryFolders(t.Name, version)
		for _, dir := range slices.Concat(v.RecordDirs(t.Name, version), own, shared) {
			path := filepath.Join(dir, record.Name)
			if !slices.Contains(paths, path) && len(paths) < maxRecords && exists(path) {
				paths = append(paths, path)
			}
		}
	}
	for _, path := range paths {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out = append(out, v.recordedIn(ctx, path)...)
	}
	return out, nil
}

// recordedIn reads one record; what may not be believed is left out.
func (v *Verifier) recordedIn(ctx context.Context, path string) (out []RecordedImage) {
	res, err := artifacts.Verify(ctx, path, "", v.judge)
	if err != nil {
		return nil
	}
	for i := range res.Verdicts {
		res.Verdicts[i].Kind = keys.KindRecord
	}
	v.decideFiles(res.Verdicts)
	best := keys.Summarize(res.Verdicts)
	if !best.OK(false) || best.Signer == nil || !v.vouched(res.Verdicts) {
		return nil
	}
	data, problem := readJudged(path, record.MaxSize, res)
	if problem != "" {
		return nil
	}
	rec, err := record.Parse(data)
	if err != nil || rec.Predicate.Signer.Fingerprint != best.Signer.Fingerprint {
		return nil
	}
	for _, img := range rec.Predicate.Images {
		ref, err := docker.ParseReference(img.Reference)
		if err != nil || ref.Tag() == "" {
			continue
		}
		out = append(out, RecordedImage{
			Reference: ref, Digest: img.Digest, Release: rec.Predicate.Tag.Name, Signer: best.Signer.Primary, On: rec.Predicate.CreatedOn,
		})
	}
	return out
}
