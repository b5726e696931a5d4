// Package agent signs with the secret keys that GnuPG keeps. Public keys come from gpg, the
// secret ones stay where they are: gpg-agent is asked for each signature over its socket,
// whether the key lies on disk, on a card or at the other end of an SSH connection.
//
// The agent is told to send its questions back (its loopback pinentry mode), and they are answered
// from the caller's [keys.AskPassphrase]. Where its configuration forbids that, its own prompt
// appears on a terminal that the [Attendant] lends, and never on another. An agent that serves
// another machine's restricted socket asks its own user itself.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/keys/limits"
)

// programTimeout bounds a run of gpg or gpgconf when the caller's context has no deadline, and
// controlTimeout an exchange with the agent that waits for nobody.
const (
	programTimeout = 10 * time.Second
	controlTimeout = 10 * time.Second
)

// maxOutput bounds what is read from gpg: the largest public keyrings known hold some 10 MiB.
const maxOutput = 256 << 20

// Options says which GnuPG to use.
type Options struct {
	// Home is the home directory; "" is GnuPG's own default, GNUPGHOME or ~/.gnupg.
	Home string
	// Environ is the environment of GnuPG's programs, as os.Environ has it. GNUPGHOME in it counts
	// where Home is "".
	Environ []string
	// Make makes the home where there is none yet, as gpg does the first time that it is used. Its parent
	// must be there.
	Make bool
	// Now is the clock by which keys are judged; nil is time.Now.
	Now func() time.Time
}

// GnuPG is an installation of GnuPG with one home directory. It is safe for concurrent use.
type GnuPG struct {
	gpg, gpgconf string
	option       []string // --homedir, where it is not the default
	home         string
	socket       string
	environ      []string
	now          func() time.Time
	touchLimit   time.Duration
}

// Find looks for GnuPG and its home. It returns an error wrapping ErrAbsent if there is none.
// Without Options.Make it creates nothing; it starts no agent.
func Find(ctx context.Context, o Options) (*GnuPG, error) {
	g := &GnuPG{environ: slices.Clip(append([]string{}, o.Environ...)), now: o.Now, touchLimit: touchLimit}
	if g.now == nil {
		g.now = time.Now
	}
	if o.Home != "" {
		home, err := filepath.Abs(o.Home)
		if err != nil {
			return nil, err
		}
		g.option = []string{"--homedir", home}
	}
	var err error
	if g.gpgconf, err = exec.LookPath("gpgconf"); err != nil {
		return nil, fmt.Errorf("%w: gpgconf is not in PATH", ErrAbsent)
	}
	out, err := g.run(ctx, g.gpgconf, "--list-dirs")
	if err != nil {
		return nil, err
	}
	dirs := parseDirs(out)
	g.home, g.socket = dirs["homedir"], dirs["agent-socket"]
	if g.home == "" || g.socket == "" {
		return nil, fmt.Errorf("%w: gpgconf does not name a home directory (GnuPG older than 2.1?)", ErrAbsent)
	}
	// The gpg beside gpgconf: two installations may share a PATH, but not an agent.
	if g.gpg, err = exec.LookPath(filepath.Join(dirs["bindir"], "gpg")); err != nil {
		if g.gpg, err = exec.LookPath("gpg"); err != nil {
			return nil, fmt.Errorf("%w: gpg is not in PATH", ErrAbsent)
		}
	}
	if o.Make {
		if err := os.Mkdir(g.home, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	if fi, err := os.Stat(g.home); errors.Is(err, fs.ErrNotExist) || (err == nil && !fi.IsDir()) {
		return nil, fmt.Errorf("%w: %s does not exist", ErrAbsent, g.home)
	} else if err != nil {
		return nil, err
	}
	return g, nil
}

// parseDirs reads the output of gpgconf --list-dirs: a name, a colon and a path with percent
// escapes.
func parseDirs(out []byte) map[string]string {
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok {
			continue
		}
		if path, err := url.PathUnescape(value); err == nil {
			dirs[name] = path
		}
	}
	return dirs
}

// query runs gpg for what it knows. It neither starts an agent nor touches the trust database.
func (g *GnuPG) query(ctx context.Context, args ...string) ([]byte, error) {
	common := []string{
		"--batch", "--no-tty", "--quiet", "--no-armor", "--no-permission-warning",
		"--trust-model", "always", "--no-auto-check-trustdb",
	}
	if !g.keyboxDaemon() {
		// Not where the public keys are behind a daemon of their own, which gpg has to start.
		common = append(common, "--no-autostart")
	}
	return g.run(ctx, g.gpg, append(common, args...)...)
}

// config is the path of the agent's configuration.
func (g *GnuPG) config() string { return filepath.Join(g.home, "gpg-agent.conf") }

// hasKeyring reports whether there may be public keys. gpg is not asked in a home without any:
// it would create an empty keyring there.
func (g *GnuPG) hasKeyring() bool {
	for _, name := range []string{"pubring.kbx", "pubring.gpg", "gpg.conf"} {
		if _, err := os.Stat(filepath.Join(g.home, name)); err == nil {
			return true
		}
	}
	return g.keyboxDaemon()
}

// keyboxDaemon reports whether GnuPG 2.4 keeps the public keys in a database.
func (g *GnuPG) keyboxDaemon() bool {
	_, err := os.Stat(filepath.Join(g.home, "public-keys.d", "pubring.db"))
	return err == nil
}

// run runs one of GnuPG's programs and returns its standard output.
func (g *GnuPG) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	return g.runEnv(ctx, append(g.environ, "LC_ALL=C"), program, args...)
}

func (g *GnuPG) runEnv(ctx context.Context, env []string, program string, args ...string) ([]byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, programTimeout)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, program, append(g.option[:len(g.option):len(g.option)], args...)...)
	cmd.Env = env
	cmd.WaitDelay = time.Second // a daemon started by it may keep the pipes open
	out, stderr := limits.Buffer{Limit: maxOutput}, limits.Buffer{Limit: 64 << 10, Drop: true}
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, &ProgramError{Program: filepath.Base(program), Output: lastLine(stderr.Bytes()), Err: err}
	}
	return out.Bytes(), nil
}

// lastLine is the last line that says something: in GnuPG's programs the reason. A warning or a note is
// none, unless there is nothing else.
func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	last := lines[len(lines)-1]
	for _, l := range slices.Backward(lines) {
		if _, text, ok := strings.Cut(l, ": "); ok && !strings.HasPrefix(text, "WARNING: ") && !strings.HasPrefix(text, "Note: ") {
			last = l
			break
		}
	}
	s := strings.TrimSpace(last)
	return s[:min(len(s), 300)]
}
