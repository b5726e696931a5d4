package cli

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"bulla/docker/dct"
	"bulla/ui/component/imagedeed"
	"bulla/ui/explain"
	"bulla/workflow/images"
)

func (a *app) trustKeyCommand() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "Private keys of Content Trust, and the backup of root keys"}
	c.AddCommand(a.trustKeyListCommand(), a.trustKeyGenerateCommand(), a.trustKeyLoadCommand(), a.trustKeyBackupCommand(),
		a.trustKeyRehearseCommand(), a.trustKeyRestoreCommand())
	return c
}

// withBackup runs f with the backup that the argument names: only a person answers for it.
func (t *trusting) withBackup(c *cobra.Command, f func(ctx context.Context, folder *dct.KeyFolder, path string) error) *cobra.Command {
	t.rootPass = fdFlag(c.Flags(), "root-passphrase-fd", "read the passphrase from file descriptor `N`")
	t.app.jsonFlag(c.Flags(), "print the key as a line of JSON")
	t.app.yesFlag(c.Flags())
	c.RunE = t.withKeys(func(ctx context.Context, folder *dct.KeyFolder, args []string) error {
		return f(ctx, folder, t.app.path(args[0]))
	})
	return c
}

// withKeys runs f with the folder of keys.
func (t *trusting) withKeys(f func(ctx context.Context, folder *dct.KeyFolder, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := t.open(cmd.Context())
		if err != nil {
			return err
		}
		return f(cmd.Context(), c.Keys(), args)
	}
}

func (a *app) trustKeyListCommand() *cobra.Command {
	t := &trusting{app: a}
	c := &cobra.Command{
		Use:   "list",
		Short: "List the keys in Docker's folder, and where root keys have their backup",
		Args:  cobra.NoArgs,
	}
	a.jsonFlag(c.Flags(), "print each key as a line of JSON")
	c.RunE = t.withKeys(func(_ context.Context, folder *dct.KeyFolder, _ []string) error {
		list, err := folder.List()
		if err != nil {
			return err
		}
		p := a.printer()
		for _, k := range list {
			p.trustKey(k)
		}
		if len(list) == 0 && !p.json {
			p.line("No key in %s.", folder.Dir())
		}
		return p.err
	})
	return c
}

func (p *printer) trustKey(k dct.Key) {
	if p.json {
		p.object(map[string]any{"id": k.ID, "role": k.Role, "repository": k.GUN, "path": k.Path, "encrypted": k.Encrypted,
			"backup": k.Backup.Backup, "rehearsed_at": stamp(k.Backup.Rehearsed)})
		return
	}
	what := "signer " + k.Role
	switch {
	case k.Role == "root":
		what = "root key"
	case k.GUN != "":
		what = k.Role + " of " + k.GUN
	case k.Role == "":
		what = "(no role)"
	}
	p.line("%s", k.ID)
	p.line("  %s", what)
	if !k.Encrypted {
		p.line("  without a passphrase")
	}
	if k.Role == "root" {
		p.line("  %s", imagedeed.BackupOf(k.Backup))
	}
}

