// Package cli is the command face: every thing the screens do, a command does too, for scripts
// and CI. Answers go to standard output, everything else to standard error. A command never
// waits for a person when standard input is no terminal or --yes is given.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/explain"
	"bulla/ui/line"
	"bulla/workflow/images"
	"bulla/workflow/world"
)

// Env is what the process gives a command.
type Env struct {
	Args           []string
	Stdin          *os.File
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        []string // all that Getenv looks in, as os.Environ has it
	Dir            string   // working directory
	Now            func() time.Time
	Rand           io.Reader
	Version        string
	// Program is the path of the running program, which a kit is tried with; "" for none.
	Program string
}

// app carries what all commands share.
type app struct {
	Env
	flags struct {
		json       bool
		yes        bool
		accessible bool
		theme      string
		ascii      bool
	}
	// trustServers are the values of the flags that name a trust server; "" for a flag not given.
	trustServers []*string
	world        *world.World
	dct          *images.DCT // nil until a trust server is to be asked
	tty          *line.TTY
}

// home is the folder that holds everything of bulla's own: BULLA_HOME, or a folder named bulla
// in the place where the system keeps such data (XDG_DATA_HOME).
func (a *app) home() (string, error) {
	if h := a.Getenv("BULLA_HOME"); h != "" {
		return filepath.Abs(h)
	}
	if x := a.Getenv("XDG_DATA_HOME"); filepath.IsAbs(x) {
		return filepath.Join(x, "bulla"), nil
	}
	switch runtime.GOOS {
	case "windows":
		if d := a.Getenv("LOCALAPPDATA"); d != "" {
			return filepath.Join(d, "bulla"), nil
		}
	case "darwin":
		if d := a.Getenv("HOME"); d != "" {
			return filepath.Join(d, "Library", "Application Support", "bulla"), nil
		}
	default:
		if d := a.Getenv("HOME"); d != "" {
			return filepath.Join(d, ".local", "share", "bulla"), nil
		}
	}
	return "", &explain.UsageError{Message: "there is no home folder to keep keys in", Hints: []string{"set BULLA_HOME to a folder of yours"}}
}

// repository is where the repository is looked for: the working directory, unless git's own
// variables say otherwise, as they do in hooks (GIT_WORK_TREE, GIT_DIR in git(1)).
func (a *app) repository() string {
	if tree := a.Getenv("GIT_WORK_TREE"); tree != "" {
		return a.path(tree)
	}
	if dir := a.Getenv("GIT_DIR"); dir != "" {
		dir = a.path(dir)
		if filepath.Base(dir) == ".git" {
			return filepath.Dir(dir)
		}
		return dir
	}
	return a.Dir
}

// open opens the places of the user, once.
func (a *app) open(ctx context.Context) (*world.World, error) {
	if a.world != nil {
		return a.world, nil
	}
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	var named []string
	for _, s := range a.trustServers {
		if *s != "" {
			named = append(named, *s)
		}
	}
	a.world, err = world.New(ctx, world.Options{
		Home: home, TrustServers: named, Registry: docker.Options{UserAgent: "bulla/" + a.Version}, Env: a.Getenv, Environ: a.Environ, Now: a.Now, Rand: a.Rand,
	})
	if err == nil && a.world.GnuPGTrouble != nil {
		a.note("warning: GnuPG does not work here, so that its keys are left out: %v", a.world.GnuPGTrouble)
	}
	return a.world, err
}

// trustServerFlag adds the flag that names a trust server. What a user names there may be shown the
// registry's credentials.
func (a *app) trustServerFlag(f *pflag.FlagSet, server *string) {
	f.StringVar(server, "trust-server", "", "the https `address` of the trust server; by default the one that belongs to the registry")
	a.trustServers = append(a.trustServers, server)
}

// contentTrust is what asks trust servers. The world must be open.
func (a *app) contentTrust() *images.DCT {
	if a.dct == nil {
		a.dct = images.NewDCT(a.world)
	}
	return a.dct
}

// close wipes what the command kept in memory.
func (a *app) close() {
	if a.dct != nil {
		a.dct.Close()
	}
	if a.world != nil {
		for _, n := range a.world.Vault.Notices() {
			a.note("warning: %s", n)
		}
		a.world.Close()
	}
	if a.tty != nil {
		_ = a.tty.Close()
	}
}

// interactive reports whether a person can be asked.
func (a *app) interactive() bool {
	return !a.flags.yes && a.Stdin != nil && term.IsTerminal(int(a.Stdin.Fd()))
}

// terminal is where a person is asked. Without a person its passphrases end in
// keys.ErrNoPassphrase.
func (a *app) terminal() *line.Terminal {
	if !a.interactive() {
		return line.NewTerminal(strings.NewReader(""), a.Stderr, nil)
	}
	if a.tty == nil {
		tty, err := line.OpenTTY()
		if err != nil {
			return line.NewTerminal(a.Stdin, a.Stderr, &line.TTY{In: a.Stdin, Out: a.Stderr})
		}
		a.tty = tty
	}
	return line.NewTerminal(a.Stdin, a.Stderr, a.tty)
}

// ask answers requests for passphrases: from the file descriptors named on the command line,
// then memory and the vault, then a person. What gpg-agent wants beside comes to the same person.
func (a *app) ask(fds passphraseFDs) keys.AskPassphrase {
	a.world.Attendant = a.attendant()
	rest := a.world.Vault.Ask(a.terminal().Passphrase, a.keychainWaits())
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		s, err := fds.answer(ctx, req)
		if errors.Is(err, keys.ErrNoPassphrase) {
			return rest(ctx, req)
		}
		return s, err
	}
}

func (a *app) keychainWaits() func(vault.Status) {
	if !a.interactive() {
		return nil
	}
	return func(st vault.Status) { a.note("waiting for %s: it may show a dialog of its own", st.Name) }
}

// note says something that is no answer.
func (a *app) note(format string, args ...any) {
	line.NewTerminal(strings.NewReader(""), a.Stderr, nil).Say(format, args...)
}

// secretFD is a file descriptor with one passphrase, read at most once.
type secretFD struct {
	fd     int
	flag   string // that named it
	secret keys.Secret
	err    error
	done   bool
}

func (s *secretFD) read() (keys.Secret, error) {
	if !s.done {
		s.done = true
		s.secret, s.err = vault.ReadPassphraseFD(s.fd)
		if s.err != nil {
			s.err = &explain.UsageError{Message: fmt.Sprintf("the passphrase cannot be read from file descriptor %d: %v", s.fd, s.err),
				Hints: []string{"for example: bulla … " + s.flag + " 3 3< <(pass show release-key)"}}
		}
	}
	if s.err != nil {
		return keys.Secret{}, s.err
	}
	return s.secret.Clone(), nil
}

// passphraseFDs are the descriptors named on the command line; nil for not named.
type passphraseFDs struct{ openpgp, image, trust *secretFD }

// answer reads the descriptor for the request. It returns keys.ErrNoPassphrase where none is
// named.
func (fds passphraseFDs) answer(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	fd := fds.openpgp
	switch req.Purpose {
	case keys.PurposeImage:
		fd = fds.image
	case keys.PurposeTrust, keys.PurposeTrustRoot:
		fd = fds.trust
	}
	switch {
	case fd == nil || req.Purpose == keys.PurposeVault || req.Purpose == keys.PurposeToken:
		return keys.Secret{}, keys.ErrNoPassphrase
	case req.Attempt > 1:
		return keys.Secret{}, &explain.WrongPassphraseError{Flag: fd.flag, Request: req, Untried: req.Card != "" && !fd.done}
	}
	return fd.read()
}
