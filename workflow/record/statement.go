package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/limits"
)

// Name is the file name of the release record.
const Name = "bulla-release.json"

// The types of the release record, an in-toto Statement v1
// (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).
const (
	StatementType = "https://in-toto.io/Statement/v1"
	// PredicateType names the predicate that Predicate documents.
	PredicateType = "urn:bulla:release:v1"
)

// MaxSize limits a record that is read, in bytes.
const MaxSize = 8 << 20

// Statement is what stands in bulla-release.json: it binds the tag object, the commit, the
// digests of the files and the digests of the images to one another. The detached signature
// beside it is by the key that signed the tag.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// Subject is a ResourceDescriptor of in-toto. The digest algorithms are those of in-toto's
// DigestSet: sha256 and sha512 for files, sha256 for images, gitTag and gitCommit for objects.
type Subject struct {
	Name   string            `json:"name"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

// Predicate says who released what, and what each subject is.
type Predicate struct {
	Project string `json:"project"`
	Version string `json:"version"`
	// CreatedOn is when the release was planned, in UTC.
	CreatedOn time.Time   `json:"createdOn"`
	Signer    Signer      `json:"signer"`
	Tag       Tag         `json:"tag"`
	Files     []string    `json:"files"`     // names of subjects, relative to the record
	Checksums []string    `json:"checksums"` // names of checksums files, relative to the record
	Images    []ImageSeal `json:"images"`
	// ChecksumsOnly says that the files have no signatures of their own by intention: that of the
	// checksums and of this record stand for them.
	ChecksumsOnly bool `json:"checksumsOnly,omitempty"`
}

// Signer is the OpenPGP key that signed tag, files and record.
type Signer struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	Primary     keys.Fingerprint `json:"primary"`
	UserID      string           `json:"userId"`
}

// Tag names the tag and the objects behind it.
type Tag struct {
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

// Parse reads a release record strictly: unknown statement and predicate types are errors,
// and so are names that lead out of the record's folder.
func Parse(data []byte) (Statement, error) {
	var rec Statement
	if len(data) > MaxSize {
		return rec, fmt.Errorf("the record is larger than %d bytes", MaxSize)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&rec); err != nil {
		return rec, fmt.Errorf("the record is no JSON statement: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return rec, errors.New("the record goes on behind its JSON statement")
	}
	if rec.Type != StatementType {
		return rec, errors.New("not an in-toto Statement v1")
	}
	if rec.PredicateType != PredicateType {
		return rec, errors.New("a statement, but not a release record")
	}
	if err := rec.checkNames(); err != nil {
		return rec, err
	}
	names := slices.Concat(rec.Predicate.Files, rec.Predicate.Checksums)
	for _, n := range names {
		if !filepath.IsLocal(filepath.FromSlash(n)) {
			return rec, fmt.Errorf("the record names a file outside its folder: %q", n)
		}
	}
	if err := gitops.ValidTagName(rec.Predicate.Tag.Name); err != nil {
		return rec, fmt.Errorf("the record's tag: %w", err)
	}
	return rec, nil
}

// checkNames refuses a file that is named twice, and a subject that has two digests: readers would
// disagree which of them counts.
func (rec Statement) checkNames() error {
	files := map[string]bool{}
	for _, n := range slices.Concat(rec.Predicate.Files, rec.Predicate.Checksums) {
		if files[n] {
			return fmt.Errorf("the record names the file %q twice", n)
		}
		files[n] = true
	}
	subjects := map[string]map[string]string{}
	for _, s := range rec.Subject {
		if have, ok := subjects[s.Name]; ok && !maps.Equal(have, s.Digest) {
			return fmt.Errorf("the record has two digests for %q", s.Name)
		}
		subjects[s.Name] = s.Digest
	}
	return nil
}

// DigestOf finds the digest of a subject by name and algorithm.
func (rec Statement) DigestOf(name, algorithm string) (string, bool) {
	for _, s := range rec.Subject {
		if d, ok := s.Digest[algorithm]; ok && s.Name == name {
			return d, true
		}
	}
	return "", false
}

// TagOf is the tag that the record at path is about; "" where there is no readable record.
func TagOf(path string) string {
	data, err := limits.ReadIfThere(path, MaxSize)
	if err != nil || len(data) == 0 {
		return ""
	}
	rec, err := Parse(data)
	if err != nil {
		return ""
	}
	return rec.Predicate.Tag.Name
}
