package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/store"
	"bulla/ui/explain"
)

func (a *app) keysCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make OpenPGP keys, publish them, and keep them healthy",
		Long: `Make OpenPGP keys, publish them, and keep them healthy. On a terminal, bulla keys
without a command opens the page of all keys; with --accessible it does the same
line by line.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			case a.screenPossible():
				return a.keysScreen(cmd.Context())
			case a.flags.accessible && a.interactive():
				return a.keysLines(cmd.Context())
			}
			return cmd.Help()
		},
	}
	c.AddCommand(a.keysListCommand(), a.keysShowCommand(), a.keysGenerateCommand(), a.keysImportCommand(), a.keysExportCommand(),
		a.keysBackupCommand(), a.keysRestoreCheckCommand(), a.keysCheckCommand(), a.keysPassphraseCommand(), a.keysSucceedCommand(),
		a.keysPublishCommand(), a.keysStatusCommand(), a.keysFetchCommand())
	c.AddCommand(a.keyChangeCommands()...)
	return c
}

func (a *app) keysListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the keys of bulla's store, and GnuPG's secret keys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			list, held, problems := w.KeysHeld(cmd.Context())
			p := a.printer()
			for _, k := range list {
				p.held(k, held, a.Now(), false)
			}
			for _, e := range problems {
				if broken := (*store.ProblemError)(nil); errors.As(e, &broken) && broken.Key != "" {
					p.brokenKey(broken, a.Now())
					continue
				}
				a.note("warning: %v", e)
			}
			for _, f := range w.Retired(list) {
				a.note("%s: %s", f.Fingerprint.Short(), f.Message)
				a.note("    %s", f.Action)
			}
			if len(list) == 0 && len(problems) == 0 && !a.flags.json {
				a.note("There are no keys yet. bulla keys generate makes one; bulla keys import FILE brings one.")
			}
			return p.err
		},
	}
	a.jsonFlag(c.Flags(), "print each key as a line of JSON")
	return c
}

func (a *app) keysShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show KEY",
		Short: "Show one key with its user ids and subkeys",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			list, held, problems := w.KeysHeld(cmd.Context())
			k, err := keys.Select(list, keys.ParseSelector(args[0]))
			if err != nil {
				return brokenInstead(problems, args[0], err)
			}
			p := a.printer()
			p.held(k, held, a.Now(), true)
			return p.err
		},
	}
	a.jsonFlag(c.Flags(), "print the key as a line of JSON")
	return c
}

func (a *app) keysGenerateCommand() *cobra.Command {
	var p store.GenerateParams
	var expires string
	var unprotected bool
	c := &cobra.Command{
		Use:   "generate [--name NAME --email EMAIL]",
		Short: "Make a key pair",
		Long: `Make a key pair in bulla's own store: a primary key that certifies, a subkey that
signs, both protected by a passphrase, and a revocation certificate apart from
them.

On a terminal and without flags it leads through all of it: whose key it is, its
passphrase, a backup that is tried, the revocation certificate, where the key is
published, git, and a test. You may leave at any step and come back.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&p.Name, "name", "", "your `name`")
	f.StringVar(&p.Email, "email", "", "your `address`")
	f.StringVar(&p.Comment, "comment", "", "a `comment` in the user id; most keys have none")
	f.StringVar(&expires, "expires", "2y", "when it expires: a span (2y, 18m, 90d), a `date`, or never")
	f.StringVar(&p.Algorithm, "algorithm", "ed25519", "`algorithm`: ed25519 or rsa4096")
	f.BoolVar(&unprotected, "no-passphrase", false, "do not protect the secret key at all")
	fd := fdFlag(f, "passphrase-fd", "read the new key's passphrase from file descriptor `N`")
	a.jsonFlag(f, "print the key as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		ctx := cmd.Context()
		if onlyGlobal(cmd.Flags(), cmd.Root().PersistentFlags()) && a.interactive() {
			return a.firstKey(ctx)
		}
		if p.Name == "" || p.Email == "" {
			return &explain.UsageError{Message: "a key needs a name and an address", Hints: []string{`bulla keys generate --name "Your Name" --email you@example.org`}}
		}
		if p.Lifetime, err = store.ParseLifetime(expires, a.Now()); err != nil {
			return err
		}
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		if !unprotected {
			label := fmt.Sprintf("%s <%s>", p.Name, p.Email)
			if p.Passphrase, err = a.newPassphrase(ctx, keys.PurposeOpenPGP, label, descriptor(fd), "--passphrase-fd"); err != nil {
				return err
			}
			defer p.Passphrase.Destroy()
		}
		made, err := w.Store.Generate(ctx, p)
		if err != nil {
			return err
		}
		out := a.printer()
		out.key(made.Key, a.Now(), true)
		if !a.flags.json {
			a.note("")
			a.note("Its revocation certificate is %s", made.Revocation)
			a.note("Move it to another place: whoever has it can declare the key invalid, and so can you if you lose the key.")
			a.note("Make a backup: bulla keys backup %s -o FILE", made.Key.Fingerprint)
		}
		return out.err
	}
	return c
}

