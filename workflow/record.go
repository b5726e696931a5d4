package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"bulla/gitops"
	"bulla/keys"
)

// The types of the release record, an in-toto Statement v1
// (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).
const (
	StatementType = "https://in-toto.io/Statement/v1"
	// PredicateType names the predicate that RecordPredicate documents.
	PredicateType = "urn:bulla:release:v1"
)

// maxRecordSize limits a record that is read, in bytes.
const maxRecordSize = 8 << 20

// Record is the statement in bulla-release.json: it binds the tag object, the commit, the
// digests of the files and the digests of the images to one another. The detached signature
// beside it is by the key that signed the tag.
type Record struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     RecordPredicate `json:"predicate"`
}

// Subject is a ResourceDescriptor of in-toto. The digest algorithms are those of in-toto's
// DigestSet: sha256 and sha512 for files, sha256 for images, gitTag and gitCommit for objects.
type Subject struct {
	Name   string            `json:"name"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

// RecordPredicate says who released what, and what each subject is.
type RecordPredicate struct {
	Project string `json:"project"`
	Version string `json:"version"`
	// CreatedOn is when the release was planned, in UTC.
	CreatedOn time.Time   `json:"createdOn"`
	Signer    Signer      `json:"signer"`
	Tag       RecordTag   `json:"tag"`
	Files     []string    `json:"files"`     // names of subjects, relative to the record
	Checksums []string    `json:"checksums"` // names of checksums files, relative to the record
	Images    []ImageSeal `json:"images"`
}

// Signer is the OpenPGP key that signed tag, files and record.
type Signer struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	Primary     keys.Fingerprint `json:"primary"`
	UserID      string           `json:"userId"`
}

// RecordTag names the tag and the objects behind it.
type RecordTag struct {
	Name   string `json:"name"`
	Object string `json:"object"`
	Commit string `json:"commit"`
}

// ImageSeal binds name and tag of an image to a digest, which the image's own signature does
// not, and carries the public key that signed it.
type ImageSeal struct {
	Reference string `json:"reference"`
	Digest    string `json:"digest"`
	MediaType string `json:"mediaType"`
	// PublicKey is PEM; KeyID the SHA-256 of its public key info, upper-case hexadecimal. Both are
	// "" for an image that no cosign key has signed.
	PublicKey string `json:"publicKey"`
	KeyID     string `json:"keyId"`
	// ContentTrust is where its tag is signed in Docker Content Trust; nil where it is not.
	ContentTrust *TrustSeal `json:"contentTrust,omitempty"`
}

// TrustSeal says where to find the trust data of an image's repository, and which root must stand
// behind it.
type TrustSeal struct {
	Server string `json:"server"` // "https://host:port"
	// RootCertificates are the ids of the root certificates at the time of the release: 64
	// lower-case hexadecimal digits. A later root counts if a chain of signatures leads to it.
	RootCertificates []string `json:"rootCertificates"`
}

// record makes the record of what the run has made. Nothing in it depends on when a step ran, so
// a resumed run makes the same bytes.
func (r *run) record() (Record, error) {
	p := r.plan
	rec := Record{Type: StatementType, PredicateType: PredicateType, Predicate: RecordPredicate{
		Project: p.Project, Version: p.Version, CreatedOn: p.Created,
		Signer: Signer{Fingerprint: p.Key.Fingerprint, Primary: p.Key.Primary, UserID: p.Key.UserID},
		Tag:    RecordTag{Name: p.Tag, Object: r.result.TagID, Commit: p.CommitID},
		Files:  []string{}, Checksums: []string{}, Images: []ImageSeal{},
	}}
	rec.Subject = append(rec.Subject,
		Subject{Name: "refs/tags/" + p.Tag, Digest: map[string]string{"gitTag": r.result.TagID}},
		Subject{Name: "commit " + p.CommitID, Digest: map[string]string{"gitCommit": p.CommitID}})
	for _, f := range r.result.Files {
		name, err := relativeTo(p.Dir, f.Path)
		if err != nil {
			return rec, err
		}
		digest := map[string]string{"sha256": f.SHA256}
		if f.SHA512 != "" {
			digest["sha512"] = f.SHA512
		}
		rec.Subject = append(rec.Subject, Subject{Name: name, Digest: digest})
		rec.Predicate.Files = append(rec.Predicate.Files, name)
	}
	for _, path := range r.result.Checksums {
		if !strings.HasSuffix(path, ".asc") {
			rec.Predicate.Checksums = append(rec.Predicate.Checksums, filepath.Base(path))
		}
	}
	for _, img := range p.Images {
		rec.Subject = append(rec.Subject, Subject{Name: img.Name, Digest: map[string]string{"sha256": strings.TrimPrefix(img.Digest, "sha256:")}})
		seal := ImageSeal{Reference: img.Name, Digest: img.Digest, MediaType: img.MediaType}
		if r.image != nil {
			pub := r.image.Public()
			seal.PublicKey, seal.KeyID = string(pub.PEM()), string(pub.Fingerprint())
		}
		if t := img.Trust; t != nil {
			seal.ContentTrust = &TrustSeal{Server: t.Server, RootCertificates: t.Certificates}
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
	if len(data) > maxRecordSize {
		return "", fmt.Errorf("the record would be larger than %d bytes: name fewer files", maxRecordSize)
	}
	path := r.plan.recordPath()
	r.result.Record = path
	if err := r.writeOwn(path, data); err != nil {
		return "", err
	}
	if err := r.signRecord(ctx, path, data); err != nil {
		return "", err
	}
	return RecordName + " binds all of it", nil
}

// signRecord signs the record unless a killed run of this release did so already.
func (r *run) signRecord(ctx context.Context, path string, data []byte) error {
	ascPath := path + ".asc"
	if old, err := readLimited(ascPath, 1<<20); err == nil && len(old) > 0 {
		if r.signedByUs(judgeBytes(r.judge, keys.KindRecord, RecordName, data, old, time.Time{})) {
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

// ParseRecord reads a release record strictly: unknown statement and predicate types are errors,
// and so are names that lead out of the record's folder.
func ParseRecord(data []byte) (Record, error) {
	var rec Record
	if len(data) > maxRecordSize {
		return rec, fmt.Errorf("the record is larger than %d bytes", maxRecordSize)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&rec); err != nil {
		return rec, fmt.Errorf("the record is no JSON statement: %w", err)
	}
	if rec.Type != StatementType {
		return rec, errors.New("not an in-toto Statement v1")
	}
	if rec.PredicateType != PredicateType {
		return rec, errors.New("a statement, but not a release record")
	}
	for _, n := range append(append([]string{}, rec.Predicate.Files...), rec.Predicate.Checksums...) {
		if !filepath.IsLocal(filepath.FromSlash(n)) {
			return rec, fmt.Errorf("the record names a file outside its folder: %q", n)
		}
	}
	if err := gitops.ValidTagName(rec.Predicate.Tag.Name); err != nil {
		return rec, fmt.Errorf("the record's tag: %w", err)
	}
	return rec, nil
}

// digestOf finds the digest of a subject by name and algorithm.
func (rec Record) digestOf(name, algorithm string) (string, bool) {
	for _, s := range rec.Subject {
		if d, ok := s.Digest[algorithm]; ok && s.Name == name {
			return d, true
		}
	}
	return "", false
}
