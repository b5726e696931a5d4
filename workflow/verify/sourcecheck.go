package verify

import (
	"context"
	"errors"
	"slices"

	"bulla/gitops"
	"bulla/workflow/project"
	"bulla/workflow/source"
)

// Source compares a source archive with the tree of a tag. What the tag's own bulla.toml calls
// generated, and what allow names, may differ: the file in the working tree is nobody's word, and who
// changed it could let anything pass. Errors are those of source.Compare, or a *TargetError where there
// is no such tag.
func (v *Verifier) Source(ctx context.Context, archive, tagName string, allow []string) (*source.Report, error) {
	if v.repo == nil {
		return nil, gitops.ErrNotRepository
	}
	tag, err := v.repo.Tag(ctx, tagName)
	if errors.Is(err, gitops.ErrNotFound) {
		return nil, &TargetError{Text: tagName, Reason: "this repository has no such tag"}
	}
	if err != nil {
		return nil, err
	}
	return source.Compare(ctx, v.repo, tag, archive, source.Options{Allow: slices.Concat(v.generatedIn(ctx, tag), allow)})
}

// generatedIn are the globs of generated files in the bulla.toml that a tag holds; none where it holds
// none that can be read.
func (v *Verifier) generatedIn(ctx context.Context, tag gitops.Tag) []string {
	if tag.CommitID == "" {
		return nil
	}
	data, err := v.repo.ReadFile(ctx, tag.CommitID, project.ConfigName)
	if err != nil {
		return nil
	}
	c, err := project.ParseConfig(data)
	if err != nil {
		return nil
	}
	return c.Release.Generated
}
