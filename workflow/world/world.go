// Package world is what lies outside the repository that a release is made in: where keys are, the
// registries and the trust servers.
package world

import (
	"cmp"
	"context"
	"io"
	"path/filepath"
	"runtime"
	"time"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/workflow/keydesk"
)

// World is everything outside the repository that a release touches, handed in by the face.
type World struct {
	// Places are bulla's own folder and GnuPG's: where keys are, and what is done with them there.
	keydesk.Places
	Registry *docker.Client
	// UserAgent begins the User-Agent header of requests to registries and trust servers.
	UserAgent string
	// Rand is the source of randomness.
	Rand io.Reader
	// TrustServers are those that the user named for this run: see Options.
	TrustServers []string
}

// Options says where the places of a World are.
type Options struct {
	Home string
	// GnuPGHome is GnuPG's home; "" takes GnuPG's own default. NoGnuPG leaves GnuPG out.
	GnuPGHome string
	NoGnuPG   bool
	// NoKeychain leaves the OS keychain out, as a practice world must.
	NoKeychain bool
	Registry   docker.Options
	// TrustServers are the trust servers that the user named on the command line. They are shown the
	// registry's credentials, as the one in DOCKER_CONTENT_TRUST_SERVER and the registry's own are; one
	// that a bulla.toml or a record names is not.
	TrustServers []string
	// Env looks up an environment variable. Environ is the environment of the programs that are
	// started, as os.Environ has it: git, and those of GnuPG.
	Env     func(string) string
	Environ []string
	Now     func() time.Time
	Rand    io.Reader
}

// New opens the places named in o. It writes nothing, and an absent GnuPG is no error.
func New(ctx context.Context, o Options) (*World, error) {
	places, err := keydesk.Open(ctx, keydesk.Options{
		Home: o.Home, GnuPGHome: o.GnuPGHome, NoGnuPG: o.NoGnuPG, NoKeychain: o.NoKeychain, UserAgent: o.Registry.UserAgent,
		Env: o.Env, Environ: o.Environ, Now: o.Now, Rand: o.Rand,
	})
	if err != nil {
		return nil, err
	}
	w := &World{Places: places, UserAgent: o.Registry.UserAgent, Rand: o.Rand, TrustServers: o.TrustServers}
	if o.Registry.CertDirs == nil {
		o.Registry.CertDirs = certDirs(o.Env, runtime.GOOS)
	}
	w.Registry = docker.NewClient(o.Registry)
	return w, nil
}

// ImageKeyDir is where bulla keeps image keys of its own.
func (w *World) ImageKeyDir() string { return filepath.Join(w.Home, "images") }

// TrustClient makes a client of trust servers, for whom Close forgets the keys that it opened.
// Docker's folder is DOCKER_CONFIG or .docker in the home folder; what was seen of trust data is
// kept below the World's own. server "" is the one in DOCKER_CONTENT_TRUST_SERVER, or without that
// the one that belongs to each registry. Only a server that the user named is shown credentials.
func (w *World) TrustClient(server string) *dct.Client {
	o := dct.Options{Registry: w.Registry, StateDir: filepath.Join(w.Home, "trust"), UserAgent: w.UserAgent, Now: w.Now}
	env := w.Env("DOCKER_CONTENT_TRUST_SERVER")
	o.Server, o.Named = cmp.Or(server, env), append([]string{env}, w.TrustServers...)
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
