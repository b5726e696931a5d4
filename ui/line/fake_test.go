package line

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/keychoice"
	"bulla/workflow/project"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	ada     = keys.Fingerprint("3E9C0E147A219D4B55F01C2D3E4F5A6BC0DEEE87")
	adaSub  = keys.Fingerprint("77C1D0F2A4B6988E0112233445566778899AABBC")
	oldAda  = keys.Fingerprint("0BADC0DE00112233445566778899AABBCCDDEEFF")
	imageID = "6F1B2C3D4E5F60718293A4B5C6D7E8F90112233445566778899AABBCCDDEEFF0"
	digest  = "sha256:9f2c000011112222333344445555666677778888999900001111222233334444"
)

// fakeSession is a repository that can be released. Tests change its fields.
type fakeSession struct {
	state      gitops.State
	config     project.Config
	unfinished *workflow.Unfinished
	replaced   []string // of every plan
	keys       keychoice.Choices
	versions   workflow.VersionChoices
	draft      workflow.Draft
	files      []artifacts.File
	filesErr   error
	images     []string
	offer      images.Offer
	imageKeys  []images.Key
	findings   []workflow.Finding
	inTheWay   []workflow.Finding
	refuse     func(workflow.Choices) error // of Plan
	run        func(context.Context, workflow.Face) error

	planned   []workflow.Choices
	runs      int
	resumed   int
	abandoned int
	generated []store.GenerateParams
	saved     []project.Config
}

func newSession() *fakeSession {
	until := noon.AddDate(1, 4, 0)
	return &fakeSession{
		state: gitops.State{Root: "/src/widget", Branch: "main", Head: gitops.Commit{
			ID: "1f2e3d4c5b6a798801122334455667788990aabb", Subject: "Fix the frobnicator", Author: gitops.Ident{Name: "Ada", Email: "ada@example.org"}}},
		keys: keychoice.Choices{Preselected: 0, Why: "the key of the last release", List: []keychoice.Choice{
			{Key: keys.Key{Fingerprint: ada, UserIDs: []string{"Ada <ada@example.org>"}, Algorithm: "ed25519", Source: keys.SourceStore, HasSecret: true}, Signing: adaSub, Usable: true, Until: until, LastUsed: "v1.3.0"},
			{Key: keys.Key{Fingerprint: oldAda, UserIDs: []string{"Old Ada <ada@old.example>"}, Algorithm: "rsa2048", Expires: noon.AddDate(0, -8, 0), Source: keys.SourceGnuPG, Card: "0006 1234"}, Problem: "it expired on 22 March 2026"},
		}},
		versions: workflow.VersionChoices{Latest: "1.3.0", LatestTag: "v1.3.0", Proposals: []workflow.VersionProposal{
			{Version: "1.4.0", Tag: "v1.4.0", Why: "minor"}, {Version: "1.3.1", Tag: "v1.3.1", Why: "patch"}}},
		draft: workflow.Draft{Text: "widget 1.4.0", Since: "v1.3.0", Subjects: []gitops.Subject{{Subject: "Fix the frobnicator"}}},
		files: []artifacts.File{
			{Path: "/src/widget/dist/a.tar.gz", Name: "dist/a.tar.gz", Size: 12_100_000},
			{Path: "/src/widget/dist/b.deb", Name: "dist/b.deb", Size: 8_300},
			{Path: "/src/widget/dist/c.rpm", Name: "dist/c.rpm", Size: 1},
		},
		config:    project.Config{Exists: true, Release: project.ReleaseConfig{Artifacts: []string{"dist/*"}}},
		images:    []string{"registry.example.org/widget:1.4.0"},
		offer:     images.Offer{Problem: finding.Finding{Unreachable: true}},
		imageKeys: []images.Key{{Path: "/home/ada/images/release.key", ID: imageID, Why: "made by bulla"}},
	}
}

func (f *fakeSession) InTheWay(context.Context, workflow.Choices) []workflow.Finding {
	return f.inTheWay
}
func (f *fakeSession) Project() string          { return "acme/widget" }
func (f *fakeSession) Repository() gitops.State { return f.state }
func (f *fakeSession) Config() project.Config   { return f.config }
func (f *fakeSession) SaveConfig(_ context.Context, c project.Config) error {
	f.saved = append(f.saved, c)
	return nil
}
func (f *fakeSession) Unfinished(context.Context) (*workflow.Unfinished, error) {
	return f.unfinished, nil
}
func (f *fakeSession) KeyChoices(context.Context) (keychoice.Choices, error) { return f.keys, nil }
func (f *fakeSession) GenerateKey(_ context.Context, p store.GenerateParams) (store.Generated, error) {
	p.Passphrase = keys.Secret{}
	f.generated = append(f.generated, p)
	return store.Generated{Key: keys.Key{Fingerprint: ada}, Revocation: "/home/ada/revocations/x.asc"}, nil
}
func (f *fakeSession) VersionChoices(context.Context) (workflow.VersionChoices, error) {
	return f.versions, nil
}
func (f *fakeSession) NewTag(_ context.Context, v string) (string, string, error) {
	v = strings.TrimPrefix(v, "v")
	if v == "" || v[0] < '0' || v[0] > '9' {
		return "", "", &project.VersionError{Text: v, Pattern: "v{version}"}
	}
	if v == "1.3.0" {
		return "", "", &gitops.ExistsError{Ref: "refs/tags/v" + v, ID: "5df4edce449ae87ae88416b8f690fd3dcb97c70f"}
	}
	return "v" + v, v, nil
}
func (f *fakeSession) DraftMessage(context.Context, string) (workflow.Draft, error) {
	return f.draft, nil
}
func (f *fakeSession) Globs(string) []string { return f.config.Release.Artifacts }
func (f *fakeSession) FindArtifacts(_ context.Context, globs []string) ([]artifacts.File, error) {
	if f.filesErr != nil && globs[0] == "dist/*" {
		return nil, f.filesErr
	}
	return f.files, nil
}
func (f *fakeSession) ImageReferences(string) []string { return f.images }
func (f *fakeSession) ResolveImage(_ context.Context, ref string) (docker.Image, error) {
	if strings.Contains(ref, "gone") {
		return docker.Image{}, errors.New("no such image")
	}
	return docker.Image{Digest: digest, Index: true, Platforms: []string{"linux/amd64", "linux/arm64"}}, nil
}
func (f *fakeSession) OfferImage(context.Context, workflow.Choices, docker.Image) (images.Offer, error) {
	return f.offer, nil
}
func (f *fakeSession) ImageKeys(context.Context) ([]images.Key, error) {
	return f.imageKeys, nil
}
func (f *fakeSession) GenerateImageKey(context.Context, keys.Secret) (images.Key, error) {
	return images.Key{Path: "/home/ada/images/release.key", ID: imageID}, nil
}
func (f *fakeSession) Preflight(context.Context, workflow.Choices) []workflow.Finding {
	return f.findings
}

