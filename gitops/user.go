package gitops

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// User is the git configuration of a person, as it counts in one folder. The folder need not be a
// repository.
type User struct {
	git  *program
	opts Options
	dir  string
}

// OpenUser finds the git program, which alone can change a configuration without losing the
// comments in it. Without it the error is ErrNoGit. It touches nothing.
func OpenUser(dir string, o Options) (*User, error) {
	o = o.withDefaults()
	path, err := o.LookPath("git")
	if err != nil {
		return nil, ErrNoGit
	}
	return &User{git: &program{path: path, environ: o.Environ}, opts: o, dir: dir}, nil
}

// UserSettings are what git's configuration says about a person and their signatures.
type UserSettings struct {
	Name, Email string // user.name and user.email; "" for not set
	SigningKey  string // user.signingKey
	Format      string // gpg.format, "" for git's default, which is openpgp
}

// Settings reads what counts in the folder: the system's configuration, the person's own, and the
// repository's, where the folder lies in one.
func (u *User) Settings(ctx context.Context) (UserSettings, error) {
	out, err := u.git.read(ctx, u.dir, maxConfig, nil, "config", "--list", "--includes", "-z")
	if err != nil {
		return UserSettings{}, err
	}
	c := parseConfigList(out)
	return UserSettings{
		Name: c.last("user.name"), Email: c.last("user.email"), SigningKey: c.last("user.signingkey"), Format: c.last("gpg.format"),
	}, nil
}

// File is the file of the person's own configuration that git config --global writes to
// (git-config(1), FILES).
func (u *User) File() string {
	if g := u.opts.Env("GIT_CONFIG_GLOBAL"); g != "" {
		return g
	}
	home := cmp.Or(u.opts.Env("HOME"), u.opts.Env("USERPROFILE"))
	own := filepath.Join(home, ".gitconfig")
	xdg := filepath.Join(cmp.Or(u.opts.Env("XDG_CONFIG_HOME"), filepath.Join(home, ".config")), "git", "config")
	if _, err := os.Stat(own); err != nil {
		if _, err := os.Stat(xdg); err == nil {
			return xdg
		}
	}
	return own
}

// ConfigLine is a change of one key of a configuration file.
type ConfigLine struct {
	// Key is in git's words, "user.signingKey"; Value what it is to be.
	Key, Value string
	// Old are the values that the file has for it, none where the key is not there.
	Old []string
}

// Lines are the changes of the person's own configuration that give each key its value; keys that
// have it already are left out. want is pairs of a key and its value. Nothing is changed.
func (u *User) Lines(ctx context.Context, want ...[2]string) (out []ConfigLine, err error) {
	for _, w := range want {
		old, err := u.values(ctx, w[0])
		if err != nil {
			return nil, err
		}
		if !slices.Equal(old, []string{w[1]}) {
			out = append(out, ConfigLine{Key: w[0], Value: w[1], Old: old})
		}
	}
	return out, nil
}

// values are the values of a key in the person's own configuration file.
func (u *User) values(ctx context.Context, key string) ([]string, error) {
	if _, err := os.Stat(u.File()); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	out, err := u.git.read(ctx, u.dir, maxConfig, nil, "config", "--file", u.File(), "-z", "--get-all", key)
	if exited(err, 1) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// ConfigChangedError says that a line of a configuration file is not as it was when the change was
// shown to a person. Nothing after it was written.
type ConfigChangedError struct{ File, Key string }

func (e *ConfigChangedError) Error() string {
	return e.Key + " in " + e.File + " was changed by another program meanwhile"
}

// Apply writes the lines that Lines found, each only if the file still says what it said then: else
// the error is a *ConfigChangedError. Everything else in the file stays as it is, comments too.
func (u *User) Apply(ctx context.Context, lines []ConfigLine) error {
	for _, l := range lines {
		now, err := u.values(ctx, l.Key)
		if err != nil {
			return err
		}
		if !slices.Equal(now, l.Old) {
			return &ConfigChangedError{File: u.File(), Key: l.Key}
		}
	}
	if err := os.MkdirAll(filepath.Dir(u.File()), 0o700); err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := u.git.read(ctx, u.dir, maxConfig, nil, "config", "--file", u.File(), "--replace-all", l.Key, l.Value); err != nil {
			return err
		}
		if now, err := u.values(ctx, l.Key); err != nil || !slices.Equal(now, []string{l.Value}) {
			return errors.Join(err, &ConfigChangedError{File: u.File(), Key: l.Key})
		}
	}
	return nil
}
