package ui

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/keychoice"
	"bulla/workflow/keydesk"
	"bulla/workflow/project"
)

// clock is the fixed time of all screens; tests move it by hand.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	rhea  = keys.Fingerprint("3E9C0E147A219D4B55F01C2D3E4F5A6BC0DEEE87")
	rheaS = keys.Fingerprint("77C1D0F2A4B6988E0112233445566778899AABBC")
	image = "6F1B2C3D4E5F60718293A4B5C6D7E8F90112233445566778899AABBCCDDEEFF0"
)

// fake is a repository with everything that a release needs. Tests change its fields.
type fake struct {
	remark     *workflow.Finding // one more on every plan
	state      gitops.State
	config     project.Config
	unfinished *workflow.Unfinished
	keyChoices keychoice.Choices
	versions   workflow.VersionChoices
	draft      workflow.Draft
	files      []artifacts.File
	filesErr   error
	images     []string
	offer      images.Offer
	imageErr   error
	imageKeys  []images.Key
	findings   []workflow.Finding
	planErr    error
	run        func(context.Context, *workflow.Plan, workflow.Face) (*workflow.Result, error)
	abandoned  workflow.Abandoned
	again      *gitops.State
	undo       chan struct{} // taking back waits for it, unless it is nil
	remote     gitops.Remote
	pushErr    error
	planning   chan struct{} // making a plan waits for it, unless it is nil
	replaced   []string      // in every plan
	inTheWay   []workflow.Finding

	mu        sync.Mutex
	generated []store.GenerateParams
	saved     []project.Config
	planned   []workflow.Choices
	pushed    int
	closed    int
}

func day(n int) time.Time { return noon.AddDate(0, 0, n) }

func newFake() *fake {
	head := gitops.Commit{ID: "1f2e3d4c5b6a798801122334455667788990aabb", Subject: "Fix the frobnicator", Author: gitops.Ident{Name: "Rhea Release", Email: "rhea@acme.org"}}
	f := &fake{
		state: gitops.State{Root: "/home/widget", Branch: "main", Head: head},
		keyChoices: keychoice.Choices{Why: "the key of the last release is chosen", List: []keychoice.Choice{
			{Key: keys.Key{Fingerprint: rhea, UserIDs: []string{"Rhea Release <rhea@acme.org>"}, Algorithm: "ed25519", Created: day(-400), Expires: day(490), Source: keys.SourceStore, HasSecret: true, BackedUp: day(-399)}, Signing: rheaS, Usable: true, Until: day(490), LastUsed: "v1.3.0"},
			{Key: keys.Key{Fingerprint: "A1B2C3D4E5F60718293A4B5C6D7E8F9011220F60", UserIDs: []string{"Rhea (YubiKey) <rhea@acme.org>"}, Algorithm: "rsa4096", Created: day(-900), Source: keys.SourceGnuPG, Card: "0006 12345678", HasSecret: true}, Signing: "A1B2C3D4E5F60718293A4B5C6D7E8F9011220F60", Usable: true},
			{Key: keys.Key{Fingerprint: "0BADC0DE00112233445566778899AABBCCDDEEFF", UserIDs: []string{"Old Rhea <rhea@old.example>"}, Algorithm: "rsa2048", Created: day(-2000), Expires: day(-255), Source: keys.SourceGnuPG, Weak: []string{"sha1 self-signature on the key"}}, Problem: "it expired on 12 March 2026"},
		}},
		versions: workflow.VersionChoices{Latest: "1.3.0", LatestTag: "v1.3.0", Proposals: []workflow.VersionProposal{{Version: "1.4.0", Tag: "v1.4.0", Why: "minor"}, {Version: "1.3.1", Tag: "v1.3.1", Why: "patch"}, {Version: "2.0.0", Tag: "v2.0.0", Why: "major"}}},
		draft:    workflow.Draft{Text: "widget 1.4.0", Since: "v1.3.0", Subjects: []gitops.Subject{{ID: head.ID, Subject: "Fix the frobnicator"}, {ID: "aa2e3d4c", Subject: "Teach the widget to sing"}, {ID: "bb2e3d4c", Subject: "Document how to build on a toaster"}}},
		files: []artifacts.File{
			{Path: "/home/widget/dist/widget-1.4.0.tar.gz", Name: "dist/widget-1.4.0.tar.gz", Size: 12_100_000, ModTime: noon.Add(-time.Hour)},
			{Path: "/home/widget/dist/widget_1.4.0_amd64.deb", Name: "dist/widget_1.4.0_amd64.deb", Size: 8_300_000, ModTime: noon.Add(-time.Hour)},
			{Path: "/home/widget/dist/widget_1.4.0_arm64.deb", Name: "dist/widget_1.4.0_arm64.deb", Size: 7_900_000, ModTime: noon.Add(-time.Hour)},
		},
		images:    []string{"registry.acme.org/widget:1.4.0"},
		imageKeys: []images.Key{{Path: "/home/rhea/.local/share/bulla/images/release.key", ID: image, Why: "made by bulla"}},
	}
	f.offer = images.Offer{
		Registry: []finding.Finding{
			{Severity: finding.Info, Message: "The connection to registry.acme.org is verified (TLS 1.3, certificate by CN=Example CA)."},
			{Severity: finding.Info, Message: "The registry lists what refers to an image itself (OCI 1.1): signatures need no tags."},
		},
		Problem: finding.Finding{Rule: images.RuleContentTrust, Severity: finding.Error,
			Message: "registry.acme.org/widget has no root key on https://registry.acme.org yet, so no tag can be signed there.",
			Hint:    "bulla image trust key generate --root makes a root key; then a backup of it, its rehearsal, and bulla image trust init registry.acme.org/widget"},
	}
	f.keyChoices.List[0].Subkeys = []keys.Subkey{{Fingerprint: rheaS, Algorithm: "ed25519", CanSign: true, HasSecret: true}}
	f.config.Release.Artifacts = []string{"dist/*"}
	f.remote = gitops.Remote{Name: "origin", URL: "git@forge.acme.org:acme/widget.git"}
	f.run = f.walk
	return f
}

