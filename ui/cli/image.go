package cli

import (
	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/ui/explain"
)

func (a *app) imageCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "image",
		Short: "Sign images in a registry, and see what is signed there",
	}
	c.AddCommand(a.imageListCommand(), a.imageShowCommand(), a.imageSignCommand(), a.imageKeygenCommand())
	return c
}

func (a *app) imageSignCommand() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:   "sign REF",
		Short: "Sign the image that REF points to now",
		Long: `Sign the image that REF points to now, as a cosign key signature over its digest.
The signature is stored in the registry beside the image: signing publishes it.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "the cosign private key `file`")
	fd := fdFlag(f, "passphrase-fd", "read the key's password from file descriptor `N`")
	a.jsonFlag(f, "print the signature as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		w, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		img, sig, err := w.SignImage(cmd.Context(), args[0], key, a.ask(passphraseFDs{image: descriptor(fd)}))
		if err != nil {
			return err
		}
		p := a.printer()
		if a.flags.json {
			p.object(map[string]any{"reference": img.Reference.String(), "digest": img.Digest, "manifest": sig.Manifest, "fingerprint": sig.Key})
		} else {
			p.line("Signed %s", img.Reference.String())
			p.line("       %s", img.Digest)
		}
		return p.err
	}
	return c
}

func (a *app) imageKeygenCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key pair that signs images",
		Long: `Make a key pair that signs images, in cosign's format: NAME.key and NAME.pub among
bulla's own files. cosign can use both.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&name, "name", "release", "the `name` of the two files")
	fd := fdFlag(f, "passphrase-fd", "read the new key's password from file descriptor `N`")
	a.jsonFlag(f, "print the key as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		pass, err := a.newPassphrase(ctx, keys.PurposeImage, name+".key", descriptor(fd))
		if err != nil {
			return err
		}
		defer pass.Destroy()
		k, err := w.GenerateImageKey(ctx, name, pass)
		if err != nil {
			return err
		}
		p := a.printer()
		if a.flags.json {
			p.object(map[string]any{"path": k.Path, "public": k.PublicPath(), "fingerprint": k.ID})
		} else {
			p.line("Made %s", k.Path)
			p.line("     %s   give this one to those who verify", k.PublicPath())
		}
		return p.err
	}
	return c
}

// errEmptyPassphrase refuses a protection that is none.
var errEmptyPassphrase = &explain.UsageError{Message: "the passphrase is empty", Hints: []string{"choose one; --no-passphrase makes an OpenPGP key without any, for tests"}}
