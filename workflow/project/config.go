package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/workflow/policy"
)

// ConfigName is the file in the root of a repository that says how it is released.
const ConfigName = "bulla.toml"

// DefaultTagPattern is how a version becomes a tag where the configuration is silent.
const DefaultTagPattern = "v{version}"

const (
	// VersionVariable stands for the version in tag patterns, globs and references.
	VersionVariable = "{version}"
	// MaxConfigSize limits a bulla.toml that is read, in bytes.
	MaxConfigSize = 1 << 20
)

// Config is bulla.toml. It has no place for a secret.
type Config struct {
	// Release is the [release] table.
	Release ReleaseConfig `toml:"release"`
	// History is the [history] table.
	History HistoryConfig `toml:"history,omitempty"`
	// Policy is the [policy] table as it is written; package policy tells what it means.
	Policy *policy.Table `toml:"policy,omitempty"`
	// Path is where it was read from, or would be written to.
	Path string `toml:"-"`
	// Exists says that there is such a file.
	Exists bool `toml:"-"`
}

// ReleaseConfig is the [release] table of bulla.toml.
type ReleaseConfig struct {
	// Tag is the tag pattern; it contains {version} once. "" means DefaultTagPattern.
	Tag string `toml:"tag,omitempty" comment:"How a version becomes a tag."`
	// Key is the full fingerprint of the signing key, with a final ! for exactly that subkey.
	Key string `toml:"key,omitempty" comment:"Full fingerprint of the key that signs; with a final ! exactly that subkey."`
	// Artifacts are globs relative to the repository's root; ** crosses folders.
	Artifacts []string `toml:"artifacts,omitempty" comment:"Files to sign, as globs from the root of the repository. {version} is replaced."`
	// SHA512 adds a SHA512SUMS file; it more than doubles the cost of hashing.
	SHA512 bool `toml:"sha512,omitempty" comment:"Write SHA512SUMS too."`
	// ChecksumsOnly signs the list of checksums in place of every file.
	ChecksumsOnly bool `toml:"checksums_only,omitempty" comment:"Sign SHA256SUMS alone, in place of every file."`
	// Generated are globs of files that source archives may hold beside the tag's own, or
	// changed.
	Generated []string `toml:"generated,omitempty" comment:"Files in source archives that may differ from the tag, as globs."`
	// Images are references with a tag; {version} is replaced.
	Images []string `toml:"images,omitempty" comment:"Images to sign, each with its tag. {version} is replaced."`
	// ImageKey is the path of a cosign private key, relative to the root.
	ImageKey string `toml:"image_key,omitempty" comment:"Path of the cosign private key that signs the images."`
	// ImageWith is cosign, content-trust or both; "" means cosign.
	ImageWith string `toml:"image_with,omitempty" comment:"How images are signed: cosign, content-trust or both."`
	// TrustServer is the https address of the trust server for Content Trust. "" means the one
	// that belongs to the registry.
	TrustServer string `toml:"trust_server,omitempty" comment:"The https address of the trust server, for Content Trust."`
	// Remote is where a confirmed push goes. "" means origin, or the only remote there is.
	Remote string `toml:"remote,omitempty" comment:"The remote that tags are pushed to."`
	// Branch is the branch that releases are made from; "" allows every branch.
	Branch string `toml:"branch,omitempty" comment:"The branch that releases are made from."`
	// AllowDetached lets a release be made from a detached HEAD, as CI systems check out.
	AllowDetached bool `toml:"allow_detached,omitempty" comment:"Allow releases from a detached HEAD."`
}

// HistoryConfig is the [history] table of bulla.toml.
type HistoryConfig struct {
	// Folders are where files of past releases are kept: paths from the root of the repository, or
	// absolute. In a path with {version} or {tag} every file belongs to that release; in others a
	// file belongs to the release whose version stands in its name.
	Folders []string `toml:"folders,omitempty" comment:"Folders with the files of past releases. {version} and {tag} are replaced."`
}

// ConfigError says where in bulla.toml something is wrong. Line and Column count from 1; 0 means
// the file as a whole.
type ConfigError struct {
	Path         string
	Line, Column int
	Message      string
}

func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Message)
	}
	return fmt.Sprintf("%s, line %d: %s", e.Path, e.Line, e.Message)
}