// trustTaken lets a trust server take the signature.
func trustTaken(f *fake) {
	f.offer.Problem = finding.Finding{}
	f.offer.ContentTrust = &images.PlannedTrust{Server: "https://notary.acme.org", Repository: "registry.acme.org/widget", Roles: []string{"targets/releases", "targets/rhea"}, Certificates: []string{"60303ae2"}}
}

func (f *fake) open(context.Context) (Backend, error) { return f, nil }

func (f *fake) Project() string          { return "acme/widget" }
func (f *fake) Repository() gitops.State { return f.state }

// State is the state as it is now: again, if a test has set it, else the one at the beginning.
func (f *fake) State(context.Context) (gitops.State, error) {
	if f.again != nil {
		return *f.again, nil
	}
	return f.state, nil
}
func (f *fake) Config() project.Config { return f.config }
func (f *fake) Globs(string) []string  { return f.config.Release.Artifacts }
func (f *fake) Close() error           { f.closed++; return nil }
func (f *fake) SaveConfig(_ context.Context, c project.Config) error {
	f.saved = append(f.saved, c)
	return nil
}
func (f *fake) Unfinished(context.Context) (*workflow.Unfinished, error) { return f.unfinished, nil }
func (f *fake) KeyChoices(context.Context) (keychoice.Choices, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keyChoices, nil
}
func (f *fake) VersionChoices(context.Context) (workflow.VersionChoices, error) {
	return f.versions, nil
}
func (f *fake) NewTag(_ context.Context, v string) (string, string, error) {
	if v[0] < '0' || v[0] > '9' {
		return "", "", &project.VersionError{Text: v, Pattern: "v{version}"}
	}
	if v == "1.3.0" {
		return "", "", &gitops.ExistsError{Ref: "refs/tags/v" + v, ID: "5df4edce449ae87ae88416b8f690fd3dcb97c70f"}
	}
	return "v" + v, v, nil
}
func (f *fake) DraftMessage(context.Context, string) (workflow.Draft, error) { return f.draft, nil }
func (f *fake) FindArtifacts(context.Context, []string) ([]artifacts.File, error) {
	return f.files, f.filesErr
}
func (f *fake) ImageReferences(string) []string { return f.images }
func (f *fake) ResolveImage(_ context.Context, name string) (docker.Image, error) {
	ref, _ := docker.ParseReference(name)
	return docker.Image{Reference: ref, Digest: "sha256:9f2c000011112222333344445555666677778888999900001111222233334444", Index: true, Platforms: []string{"linux/amd64", "linux/arm64"}}, f.imageErr
}
func (f *fake) OfferImage(context.Context, workflow.Choices, docker.Image) (images.Offer, error) {
	return f.offer, nil
}
func (f *fake) ImageKeys(context.Context) ([]images.Key, error) { return f.imageKeys, nil }
func (f *fake) GenerateImageKey(context.Context, keys.Secret) (images.Key, error) {
	return images.Key{Path: "/home/rhea/.local/share/bulla/images/new.key", ID: image, Why: "made by bulla"}, nil
}
func (f *fake) PushTarget(string) (gitops.Remote, bool)                        { return f.remote, f.remote.Name != "" }
func (f *fake) Preflight(context.Context, workflow.Choices) []workflow.Finding { return f.findings }

