package workflow

import (
	"cmp"
	"context"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow/journal"
	"bulla/workflow/keychoice"
	"bulla/workflow/project"
	"bulla/workflow/world"
)

// Session is one repository as a release manager stands in it. Its methods may be called from
// several goroutines.
type Session struct {
	world   *world.World
	repo    *gitops.Repo
	state   gitops.State
	config  project.Config
	remotes []gitops.Remote

	mu      sync.Mutex
	tagList []gitops.Tag
	hasTags bool
}

// Open finds the repository at or above dir and reads its configuration. Besides the errors of
// gitops.OpenWith it returns a *project.ConfigError.
func Open(ctx context.Context, w *world.World, dir string) (*Session, error) {
	repo, err := w.OpenRepository(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &Session{world: w, repo: repo}
	if s.state, err = repo.State(ctx); err != nil {
		return nil, err
	}
	if s.remotes, err = repo.Remotes(ctx); err != nil {
		return nil, err
	}
	s.config, err = project.ReadConfig(s.root())
	return s, err
}

// Close lets go of the repository. It does not close the World.
func (s *Session) Close() error { return nil }

// root is the folder that globs and bulla.toml are relative to.
func (s *Session) root() string {
	if s.state.Root != "" {
		return s.state.Root
	}
	return s.state.GitDir
}

// Repository is the state of the repository when the Session was opened.
func (s *Session) Repository() gitops.State { return s.state }

// State reads the state of the repository anew: a person may have committed or tagged meanwhile.
func (s *Session) State(ctx context.Context) (gitops.State, error) {
	s.forgetTags()
	return s.repo.State(ctx)
}

// Config is bulla.toml as it was when the Session was opened, or as SaveConfig left it.
func (s *Session) Config() project.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// SaveConfig writes bulla.toml. Call it only when a person agreed.
func (s *Session) SaveConfig(_ context.Context, c project.Config) error {
	c.Path = filepath.Join(s.root(), project.ConfigName)
	if err := c.Write(); err != nil {
		return err
	}
	c.Exists = true
	s.mu.Lock()
	s.config = c
	s.mu.Unlock()
	return nil
}

// Project is how people call the project: owner/name from the remote, or the folder's name.
func (s *Session) Project() string {
	if r, ok := s.remote(""); ok {
		if p := project.NameOfURL(r.URL); p != "" {
			return p
		}
	}
	return strings.TrimSuffix(filepath.Base(s.root()), ".git")
}

func (s *Session) projectBase() string { return path.Base(s.Project()) }

// remote finds the remote by name; "" means the configured one, origin, or the only one.
func (s *Session) remote(name string) (gitops.Remote, bool) {
	return project.Remote(s.remotes, cmp.Or(name, s.Config().Release.Remote))
}

// PushTarget is the remote that a push would go to; name "" takes the configured one. Its URL is
// the address of the push, the first where there are several.
func (s *Session) PushTarget(name string) (gitops.Remote, bool) {
	r, ok := s.remote(name)
	if len(r.PushURLs) > 0 {
		r.URL = r.PushURLs[0]
	}
	return r, ok
}

// tags lists all tags, read once per Session.
func (s *Session) tags(ctx context.Context) ([]gitops.Tag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hasTags {
		return s.tagList, nil
	}
	list, err := s.repo.Tags(ctx)
	if err != nil {
		return nil, err
	}
	s.tagList, s.hasTags = list, true
	return list, nil
}

// GenerateKey makes a key pair in bulla's own store. Its passphrase is remembered for this run:
// who has just typed it twice is not asked again.
func (s *Session) GenerateKey(ctx context.Context, p store.GenerateParams) (store.Generated, error) {
	pass := p.Passphrase.Clone()
	defer pass.Destroy()
	g, err := s.world.Store.Generate(ctx, p)
	if err != nil || pass.IsZero() {
		return g, err
	}
	req := keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(g.Key.Fingerprint)}
	return g, s.world.Vault.Remember(ctx, req, pass, vault.BackendMemory)
}

// KeyChoices lists the keys that could sign and preselects one.
func (s *Session) KeyChoices(ctx context.Context) (keychoice.Choices, error) {
	return s.keyPlace().Choices(ctx)
}

func (s *Session) keyPlace() keychoice.Place {
	return keychoice.Place{World: s.world, Repo: s.repo, Configured: s.Config().Release.Key, Versions: s.versions}
}

// FindArtifacts finds the files that globs name, or those of the configuration for nil. In
// globs "{version}" must have been replaced; see Globs.
func (s *Session) FindArtifacts(ctx context.Context, globs []string) ([]artifacts.File, error) {
	if globs == nil {
		globs = s.Config().Release.Artifacts
	}
	if len(globs) == 0 {
		return nil, nil
	}
	return artifacts.Find(ctx, s.root(), globs)
}

// Globs are the configured artifact globs for a version.
func (s *Session) Globs(version string) []string {
	return project.WithVersion(s.Config().Release.Artifacts, version)
}

// ImageReferences are the configured image references for a version; where none are, those of the
// last release made here, with this version in their tags.
func (s *Session) ImageReferences(version string) []string {
	configured := s.Config().Release.Images
	if len(configured) == 0 {
		if last, ok := journal.Last[*Plan](s.state.CommonDir); ok {
			return last.imagesFor(version)
		}
	}
	return project.WithVersion(configured, version)
}

// imagesFor are the plan's images, with another version in their tags.
func (p *Plan) imagesFor(version string) (out []string) {
	for _, img := range p.Images {
		name, tag := img.Name, ""
		if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
			name, tag = name[:i], name[i:]
		}
		if p.Version != "" && version != "" {
			tag = strings.Replace(tag, p.Version, version, 1)
		}
		out = append(out, name+tag)
	}
	return out
}

// ResolveImage asks the registry for the digest behind a reference.
func (s *Session) ResolveImage(ctx context.Context, ref string) (docker.Image, error) {
	r, err := docker.ParseReference(ref)
	if err != nil {
		return docker.Image{}, err
	}
	return s.world.Registry.Resolve(ctx, r)
}
