package workflow

import (
	"context"
	"path/filepath"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
)

// NewestRelease names what `bulla verify` without a target looks at: the newest version tag, and
// the release record among the configured artifacts, if there is one.
func (v *Verifier) NewestRelease(ctx context.Context) ([]string, error) {
	if v.repo == nil {
		return nil, gitops.ErrNotRepository
	}
	s := &Session{repo: v.repo, config: v.config}
	vs, err := s.versions(ctx)
	if err != nil {
		return nil, err
	}
	if len(vs) == 0 {
		return nil, &TargetError{Reason: "this repository has no version tag yet"}
	}
	if record := v.recordOf(ctx, vs[0]); record != "" {
		return []string{"file:" + record}, nil
	}
	return []string{"tag:" + vs[0].Name}, nil
}

// recordOf finds the record of a release: where the journal says that it was written, or where
// its artifacts are built.
func (v *Verifier) recordOf(ctx context.Context, t taggedVersion) string {
	var dirs []string
	if p, ok := finished(v.commonDir, t.Name); ok {
		dirs = append(dirs, p.Dir)
	}
	if files, err := artifacts.Find(ctx, v.root, withVersion(v.config.Release.Artifacts, t.version)); err == nil && len(files) > 0 {
		dirs = append(dirs, artifacts.CommonDir(files))
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, RecordName)
		data, err := readLimited(path, maxRecordSize)
		if err != nil || len(data) == 0 {
			continue
		}
		if rec, err := ParseRecord(data); err == nil && rec.Predicate.Tag.Name == t.Name {
			return path
		}
	}
	return ""
}

// Tags judges every tag of the repository, newest first, and hands each verdict to emit.
func (v *Verifier) Tags(ctx context.Context, emit func(keys.Verdict)) error {
	if v.repo == nil {
		return gitops.ErrNotRepository
	}
	tags, err := v.repo.Tags(ctx)
	if err != nil {
		return err
	}
	for _, t := range tags {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, verdict := range v.decideOne(judgeTag(v.judge, t), t.ObjectID) {
			emit(verdict)
		}
	}
	return nil
}
