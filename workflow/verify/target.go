package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"bulla/docker"
	"bulla/gitops"
)

type targetKind string

const (
	targetTag    targetKind = "tag"
	targetFile   targetKind = "file"
	targetCommit targetKind = "commit"
	targetImage  targetKind = "image"
)

// target is what a person named, once it is clear what it is.
type target struct {
	kind targetKind
	name string
}

// TargetError says that a target is nothing, or several things at once.
type TargetError struct {
	Text   string
	Fits   []string // the kinds that fit, where there are several
	Reason string
}

func (e *TargetError) Error() string {
	if len(e.Fits) > 1 {
		return fmt.Sprintf("%q is a %s: say which with %s:%s", e.Text, strings.Join(e.Fits, " and a "), e.Fits[0], e.Text)
	}
	if e.Text == "" {
		return e.Reason
	}
	return fmt.Sprintf("%q: %s", e.Text, e.Reason)
}

// resolve finds out what a text names: a file, a tag, a commit or an image. "tag:", "file:",
// "commit:" and "image:" force one.
func (v *Verifier) resolve(ctx context.Context, text string) (target, error) {
	for _, k := range []targetKind{targetTag, targetFile, targetCommit, targetImage} {
		if name, ok := strings.CutPrefix(text, string(k)+":"); ok {
			return v.forced(target{k, name}, text)
		}
	}
	var fits []target
	if _, err := os.Stat(text); !errors.Is(err, fs.ErrNotExist) {
		fits = append(fits, target{targetFile, text})
	}
	if v.repo != nil {
		fits = append(fits, v.resolveInRepository(ctx, text)...)
	}
	if ref, err := docker.ParseReference(text); err == nil && len(fits) == 0 && strings.ContainsAny(text, "/") {
		fits = append(fits, target{targetImage, ref.String()})
	}
	switch len(fits) {
	case 0:
		return target{}, &TargetError{Text: text, Reason: "no file, tag, commit or image reference is called this"}
	case 1:
		return fits[0], nil
	}
	e := &TargetError{Text: text}
	for _, f := range fits {
		e.Fits = append(e.Fits, string(f.kind))
	}
	return target{}, e
}

func (v *Verifier) forced(t target, text string) (target, error) {
	if v.repo == nil && (t.kind == targetTag || t.kind == targetCommit) {
		return t, &TargetError{Text: text, Reason: "there is no git repository here"}
	}
	return t, nil
}

func (v *Verifier) resolveInRepository(ctx context.Context, text string) (fits []target) {
	name := strings.TrimPrefix(text, "refs/tags/")
	if gitops.ValidTagName(name) == nil {
		if _, err := v.repo.Tag(ctx, name); err == nil {
			fits = append(fits, target{targetTag, name})
		}
	}
	if len(fits) == 0 {
		if _, typ, err := v.repo.Resolve(ctx, text); err == nil && typ == "commit" {
			fits = append(fits, target{targetCommit, text})
		}
	}
	return fits
}
