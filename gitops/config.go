package gitops

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	format "github.com/go-git/go-git/v5/plumbing/format/config"

	"bulla/keys/limits"
)

// maxConfig bounds each configuration file and the whole configuration, in bytes.
const maxConfig = 4 << 20

// config is git's configuration: values by key, in the order git reads them. Section and
// variable names are in lower case, subsections as written.
type config struct {
	values map[string][]string
	keys   []string // in order of first appearance
	// skipped says that files were included that only the git program would have read.
	skipped bool
}

func (c *config) add(key, value string) {
	if c.values == nil {
		c.values = map[string][]string{}
	}
	if _, ok := c.values[key]; !ok {
		c.keys = append(c.keys, key)
	}
	c.values[key] = append(c.values[key], value)
}

// last is the value that counts for a key with one value, or "".
func (c *config) last(key string) string {
	v := c.values[key]
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}

// isTrue reads a boolean as git does; a key without "=" is kept as "true".
func (c *config) isTrue(key string) bool {
	switch v := strings.ToLower(c.last(key)); v {
	case "", "false", "no", "off", "0":
		return false
	}
	return true
}

// parseConfigList reads the output of git config --list -z.
func parseConfigList(out []byte) config {
	var c config
	for entry := range bytes.SplitSeq(out, []byte{0}) {
		if len(entry) == 0 {
			continue
		}
		key, value, given := strings.Cut(string(entry), "\n")
		if !given {
			value = "true"
		}
		c.add(key, value)
	}
	return c
}

// readFile adds one configuration file. A missing one is no error.
func (c *config) readFile(path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeDevice != 0 {
		return nil // GIT_CONFIG_GLOBAL=/dev/null
	}
	data, err := limits.ReadFile(path, maxConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil // as git does
	case errors.Is(err, limits.ErrTooLarge):
		return &TooLargeError{What: path, Limit: maxConfig}
	case err != nil:
		return err
	}
	raw := format.New()
	if err := format.NewDecoder(bytes.NewReader(data)).Decode(raw); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range raw.Sections {
		section := strings.ToLower(s.Name)
		if section == "include" || section == "includeif" {
			c.skipped = true
		}
		for _, o := range s.Options {
			c.add(section+"."+strings.ToLower(o.Key), o.Value)
		}
		for _, sub := range s.Subsections {
			for _, o := range sub.Options {
				c.add(section+"."+sub.Name+"."+strings.ToLower(o.Key), o.Value)
			}
		}
	}
	return nil
}

// config reads the whole configuration: through the git program, which alone follows include
// and includeIf, else from the files.
func (r *Repo) config(ctx context.Context) (config, error) {
	if r.git != nil {
		out, err := r.git.read(ctx, r.loc.dir(), maxConfig, nil, "config", "--list", "--includes", "-z")
		if err != nil {
			return config{}, err
		}
		return parseConfigList(out), nil
	}
	var c config
	for _, path := range append(userConfigFiles(r.opts.Env), filepath.Join(r.loc.commonDir, "config")) {
		if err := c.readFile(path); err != nil {
			return config{}, err
		}
	}
	return c, nil
}

// userConfigFiles are the files that git reads before the repository's own (git-config(1),
// FILES).
func userConfigFiles(env func(string) string) []string {
	var files []string
	if env("GIT_CONFIG_NOSYSTEM") == "" {
		files = append(files, cmp.Or(env("GIT_CONFIG_SYSTEM"), "/etc/gitconfig"))
	}
	if g := env("GIT_CONFIG_GLOBAL"); g != "" {
		return append(files, g)
	}
	home := cmp.Or(env("HOME"), env("USERPROFILE"))
	if x := env("XDG_CONFIG_HOME"); x != "" {
		files = append(files, filepath.Join(x, "git", "config"))
	} else if home != "" {
		files = append(files, filepath.Join(home, ".config", "git", "config"))
	}
	if home != "" {
		files = append(files, filepath.Join(home, ".gitconfig"))
	}
	return files
}

// commentPrefix is what begins a line that git drops from messages: core.commentString
// (git 2.45), else core.commentChar; "auto" means the default for tags.
func (c *config) commentPrefix() string {
	v := cmp.Or(c.last("core.commentstring"), c.last("core.commentchar"))
	if v == "" || strings.EqualFold(v, "auto") {
		return "#"
	}
	return v
}

// SigningConfig is what the user told git about signatures.
type SigningConfig struct {
	Format     string // gpg.format: "openpgp", "ssh" or "x509"
	Key        string // user.signingkey, as written; "" if not set
	TagGPGSign bool   // tag.gpgSign: git tag signs without being asked
	// AllowedSigners and Revoked are the files that gpg.ssh.allowedSignersFile and
	// gpg.ssh.revocationFile name, "" for none; a leading ~/ is resolved.
	AllowedSigners, Revoked string
}

// SigningConfig reads the user's signing configuration.
func (r *Repo) SigningConfig(ctx context.Context) (SigningConfig, error) {
	cfg, err := r.config(ctx)
	if err != nil {
		return SigningConfig{}, err
	}
	return SigningConfig{
		Format:     cmp.Or(cfg.last("gpg.format"), "openpgp"),
		Key:        cfg.last("user.signingkey"),
		TagGPGSign: cfg.isTrue("tag.gpgsign"),

		AllowedSigners: r.homePath(cfg.last("gpg.ssh.allowedsignersfile")),
		Revoked:        r.homePath(cfg.last("gpg.ssh.revocationfile")),
	}, nil
}

// homePath resolves a leading ~/ as git does in paths (git-config(1), Values).
func (r *Repo) homePath(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(cmp.Or(r.opts.Env("HOME"), r.opts.Env("USERPROFILE")), rest)
	}
	return path
}
