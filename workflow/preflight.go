package workflow

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/gitops"
	"bulla/workflow/finding"
)

// remoteDeadline bounds each question that preflight asks a git remote.
const remoteDeadline = 15 * time.Second

// examination is one pass over the choices: it collects what is wrong with them and, on the
// way, the plan that they make.
type examination struct {
	s        *Session
	c        Choices
	plan     Plan
	state    gitops.State
	findings []Finding
}

// Preflight says everything that can be said of the choices so far. It changes nothing.
func (s *Session) Preflight(ctx context.Context, c Choices) []Finding {
	_, findings := s.examine(ctx, c)
	return findings
}

// Plan turns the choices into a plan, once preflight has nothing against it. A refusal is a
// *RefusedError.
func (s *Session) Plan(ctx context.Context, c Choices) (*Plan, error) {
	plan, findings := s.examine(ctx, c)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(withSeverity(findings, finding.Error)) > 0 {
		return nil, &RefusedError{Findings: findings}
	}
	plan.Findings = findings
	return plan, nil
}

// InTheWay is what preflight has against the signatures, checksums and records that stand where the
// release would write its own. Neither a remote nor a registry is asked.
func (s *Session) InTheWay(ctx context.Context, c Choices) []Finding {
	x := s.examination(c)
	if tag, version, err := s.TagFor(c.Version); err == nil {
		x.plan.Tag, x.plan.Version = tag, version
	}
	x.key(ctx)
	x.findings = nil
	if list, ok := x.chosenFiles(ctx); ok {
		x.place(list)
		x.existing(ctx, list)
	}
	return x.findings
}

// examination begins one.
func (s *Session) examination(c Choices) *examination {
	x := &examination{s: s, c: c}
	x.plan.Created = s.world.Now().UTC().Truncate(time.Second)
	x.plan.Replace = c.Replace
	x.plan.SHA512 = s.Config().Release.SHA512
	x.plan.ChecksumsOnly = s.Config().Release.ChecksumsOnly
	if c.ChecksumsOnly != nil {
		x.plan.ChecksumsOnly = *c.ChecksumsOnly
	}
	x.plan.Project = s.Project()
	return x
}

func (s *Session) examine(ctx context.Context, c Choices) (*Plan, []Finding) {
	x := s.examination(c)
	if x.unfinished(ctx) {
		return &x.plan, x.findings // its own files and tag would be taken for somebody else's
	}
	x.repository(ctx)
	if x.version(ctx) {
		x.tag(ctx)
	}
	x.key(ctx)
	x.files(ctx)
	x.cost(ctx)
	x.images(ctx)
	x.policy(ctx)
	x.push(ctx)
	x.payload(ctx)
	return &x.plan, x.findings
}

func (x *examination) add(f Finding) { x.findings = append(x.findings, f) }

func (x *examination) refuse(rule finding.Rule, step StepID, err error, message, hint string) {
	x.add(Finding{Finding: finding.Finding{Rule: rule, Severity: finding.Error, Message: message, Hint: hint, Err: err}, Step: step})
}

// here adds to the finding told last what to do about it within the walk.
func (x *examination) here(advice string) { x.findings[len(x.findings)-1].Here = advice }

func (x *examination) warn(rule finding.Rule, step StepID, message, hint string) {
	x.add(Finding{Finding: finding.Finding{Rule: rule, Severity: finding.Warning, Message: message, Hint: hint}, Step: step})
}

func (x *examination) inform(rule finding.Rule, step StepID, message, hint string) {
	x.add(Finding{Finding: finding.Finding{Rule: rule, Severity: finding.Info, Message: message, Hint: hint}, Step: step})
}

// unfinished reports whether a release was begun and left: nothing else matters then.
func (x *examination) unfinished(ctx context.Context) bool {
	u, err := x.s.Unfinished(ctx)
	if err != nil {
		x.refuse(RuleInterrupted, StepPreflight, err, "The journal of a release that was begun cannot be read: "+err.Error()+".", "")
		return true
	}
	if u == nil {
		return false
	}
	hint := fmt.Sprintf("go on with `bulla release %s --resume`, or take it back with --abandon", u.Tag)
	if u.Running {
		hint = "another bulla is at work on it right now"
	}
	x.refuse(RuleInterrupted, StepPreflight, nil, fmt.Sprintf("The release of %s was begun and not finished.", u.Tag), hint)
	return true
}