// newPassphrase reads the passphrase for a key that is being made.
func (a *app) newPassphrase(ctx context.Context, purpose keys.PassphrasePurpose, label string, fd *secretFD, flag string) (keys.Secret, error) {
	var s keys.Secret
	var err error
	if fd != nil {
		s, err = fd.read()
	} else {
		s, err = a.terminal().Passphrase(ctx, keys.PassphraseRequest{Purpose: purpose, Label: label, Attempt: 1, New: true})
	}
	if errors.Is(err, keys.ErrNoPassphrase) {
		return s, &explain.UsageError{Message: "the new key needs a passphrase, and there is nobody to ask for it", Hints: []string{flag + " N reads it from file descriptor N"}}
	}
	if err == nil && s.Len() == 0 {
		return s, errEmptyPassphrase
	}
	if err == nil && (fd != nil || purpose != keys.PurposeTrustRoot) { // of which the terminal told
		if weak := explain.WeakPassphrase(s, purpose); weak != "" {
			a.note("warning: %s", weak)
		}
	}
	return s, err
}

func (a *app) keysImportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Import public or secret keys into bulla's store",
		Long: `Import public or secret OpenPGP keys into bulla's store, armored or binary, any
number at once, also a paper backup that was typed in, or GnuPG's pubring.kbx. The
file is not changed; a secret key stays protected by the passphrase it has.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			list, err := a.importFrom(cmd.Context(), w, args[0])
			p := a.printer()
			for _, i := range list {
				p.imported(i)
			}
			var skipped *store.SkippedError
			if errors.As(err, &skipped) && len(list) > 0 {
				for _, e := range skipped.Skipped {
					a.note("warning: left out: %v", e)
				}
				err = nil
			}
			return errors.Join(err, p.err)
		},
	}
	a.jsonFlag(c.Flags(), "print each key as a line of JSON")
	return c
}

// input opens a file or, for "-", standard input.
func (a *app) input(name string) (io.Reader, func(), error) {
	if name == "-" {
		return a.Stdin, func() {}, nil
	}
	f, err := os.Open(a.path(name))
	if err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close() }, nil
}

// path makes a name from the command line absolute.
func (a *app) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.Dir, name)
}

func (a *app) keysExportCommand() *cobra.Command {
	var secret, replace bool
	var output string
	var public store.PublicParams
	c := &cobra.Command{
		Use:   "export KEY",
		Short: "Write a public key, or with --secret a secret one",
		Long: `Write a public key: its user ids, subkeys and what its owner signed. What others
certified on it is left out, unless --third-party asks for it. --secret writes the
secret key, all of it; its passphrase is asked for.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.BoolVar(&secret, "secret", false, "write the secret key too, protected by its passphrase: a backup")
	f.BoolVar(&public.ThirdParty, "third-party", false, "write what others certified on the key too")
	f.StringArrayVar(&public.UserIDs, "userid", nil, "write this `user id` alone, or its address; may be repeated")
	f.StringVarP(&output, "output", "o", "", "write to `file` instead of standard output; it must not exist")
	f.BoolVar(&replace, "replace", false, "allow the file to be replaced")
	fd := fdFlag(f, "passphrase-fd", "read the key's passphrase from file descriptor `N`")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if out, ok := a.Stdout.(*os.File); secret && output == "" && ok && term.IsTerminal(int(out.Fd())) {
			return &explain.UsageError{Message: "a secret key does not belong on a screen", Hints: []string{"-o FILE writes it to a file that only you can read"}}
		}
		if secret && (public.ThirdParty || len(public.UserIDs) > 0) {
			return &explain.UsageError{Message: "a secret key is written whole", Hints: []string{"leave out --userid and --third-party, or --secret"}}
		}
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		sel := keys.ParseSelector(args[0])
		perm := os.FileMode(0o644)
		ask := a.ask(passphraseFDs{openpgp: descriptor(fd)})
		var data []byte
		if secret {
			perm = 0o600
			data, err = w.Store.ExportSecret(ctx, sel, ask)
		} else {
			data, err = w.ExportPublicWith(ctx, sel, public)
		}
		if err != nil {
			return err
		}
		if output == "" {
			_, err = a.Stdout.Write(data)
			return err
		}
		return a.exportTo(ctx, output, data, perm, secret, replace, ask)
	}
	return c
}

// exportTo writes an export to a file. A secret key in a file is a backup, and is tried as one.
func (a *app) exportTo(ctx context.Context, output string, data []byte, perm os.FileMode, secret, replace bool, ask keys.AskPassphrase) error {
	write := atomicfile.Create
	if replace {
		write = atomicfile.Write
	}
	if err := write(a.path(output), data, perm); err != nil {
		return err
	}
	if !secret {
		return nil
	}
	a.note("%s holds the secret key. Its passphrase, if it has one, is all that protects it: keep the file apart from this computer.", output)
	_, err := a.world.RehearseBackup(ctx, a.path(output), ask)
	return err
}