func (f *fakeSession) Plan(_ context.Context, c workflow.Choices) (*workflow.Plan, error) {
	f.planned = append(f.planned, c)
	if f.refuse != nil {
		if err := f.refuse(c); err != nil {
			return nil, err
		}
	}
	p := &workflow.Plan{
		Version: c.Version, Tag: "v" + c.Version, Message: c.Message, CommitID: f.state.Head.ID, Subject: f.state.Head.Subject,
		Key: keys.SigningKey{Primary: ada, Fingerprint: adaSub, UserID: "Ada <ada@example.org>", Algorithm: "ed25519"}, Dir: "/src/widget/dist",
		Push: c.Push, Remote: "origin", RemoteURL: "git@forge.example.org:acme/widget.git", ImageKey: c.ImageKey, ImageID: imageID, Replaced: f.replaced,
		Findings: []workflow.Finding{{Finding: finding.Finding{Severity: finding.Warning, Message: "No backup of this key was ever made."}}},
	}
	for _, file := range c.Files {
		p.Files = append(p.Files, workflow.PlannedFile{File: file})
	}
	for _, name := range c.Images {
		img := workflow.PlannedImage{Name: name, Digest: digest}
		if p.ImageWith = c.ImageWith; c.ImageWith.ContentTrust() {
			img.Trust = f.offer.ContentTrust
		}
		p.Images = append(p.Images, img)
	}
	return p, nil
}

func (f *fakeSession) Run(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
	f.runs++
	face.Emit(workflow.StepStarted{Step: workflow.StepTag})
	if f.run != nil {
		if err := f.run(ctx, face); err != nil {
			face.Emit(workflow.StepFailed{Step: workflow.StepTag, Err: err})
			return nil, err
		}
	}
	face.Emit(workflow.StepDone{Step: workflow.StepTag, Text: p.Tag + " signed", Took: 3 * time.Second})
	face.Emit(workflow.StepSkipped{Step: workflow.StepPush, Reason: "not asked for"})
	return &workflow.Result{Plan: p, Record: "/src/widget/dist/bulla-release.json"}, nil
}

func (f *fakeSession) Resume(ctx context.Context, face workflow.Face) (*workflow.Result, error) {
	f.resumed++
	p, _ := f.Plan(ctx, workflow.Choices{Version: "1.4.0"})
	return f.Run(ctx, p, face)
}

func (f *fakeSession) AbandonFor(context.Context, workflow.Face) (workflow.Abandoned, error) {
	f.abandoned++
	return workflow.Abandoned{Tag: "v1.4.0", Removed: []string{"the tag v1.4.0"}, Kept: []string{"the image's signature: it is public"}}, nil
}

// fakeVault keeps in memory what it is told to keep.
type fakeVault struct {
	offers  []vault.Status
	chosen  vault.Backend
	unsaved []keys.PassphraseRequest
	did     []string
}

func (v *fakeVault) Unsaved() []keys.PassphraseRequest            { return v.unsaved }
func (v *fakeVault) Offers(context.Context) []vault.Status        { return v.offers }
func (v *fakeVault) Choice(context.Context) (vault.Backend, bool) { return v.chosen, v.chosen != "" }
func (v *fakeVault) SetUp(context.Context, keys.AskPassphrase) error {
	v.did = append(v.did, "set up")
	return nil
}
func (v *fakeVault) UnlockFile(context.Context, keys.AskPassphrase) error {
	v.did = append(v.did, "unlock")
	return nil
}
func (v *fakeVault) Keep(_ context.Context, req keys.PassphraseRequest, b vault.Backend) error {
	v.did = append(v.did, "keep "+req.ID+" in "+string(b))
	v.chosen = b
	return nil
}

// buffer is written by the heartbeat too.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// walked is a walk that was answered by the given lines.
type walked struct {
	*fakeSession
	out string
	res *workflow.Result
	err error
}

func walkThrough(t *testing.T, f *fakeSession, change func(*Walker), answers ...string) walked {
	t.Helper()
	var out buffer
	input := strings.Join(answers, "\n")
	if len(answers) > 0 {
		input += "\n"
	}
	o := Walker{Terminal: NewTerminal(strings.NewReader(input), &out, nil), Session: f, Now: func() time.Time { return noon }}
	if change != nil {
		change(&o)
	}
	res, err := Walk(t.Context(), o)
	return walked{f, out.String(), res, err}
}

// says checks that the walk printed each of the texts.
func (w walked) says(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(w.out, s) {
			t.Errorf("never said %q:\n%s", s, w.out)
		}
	}
}