// ReadConfig reads bulla.toml in dir. Where there is none it returns the empty configuration.
// An unknown key, a wrong type or a senseless value is a *ConfigError with its line.
func ReadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, ConfigName)
	data, err := limits.ReadFile(path, MaxConfigSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Config{Path: path}, nil
	case errors.Is(err, limits.ErrTooLarge):
		return Config{Path: path}, &ConfigError{Path: ConfigName, Message: "larger than 1 MiB"}
	case err != nil:
		return Config{Path: path}, err
	}
	c, err := ParseConfig(data)
	c.Path, c.Exists = path, true
	return c, err
}

// ParseConfig reads the text of a bulla.toml, strictly.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	if len(data) > MaxConfigSize {
		return c, &ConfigError{Path: ConfigName, Message: "larger than 1 MiB"}
	}
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&c)
	if err != nil {
		return Config{}, configError(err)
	}
	if err := c.check(data); err != nil {
		return Config{}, err
	}
	if _, err := ParsePolicy(data, ConfigName); err != nil {
		return Config{}, err
	}
	return c, nil
}

// configError turns the decoder's errors into ours. Only names and positions are taken over,
// never a value: someone may have put a passphrase where none belongs.
func configError(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		line, col := e.Position()
		return &ConfigError{Path: ConfigName, Line: line, Column: col, Message: fmt.Sprintf("unknown key %q", strings.Join(e.Key(), "."))}
	}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		line, col := de.Position()
		msg := strings.TrimPrefix(de.Error(), "toml: ")
		if k := strings.Join(de.Key(), "."); k != "" {
			msg = fmt.Sprintf("%q: wrong type or value", k)
		}
		return &ConfigError{Path: ConfigName, Line: line, Column: col, Message: msg}
	}
	return &ConfigError{Path: ConfigName, Message: err.Error()}
}

// imageSystems are what image_with may say.
var imageSystems = []string{"", "cosign", "content-trust", "both"}

func (c Config) check(data []byte) error {
	bad := func(key, msg string) error {
		return &ConfigError{Path: ConfigName, Line: lineOf(data, key), Message: msg}
	}
	r := c.Release
	if r.Tag != "" && strings.Count(r.Tag, VersionVariable) != 1 {
		return bad("tag", `"release.tag" must contain {version} exactly once`)
	}
	if r.Key != "" {
		if _, err := keys.ParseFingerprint(strings.TrimSuffix(r.Key, "!")); err != nil {
			return bad("key", `"release.key" must be a full fingerprint (40 or 64 hexadecimal digits)`)
		}
	}
	for _, g := range r.Artifacts {
		if strings.TrimSpace(g) == "" {
			return bad("artifacts", `"release.artifacts" has an empty pattern`)
		}
	}
	if !slices.Contains(imageSystems, r.ImageWith) {
		return bad("image_with", `"release.image_with" takes cosign, content-trust or both`)
	}
	if u, err := url.Parse(r.TrustServer); r.TrustServer != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		return bad("trust_server", `"release.trust_server" must be the https address of a trust server`)
	}
	for _, f := range c.History.Folders {
		if strings.TrimSpace(f) == "" {
			return bad("folders", `"history.folders" has an empty path`)
		}
	}
	return nil
}

// lineOf finds the line on which a key is set; 0 if it is not found.
func lineOf(data []byte, key string) int {
	for i, l := range strings.Split(string(data), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), key); ok && strings.HasPrefix(strings.TrimSpace(rest), "=") {
			return i + 1
		}
	}
	return 0
}

// TagPattern is the configured tag pattern or the default.
func (c Config) TagPattern() string {
	if c.Release.Tag == "" {
		return DefaultTagPattern
	}
	return c.Release.Tag
}

// Write stores the configuration at c.Path, replacing what was there. It is called only when
// a person agreed.
func (c Config) Write() error {
	var b bytes.Buffer
	b.WriteString("# How bulla releases this project. No secret belongs in this file.\n\n")
	e := toml.NewEncoder(&b)
	e.SetIndentTables(false)
	if err := e.Encode(c); err != nil {
		return err
	}
	return atomicfile.Write(c.Path, b.Bytes(), 0o644)
}

// WithVersion puts a version in the place of its variable.
func WithVersion(list []string, version string) []string {
	var out []string
	for _, l := range list {
		out = append(out, strings.ReplaceAll(l, VersionVariable, version))
	}
	return out
}

// ParsePolicy reads the [policy] table of a bulla.toml, nil where there is none; path is what errors
// call the file.
func ParsePolicy(data []byte, path string) (*policy.Policy, error) {
	p, err := policy.Parse(data)
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return nil, &ConfigError{Path: path, Line: syntax.Line, Column: syntax.Column, Message: syntax.Message}
	}
	return p, err
}
