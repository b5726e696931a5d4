package workflow

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"time"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/gitops"
	"bulla/keys/agent"
	"bulla/keys/publish"
	"bulla/keys/publish/web"
	"bulla/keys/store"
	"bulla/keys/vault"
)

// World is everything outside the repository that a release touches, handed in by the face.
type World struct {
	// Home is the folder that holds everything of bulla's own (BULLA_HOME).
	Home     string
	Store    *store.Store
	GnuPG    *agent.GnuPG // nil where GnuPG is absent
	Vault    *vault.Manager
	Registry *docker.Client
	// Attendant stands before gpg-agent while a command signs. A run of a release has its own: its Face.
	Attendant agent.Attendant
	// Web speaks to the servers that public keys are published on and fetched from; Published
	// remembers where keys were published.
	Web       *web.Client
	Published *publish.Records
	// UserAgent begins the User-Agent header of requests to registries and trust servers.
	UserAgent string
	// Env looks up an environment variable; Environ is what the programs get that are started.
	Env     func(string) string
	Environ []string
	// Now is the clock, Rand the source of randomness.
	Now  func() time.Time
	Rand io.Reader
}

// WorldOptions says where the places of a World are.
type WorldOptions struct {
	Home string
	// GnuPGHome is GnuPG's home; "" takes GnuPG's own default. NoGnuPG leaves GnuPG out.
	GnuPGHome string
	NoGnuPG   bool
	// NoKeychain leaves the OS keychain out, as a practice world must.
	NoKeychain bool
	Registry   docker.Options
	// Env looks up an environment variable. Environ is the environment of the programs that are
	// started, as os.Environ has it: git, and those of GnuPG.
	Env     func(string) string
	Environ []string
	Now     func() time.Time
	Rand    io.Reader
}

// NewWorld opens the places named in o. It writes nothing, and an absent GnuPG is no error.
func NewWorld(ctx context.Context, o WorldOptions) (*World, error) {
	w := &World{Home: o.Home, UserAgent: o.Registry.UserAgent, Env: o.Env, Environ: o.Environ, Now: o.Now, Rand: o.Rand}
	w.Store = store.Open(store.Options{Dir: filepath.Join(o.Home, "keys"), Now: o.Now, Rand: o.Rand})
	if !o.NoGnuPG {
		g, err := agent.Find(ctx, agent.Options{Home: o.GnuPGHome, Environ: o.Environ, Now: o.Now})
		if err != nil && !errors.Is(err, agent.ErrAbsent) {
			return nil, err
		}
		w.GnuPG = g
	}
	if w.Vault = vault.Open(o.Home, o.Env); o.NoKeychain {
		w.Vault = vault.NewManager(vault.ManagerOptions{Dir: o.Home})
	}
	if o.Registry.CertDirs == nil {
		o.Registry.CertDirs = certDirs(o.Env, runtime.GOOS)
	}
	w.Registry = docker.NewClient(o.Registry)
	w.Web = web.New(web.Options{UserAgent: o.Registry.UserAgent})
	w.Published = publish.OpenRecords(filepath.Join(o.Home, "published"))
	return w, nil
}

// Git is what repositories get of this world: what git's variables say of a person and a moment is
// what the world says.
func (w *World) Git() gitops.Options {
	return gitops.Options{Environ: w.Environ, Env: w.Env, Now: w.Now}
}

// openRepository finds the repository at or above dir, as gitops.OpenWith does.
func (w *World) openRepository(ctx context.Context, dir string) (*gitops.Repo, error) {
	return gitops.OpenWith(ctx, dir, w.Git())
}

// Close wipes the passphrases kept for this run.
func (w *World) Close() { w.Vault.Close() }

// TrustClient makes a client of trust servers, for whom Close forgets the keys that it opened.
// Docker's folder is DOCKER_CONFIG or .docker in the home folder; what was seen of trust data is
// kept below the World's own. server "" is the one in DOCKER_CONTENT_TRUST_SERVER, or without that
// the one that belongs to each registry.
func (w *World) TrustClient(server string) *dct.Client {
	o := dct.Options{Registry: w.Registry, StateDir: filepath.Join(w.Home, "trust"), UserAgent: w.UserAgent, Now: w.Now, Server: server}
	if o.Server == "" {
		o.Server = w.Env("DOCKER_CONTENT_TRUST_SERVER")
	}
	if o.DockerDir = dockerDir(w.Env); o.DockerDir == "" { // nobody's home: a practice world
		o.DockerDir = filepath.Join(w.Home, "docker")
	}
	return dct.NewClient(o)
}

// dockerDir is Docker's folder, "" where nobody is at home.
func dockerDir(env func(string) string) string {
	switch home := env("HOME"); {
	case env("DOCKER_CONFIG") != "":
		return env("DOCKER_CONFIG")
	case home != "":
		return filepath.Join(home, ".docker")
	case env("USERPROFILE") != "":
		return filepath.Join(env("USERPROFILE"), ".docker")
	}
	return ""
}

// certDirs are the folders in which Docker keeps certificates for the connections to registries: the
// user's own, which Docker Desktop reads, then the engine's, which without root lies in the home
// folder, too. A practice world has none.
func certDirs(env func(string) string, system string) []string {
	own := dockerDir(env)
	if own == "" {
		return nil
	}
	dirs := []string{filepath.Join(own, "certs.d")}
	if system == "windows" {
		return append(dirs, filepath.Join(env("PROGRAMDATA"), "docker", "certs.d"))
	}
	if config := cmp.Or(env("XDG_CONFIG_HOME"), env("HOME")); config != "" {
		if env("XDG_CONFIG_HOME") == "" {
			config = filepath.Join(config, ".config")
		}
		dirs = append(dirs, filepath.Join(config, "docker", "certs.d"))
	}
	return append(dirs, filepath.FromSlash("/etc/docker/certs.d"))
}