// repository: a commit to release, on the right branch, in a clean tree, by somebody.
func (x *examination) repository(ctx context.Context) {
	state, err := x.s.repo.State(ctx)
	if err != nil {
		x.refuse(RuleNoCommits, StepPreflight, err, "The repository cannot be read: "+err.Error(), "")
		return
	}
	x.state = state
	if state.Unborn {
		x.refuse(RuleNoCommits, StepPreflight, gitops.ErrNoCommits, "The repository has no commits yet: there is nothing to release.", "commit something first")
		return
	}
	x.plan.CommitID, x.plan.Subject = state.Head.ID, state.Head.Subject
	x.branch()
	if n := len(state.Changed); n > 0 {
		x.refuse(RuleDirty, StepPreflight, nil, fmt.Sprintf("The working tree is not clean: %s changed.", firstOf(state.Changed, 3)),
			"commit or stash the changes; untracked files do not matter")
	}
	if x.plan.Tagger, err = x.s.repo.Identity(ctx); err != nil {
		hint := ""
		var missing *gitops.IdentityError
		var date *gitops.DateError
		switch {
		case errors.As(err, &missing):
			hint = "git config user.name \"Your Name\" and git config user.email you@example.org"
		case errors.As(err, &date):
			hint = "unset GIT_COMMITTER_DATE, or write it as git does: 2026-11-22T12:00:00+00:00"
		}
		x.refuse(RuleIdentity, StepPreflight, err, err.Error(), hint)
	}
}

func (x *examination) branch() {
	r := x.s.Config().Release
	switch {
	case x.state.Bare:
	case x.state.Detached && !r.AllowDetached:
		x.refuse(RuleDetached, StepPreflight, nil, "HEAD is detached: no branch is checked out.",
			"git switch to the branch you release from, or set allow_detached = true in the [release] table of bulla.toml")
	case !x.state.Detached && r.Branch != "" && x.state.Branch != r.Branch:
		x.refuse(RuleBranch, StepPreflight, nil, fmt.Sprintf("Releases are made from %s, but %s is checked out.", r.Branch, x.state.Branch), "git switch "+r.Branch)
	}
}

// firstOf lists the first n of names and says how many more there are.
func firstOf(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// version reports whether the version is one.
func (x *examination) version(ctx context.Context) bool {
	if x.c.Version == "" {
		x.refuse(RuleVersion, StepTag, nil, "No version is named.", "name it: bulla release 1.4.0")
		return false
	}
	tag, version, err := x.s.TagFor(x.c.Version)
	if err != nil {
		x.refuse(RuleVersion, StepTag, err, err.Error(), "versions follow semver.org: 1.4.0, 2.0.0-rc.1")
		return false
	}
	x.plan.Tag, x.plan.Version = tag, version
	x.plan.Message = x.c.Message
	if strings.TrimSpace(x.plan.Message) == "" {
		if d, err := x.s.DraftMessage(ctx, version); err == nil {
			x.plan.Message = d.Text
		}
	}
	return true
}

// tag: free here and on the remote.
func (x *examination) tag(ctx context.Context) {
	tag := x.plan.Tag
	switch t, err := x.s.repo.Tag(ctx, tag); {
	case err == nil:
		x.refuse(RuleTagExists, StepTag, &gitops.ExistsError{Ref: "refs/tags/" + tag, ID: t.ObjectID},
			fmt.Sprintf("The tag %s exists already.", tag), "choose the next version; a published tag should never be moved")
	case !errors.Is(err, gitops.ErrNotFound):
		x.refuse(RuleTagExists, StepTag, err, fmt.Sprintf("Whether %s exists cannot be told: %v", tag, err), "")
	default:
		x.tagBeside(ctx, tag)
	}
	x.remoteTag(ctx, tag)
}

// tagBeside refuses a tag that git cannot hold beside another: pkg and pkg/v1 exclude each other.
func (x *examination) tagBeside(ctx context.Context, tag string) {
	list, err := x.s.tags(ctx)
	if err != nil {
		return // making the tag will tell
	}
	for _, t := range list {
		if strings.HasPrefix(t.Name, tag+"/") || strings.HasPrefix(tag, t.Name+"/") {
			x.refuse(RuleTagExists, StepTag, nil, fmt.Sprintf("The tag %s cannot exist beside the tag %s: git keeps one as a file, and the other in a folder of that name.", tag, t.Name),
				"choose another version, or another pattern for tags in bulla.toml")
			return
		}
	}
}

func (x *examination) remoteTag(ctx context.Context, tag string) {
	r, ok := x.s.remote(x.c.Remote)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, remoteDeadline)
	defer cancel()
	id, found, err := x.s.repo.RemoteTag(ctx, r.Name, tag)
	if err == nil && !found && x.c.Push && !slices.Equal(r.PushURLs, []string{r.URL}) {
		id, found, err = x.pushedTag(ctx, r.Name, tag)
	}
	switch {
	case err != nil:
		f := Finding{Finding: finding.Finding{Rule: RuleRemote, Severity: finding.Warning, Err: err,
			Message: fmt.Sprintf("Whether %s exists on %s (%s) could not be checked: %v", tag, r.Name, r.URL, err)}, Step: StepPreflight}
		if x.c.Push {
			f.Severity, f.Unreachable, f.Hint = finding.Error, true, "without --push an unreachable remote is only a warning"
			f.Here = "without the push an unreachable remote is only a warning"
		}
		x.add(f)
	case found:
		x.refuse(RuleTagRemote, StepTag, &gitops.ExistsError{Ref: r.Name + "/" + tag, ID: id},
			fmt.Sprintf("The tag %s exists on %s already.", tag, r.Name), "git fetch --tags shows it; choose the next version")
	}
}

