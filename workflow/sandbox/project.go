package sandbox

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"bulla/workflow/project"
)

const (
	repository  = "practice/lantern"
	authorName  = "Pat Practice"
	authorEmail = "pat@example.org"
)

// change is a commit of the practice project: days before now, subject, and files.
type change struct {
	daysAgo int
	subject string
	files   map[string]string
}

var beforeEarlier = []change{
	{190, "Begin the lantern", map[string]string{
		"README.md":  "# lantern\n\nA practice project. It lights the way and does nothing else.\n",
		"lantern.sh": "#!/bin/sh\necho light\n",
		".gitignore": "/dist/\n",
	}},
	{150, "Add a shade", map[string]string{"shade.txt": "linen\n"}},
}

var sinceEarlier = []change{
	{60, "Trim the wick before lighting", map[string]string{"lantern.sh": "#!/bin/sh\necho trim\necho light\n"}},
	{20, "Document how long a filling burns", map[string]string{"BURNING.md": "Eight hours.\n"}},
	{2, "Fix the hinge of the door", map[string]string{"door.txt": "hinge: brass\n"}},
}

// makeProject makes the repository, a bare one beside it to push to, and the first commits.
func (b *Sandbox) makeProject(context.Context) error {
	origin := filepath.Join(b.dir, "origin.git")
	if _, err := git.PlainInit(origin, true); err != nil {
		return err
	}
	repo, err := git.PlainInitWithOptions(b.Dir(), &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName("main")}})
	if err != nil {
		return err
	}
	cfg, err := repo.Config()
	if err != nil {
		return err
	}
	cfg.User.Name, cfg.User.Email = authorName, authorEmail
	// The user's own hooks and signing settings must not reach into the practice world.
	core := cfg.Raw.Section("core")
	core.SetOption("hooksPath", filepath.Join(b.Dir(), ".git", "hooks"))
	cfg.Raw.Section("gpg").SetOption("format", "openpgp")
	if err := repo.SetConfig(cfg); err != nil {
		return err
	}
	if _, err := repo.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{origin}}); err != nil {
		return err
	}
	settings := project.Config{Path: filepath.Join(b.Dir(), project.ConfigName), Release: project.ReleaseConfig{
		Key: string(b.key.Fingerprint), Artifacts: []string{"dist/*"}, Branch: "main",
		Images: []string{b.registry.Host() + "/" + repository + ":{version}"},
	}}
	if err := settings.Write(); err != nil {
		return err
	}
	return b.commit(repo, beforeEarlier, project.ConfigName)
}

// commit writes the files of each change and commits them, and extra with the first.
func (b *Sandbox) commit(repo *git.Repository, changes []change, extra ...string) error {
	tree, err := repo.Worktree()
	if err != nil {
		return err
	}
	for _, c := range changes {
		paths := extra
		extra = nil
		for name, content := range c.files {
			if err := os.WriteFile(filepath.Join(b.Dir(), name), []byte(content), 0o644); err != nil {
				return err
			}
			paths = append(paths, name)
		}
		for _, p := range paths {
			if _, err := tree.Add(p); err != nil {
				return err
			}
		}
		who := &object.Signature{Name: authorName, Email: authorEmail, When: b.now().Add(-time.Duration(c.daysAgo) * day)}
		if _, err := tree.Commit(c.subject, &git.CommitOptions{Author: who, Committer: who}); err != nil {
			return err
		}
	}
	return nil
}

// releaseEarlier performs the earlier release by the same walk that will be practised, four
// months ago, and pushes its tag.
func (b *Sandbox) releaseEarlier(ctx context.Context) error {
	b.at(120 * day)
	if err := b.build(ctx, EarlierVersion); err != nil {
		return err
	}
	c := b.Choices()
	c.Version, c.Message = EarlierVersion, "lantern "+EarlierVersion
	res, err := b.Release(ctx, c, nil)
	if err != nil {
		return err
	}
	if !res.Good() {
		return errors.New("the earlier release does not verify")
	}
	return nil
}

// moveOn brings the project to today: more commits, new artifacts, a new image.
func (b *Sandbox) moveOn(ctx context.Context) error {
	b.at(0)
	b.world.Vault.Close() // what the earlier release asked for is forgotten: the newcomer types it
	repo, err := git.PlainOpen(b.Dir())
	if err != nil {
		return err
	}
	if err := b.commit(repo, sinceEarlier); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(b.Dir(), "dist"), filepath.Join(b.dir, "released-"+EarlierVersion)); err != nil {
		return err
	}
	return b.build(ctx, NextVersion)
}

// build makes the artifacts in dist and pushes the image, as a build server would.
func (b *Sandbox) build(ctx context.Context, version string) error {
	dist := filepath.Join(b.Dir(), "dist")
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return err
	}
	archive, err := b.sourceArchive(version)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"lantern-" + version + ".tar.gz":          archive,
		"lantern_" + version + "_linux_amd64.bin": pseudoBinary("amd64 "+version, 3<<20),
		"lantern_" + version + "_linux_arm64.bin": pseudoBinary("arm64 "+version, 2<<20),
	}
	for name, data := range files {
		path := filepath.Join(dist, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, b.clock(), b.clock()); err != nil {
			return err
		}
	}
	_, err = b.registry.PushSample(ctx, repository, version)
	return err
}

// sourceArchive packs the tracked files the way a source release does.
func (b *Sandbox) sourceArchive(version string) ([]byte, error) {
	repo, err := git.PlainOpen(b.Dir())
	if err != nil {
		return nil, err
	}
	head, err := repo.Head()
	if err != nil {
		return nil, err
	}
	commit, err := repo.CommitObject(head.Hash())
	if err != nil {
		return nil, err
	}
	files, err := commit.Files()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	err = files.ForEach(func(f *object.File) error {
		content, err := f.Contents()
		if err != nil {
			return err
		}
		h := &tar.Header{Name: fmt.Sprintf("lantern-%s/%s", version, f.Name), Mode: 0o644, Size: int64(len(content)), ModTime: commit.Committer.When, Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err = t.Write([]byte(content))
		return err
	})
	if err := errors.Join(err, t.Close(), z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// pseudoBinary is n bytes that depend on seed alone.
func pseudoBinary(seed string, n int) []byte {
	return []byte(strings.Repeat("lantern "+seed+"\n", n/(len(seed)+9)+1))[:n]
}