func (f *fake) InTheWay(_ context.Context, c workflow.Choices) []workflow.Finding {
	if c.Replace || len(c.Files) == 0 {
		return nil
	}
	return f.inTheWay
}

func (f *fake) GenerateKey(_ context.Context, p store.GenerateParams) (store.Generated, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.Passphrase = p.Passphrase.Clone()
	f.generated = append(f.generated, p)
	k := keys.Key{Fingerprint: rhea, UserIDs: []string{p.Name + " <" + p.Email + ">"}, Algorithm: p.Algorithm, Created: noon, Expires: noon.Add(p.Lifetime), Source: keys.SourceStore, HasSecret: true}
	f.keyChoices.List = append(f.keyChoices.List, keychoice.Choice{Key: k, Signing: rheaS, Usable: true, Until: k.Expires})
	return store.Generated{Key: k, Dir: "/home/rhea/.local/share/bulla/keys/" + string(rhea), Revocation: "/home/rhea/.local/share/bulla/revocations/" + string(rhea) + ".asc"}, nil
}

func (f *fake) Plan(_ context.Context, c workflow.Choices) (*workflow.Plan, error) {
	f.mu.Lock()
	f.planned = append(f.planned, c)
	f.mu.Unlock()
	if f.planning != nil {
		<-f.planning
	}
	if f.planErr != nil {
		return nil, f.planErr
	}
	p := &workflow.Plan{
		Replaced: f.replaced,
		Project:  "acme/widget", Version: c.Version, Tag: "v" + c.Version, Message: c.Message,
		CommitID: f.state.Head.ID, Subject: f.state.Head.Subject,
		Key: keys.SigningKey{Primary: rhea, Fingerprint: rheaS, UserID: f.keyChoices.List[0].UserID(), Algorithm: "ed25519", Expires: day(490)},
		Dir: "/home/widget/dist", Push: c.Push, Replace: c.Replace, Created: noon,
		Findings: []workflow.Finding{{Finding: finding.Finding{Rule: keydesk.RuleNotPublished, Severity: finding.Warning, Message: "The key is not on keys.openpgp.org: people cannot find it there."}, Step: workflow.StepKey}},
	}
	if f.remark != nil {
		p.Findings = append(p.Findings, *f.remark)
	}
	p.ChecksumsOnly = c.ChecksumsOnly != nil && *c.ChecksumsOnly
	if c.Push {
		p.Remote, p.RemoteURL = f.remote.Name, f.remote.URL
	}
	for _, file := range c.Files {
		p.Files = append(p.Files, workflow.PlannedFile{File: file, Existing: artifacts.StateNone})
	}
	for _, name := range c.Images {
		img := workflow.PlannedImage{Name: name, Digest: "sha256:9f2c000011112222333344445555666677778888999900001111222233334444", Platforms: []string{"linux/amd64", "linux/arm64"}}
		if p.ImageWith = c.ImageWith; c.ImageWith.ContentTrust() {
			img.Trust = f.offer.ContentTrust
		}
		p.Images = append(p.Images, img)
		p.ImageKey, p.ImageID = c.ImageKey, image
	}
	return p, nil
}

func (f *fake) Run(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
	return f.run(ctx, p, face)
}

func (f *fake) Resume(ctx context.Context, face workflow.Face) (*workflow.Result, error) {
	p, _ := f.Plan(ctx, workflow.Choices{Version: "1.4.0", Files: f.files, Images: f.images, ImageKey: f.imageKeys[0].Path})
	return f.run(ctx, p, face)
}

func (f *fake) AbandonFor(_ context.Context, face workflow.Face) (workflow.Abandoned, error) {
	face.Emit(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitNetwork, Label: f.remote.Name, At: noon})
	if f.undo != nil {
		<-f.undo
	}
	f.unfinished = nil
	return f.abandoned, nil
}

func (f *fake) Push(_ context.Context, r *workflow.Result, face workflow.Face) error {
	face.Emit(workflow.StepStarted{Step: workflow.StepPush, At: noon})
	f.pushed++
	if f.pushErr != nil {
		face.Emit(workflow.StepFailed{Step: workflow.StepPush, Err: f.pushErr})
		return f.pushErr
	}
	r.Pushed = true
	face.Emit(workflow.StepDone{Step: workflow.StepPush, Text: r.Plan.Tag + " is on origin"})
	return nil
}

