package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/explain"
	"bulla/workflow/images"
	"bulla/workflow/world"
)

// signBothWays signs one digest in Content Trust and with cosign's key. Whatever could keep the
// second from following the first is found out before either.
func (a *app) signBothWays(ctx context.Context, o images.SignOptions, t trustFlags, ask keys.AskPassphrase) (err error) {
	if o.Reference.Tag() == "" {
		return &explain.UsageError{Message: "Content Trust signs tags, and the image is named by its digest alone", Hints: []string{"name it by its tag"}}
	}
	opts, err := t.options()
	if err != nil {
		return err
	}
	a.noteFirstUse(t)
	trust, registry := a.contentTrust(), a.world.Registry
	if err := trust.CanSign(ctx, o.Reference.Repository(), opts); err != nil {
		return err
	}
	if o.Image, err = registry.Resolve(ctx, o.Reference); err != nil {
		return err
	}
	if err := registry.CanPush(ctx, o.Reference); err != nil {
		return err
	}
	if o.Signer, err = images.KeysOf(a.world).Signer(o.Key); err != nil {
		return err
	}
	defer o.Signer.Close()
	if err := o.Signer.Unlock(ctx, ask); err != nil {
		return err
	}
	signed, err := trust.Sign(ctx, o.Image, opts, ask)
	if err != nil {
		return err
	}
	p := a.printer()
	p.trustSigned(o.Image, signed)
	made, err := images.Sign(ctx, a.world, o, ask)
	for _, s := range made {
		p.imageSigned(s)
	}
	var published *cosign.PublishedError // says itself what is public
	if err != nil && !errors.As(err, &published) {
		err = &explain.PartialError{Done: "The tag was signed in Content Trust by then; " + human.Count(len(made), "cosign signature") + " stood in the registry.", Err: err}
	}
	return cmp.Or(err, p.err)
}

// trustSigned prints a signature of Content Trust.
func (p *printer) trustSigned(img docker.Image, s dct.Signed) {
	if p.json {
		p.object(map[string]any{
			"reference": img.Reference.String(), "digest": img.Digest, "form": "content-trust", "roles": s.Roles, "released": s.Released, "existing": s.Existing,
		})
		return
	}
	word := "Signed"
	if s.Existing {
		word = "Signed before:"
	}
	p.line("%s %s (Content Trust: %s)", word, img.Reference.String(), strings.Join(s.Roles, ", "))
	p.line("       %s", img.Digest)
	p.unreleased(s)
}

// carriageJSON is one tag of `image migrate --json`.
type carriageJSON struct {
	Target      string           `json:"target"`
	Tag         string           `json:"tag"`
	Digest      string           `json:"digest"`
	Result      images.Carry     `json:"result"`
	Reason      string           `json:"reason"`
	Signers     []string         `json:"signers"`
	Manifest    string           `json:"manifest,omitempty"`
	Fingerprint keys.Fingerprint `json:"fingerprint,omitempty"`
}

func (a *app) imageMigrateCommand() *cobra.Command {
	var t trustFlags
	var key string
	var dry bool
	c := &cobra.Command{
		Use:   "migrate REPOSITORY",
		Short: "Carry signatures of Content Trust over to cosign",
		Long: `Write a cosign signature over the same digest for every tag of a repository that
Docker Content Trust validly signs, and tell what was carried over and what not. A
tag that points elsewhere by now is not carried over. Content Trust's own data is
not touched. What the key has signed already is not signed again: a migration that
was interrupted is begun anew.

Exit codes: 0 all was carried over, 1 something was not, 3 something could not be
looked at.`,
		Example: `  bulla image migrate registry.example.org/app --root 60303ae2… --dry-run`,
		Args:    cobra.ExactArgs(1),
	}
	f := c.Flags()
	t.add(a, f)
	f.StringVar(&key, "key", "", "the cosign private key `file`; by default the only one that bulla keeps")
	f.BoolVar(&dry, "dry-run", false, "tell what would be carried over, and write nothing")
	fd := fdFlag(f, "passphrase-fd", "read the key's password from file descriptor `N`")
	a.jsonFlag(f, "print each tag as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		repo, err := docker.ParseRepository(args[0])
		if err != nil {
			return err
		}
		opts, err := t.options()
		if err != nil {
			return err
		}
		w, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		a.noteFirstUse(t)
		return a.imageMigrate(cmd.Context(), w, repo, opts, key, dry, a.ask(passphraseFDs{image: descriptor(fd)}))
	}
	return c
}

func (a *app) imageMigrate(ctx context.Context, w *world.World, repo docker.Repository, o images.Options, key string, dry bool, ask keys.AskPassphrase) error {
	data, err := a.contentTrust().Read(ctx, repo, o.Roots, o.TrustServer, o.FirstUse)
	if err != nil {
		return err
	}
	if data == nil {
		return &explain.UsageError{Message: "the trust server has no data for " + repo.String(), Hints: []string{"--trust-server names another one; bulla image doctor " + repo.String()}}
	}
	var signer *cosign.Signer
	if dry {
		if signer, err = images.KeysOf(w).Signer(key); err != nil && key != "" {
			return err
		}
	} else {
		if key, err = a.imageKey(ctx, key); err != nil {
			return err
		}
		if signer, err = images.KeysOf(w).Signer(key); err != nil {
			return err
		}
		defer signer.Close()
		if err := signer.Unlock(ctx, ask); err != nil {
			return err
		}
	}
	var list []images.Carriage
	meter := a.progress("looked at", len(data.Tags()), "tag")
	err = images.Migrate(ctx, w.Registry, repo, data, signer, a.Now, dry, func(c images.Carriage) {
		list = append(list, c)
		meter.step()
	})
	meter.end()
	return a.migrationReport(repo, list, err)
}

// migrationReport prints what became of each tag, and ends with the exit code.
func (a *app) migrationReport(repo docker.Repository, list []images.Carriage, err error) error {
	slices.SortFunc(list, func(x, y images.Carriage) int { return human.Naturally(x.Tag, y.Tag) })
	p := a.printer()
	count := map[images.Carry]int{}
	unread := false
	for _, c := range list {
		p.carriage(repo, c)
		count[c.Result]++
		var re *docker.RegistryError
		unread = unread || errors.As(c.Err, &re) && re.Temporary()
	}
	if !p.json {
		p.line("%d carried over, %d were so before, %d would be, %d not, %d failed",
			count[images.Carried], count[images.CarriedPast], count[images.WouldCarry], count[images.NotCarried], count[images.CarryFailed])
	}
	switch {
	case err != nil && count[images.Carried] > 0:
		return &explain.PartialError{Done: human.Count(count[images.Carried], "tag") + " had been carried over by then.", Err: err}
	case err != nil:
		return err
	case p.err != nil:
		return p.err
	case count[images.NotCarried] > 0, count[images.CarryFailed] > 0 && !unread:
		return exitCode(explain.CodeFailed)
	case unread:
		return exitCode(explain.CodeUnchecked)
	}
	return nil
}

// carriage prints one tag of a migration.
func (p *printer) carriage(repo docker.Repository, c images.Carriage) {
	if p.json {
		p.object(carriageJSON{repo.String() + ":" + c.Tag, c.Tag, c.Digest, c.Result, c.Reason, append([]string{}, c.Signers...), c.Signature.Manifest, c.Signature.Key})
		return
	}
	p.line("%-12s %-20s %s", c.Result, c.Tag, c.Digest)
	if c.Reason != "" {
		p.line("             %s", c.Reason)
	}
}
