package workflow

import (
	"context"
	"errors"
	"fmt"
	"os"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/finding"
	"bulla/workflow/keydesk"
	"bulla/workflow/verify"
)

// step is one step of the walk. Titles, timing, journalling, cancellation and error policy are
// written once, in runner.go, around these functions.
type step struct {
	id StepID
	// writes says that the step creates something: from the first such step on the journal is
	// open and an interruption can be resumed.
	writes bool
	// signs says that the step uses the OpenPGP key.
	signs bool
	// skip says why there is nothing to do, or "".
	skip func(*run) string
	// run does the work and says in one line what now exists. It must be able to find its own
	// half-done work of a killed run and go on from there.
	run func(context.Context, *run) (string, error)
	// undo takes the work back as far as that can be done, and reports to a. An error means that it
	// stopped: called again it goes on. The tag's is not among them, see run.takeBack.
	undo func(context.Context, *run, *Abandoned) error
}

// walk is the order of a release. Everything that needs a secret or an answer comes before the
// first step that writes.
var walk []step

func init() {
	walk = []step{
		{id: StepPreflight, run: runPreflight},
		{id: StepKey, run: runKey},
		{id: StepTag, writes: true, signs: true, run: runTag},
		{id: StepArtifacts, writes: true, signs: true, skip: skipArtifacts, run: runArtifacts, undo: undoArtifacts},
		{id: StepImage, writes: true, skip: skipImage, run: runImage, undo: undoImage},
		{id: StepRecord, writes: true, signs: true, run: runRecord, undo: undoRecord},
		{id: StepCheck, run: runCheck},
		{id: StepPush, writes: true, skip: skipPush, run: runPush},
	}
}

// runPreflight looks again at what the plan took for granted: minutes may have passed since.
func runPreflight(ctx context.Context, r *run) (string, error) {
	p := r.plan
	if r.resumed {
		return fmt.Sprintf("the release of %s goes on where it stopped", p.Tag), nil
	}
	state, err := r.s.repo.State(ctx)
	if err != nil {
		return "", err
	}
	if state.Head.ID != p.CommitID {
		return "", changed(RuleBranch, StepPreflight, "Another commit is checked out than the one in the plan.", nil)
	}
	if len(state.Changed) > 0 {
		return "", changed(RuleDirty, StepPreflight, "The working tree changed since the plan was made: "+firstOf(state.Changed, 3)+".", nil)
	}
	if t, err := r.s.repo.Tag(ctx, p.Tag); err == nil {
		return "", changed(RuleTagExists, StepTag, fmt.Sprintf("The tag %s appeared since the plan was made.", p.Tag), &gitops.ExistsError{Ref: p.Tag, ID: t.ObjectID})
	}
	for _, f := range p.Files {
		info, err := os.Stat(f.Path)
		if err != nil {
			return "", changed(RuleArtifact, StepArtifacts, fmt.Sprintf("%s cannot be read any more: %v.", f.Name, rootCause(err)), err)
		}
		if info.Size() != f.Size || !info.ModTime().Equal(f.ModTime) {
			return "", changed(RuleArtifact, StepArtifacts, f.Name+" changed since the plan was made.", &artifacts.ChangedError{Path: f.Path})
		}
	}
	if err := r.imagesUnmoved(ctx, StepPreflight); err != nil {
		return "", err
	}
	warnings := len(withSeverity(p.Findings, finding.Warning))
	if warnings > 0 {
		return fmt.Sprintf("nothing against it, %s", plural(warnings, "warning")), nil
	}
	return "nothing against it", nil
}

func changed(rule finding.Rule, at StepID, message string, err error) error {
	return &RefusedError{Findings: []Finding{{Finding: finding.Finding{Rule: rule, Severity: finding.Error, Message: message, Hint: "look, then begin again", Err: err}, Step: at}}}
}

// plural writes "1 file", "2 files".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// runKey opens the secret keys: after it nobody needs to be asked for anything.
func runKey(ctx context.Context, r *run) (string, error) {
	sel := keys.Selector{Text: string(r.plan.Key.Fingerprint), Exact: true}
	signer, err := r.s.world.Signer(ctx, sel)
	if err != nil {
		return "", err
	}
	r.signer = signer
	keydesk.Attend(signer, r.attendant())
	if err := signer.Unlock(ctx, r.ask()); err != nil {
		return "", err
	}
	if err := r.openImageKeys(ctx); err != nil {
		return "", err
	}
	if !r.resumed { // passphrases may have taken minutes, and nothing is made yet
		if err := r.imagesUnmoved(ctx, StepKey); err != nil {
			return "", err
		}
	}
	return r.plan.Key.Fingerprint.Short() + " is open", nil
}

// tagSpec is the tag as the plan describes it.
func (r *run) tagSpec() gitops.TagSpec {
	return gitops.TagSpec{Name: r.plan.Tag, Target: r.plan.CommitID, Message: r.plan.Message, Tagger: r.plan.Tagger}
}

func runTag(ctx context.Context, r *run) (string, error) {
	tag, err := r.ownTag(ctx)
	if err != nil {
		return "", err
	}
	if tag == nil {
		payload := []byte(r.plan.Payload)
		sig, err := r.sign(ctx, payload)
		if err != nil {
			return "", err
		}
		made, err := r.s.repo.CreateTag(ctx, r.tagSpec(), payload, sig)
		if err != nil {
			return "", err
		}
		tag = &made
	}
	r.result.TagID = tag.ObjectID
	return fmt.Sprintf("%s signed, on commit %.10s", r.plan.Tag, r.plan.CommitID), nil
}

