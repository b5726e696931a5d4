package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// record makes the record of what the run has made. Nothing in it depends on when a step ran, so
// a resumed run makes the same bytes.
func (r *run) record() (record.Statement, error) {
	p := r.plan
	rec := record.Statement{Type: record.StatementType, PredicateType: record.PredicateType, Predicate: record.Predicate{
		Project: p.Project, Version: p.Version, CreatedOn: p.Created,
		Signer: record.Signer{Fingerprint: p.Key.Fingerprint, Primary: p.Key.Primary, UserID: p.Key.UserID},
		Tag:    record.Tag{Name: p.Tag, Object: r.result.TagID, Commit: p.CommitID},
		Files:  []string{}, Checksums: []string{}, Images: []record.ImageSeal{}, ChecksumsOnly: p.ChecksumsOnly && len(p.Files) > 0,
	}}
	rec.Subject = append(rec.Subject,
		record.Subject{Name: "refs/tags/" + p.Tag, Digest: map[string]string{"gitTag": r.result.TagID}},
		record.Subject{Name: "commit " + p.CommitID, Digest: map[string]string{"gitCommit": p.CommitID}})
	for _, f := range r.result.Files {
		name, err := relativeTo(p.Dir, f.Path)
		if err != nil {
			return rec, err
		}
		digest := map[string]string{"sha256": f.SHA256}
		if f.SHA512 != "" {
			digest["sha512"] = f.SHA512
		}
		rec.Subject = append(rec.Subject, record.Subject{Name: name, Digest: digest})
		rec.Predicate.Files = append(rec.Predicate.Files, name)
	}
	for _, path := range r.result.Checksums {
		if !strings.HasSuffix(path, ".asc") {
			rec.Predicate.Checksums = append(rec.Predicate.Checksums, filepath.Base(path))
		}
	}
	for _, img := range p.Images {
		rec.Subject = append(rec.Subject, record.Subject{Name: img.Name, Digest: map[string]string{"sha256": strings.TrimPrefix(img.Digest, "sha256:")}})
		seal := record.ImageSeal{Reference: img.Name, Digest: img.Digest, MediaType: img.MediaType}
		if r.image != nil {
			pub := r.image.Public()
			seal.PublicKey, seal.KeyID = string(pub.PEM()), string(pub.Fingerprint())
		}
		if t := img.Trust; t != nil {
			seal.ContentTrust = &record.TrustSeal{Server: t.Server, RootCertificates: t.Certificates}
		}
		rec.Predicate.Images = append(rec.Predicate.Images, seal)
	}
	return rec, nil
}

func relativeTo(dir, path string) (string, error) {
	rel, err := filepath.Rel(dir, path)
	return filepath.ToSlash(rel), err
}

func runRecord(ctx context.Context, r *run) (string, error) {
	rec, err := r.record()
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return "", err
	}
	data = append(data, '\n')
	if len(data) > record.MaxSize {
		return "", fmt.Errorf("the record would be larger than %d bytes: name fewer files", record.MaxSize)
	}
	path := r.plan.recordPath()
	r.result.Record = path
	if err := r.writeOwn(path, data); err != nil {
		return "", err
	}
	if err := r.signRecord(ctx, path, data); err != nil {
		return "", err
	}
	return record.Name + " binds all of it", nil
}

// signRecord signs the record unless a killed run of this release did so already.
func (r *run) signRecord(ctx context.Context, path string, data []byte) error {
	ascPath := path + ".asc"
	if old, err := limits.ReadIfThere(ascPath, 1<<20); err == nil && len(old) > 0 {
		if r.signedByUs(verify.JudgeBytes(r.judge, keys.KindRecord, record.Name, data, old, time.Time{})) {
			return nil
		}
	}
	sig, err := r.sign(ctx, data)
	if err != nil {
		return err
	}
	return r.writeOwn(ascPath, sig)
}

func undoRecord(ctx context.Context, r *run, a *Abandoned) error {
	path := r.plan.recordPath()
	return r.removeOutputs(ctx, a, []string{path, path + ".asc"})
}
