package verify

import (
	"context"
	"errors"

	"bulla/gitops"
	"bulla/workflow/source"
)

// Source compares a source archive with the tree of a tag. What bulla.toml calls generated, and
// what allow names, may differ. Errors are those of source.Compare, or a *TargetError where there
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
	return source.Compare(ctx, v.repo, tag, archive, source.Options{Allow: append(append([]string{}, v.config.Release.Generated...), allow...)})
}
