package gitops

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"bulla/keys/limits"
)

// Object formats, in git's words.
const (
	formatSHA1   = "sha1"
	formatSHA256 = "sha256"
)

// Options are what a Repo takes from the world around it.
type Options struct {
	// Environ is the environment of git programs. Variables that would point git at another
	// repository are dropped.
	Environ []string
	// Env looks up GIT_COMMITTER_NAME, GIT_COMMITTER_EMAIL, GIT_COMMITTER_DATE, EMAIL, HOME and
	// the variables naming git's configuration files; nil looks in Environ.
	Env func(string) string
	// Now is the clock for Identity; nil for time.Now.
	Now func() time.Time
	// LookPath finds the git program; nil for exec.LookPath. An error means there is none.
	LookPath func(string) (string, error)
	// ReadOnly says that the Repo will only be read. Where git refuses a repository because another
	// user owns it, all is then read in process, if that can be: that runs nothing which the
	// repository names, and a check in CI often runs as another user than the checkout.
	ReadOnly bool
}

func (o Options) withDefaults() Options {
	if o.Env == nil {
		o.Env = lookupIn(o.Environ)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LookPath == nil {
		o.LookPath = exec.LookPath
	}
	return o
}

// lookupIn makes a lookup function of an environment; the last of equal names counts.
func lookupIn(environ []string) func(string) string {
	m := make(map[string]string, len(environ))
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return func(k string) string { return m[k] }
}

// Repo is an opened repository. It keeps no file open and nothing in memory that could grow
// stale, and is safe for concurrent use.
type Repo struct {
	loc    location
	opts   Options
	format string // sha1 or sha256
	// own reads HEAD and refs and writes: go-git, or the git program for what go-git refuses.
	own backend
	// bulk reads objects, history and the working tree: the git program where there is one.
	bulk       backend
	git        *program // nil if git is not installed
	throughGit bool     // own is the git program
}

// OpenWith finds the repository upward from dir: a working tree, linked ones too, or a bare
// repository. It returns ErrNotRepository, or an *UnsupportedRepositoryError where neither
// go-git nor the git program can work with it. Everything that comes from outside is handed in.
func OpenWith(ctx context.Context, dir string, o Options) (*Repo, error) {
	o = o.withDefaults()
	loc, err := find(dir)
	if err != nil {
		return nil, err
	}
	r := &Repo{loc: loc, opts: o, format: formatSHA1}
	if path, err := o.LookPath("git"); err == nil {
		r.git = &program{path: path, environ: o.Environ, ceiling: filepath.Dir(loc.dir())}
	}
	need, err := r.needsGit()
	if err != nil {
		return nil, err
	}
	if need == nil {
		r.own = gogit{loc}
	} else if err := r.goThroughGit(ctx, need); err != nil {
		return nil, err
	}
	r.bulk = r.own
	if o.ReadOnly && r.git != nil && !r.throughGit && r.refused(ctx) {
		r.git = nil
	}
	if r.git != nil {
		r.bulk = gitcli{r.git, loc}
	}
	return r, nil
}

// refused reports whether git refuses the repository because another user owns it. It is asked only
// where that is so: its configuration may allow it all the same.
func (r *Repo) refused(ctx context.Context) bool {
	if !foreign(r.loc.root, r.loc.gitDir, r.loc.commonDir) {
		return false
	}
	_, err := r.git.read(ctx, r.loc.dir(), maxConfig, nil, "rev-parse", "--git-dir")
	var owner *OwnershipError
	return errors.As(err, &owner)
}

// Root is the top of the working tree, "" in a bare repository.
func (r *Repo) Root() string { return r.loc.root }

// CommonDir is the git directory that linked working trees share: refs and objects.
func (r *Repo) CommonDir() string { return r.loc.commonDir }

// needsGit reports, as an error to be returned if there is no git program, why go-git cannot
// work with the repository; nil if it can.
func (r *Repo) needsGit() (*UnsupportedRepositoryError, error) {
	var cfg config
	path := filepath.Join(r.loc.commonDir, "config")
	if err := cfg.readFile(path); err != nil {
		var large *TooLargeError
		var special *limits.NotRegularError
		if errors.As(err, &large) || errors.As(err, &special) {
			return nil, err
		}
		// git's own grammar is wider than the library's.
		return &UnsupportedRepositoryError{Extension: "config", Need: "the git program", Cause: err}, nil
	}
	if strings.EqualFold(cfg.last("extensions.objectformat"), formatSHA256) {
		r.format = formatSHA256
	}
	for _, key := range cfg.keys {
		if name, ok := strings.CutPrefix(key, "extensions."); ok && !harmlessExtension(name) {
			return &UnsupportedRepositoryError{Extension: name, Need: needFor(name)}, nil
		}
	}
	// Files shared between users get their modes from git; go-git knows nothing of it.
	if shared := cfg.last("core.sharedrepository"); shared != "" && shared != "umask" && cfg.isTrue("core.sharedrepository") && r.git != nil {
		return &UnsupportedRepositoryError{Extension: "sharedRepository", Need: "the git program"}, nil
	}
	if _, err := (gogit{r.loc}).open(); err != nil {
		return &UnsupportedRepositoryError{Extension: "repositoryformat", Need: "the git program", Cause: err}, nil
	}
	return nil, nil
}

// harmlessExtension reports whether an extension changes nothing for go-git, which opens the
// repository then.
func harmlessExtension(name string) bool { return name == "noop" || name == "noop-v1" }

// needFor says which git an extension needs (Documentation/RelNotes in git's source).
func needFor(extension string) string {
	switch extension {
	case "objectformat":
		return "git 2.29 or newer"
	case "refstorage":
		return "git 2.45 or newer"
	case "compatobjectformat":
		return "git 2.45 or newer"
	case "relativeworktrees":
		return "git 2.48 or newer"
	case "worktreeconfig":
		return "git 2.20 or newer"
	case "partialclone":
		return "git 2.19 or newer"
	}
	return "a git that knows it"
}

// goThroughGit makes the git program do everything, if it can.
func (r *Repo) goThroughGit(ctx context.Context, need *UnsupportedRepositoryError) error {
	if r.git == nil {
		need.Cause = errors.Join(ErrNoGit, need.Cause)
		return need
	}
	// Reading the format is what an old git refuses: it never works on what it does not know.
	out, err := r.git.read(ctx, r.loc.dir(), 64, nil, "rev-parse", "--show-object-format")
	var failed *GitError
	if errors.As(err, &failed) && strings.Contains(failed.Stderr, "extension") {
		need.Cause = err
		return need
	}
	if err != nil {
		return err
	}
	if f := strings.TrimSpace(string(out)); f == formatSHA1 || f == formatSHA256 {
		r.format = f
	}
	r.own, r.throughGit = gitcli{r.git, r.loc}, true
	return nil
}