func (a *app) trustKeyGenerateCommand() *cobra.Command {
	t := &trusting{app: a}
	var root bool
	var out string
	c := &cobra.Command{
		Use:   "generate NAME | --root",
		Short: "Make a signer's key pair, or a root key",
		Long: `Make a key pair for the signer NAME: the private key goes into Docker's folder, the
public key to NAME.pub, for whoever owns the repository. With --root, make a root key.`,
		Args: cobra.MaximumNArgs(1),
	}
	f := c.Flags()
	f.BoolVar(&root, "root", false, "make a root key")
	f.StringVarP(&out, "output", "o", "", "the `file` for the public key; NAME.pub by default")
	t.passphrases(f, true)
	a.jsonFlag(f, "print the key as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if root == (len(args) == 1) {
			return &explain.UsageError{Message: "name the signer, or say --root", Hints: []string{cmd.CommandPath() + " --help shows how"}}
		}
		name := "root"
		if !root {
			name = args[0]
			if out == "" {
				out = name + ".pub"
			}
			if out = a.path(out); exists(out) {
				return &explain.UsageError{Message: out + " exists already", Hints: []string{"-o FILE names another file for the public key"}}
			}
		}
		c, err := t.open(cmd.Context())
		if err != nil {
			return err
		}
		var k dct.Key
		if root {
			k, _, err = c.Keys().Generate(cmd.Context(), name, t.ask())
		} else if k, err = images.MakeSignerKey(cmd.Context(), c.Keys(), name, out, t.ask()); err != nil && k.Path != "" {
			err = &explain.PartialError{Done: "The private key is " + k.Path + ".", Err: err}
		}
		if err != nil {
			return err
		}
		p := a.printer()
		if p.json {
			p.object(map[string]any{"id": k.ID, "role": k.Role, "path": k.Path, "public": out})
			return p.err
		}
		p.line("Made %s", k.Path)
		if root {
			p.line("     now make a backup: bulla image trust key backup %s -o FILE", k.ID[:12])
		} else {
			p.line("     %s   give this one to who owns the repository", out)
		}
		return p.err
	}
	return c
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (a *app) trustKeyLoadCommand() *cobra.Command {
	t := &trusting{app: a}
	var name string
	c := &cobra.Command{
		Use:   "load FILE --name NAME",
		Short: "Take a signer's private key from a file into Docker's folder",
		Long: `Take a signer's private key from a PEM file into Docker's folder. It keeps the passphrase
it has; one without a passphrase gets one. The file is not changed.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "the signer's `name`, where the file does not say it")
	t.passphrases(f, true)
	a.jsonFlag(f, "print the key as a line of JSON")
	a.yesFlag(f)
	c.RunE = t.withKeys(func(ctx context.Context, folder *dct.KeyFolder, args []string) error {
		k, err := folder.Load(ctx, a.path(args[0]), name, t.ask())
		if err != nil {
			return err
		}
		p := a.printer()
		p.trustKey(k)
		return p.err
	})
	return c
}

func (a *app) trustKeyBackupCommand() *cobra.Command {
	t := &trusting{app: a}
	var out string
	c := &cobra.Command{
		Use:   "backup [ID] -o FILE",
		Short: "Copy a root key, encrypted as it is, to a place of yours",
		Long: `Copy a root key, encrypted as it is, to a place of yours: a stick in a drawer, not the
same disk. It does not count as a backup before bulla image trust key rehearse has
opened it. The id, or its beginning, is needed where there are several root keys.`,
		Args: cobra.MaximumNArgs(1),
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `file` to write")
	c.RunE = t.withKeys(func(_ context.Context, folder *dct.KeyFolder, args []string) error {
		if out == "" {
			return &explain.UsageError{Message: "where to is not said", Hints: []string{"-o FILE names the file of the backup"}}
		}
		if err := folder.Backup(strings.Join(args, ""), a.path(out)); err != nil {
			return err
		}
		p := a.printer()
		p.line("Wrote %s", a.path(out))
		p.line("      now try it: bulla image trust key rehearse %s", out)
		return p.err
	})
	return c
}

func (a *app) trustKeyRehearseCommand() *cobra.Command {
	t := &trusting{app: a}
	c := &cobra.Command{
		Use:   "rehearse FILE",
		Short: "Try the backup of a root key, as if the original were lost",
		Long: `Try the backup of a root key, as if the original were lost: it is read, opened with the
passphrase that you type, and has to sign something. Nothing that remembers passphrases
is asked: the rehearsal is of your memory too.`,
		Args: cobra.ExactArgs(1),
	}
	return t.withBackup(c, func(ctx context.Context, folder *dct.KeyFolder, path string) error {
		id, err := folder.Rehearse(ctx, path, t.person())
		if err != nil {
			return err
		}
		p := a.printer()
		if p.json {
			p.object(map[string]any{"id": id, "backup": path})
		} else {
			p.line("The backup opens, and signs as the root key")
			p.line("  %s", id)
		}
		return p.err
	})
}

func (a *app) trustKeyRestoreCommand() *cobra.Command {
	t := &trusting{app: a}
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Take a root key back from its backup",
		Args:  cobra.ExactArgs(1),
	}
	return t.withBackup(c, func(ctx context.Context, folder *dct.KeyFolder, path string) error {
		k, err := folder.Restore(ctx, path, t.person())
		if err != nil {
			return err
		}
		p := a.printer()
		p.trustKey(k)
		return p.err
	})
}
