package workflow

import (
	"time"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/images"
)

// Choices is what a person decided so far, or what the flags of a command say. Zero values mean
// "not said": the configuration, then a default, speaks instead.
type Choices struct {
	// Version is the version with or without the tag pattern around it: 1.4.0 or v1.4.0.
	Version string
	// Key selects the signing key, in the words of keys.ParseSelector.
	Key string
	// Artifacts are globs; Files, when not nil, is the exact list and the globs are ignored.
	// An empty, non-nil Files means a release without files.
	Artifacts []string
	Files     []artifacts.File
	// Images are references with a tag; "{version}" in them is replaced. An empty, non-nil
	// slice means a release without images.
	Images []string
	// ImageKey is the path of a cosign private key.
	ImageKey string
	// ImageWith says by which systems images are signed; TrustServer is the https address of the
	// trust server for Content Trust.
	ImageWith   images.With
	TrustServer string
	// Message is the tag's message; "" takes the draft of DraftMessage.
	Message string
	// Push adds the push of the tag to the plan. Remote "" takes the configured one.
	Push   bool
	Remote string
	// Replace allows existing signatures, checksums and records to be replaced.
	Replace bool
	// ChecksumsOnly signs the list of checksums in place of every file. Nil takes the configuration.
	ChecksumsOnly *bool
}

// Plan says exactly what a release will create, with which key, and where to. It is what the
// last look shows, what --dry-run prints and what the journal keeps; it holds no secret.
type Plan struct {
	Project string `json:"project"`
	Version string `json:"version"`
	Tag     string `json:"tag"`
	Message string `json:"message"`
	// Payload is the text of the tag object that gets signed. It is made once: git's configuration
	// may have changed by the time a release is resumed.
	Payload  string          `json:"payload"`
	CommitID string          `json:"commit"`
	Subject  string          `json:"subject"` // first line of the commit's message
	Tagger   gitops.Ident    `json:"tagger"`
	Key      keys.SigningKey `json:"key"`
	Files    []PlannedFile   `json:"files"`
	Dir      string          `json:"dir"` // folder of SHA256SUMS and the record
	SHA512   bool            `json:"sha512"`
	// ChecksumsOnly: the signed list of checksums stands for the files, which get no .asc.
	ChecksumsOnly bool           `json:"checksums_only,omitempty"`
	Images        []PlannedImage `json:"images"`
	ImageKey      string         `json:"image_key,omitempty"`    // path of the cosign private key
	ImageID       string         `json:"image_key_id,omitempty"` // SHA-256 of its public key info, upper-case hex
	// ImageWith says by which systems; a plan of a former version of bulla has none, and means
	// cosign.
	ImageWith images.With `json:"image_with,omitempty"`
	Push      bool        `json:"push"`
	Remote    string      `json:"remote,omitempty"`
	RemoteURL string      `json:"remote_url,omitempty"`
	// AlsoPushed are the further addresses that git pushes to, where the remote has several.
	AlsoPushed []string `json:"also_pushed,omitempty"`
	Replace    bool     `json:"replace"`
	// Replaced names the checksums files, the record and their signatures that stand there already
	// and are written anew.
	Replaced []string  `json:"replaced,omitempty"`
	Created  time.Time `json:"created"`
	// Findings are preflight's warnings and remarks; none is an error.
	Findings []Finding `json:"-"`
}

// PushAddresses are all addresses that the push goes to.
func (p *Plan) PushAddresses() []string {
	if p.RemoteURL == "" {
		return nil
	}
	return append([]string{p.RemoteURL}, p.AlsoPushed...)
}

// TagName is the tag of the release.
func (p *Plan) TagName() string { return p.Tag }

// PlannedFile is an artifact that will be signed.
type PlannedFile struct {
	artifacts.File
	// Existing is what stands in the place of the signature now.
	Existing artifacts.SignState `json:"existing"`
}

// PlannedImage is an image that will be signed.
type PlannedImage struct {
	Name      string   `json:"name"` // the reference as written, with its tag
	Digest    string   `json:"digest"`
	MediaType string   `json:"media_type"`
	Size      int64    `json:"size"`
	Platforms []string `json:"platforms,omitempty"`
	PlainHTTP bool     `json:"plain_http,omitempty"`
	// Trust is how it is signed in Content Trust; nil where it is not.
	Trust *images.PlannedTrust `json:"content_trust,omitempty"`
}
