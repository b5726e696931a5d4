package workflow

import (
	"context"
	"fmt"
	"strings"

	"bulla/gitops"
	"bulla/workflow/project"
)

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

// TagFor turns what a person typed, a version or a tag, into the tag and the version that the
// configured pattern makes of it. It returns a *VersionError or an error of gitops.ValidTagName.
func (s *Session) TagFor(text string) (tag, version string, err error) {
	return project.TagFor(text, s.Config().TagPattern())
}

// NewTag is TagFor for a release that is to be made: a tag that exists here is a
// *gitops.ExistsError, told before anything else is asked. Preflight looks at the remote too.
func (s *Session) NewTag(ctx context.Context, text string) (tag, version string, err error) {
	if tag, version, err = s.TagFor(text); err != nil {
		return "", "", err
	}
	if t, err := s.repo.Tag(ctx, tag); err == nil {
		return "", "", &gitops.ExistsError{Ref: "refs/tags/" + tag, ID: t.ObjectID}
	}
	return tag, version, nil
}

// VersionChoices proposes the next version: after the newest tag by semantic versioning
// (https://semver.org), or 0.1.0 and 1.0.0 where there is none.
func (s *Session) VersionChoices(ctx context.Context) (VersionChoices, error) {
	vs, err := s.versions(ctx)
	if err != nil {
		return VersionChoices{}, err
	}
	if len(vs) == 0 {
		return VersionChoices{Proposals: s.proposals("first release", "0.1.0", "first stable release", "1.0.0")}, nil
	}
	latest := vs[0]
	c := VersionChoices{Latest: latest.Version, LatestTag: latest.Name}
	if latest.Semantic.Prerelease() != "" {
		final, _ := latest.Semantic.SetPrerelease("")
		final, _ = final.SetMetadata("")
		c.Proposals = s.proposals("the final release", final.String())
		return c, nil
	}
	patch, minor, major := latest.Semantic.IncPatch(), latest.Semantic.IncMinor(), latest.Semantic.IncMajor()
	c.Proposals = s.proposals("minor", minor.String(), "patch", patch.String(), "major", major.String())
	return c, nil
}

// proposals takes pairs of why and version.
func (s *Session) proposals(pairs ...string) (out []VersionProposal) {
	for i := 0; i+1 < len(pairs); i += 2 {
		tag := strings.Replace(s.Config().TagPattern(), project.VersionVariable, pairs[i+1], 1)
		out = append(out, VersionProposal{Why: pairs[i], Version: pairs[i+1], Tag: tag})
	}
	return out
}

// DraftMessage proposes a message for the tag of version and lists the subjects since the last
// release for a person to draw from.
func (s *Session) DraftMessage(ctx context.Context, version string) (Draft, error) {
	vs, err := s.versions(ctx)
	if err != nil {
		return Draft{}, err
	}
	d := Draft{}
	for _, v := range vs {
		if v.CommitID != "" {
			d.Since = v.Name
			break
		}
	}
	d.Text = strings.TrimSpace(fmt.Sprintf("%s %s", s.projectBase(), version))
	d.Subjects, err = s.repo.Subjects(ctx, d.Since, maxSubjects)
	return d, err
}

// versions lists the tags that are versions, newest first.
func (s *Session) versions(ctx context.Context) ([]project.TaggedVersion, error) {
	tags, err := s.tags(ctx)
	if err != nil {
		return nil, err
	}
	return project.Versions(tags, s.Config().TagPattern()), nil
}

// maxSubjects is how many commit subjects a draft lists at the most.
const maxSubjects = 200