// passphrase opens the fake key.
const passphrase = "correct horse"

// unlock asks for the passphrase the way a signer does.
func unlock(ctx context.Context, face workflow.Face) error {
	req := keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(rhea), Label: "Rhea Release <rhea@acme.org>"}
	ask := func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		face.Emit(workflow.StepWaiting{Step: workflow.StepKey, For: workflow.WaitPassphrase, Label: req.Label, At: noon})
		return face.Ask(ctx, req)
	}
	return keys.Unlock(ctx, ask, req, func(s keys.Secret) error {
		if s.Equal(keys.NewSecret([]byte(passphrase))) {
			return nil
		}
		return keys.ErrWrongPassphrase
	})
}

// walk is a whole release, quickly.
func (f *fake) walk(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
	return f.walkWith(ctx, p, face, func(workflow.StepID) error { return ctx.Err() })
}

// walkWith calls during in the middle of each step.
func (f *fake) walkWith(ctx context.Context, p *workflow.Plan, face workflow.Face, during func(workflow.StepID) error) (*workflow.Result, error) {
	began := false
	step := func(id workflow.StepID, text string) error {
		face.Emit(workflow.StepStarted{Step: id, At: noon})
		var err error
		if id == workflow.StepKey {
			err = unlock(ctx, face)
		}
		if err == nil {
			err = during(id)
		}
		if err != nil {
			face.Emit(workflow.StepFailed{Step: id, Err: err})
			if began {
				return &workflow.IncompleteError{Tag: p.Tag, Step: id, Err: err, Done: []string{"v1.4.0 signed, on commit 1f2e3d4c5b"}, Left: []string{"Artifacts (begun)", "Image", "Record"}}
			}
			return err
		}
		face.Emit(workflow.StepDone{Step: id, Text: text, Took: 100 * time.Millisecond})
		return nil
	}
	for _, s := range []struct {
		id   workflow.StepID
		text string
	}{
		{workflow.StepPreflight, "nothing against it, 1 warning"}, {workflow.StepKey, rheaS.Short() + " is open"},
		{workflow.StepTag, "v1.4.0 signed, on commit 1f2e3d4c5b"}, {workflow.StepArtifacts, "3 files signed, listed in SHA256SUMS"},
		{workflow.StepImage, "1 image signed, the signature is in the registry"}, {workflow.StepRecord, "bulla-release.json binds all of it"},
		{workflow.StepCheck, "6 of 6 good"},
	} {
		began = began || s.id == workflow.StepTag
		if s.id == workflow.StepArtifacts {
			face.Emit(workflow.StepProgress{Step: s.id, Item: "widget_1.4.0_amd64.deb", ItemDone: 5_300_000, ItemTotal: 8_300_000, Done: 17_400_000, Total: 28_300_000, Items: 1, ItemsTotal: 3})
		}
		if err := step(s.id, s.text); err != nil {
			return nil, err
		}
	}
	if p.Push {
		face.Emit(workflow.StepDone{Step: workflow.StepPush, Text: p.Tag + " is on origin"})
	} else {
		face.Emit(workflow.StepSkipped{Step: workflow.StepPush, Reason: "not asked for"})
	}
	return f.result(p), nil
}

// result is what walk returns: everything good.
func (f *fake) result(p *workflow.Plan) *workflow.Result {
	r := &workflow.Result{Plan: p, TagID: "c0ffee", Record: "/home/widget/dist/bulla-release.json", Pushed: p.Push, Took: 3200 * time.Millisecond}
	by := &keys.Signatory{Fingerprint: rheaS, Primary: rhea, UserIDs: []string{p.Key.UserID}, SignedAt: noon, Hash: "sha256", Algorithm: "ed25519"}
	good := func(kind keys.Kind, target string, who *keys.Signatory) {
		r.Verdicts = append(r.Verdicts, keys.Verdict{Kind: kind, Target: target, Status: keys.StatusGood, Reason: "the signature is sound", Signer: who})
	}
	good(keys.KindTag, p.Tag, by)
	for _, file := range p.Files {
		r.Files = append(r.Files, artifacts.Signed{File: file.File, SignaturePath: file.Path + ".asc"})
		good(keys.KindArtifact, file.Path, by)
	}
	r.Checksums = []string{"/home/widget/dist/SHA256SUMS", "/home/widget/dist/SHA256SUMS.asc"}
	good(keys.KindChecksum, r.Checksums[0], by)
	for _, img := range p.Images {
		r.Images = append(r.Images, workflow.SignedImage{Name: img.Name, Digest: img.Digest})
		good(keys.KindImage, img.Name, &keys.Signatory{Fingerprint: image})
	}
	good(keys.KindRecord, r.Record, by)
	return r
}

