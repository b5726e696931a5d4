package project

import (
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
	return fmt.Sprintf("%q is not a version: expected something like 1.4.0 or %s", e.Text, strings.Replace(e.Pattern, VersionVariable, "1.4.0", 1))
}

// TagFor turns what a person typed, a version or a whole tag, into both.
func TagFor(text, pattern string) (tag, version string, err error) {
	text = strings.TrimSpace(text)
	v, ok := VersionOf(text, pattern)
	if !ok {
		// v1.4.0 is understood even where the pattern adds something else, such as release-{version}.
		if v, ok = parseVersion(text); !ok {
			if v, ok = parseVersion(strings.TrimPrefix(text, "v")); !ok {
				return "", "", &VersionError{Text: text, Pattern: pattern}
			}
		}
	}
	tag = strings.Replace(pattern, VersionVariable, v, 1)
	if err := gitops.ValidTagName(tag); err != nil {
		return "", "", err
	}
	return tag, v, nil
}

// VersionOf takes the version out of a tag that follows pattern.
func VersionOf(tag, pattern string) (string, bool) {
	before, after, _ := strings.Cut(pattern, VersionVariable)
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

// TaggedVersion is a tag that is a version.
type TaggedVersion struct {
	gitops.Tag
	Version  string
	Semantic *semver.Version
}

// Versions are the tags that follow the pattern, newest version first.
func Versions(tags []gitops.Tag, pattern string) (out []TaggedVersion) {
	for _, t := range tags {
		if v, ok := VersionOf(t.Name, pattern); ok {
			sem, _ := semver.NewVersion(v)
			out = append(out, TaggedVersion{Tag: t, Version: v, Semantic: sem})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Semantic.GreaterThan(out[j].Semantic) })
	return out
}
