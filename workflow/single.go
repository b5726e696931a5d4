package workflow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/finding"
	"bulla/workflow/keychoice"
	"bulla/workflow/world"
)

// This file has the single pieces of a release, for those who want only one: a tag, files.

// SignTag makes one signed tag on target ("" for HEAD) and checks it before it returns.
func (s *Session) SignTag(ctx context.Context, name, target, message string, sel keys.Selector, ask keys.AskPassphrase) (gitops.Tag, keys.SigningKey, error) {
	if err := gitops.ValidTagName(name); err != nil {
		return gitops.Tag{}, keys.SigningKey{}, err
	}
	if t, err := s.repo.Tag(ctx, name); err == nil {
		return gitops.Tag{}, keys.SigningKey{}, &gitops.ExistsError{Ref: "refs/tags/" + name, ID: t.ObjectID}
	} else if !errors.Is(err, gitops.ErrNotFound) {
		return gitops.Tag{}, keys.SigningKey{}, err
	}
	who, err := s.repo.Identity(ctx)
	if err != nil {
		return gitops.Tag{}, keys.SigningKey{}, err
	}
	signer, err := s.keyPlace().Signer(ctx, sel)
	if err != nil {
		return gitops.Tag{}, keys.SigningKey{}, err
	}
	defer signer.Close()
	spec := gitops.TagSpec{Name: name, Target: target, Message: message, Tagger: who}
	payload, err := s.repo.TagPayload(ctx, spec)
	if err != nil {
		return gitops.Tag{}, signer.Key(), err
	}
	if err := signer.Unlock(ctx, ask); err != nil {
		return gitops.Tag{}, signer.Key(), err
	}
	h := signer.Key().Hash.New()
	h.Write(payload)
	sig, err := signer.Sign(ctx, h, s.world.Now())
	if err != nil {
		return gitops.Tag{}, signer.Key(), err
	}
	tag, err := s.repo.CreateTag(ctx, spec, payload, sig)
	s.forgetTags()
	return tag, signer.Key(), err
}

// SignedFiles is what SignFiles made.
type SignedFiles struct {
	Files     []artifacts.Signed
	Checksums []string // paths
}

// SignFilesOptions say how SignFiles works.
type SignFilesOptions struct {
	// Checksums lists the files in their common folder; ChecksumsOnly signs that list in place of
	// every file.
	Checksums, ChecksumsOnly bool
	Replace                  bool
	// Warn is told what signing is going to cost, where that is much; it may be nil.
	Warn func(finding.Finding)
}

// SignFiles signs the named files. What was finished is returned beside an error.
func SignFiles(ctx context.Context, w *world.World, dir string, paths []string, sel keys.Selector, ask keys.AskPassphrase, o SignFilesOptions) (out SignedFiles, err error) {
	files, err := namedFiles(ctx, dir, paths)
	if err != nil {
		return out, err
	}
	signer, err := keychoice.Signer(ctx, w, sel)
	if err != nil {
		return out, err
	}
	defer signer.Close()
	if f, ok := keychoice.Cost(ctx, w, signer.Key(), len(files)); ok && o.Warn != nil && !o.ChecksumsOnly {
		o.Warn(f)
	}
	if err := signer.Unlock(ctx, ask); err != nil {
		return out, err
	}
	so := artifacts.SignOptions{Signer: signer, Now: w.Now, Replace: o.Replace, ListOnly: o.ChecksumsOnly}
	if out.Files, err = artifacts.Sign(ctx, files, so); err != nil || !o.Checksums && !o.ChecksumsOnly {
		return out, err
	}
	out.Checksums, err = artifacts.WriteChecksums(ctx, artifacts.CommonDir(files), out.Files, so)
	return out, err
}

// namedFiles describes files that were named one by one. Unlike those of a release they may have
// equal names: their signatures lie in different folders.
func namedFiles(ctx context.Context, dir string, paths []string) (files []artifacts.File, err error) {
	seen := map[string]bool{}
	for _, p := range paths {
		full := p
		if !filepath.IsAbs(full) {
			full = filepath.Join(dir, p)
		}
		if _, err := os.Lstat(full); err != nil {
			return nil, fmt.Errorf("%s: %w", p, rootCause(err))
		}
		found, err := artifacts.Find(ctx, dir, []string{p})
		if err != nil {
			return nil, err
		}
		for _, f := range found { // a pattern of the shell's and a name may say the same
			if !seen[f.Path] {
				files = append(files, f)
			}
			seen[f.Path] = true
		}
	}
	return files, nil
}