// pushedTag asks the addresses that the push goes to, where those are not what git fetches from.
func (x *examination) pushedTag(ctx context.Context, remote, tag string) (id string, found bool, err error) {
	list, err := x.s.repo.PushedTags(ctx, remote, tag)
	for _, at := range list {
		if at.ID != "" {
			return at.ID, true, nil
		}
	}
	return "", false, err
}

// payload: the text of the tag object, made of what is settled by now.
func (x *examination) payload(ctx context.Context) {
	p := &x.plan
	if p.Tag == "" || p.CommitID == "" || p.Tagger.Name == "" {
		return
	}
	text, err := x.s.repo.TagPayload(ctx, gitops.TagSpec{Name: p.Tag, Target: p.CommitID, Message: p.Message, Tagger: p.Tagger})
	if err != nil {
		x.refuse(RuleMessage, StepTag, err, "The tag cannot be made: "+err.Error()+".", "change the message")
		return
	}
	p.Payload = string(text)
}

// push: possible, where it is wanted.
func (x *examination) push(ctx context.Context) {
	r, ok := x.s.remote(x.c.Remote)
	if ok {
		x.notPushed(ctx, r)
	}
	if !x.c.Push {
		return
	}
	if !ok {
		name := x.c.Remote
		if name == "" {
			name = "origin"
		}
		x.refuse(RuleRemote, StepPush, nil, fmt.Sprintf("There is no remote %s to push to.", name), "git remote add origin URL, or leave --push out")
		x.here("git remote add origin URL, or leave the push out")
		return
	}
	x.plan.Push, x.plan.Remote, x.plan.RemoteURL = true, r.Name, r.URL
	if len(r.PushURLs) > 0 {
		x.plan.RemoteURL, x.plan.AlsoPushed = r.PushURLs[0], r.PushURLs[1:]
	}
}

// notPushed remarks that the tag would arrive before any branch with its commit: strangers would see
// a release of what no branch shows.
func (x *examination) notPushed(ctx context.Context, r gitops.Remote) {
	if x.plan.CommitID == "" {
		return
	}
	if on, known, err := x.s.repo.OnRemote(ctx, r.Name, x.plan.CommitID); err != nil || !known || on {
		return // a remark is not worth an error: the push itself will tell
	}
	branch := x.state.Branch
	if branch == "" {
		branch = "BRANCH"
	}
	report := x.inform
	if x.c.Push {
		report = x.warn
	}
	report(RuleNotPushed, StepPush, fmt.Sprintf("No branch of %s is known to hold this commit yet: a push of the tag takes it along, but no branch will show it.", r.Name),
		fmt.Sprintf("git push %s %s first, if others should see it there", r.Name, branch))
}

// displayPath is path relative to the repository's root, where it lies below it.
func (s *Session) displayPath(path string) string {
	if rel, err := filepath.Rel(s.root(), path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
