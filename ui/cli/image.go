package cli

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/verify"
)

func (a *app) imageCommand() *cobra.Command {
	var f lookFlags
	c := &cobra.Command{
		Use:   "image [REPOSITORY]",
		Short: "Sign images in a registry, and see what is signed there",
		Long: `Sign images in a registry, and see what is signed there. On a terminal, bulla image
REPOSITORY opens the page of its images; with --accessible it does the same line by
line: list, judge and sign them, look after Content Trust and the keys, carry
signatures over to cosign.`,
		Example: `  bulla image registry.example.org/app --accessible`,
		Args:    cobra.MaximumNArgs(1),
	}
	a.imageKeyFlags(c.Flags(), &f.verifyFlags)
	f.trustFlags.add(a, c.Flags())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return cmd.Help()
		case !strings.ContainsAny(args[0], "/.:"): // a slip of a command must not ask Docker Hub
			return unknownCommand(cmd, args[0])
		}
		repo, err := docker.ParseRepository(args[0])
		if err != nil {
			return err
		}
		switch {
		case a.screenPossible():
			return a.imagesScreen(cmd.Context(), repo, f)
		case a.flags.accessible && a.interactive():
			return a.imageLines(cmd.Context(), repo, f)
		}
		return a.imageList(cmd.Context(), repo, f)
	}
	c.AddCommand(a.imageListCommand(), a.imageShowCommand(), a.imageVerifyCommand(), a.imageDoctorCommand(), a.imageSignCommand(), a.imageKeygenCommand(), a.imageKeyCommand(),
		a.imagePinsCommand(), a.imageMigrateCommand(), a.imageAdmissionCommand(), a.trustCommand())
	return c
}

func (a *app) imageSignCommand() *cobra.Command {
	var o images.SignOptions
	var trust bool
	var t trustFlags
	c := &cobra.Command{
		Use:   "sign REF",
		Short: "Sign the image that REF points to now",
		Long: `Sign the image that REF points to now, as a cosign key signature over its digest,
with the name of the tag. The signature is stored in the registry beside the image:
signing publishes it. What the key has signed already is not signed again.

An image for several platforms is an index, and the index is signed; --recursive
signs the image of each platform too, for those who pull one by its own digest.

--content-trust signs the same digest in Docker Content Trust too, in a repository
that has been initialised there: whether that is possible is found out first.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&o.Key, "key", "", "the cosign private key `file`")
	f.BoolVarP(&o.Recursive, "recursive", "r", false, "sign the images of an index too")
	f.BoolVar(&o.Legacy, "sig", false, "write the older form too, under the .sig tag, for cosign 2")
	f.BoolVar(&trust, "content-trust", false, "sign the tag in Docker Content Trust too")
	t.add(a, f)
	fd := fdFlag(f, "passphrase-fd", "read the key's password from file descriptor `N`")
	trustFD := fdFlag(f, "trust-passphrase-fd", "read the passphrase of Content Trust's keys from file descriptor `N`")
	a.jsonFlag(f, "print each signature as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if o.Reference, err = docker.ParseReference(args[0]); err != nil {
			return err
		}
		w, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		ask := a.ask(passphraseFDs{image: descriptor(fd), trust: descriptorOf("--trust-passphrase-fd", trustFD)})
		if o.Key, err = a.imageKey(cmd.Context(), o.Key); err != nil {
			return err
		}
		a.warnMoved(cmd.Context(), o.Reference, t)
		if trust {
			return a.signBothWays(cmd.Context(), o, t, ask)
		}
		made, err := images.Sign(cmd.Context(), w, o, ask)
		p := a.printer()
		for _, s := range made {
			p.imageSigned(s)
		}
		var published *cosign.PublishedError // says itself what is public
		if err != nil && len(made) > 0 && !errors.As(err, &published) {
			err = &explain.PartialError{Done: human.Count(len(made), "signature") + " stood in the registry by then.", Err: err}
		}
		return cmp.Or(err, p.err)
	}
	return c
}

// warnMoved says before a tag is signed that it has moved since it was signed the last time. Who cannot
// be asked about that keeps nobody from signing.
func (a *app) warnMoved(ctx context.Context, ref docker.Reference, t trustFlags) {
	o, err := t.options()
	if err != nil || ref.Tag() == "" {
		return
	}
	w, err := a.open(ctx)
	if err != nil {
		return
	}
	v, err := workflow.NewVerifier(ctx, w, verify.Options{Dir: a.repository()})
	if err != nil {
		return
	}
	o.Trust = a.contentTrust()
	moved, now := images.MovedBefore(ctx, v, ref, o)
	for _, m := range moved {
		a.note("warning: %s: %s", ref.String(), imageword.Moved(m, now))
	}
}

// imageSigned prints a signature that was made or found.
func (p *printer) imageSigned(s images.Signature) {
	if p.json {
		p.object(map[string]any{
			"reference": s.Reference.String(), "digest": s.Digest, "manifest": s.Manifest, "fingerprint": s.Key,
			"form": s.Form, "platform": s.Platform, "existing": s.Existing,
		})
		return
	}
	word := "Signed"
	if s.Existing {
		word = "Signed before:"
	}
	what := s.Reference.String()
	if s.Platform != "" {
		what = s.Platform
	}
	p.line("%s %s (%s)", word, what, imageword.Form(s.Form))
	p.line("       %s", s.Digest)
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
		pass, err := a.newPassphrase(ctx, keys.PurposeImage, name+".key", descriptor(fd), "--passphrase-fd")
		if err != nil {
			return err
		}
		defer pass.Destroy()
		k, err := images.KeysOf(w).Generate(ctx, name, pass)
		if err != nil {
			return err
		}
		p := a.printer()
		p.imageKey(k, "Made")
		return p.err
	}
	return c
}

// errEmptyPassphrase refuses a protection that is none.
var errEmptyPassphrase = &explain.UsageError{Message: "the passphrase is empty", Hints: []string{"choose one; --no-passphrase makes an OpenPGP key without any, for tests"}}
