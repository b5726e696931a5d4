package workflow

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/Masterminds/semver/v3"

	"bulla/gitops"
)

// VersionError says that a text is no version.
type VersionError struct {
	Text, Pattern string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%q is not a version: expected something like 1.4.0 or %s", e.Text, strings.Replace(e.Pattern, versionVariable, "1.4.0", 1))
}

// tagFor turns what a person typed, a version or a whole tag, into both.
func tagFor(text, pattern string) (tag, version string, err error) {
	text = strings.TrimSpace(text)
	v, ok := versionOf(text, pattern)
	if !ok {
		// v1.4.0 is understood even where the pattern adds something else, such as release-{version}.
		if v, ok = parseVersion(text); !ok {
			if v, ok = parseVersion(strings.TrimPrefix(text, "v")); !ok {
				return "", "", &VersionError{Text: text, Pattern: pattern}
			}
		}
	}
	tag = strings.Replace(pattern, versionVariable, v, 1)
	if err := gitops.ValidTagName(tag); err != nil {
		return "", "", err
	}
	return tag, v, nil
}

// versionOf takes the version out of a tag that follows pattern.
func versionOf(tag, pattern string) (string, bool) {
	before, after, _ := strings.Cut(pattern, versionVariable)
	rest, ok := strings.CutPrefix(tag, before)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, after)
	if !ok {
		return "", false
	}
	return parseVersion(rest)
}

// parseVersion accepts semantic versions, and versions of two or one numbers, as they stand.
func parseVersion(s string) (string, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || len(s) > 128 {
		return "", false
	}
	_, err := semver.NewVersion(s)
	return s, err == nil
}

// taggedVersion is a tag that is a version.
type taggedVersion struct {
	gitops.Tag
	version string
	sem     *semver.Version
}

// versions lists the tags that follow the pattern, newest version first.
func (s *Session) versions(ctx context.Context) ([]taggedVersion, error) {
	tags, err := s.tags(ctx)
	if err != nil {
		return nil, err
	}
	var out []taggedVersion
	for _, t := range tags {
		if v, ok := versionOf(t.Name, s.Config().TagPattern()); ok {
			sem, _ := semver.NewVersion(v)
			out = append(out, taggedVersion{Tag: t, version: v, sem: sem})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].sem.GreaterThan(out[j].sem) })
	return out, nil
}

// TagFor turns what a person typed, a version or a tag, into the tag and the version that the
// configured pattern makes of it. It returns a *VersionError or an error of gitops.ValidTagName.
func (s *Session) TagFor(text string) (tag, version string, err error) {
	return tagFor(text, s.Config().TagPattern())
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
	c := VersionChoices{Latest: latest.version, LatestTag: latest.Name}
	if latest.sem.Prerelease() != "" {
		final, _ := latest.sem.SetPrerelease("")
		final, _ = final.SetMetadata("")
		c.Proposals = s.proposals("the final release", final.String())
		return c, nil
	}
	patch, minor, major := latest.sem.IncPatch(), latest.sem.IncMinor(), latest.sem.IncMajor()
	c.Proposals = s.proposals("minor", minor.String(), "patch", patch.String(), "major", major.String())
	return c, nil
}

// proposals takes pairs of why and version.
func (s *Session) proposals(pairs ...string) (out []VersionProposal) {
	for i := 0; i+1 < len(pairs); i += 2 {
		tag := strings.Replace(s.Config().TagPattern(), versionVariable, pairs[i+1], 1)
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

// maxSubjects is how many commit subjects a draft lists at the most.
const maxSubjects = 200
