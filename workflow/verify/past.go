package verify

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/project"
)

// What package history needs of a Verifier stands here.

// Judged is a set of verdicts and the time until which they hold if no key changes; zero for
// always.
type Judged struct {
	Verdicts []keys.Verdict
	Until    time.Time
}

// Repository is the repository that targets are looked up in; nil outside of one.
func (v *Verifier) Repository() *gitops.Repo { return v.repo }

// GitDir is the git directory that linked working trees share, Root the top of the working tree;
// Root is "" in a bare repository.
func (v *Verifier) GitDir() string { return v.commonDir }

// Root is the top of the working tree, "" in a bare repository.
func (v *Verifier) Root() string { return v.root }

// Config is the repository's bulla.toml.
func (v *Verifier) Config() project.Config { return v.config }

// Project is how people call the project: owner/name from a remote, or the folder's name.
func (v *Verifier) Project(ctx context.Context) string {
	remotes, err := v.repo.Remotes(ctx)
	if err == nil {
		for _, r := range remotes {
			if p := project.NameOfURL(r.URL); p != "" && (r.Name == "origin" || len(remotes) == 1) {
				return p
			}
		}
	}
	if v.root != "" {
		return filepath.Base(v.root)
	}
	if base := filepath.Base(v.commonDir); base != ".git" {
		return strings.TrimSuffix(base, ".git")
	}
	return filepath.Base(filepath.Dir(v.commonDir))
}

// KeyState names the state of the keys and rules that signatures are judged by: what was
// remembered under another one must be forgotten.
func (v *Verifier) KeyState() string { return v.judge.Keyring.Digest() }

// Now is the moment as of which v judges.
func (v *Verifier) Now() time.Time { return v.judge.Now }

// TagSignatures judges the signatures of a tag alone: the slow part, which may be remembered.
// FinishTag makes verdicts on the tag of them.
func (v *Verifier) TagSignatures(t gitops.Tag) Judged {
	vs, until := tagSignatures(v.judge, t)
	return Judged{vs, until}
}

// FinishTag adds to the verdicts on a tag's signatures what else there is to say of the tag. It
// may change vs.
func (v *Verifier) FinishTag(t gitops.Tag, vs []keys.Verdict) []keys.Verdict {
	return v.decideOne(judgeNames(t, vs), t.ObjectID)
}

// CommitSignatures judges the signatures of a commit; target is what the verdicts call it.
func (v *Verifier) CommitSignatures(target string, c gitops.Commit) Judged {
	if len(c.Signature) == 0 {
		return Judged{Verdicts: judgeCommit(v.judge, target, c)}
	}
	vs, until := judgeUntil(v.judge, keys.KindCommit, target, c.Payload, c.Signature, c.Committer.When)
	return Judged{vs, until}
}

// VerifyRecord judges a record and all that it binds.
func (v *Verifier) VerifyRecord(ctx context.Context, path string) ([]keys.Verdict, error) {
	return v.record(ctx, path, "")
}

// Online is v with leave to use the network.
func (v *Verifier) Online() *Verifier {
	o := *v
	o.offline = false
	return &o
}

// VersionOf is the version in a tag, by the configured pattern; "" if the tag does not follow it.
func (v *Verifier) VersionOf(tag string) string {
	version, ok := project.VersionOf(tag, v.config.TagPattern())
	if !ok {
		return ""
	}
	return version
}

// RecordDirs are the folders where the record of a tag may lie: where a release made here put it,
// and where the configured artifacts are built. version may be "".
func (v *Verifier) RecordDirs(tag, version string) (dirs []string) {
	if dir := v.world.ReleasedIn(v.commonDir, tag); dir != "" {
		dirs = append(dirs, dir)
	}
	if v.root == "" {
		return dirs
	}
	for _, glob := range v.config.Release.Artifacts {
		if version == "" && strings.Contains(glob, project.VersionVariable) {
			continue
		}
		glob = strings.ReplaceAll(filepath.ToSlash(glob), project.VersionVariable, version)
		for strings.ContainsAny(path.Dir(glob), `*?[{\`) {
			glob = path.Dir(glob)
		}
		dirs = append(dirs, absoluteIn(v.root, path.Dir(glob)))
	}
	return dirs
}

// HistoryFolders are the folders of [history] for one release. In those of own every file belongs
// to it; shared ones hold files of several.
func (v *Verifier) HistoryFolders(tag, version string) (own, shared []string) {
	if v.root == "" {
		return nil, nil
	}
	for _, f := range v.config.History.Folders {
		named := strings.Contains(f, project.VersionVariable) || strings.Contains(f, tagVariable)
		if strings.Contains(f, project.VersionVariable) && version == "" {
			continue
		}
		dir := absoluteIn(v.root, strings.NewReplacer(project.VersionVariable, version, tagVariable, tag).Replace(f))
		if named {
			own = append(own, dir)
		} else {
			shared = append(shared, dir)
		}
	}
	return own, shared
}

const tagVariable = "{tag}"

func absoluteIn(root, p string) string {
	p = filepath.FromSlash(p)
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(root, p)
}
