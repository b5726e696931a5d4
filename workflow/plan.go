package workflow

import (
	"context"
	"time"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/workflow/images"
	"bulla/workflow/verify"
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

// KeyChoices is what the table of keys shows.
type KeyChoices struct {
	List []KeyChoice
	// Preselected is an index into List, or -1: the configured key, git's user.signingkey, the
	// key of the last release, or the only usable one, in this order.
	Preselected int
	// Why says which of those it was.
	Why string
	// LastSigner is the primary key that signed the newest signed version tag, as far as its
	// public key is at hand; "" if there is none.
	LastSigner keys.Fingerprint
	// LastTag is the newest signed version tag, "" for none. LastUnknown is the key that it names,
	// as a fingerprint or key id, if that key is not at hand.
	LastTag, LastUnknown string
	// Notes are remarks on the set as a whole, such as a repository set to gpg.format=ssh.
	Notes []Finding

	held map[keys.Fingerprint]agent.Holding
}

// KeyChoice is one row of the table.
type KeyChoice struct {
	keys.Key
	// Signing is the key or subkey that would sign; empty if none can.
	Signing keys.Fingerprint
	// Usable says that Signing can be used now. Problem says why not.
	Usable  bool
	Problem string
	// Until is when Signing expires (with its primary key); zero for never.
	Until time.Time
	// LastUsed is the newest release tag in this repository signed by this key, "" for none.
	LastUsed string
	// Part is Signing as gpg-agent sees it, nil for a key of bulla's store; AgentAsked is
	// agent.Holding.Asked.
	Part       *agent.Part
	AgentAsked bool
	// named is the selector of exactly one subkey, where a setting has one.
	named string
}

// Selector is how to name exactly this choice in Choices.Key.
func (k KeyChoice) Selector() string {
	if k.named != "" {
		return k.named // also where that subkey cannot sign: no other may take its place
	}
	if k.Signing == "" {
		return string(k.Fingerprint)
	}
	return string(k.Signing) + "!"
}

// VersionChoices proposes what the next version may be.
type VersionChoices struct {
	// Latest is the newest version among the tags, "" if there is none yet; LatestTag its tag.
	Latest, LatestTag string
	Proposals         []VersionProposal
}

// VersionProposal is one next version.
type VersionProposal struct {
	Version string
	Tag     string
	Why     string // "patch", "minor", "major", "first release", "from the configuration"
}

// Draft is a tag message to begin with, and the subjects to draw from.
type Draft struct {
	Text     string
	Since    string // the tag since which Subjects are listed, "" for the beginning
	Subjects []gitops.Subject
}

// Face is what a run needs from whoever stands before it.
type Face struct {
	// First, if it is set, answers before memory and the vault are looked at: what the command
	// line brought. Where it returns keys.ErrNoPassphrase the others are asked.
	First keys.AskPassphrase
	// Ask answers when neither memory nor the vault has the passphrase. It may be nil where
	// nobody can be asked.
	Ask keys.AskPassphrase
	// Lend gives the terminal to gpg-agent's own prompt, see agent.Attendant; nil where there is none.
	Lend func(ctx context.Context, use func(context.Context, agent.Terminal) error) error
	// Emit receives every event, from several goroutines but one at a time. It must not block
	// on the run.
	Emit func(Event)
	// Unattended says that nobody stands there: a keychain that would have to open a dialog is
	// left alone.
	Unattended bool
}

// Result is what a release made.
type Result struct {
	Plan       *Plan
	TagID      string // object id of the signed tag
	Files      []artifacts.Signed
	Checksums  []string // paths of SHA256SUMS and SHA512SUMS
	Images     []SignedImage
	Record     string // path of bulla-release.json
	Verdicts   []keys.Verdict
	Pushed     bool
	PushFailed error // a refused push is not a failed release; resuming it pushes again
	Resumed    bool
	Took       time.Duration
	// JournalFailed is a *JournalError where the release stands and only its journal is in trouble.
	JournalFailed error

	trust verify.PolicyState // by which the verdicts were decided
}

// SignedImage is an image and where its signatures are.
type SignedImage struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Manifest string `json:"manifest"` // digest of the cosign signature's manifest; "" for none
	// TrustServer is where its tag is signed in Content Trust, TrustRoles into what; "" for not.
	TrustServer string   `json:"trust_server,omitempty"`
	TrustRoles  []string `json:"trust_roles,omitempty"`
}

// Good reports whether every verdict of the check as a stranger passes.
func (r *Result) Good() bool {
	failed, _ := r.Plan.failing(r.Verdicts, r.trust)
	return len(r.Verdicts) > 0 && len(failed) == 0
}

// IncompleteError says that a release began and could not finish. It can be resumed.
type IncompleteError struct {
	Tag  string
	Step StepID
	Err  error
	// Done lists in plain words what exists already; Left what does not yet.
	Done, Left []string
}

func (e *IncompleteError) Error() string {
	return "release " + e.Tag + " stopped at " + string(e.Step) + ": " + e.Err.Error()
}

func (e *IncompleteError) Unwrap() error { return e.Err }

// JournalError says that a release is done, and that its journal could not be put away. The next
// run may offer to resume it, which finds everything done.
type JournalError struct {
	Tag string
	Err error
}

func (e *JournalError) Error() string {
	return "release " + e.Tag + " is done, but its journal could not be put away: " + e.Err.Error()
}

func (e *JournalError) Unwrap() error { return e.Err }

// AbandonError says that an unfinished release was not taken back, or not all of it: Removed is
// gone, the rest stands as it stood. The release can still be resumed or taken back.
type AbandonError struct {
	Tag     string
	Removed []string
	Err     error
}

func (e *AbandonError) Error() string {
	return "release " + e.Tag + " was not taken back: " + e.Err.Error()
}

func (e *AbandonError) Unwrap() error { return e.Err }

// Unfinished describes a release that a former run began.
type Unfinished struct {
	Tag        string
	Began      time.Time
	Done, Left []string // plain words
	// Running says that another process is at it right now.
	Running  bool
	onlyPush bool // nothing else is left
}

// Abandoned says what taking back an unfinished release did.
type Abandoned struct {
	Tag string
	// Removed was taken back; Kept could not or must not be, with the reason in each line.
	Removed, Kept []string
	public        bool // others may have the tag
}