// ownTag finds the tag that a killed run of this very plan made; nil if there is none. A tag that
// is not ours is a *gitops.ExistsError.
func (r *run) ownTag(ctx context.Context) (*gitops.Tag, error) {
	tag, err := r.s.repo.Tag(ctx, r.plan.Tag)
	if errors.Is(err, gitops.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !r.made(tag) {
		return nil, &gitops.ExistsError{Ref: "refs/tags/" + r.plan.Tag, ID: tag.ObjectID}
	}
	return &tag, nil
}

// made reports whether a tag is one that a run of this very plan made.
func (r *run) made(tag gitops.Tag) bool {
	return string(tag.Payload) == r.plan.Payload && r.signedByUs(verify.JudgeTag(r.judge, tag))
}

// signedByUs reports whether one of the verdicts is sound and by the plan's key.
func (r *run) signedByUs(vs []keys.Verdict) bool {
	for _, v := range vs {
		if v.OK(true) && v.Signer != nil && v.Signer.Fingerprint == r.plan.Key.Fingerprint {
			return true
		}
	}
	return false
}

// sign makes one detached signature over data in memory.
func (r *run) sign(ctx context.Context, data []byte) ([]byte, error) {
	h := r.signer.Key().Hash.New()
	h.Write(data)
	return r.signer.Sign(ctx, h, r.s.world.Now())
}

// undoTag removes the tag unless others may have it. An error leaves it as it was.
func undoTag(ctx context.Context, r *run, a *Abandoned) error {
	tag, err := r.ownTag(ctx)
	var foreign *gitops.ExistsError
	switch {
	case errors.As(err, &foreign):
		a.keep("tag "+r.plan.Tag, "it is not the one this release made")
		return nil
	case err != nil, tag == nil:
		return err
	}
	remote, err := r.reached(ctx, tag.ObjectID)
	if err != nil {
		return err
	}
	if remote != "" {
		a.keep("tag "+r.plan.Tag, fmt.Sprintf("it was pushed to %s: others may have it", remote))
		a.public = true
		return nil
	}
	if err := r.s.repo.DeleteTag(ctx, r.plan.Tag, tag.ObjectID); err != nil {
		return err
	}
	a.Removed = append(a.Removed, "tag "+r.plan.Tag)
	return nil
}

// reached names the remote that has the tag, or "". The remote itself is asked, whether or not
// this release began to push: a person may have pushed by hand. Not to know is an error: what may
// be public is neither removed nor given up.
func (r *run) reached(ctx context.Context, id string) (string, error) {
	remote, ok := r.s.remote(r.plan.Remote)
	if !ok && r.plan.RemoteURL == "" {
		return "", nil
	}
	if !ok { // it was renamed or removed since, and may have the tag all the same
		remote.Name = r.plan.RemoteURL
	}
	ctx, cancel := context.WithTimeout(ctx, remoteDeadline)
	defer cancel()
	r.waitsFor(StepTag, remote.Name)
	list, err := r.s.repo.PushedTags(ctx, remote.Name, r.plan.Tag)
	for _, at := range list { // one address is enough, whatever the others say
		switch {
		case at.ID != id:
		case len(remote.PushURLs) > 1:
			return fmt.Sprintf("%s (%s)", remote.Name, at.Address), nil
		default:
			return remote.Name, nil
		}
	}
	if errors.Is(err, gitops.ErrNoGit) {
		return "", nil // nobody pushes from here
	}
	return "", err
}

func skipArtifacts(r *run) string {
	if len(r.plan.Files) == 0 {
		return "no files are part of this release"
	}
	return ""
}

func runArtifacts(ctx context.Context, r *run) (string, error) {
	o := r.signOptions(StepArtifacts)
	files := make([]artifacts.File, len(r.plan.Files))
	for i, f := range r.plan.Files {
		files[i] = f.File
	}
	signed, err := artifacts.Sign(ctx, files, o)
	r.result.Files = signed
	if err != nil {
		return "", err
	}
	if r.result.Checksums, err = artifacts.WriteChecksums(ctx, r.plan.Dir, signed, o); err != nil {
		return "", err
	}
	kept := 0
	for _, s := range signed {
		if s.Kept {
			kept++
		}
	}
	text := plural(len(signed), "file") + " signed"
	if r.plan.ChecksumsOnly {
		return plural(len(signed), "file") + " listed in SHA256SUMS, which is signed", nil
	}
	if kept > 0 && !r.resumed {
		text += fmt.Sprintf(" (%d of them before)", kept)
	}
	return text + ", listed in SHA256SUMS", nil
}

func (r *run) signOptions(st StepID) artifacts.SignOptions {
	return artifacts.SignOptions{
		Signer: r.signer, Now: r.s.world.Now, Replace: r.plan.Replace, SHA512: r.plan.SHA512, ListOnly: r.plan.ChecksumsOnly, Writing: r.writing,
		Progress: func(p artifacts.Progress) {
			r.emit(StepProgress{Step: st, Item: p.File, ItemDone: p.FileDone, ItemTotal: p.FileTotal,
				Done: p.Done, Total: p.Total, Items: p.Files, ItemsTotal: p.FilesTotal})
		},
	}
}

func undoArtifacts(ctx context.Context, r *run, a *Abandoned) error {
	paths := r.plan.signatures()
	for _, path := range r.plan.checksumLists() {
		paths = append(paths, path, path+".asc")
	}
	return r.removeOutputs(ctx, a, paths)
}
