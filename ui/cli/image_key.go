package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/workflow/images"
)

// maxImageKeyFile bounds a key file that is read, in bytes.
const maxImageKeyFile = 64 << 10

func (a *app) imageKeyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "List and import keys that sign images, and change their passwords",
	}
	c.AddCommand(a.imageKeyListCommand(), a.imageKeyImportCommand(), a.imageKeyPasswordCommand())
	return c
}

func (a *app) imageKeyListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the keys that sign images",
		Args:  cobra.NoArgs,
	}
	a.jsonFlag(c.Flags(), "print each key as a line of JSON")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		w, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		list, err := images.KeysOf(w).List()
		if err != nil {
			return err
		}
		p := a.printer()
		for _, k := range list {
			p.imageKey(k, "")
		}
		if len(list) == 0 {
			a.note("There is no key yet: bulla image keygen makes one, bulla image key import takes one that you have.")
		}
		return p.err
	}
	return c
}

// imageKey prints a key, after a word for what happened to it.
func (p *printer) imageKey(k images.Key, word string) {
	if p.json {
		p.object(map[string]any{"path": k.Path, "public": k.PublicPath(), "fingerprint": k.ID})
		return
	}
	if word != "" {
		p.line("%s %s", word, k.Path)
		p.line("%*s %s   give this one to those who verify", len(word), "", k.PublicPath())
		return
	}
	p.line("%s", k.Path)
	if k.ID != "" {
		p.line("  %s", keys.Fingerprint(k.ID).Grouped())
	}
	if public := k.PublicPath(); public != k.Path {
		p.line("  public half %s", public)
	}
}

func (a *app) imageKeyImportCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Make a cosign key pair of a private key in PEM form",
		Long: `Make a cosign key pair of a private key in PEM form: PKCS #8 (encrypted or not), EC,
RSA, or one of cosign's own. NAME.key and NAME.pub are written among bulla's own
files; FILE is not changed. --passphrase-fd opens FILE where it is protected,
--new-passphrase-fd protects the new key.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "the `name` of the two files; by default that of FILE")
	fd := fdFlag(f, "passphrase-fd", "read the password of FILE from file descriptor `N`")
	newFD := fdFlag(f, "new-passphrase-fd", "read the new key's password from file descriptor `N`")
	a.jsonFlag(f, "print the key as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		if name == "" {
			name = "imported"
			if args[0] != "-" {
				name = strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0]))
			}
		}
		if err := images.KeysOf(w).Exists(name); err != nil {
			return err
		}
		data, err := a.readNamed(args[0], maxImageKeyFile)
		if err != nil {
			return err
		}
		defer clear(data)
		pass, err := a.newPassphrase(ctx, keys.PurposeImage, name+".key", descriptorOf("--new-passphrase-fd", newFD), "--new-passphrase-fd")
		if err != nil {
			return err
		}
		defer pass.Destroy()
		k, err := images.KeysOf(w).Import(ctx, name, args[0], data, a.ask(passphraseFDs{image: descriptor(fd)}), pass)
		if err != nil {
			return err
		}
		p := a.printer()
		p.imageKey(k, "Imported")
		return p.err
	}
	return c
}

func (a *app) imageKeyPasswordCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "password [FILE]",
		Short: "Change the password of a key that signs images",
		Long: `Change the password of a cosign private key, by default of the only one that bulla
keeps. The new file is opened before it takes the place of the old one. A copy of
the old file still opens with the old password.`,
		Args: cobra.MaximumNArgs(1),
	}
	f := c.Flags()
	fd := fdFlag(f, "passphrase-fd", "read the present password from file descriptor `N`")
	newFD := fdFlag(f, "new-passphrase-fd", "read the new password from file descriptor `N`")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		path, label := "", "the image key"
		if len(args) > 0 {
			path, label = a.path(args[0]), filepath.Base(args[0])
		}
		pass, err := a.newPassphrase(ctx, keys.PurposeImage, label, descriptorOf("--new-passphrase-fd", newFD), "--new-passphrase-fd")
		if err != nil {
			return err
		}
		defer pass.Destroy()
		path, err = images.KeysOf(w).ChangePassword(ctx, path, a.ask(passphraseFDs{image: descriptor(fd)}), pass)
		if err != nil {
			return err
		}
		p := a.printer()
		p.line("Changed the password of %s", path)
		return p.err
	}
	return c
}