// fakeVault offers a keychain, an encrypted file and memory.
type fakeVault struct {
	mu     sync.Mutex
	kept   []vault.Backend
	chosen vault.Backend
}

func (v *fakeVault) Offers(context.Context) []vault.Status {
	return []vault.Status{
		{Backend: vault.BackendKeychain, Name: "GNOME Keyring (login)", State: vault.Ready, Persistent: true, Sentence: "Saved in GNOME Keyring (login). Any program you run can read it while it is unlocked."},
		{Backend: vault.BackendFile, Name: "Encrypted vault file", State: vault.Absent, Reason: "the folder cannot be written to"},
		{Backend: vault.BackendMemory, Name: "Memory", State: vault.Ready},
	}
}
func (v *fakeVault) Choice(context.Context) (vault.Backend, bool) { return v.chosen, v.chosen != "" }
func (v *fakeVault) Choose(_ context.Context, b vault.Backend) error {
	v.chosen = b
	return nil
}
func (v *fakeVault) SetUp(context.Context, keys.AskPassphrase) error { return errors.New("not here") }
func (v *fakeVault) Keep(_ context.Context, _ keys.PassphraseRequest, b vault.Backend) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.kept = append(v.kept, b)
	return nil
}
func (v *fakeVault) Notices() []string { return nil }

// fakePractice lets a file be tampered with.
type fakePractice struct{ tampered bool }

func (p *fakePractice) Commands(*workflow.Result) []workflow.Command {
	return []workflow.Command{{Text: "git verify-tag v1.4.0", Why: "the tag"}, {Text: "gpg --verify dist/widget-1.4.0.tar.gz.asc dist/widget-1.4.0.tar.gz", Why: "widget-1.4.0.tar.gz"}}
}
func (p *fakePractice) Tamper(_ context.Context, r *workflow.Result) (string, bool, error) {
	p.tampered = !p.tampered
	return r.Files[0].Path, p.tampered, nil
}
func (p *fakePractice) Recheck(_ context.Context, r *workflow.Result) ([]keys.Verdict, error) {
	out := append([]keys.Verdict(nil), r.Verdicts...)
	if p.tampered {
		out[1].Status, out[1].Signer, out[1].Reason = keys.StatusBad, nil, "The signature does not fit the file: it was changed, or the signature belongs to another one."
	}
	return out, nil
}

// cardWalk waits for a card to be touched while the tag is signed.
func (f *fake) cardWalk(ctx context.Context, _ *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
	face.Emit(workflow.StepStarted{Step: workflow.StepTag, At: noon})
	face.Emit(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitTouch, Label: "0006 12345678\x1b[2J", At: noon, Limit: 2 * time.Minute})
	<-ctx.Done()
	return nil, ctx.Err()
}

// pinWalk asks for the PIN of a card after a wrong one.
func (f *fake) pinWalk(ctx context.Context, _ *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
	req := keys.PassphraseRequest{Purpose: keys.PurposeAgent, ID: strings.Repeat("AB", 20), Label: "PIN of card 0006 12345678, Rhea Release <rhea@acme.org>", Attempt: 2, Card: "0006 12345678", TriesLeft: 2}
	face.Emit(workflow.StepStarted{Step: workflow.StepKey, At: noon})
	face.Emit(workflow.StepWaiting{Step: workflow.StepKey, For: workflow.WaitPIN, Label: req.Card, At: noon})
	s, err := face.Ask(ctx, req)
	s.Destroy()
	return nil, err
}

// manyTouches is the remark that every file costs a touch.
var manyTouches = workflow.Finding{Finding: finding.Finding{Rule: keychoice.RuleSignatures, Severity: finding.Warning,
	Message: "Card 0006 12345678 wants a touch for each signature: 3 files, 3 touches."}, Step: workflow.StepArtifacts}

// agentSpeaks has gpg-agent say what it holds of the second key.
func agentSpeaks(f *fake, _ *Options) {
	k := &f.keyChoices.List[1]
	k.AgentAsked = true
	k.Part = &agent.Part{Fingerprint: k.Fingerprint, Protected: true, Card: k.Card, CardHere: true, Reader: "Yubico YubiKey FIDO+CCID 00 00", Touch: true}
}
