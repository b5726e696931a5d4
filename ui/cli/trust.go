package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow/policy"
)

// trustCommand is Docker Content Trust, in the manner of docker trust.
func (a *app) trustCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "trust",
		Short: "Docker Content Trust: sign tags, and manage who may",
		Long: `Docker Content Trust: sign tags, and manage who may.

A repository has a root key that vouches for all its other keys, a targets key, and
perhaps signers. Private keys lie in Docker's own folder, trust/private below
DOCKER_CONFIG or ~/.docker: docker trust and the notary command use the same. What
is signed lies on a trust server beside the registry: signing publishes it.`,
	}
	c.AddCommand(a.trustInspectCommand(), a.trustInitCommand(), a.trustRepublishCommand(), a.trustSignCommand(), a.trustRevokeCommand(), a.trustSignerCommand(),
		a.trustRotateCommand(), a.trustMendCommand(), a.trustPinCommand(), a.trustKeyCommand())
	return c
}

// trusting is what commands of Content Trust share.
type trusting struct {
	app      *app
	server   string
	roots    []string
	firstUse bool
	pass     *int
	rootPass *int

	client *dct.Client
}

// where adds the flags that say which server, and which root it must show.
func (t *trusting) where(f *pflag.FlagSet) {
	t.app.trustServerFlag(f, &t.server)
	f.StringArrayVar(&t.roots, "root", nil, "the `id` of the root certificate or root key that must stand behind it (repeatable)")
	f.BoolVar(&t.firstUse, "trust-first-use", false, "believe the first root that the trust server shows, and remember it")
}

// passphrases adds the flags that answer for keys.
func (t *trusting) passphrases(f *pflag.FlagSet, root bool) {
	t.pass = fdFlag(f, "passphrase-fd", "read the passphrase of repository and signer keys from file descriptor `N`")
	if root {
		t.rootPass = fdFlag(f, "root-passphrase-fd", "read the passphrase of root keys from file descriptor `N`")
	}
}

// changes adds the flags of a command that changes what is on a trust server: where that is, what
// answers for keys, and how it is confirmed. json says what is printed as JSON.
func (t *trusting) changes(f *pflag.FlagSet, json string) {
	t.where(f)
	t.passphrases(f, true)
	t.app.jsonFlag(f, json)
	t.app.yesFlag(f)
}

// withRepository runs f with the repository that the first argument names, and what must stand
// behind it.
func (t *trusting) withRepository(f func(ctx context.Context, r *dct.Repository, trust dct.Trust, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		r, trust, err := t.repository(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return f(cmd.Context(), r, trust, args[1:])
	}
}

// withImage is withRepository for the tag that the argument names.
func (t *trusting) withImage(f func(ctx context.Context, r *dct.Repository, ref docker.Reference, trust dct.Trust) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		r, ref, trust, err := t.image(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return f(cmd.Context(), r, ref, trust)
	}
}

// open makes the client.
func (t *trusting) open(ctx context.Context) (*dct.Client, error) {
	if _, err := t.app.open(ctx); err != nil {
		return nil, err
	}
	t.client = t.app.contentTrust().Get(t.server)
	return t.client, nil
}

// repository opens the repository that a person named, by itself or by an image in it, and says
// what must stand behind it: the roots named on the command line, or bulla's own pins.
func (t *trusting) repository(ctx context.Context, name string) (r *dct.Repository, trust dct.Trust, err error) {
	gun, err := dct.ParseGUN(name)
	if err != nil {
		return nil, dct.Trust{}, err
	}
	roots, err := parseRoots(t.roots)
	if err != nil {
		return nil, dct.Trust{}, err
	}
	c, err := t.open(ctx)
	if err != nil {
		return nil, dct.Trust{}, err
	}
	certificates, rootKeys := policy.SplitRoots(roots)
	if trust, err = c.Behind(gun, certificates, rootKeys); len(roots) == 0 {
		trust.FirstUse = t.firstUse
	}
	return c.Repository(gun), trust, err
}

// image is repository for an image that is named by a tag.
func (t *trusting) image(ctx context.Context, name string) (r *dct.Repository, ref docker.Reference, trust dct.Trust, err error) {
	if ref, err = docker.ParseReference(name); err != nil {
		return nil, ref, trust, err
	}
	if ref.Tag() == "" {
		return nil, ref, trust, &docker.ReferenceError{Text: name, Reason: "Content Trust signs tags, and this names none"}
	}
	r, trust, err = t.repository(ctx, dct.GUNOf(ref).String())
	return r, ref, trust, err
}

// ask answers for keys: from the file descriptors, then the vault, then a person. A new key's
// passphrase may not be empty.
func (t *trusting) ask() keys.AskPassphrase {
	pass, root := descriptor(t.pass), descriptorOf("--root-passphrase-fd", t.rootPass)
	rest := t.app.ask(passphraseFDs{})
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		fd, flag := pass, "--passphrase-fd"
		if req.Purpose == keys.PurposeTrustRoot {
			fd, flag = root, "--root-passphrase-fd"
		}
		switch {
		case req.New:
			return t.app.newPassphrase(ctx, req.Purpose, req.Label, fd, flag)
		case fd == nil:
			return rest(ctx, req)
		case req.Attempt > 1:
			return keys.Secret{}, &explain.WrongPassphraseError{Flag: flag, Request: req}
		}
		return fd.read()
	}
}

// person is ask without anything that remembers: for the rehearsal of a backup.
func (t *trusting) person() keys.AskPassphrase {
	root := descriptorOf("--root-passphrase-fd", t.rootPass)
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		switch {
		case root == nil:
			return t.app.terminal().Passphrase(ctx, req)
		case req.Attempt > 1:
			return keys.Secret{}, &explain.WrongPassphraseError{Flag: root.flag, Request: req}
		}
		return root.read()
	}
}

// confirm asks before something that others will see and that cannot be taken back. what is words
// that begin with a verb.
func (a *app) confirm(ctx context.Context, what string) error {
	if a.flags.yes {
		return nil
	}
	if !a.interactive() {
		return &explain.UsageError{Message: "this cannot be taken back, and there is nobody to confirm it", Hints: []string{"--yes confirms it: " + what}}
	}
	ok, err := a.terminal().Confirm(ctx, strings.ToUpper(what[:1])+what[1:]+"?")
	if err == nil && !ok {
		return context.Canceled
	}
	return err
}

func (a *app) trustSignCommand() *cobra.Command {
	t := &trusting{app: a}
	c := &cobra.Command{
		Use:   "sign REF",
		Short: "Sign the tag REF for the image that it points to now",
		Long: `Sign the tag REF for the image that it points to now, with every key at hand that may:
the repository's targets key, or once there are signers, theirs. A tag that is signed
already is co-signed. The signature goes to the trust server: signing publishes it.`,
		Args: cobra.ExactArgs(1),
	}
	t.changes(c.Flags(), "print the signature as a line of JSON")
	c.RunE = t.withImage(func(ctx context.Context, r *dct.Repository, ref docker.Reference, trust dct.Trust) error {
		img, err := a.world.Registry.Resolve(ctx, ref)
		if err != nil {
			return err
		}
		a.endOf(r)
		a.warnMoved(ctx, ref, trustFlags{roots: t.roots, server: t.server, firstUse: t.firstUse})
		s, err := r.Sign(ctx, img, trust, t.ask())
		if err != nil {
			return err
		}
		p := a.printer()
		p.tagSigned(img, s)
		return p.err
	})
	return c
}

func (p *printer) tagSigned(img docker.Image, s dct.Signed) {
	if p.json {
		p.object(map[string]any{"reference": img.Reference.String(), "digest": img.Digest, "roles": s.Roles, "released": s.Released, "existing": s.Existing})
		return
	}
	word := "Signed"
	if s.Existing {
		word = "Signed already:"
	}
	p.line("%s %s in %s", word, img.Reference.String(), strings.Join(s.Roles, ", "))
	p.line("       %s", img.Digest)
	p.unreleased(s)
}

// unreleased says so of a signature that nobody who pulls would take.
func (p *printer) unreleased(s dct.Signed) {
	if !s.Released {
		p.line("It does not count as released: that takes a key that may sign for targets/releases.")
	}
}

// endOf tells of a trust server whose end is near.
func (a *app) endOf(r *dct.Repository) {
	if e, ok := dct.EndOf(r.Server()); ok {
		a.note("warning: %s ends Content Trust on %s (%s); cosign signatures stay in the registry", e.Whose, e.Day.Format("2 January 2006"), e.Source)
	}
}

func (a *app) trustRevokeCommand() *cobra.Command {
	t := &trusting{app: a}
	c := &cobra.Command{
		Use:   "revoke REF",
		Short: "Take back the signature of a tag",
		Args:  cobra.ExactArgs(1),
	}
	t.changes(c.Flags(), "print what was taken back as a line of JSON")
	c.RunE = t.withImage(func(ctx context.Context, r *dct.Repository, ref docker.Reference, trust dct.Trust) error {
		if err := a.confirm(ctx, "take back the signature of "+ref.String()+" on "+r.Server()); err != nil {
			return err
		}
		out, err := r.Revoke(ctx, ref.Tag(), trust, t.ask())
		if err != nil {
			return err
		}
		p := a.printer()
		if p.json {
			p.object(map[string]any{"reference": ref.String(), "roles": out.Roles, "signed_by": signerNames(out.Left)})
			return p.err
		}
		p.line("%s is taken out of %s.", ref.String(), strings.Join(out.Roles, ", "))
		if out.Left != nil {
			p.line("It is still signed by %s: %s", strings.Join(signerNames(out.Left), ", "), out.Left.Digest)
		}
		return p.err
	})
	return c
}

// signerNames are those under a tag; nil for no tag.
func signerNames(t *dct.Tag) (names []string) {
	if t == nil {
		return nil
	}
	for _, g := range t.Signatures {
		names = append(names, g.Who())
	}
	return names
}

func (a *app) trustMendCommand() *cobra.Command {
	t := &trusting{app: a}
	var drop bool
	c := &cobra.Command{
		Use:   "mend REPO",
		Short: "Sign the list of released tags again, where nothing vouches for it any more",
		Long: `Sign the list of released tags again, where it has expired or lost its last valid
signature; until then nothing in the repository can be checked. You vouch for all that
is on it; --drop takes everything off, so that each tag has to be signed anew.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	t.where(f)
	t.passphrases(f, true)
	f.BoolVar(&drop, "drop", false, "take every tag off the list")
	a.yesFlag(f)
	c.RunE = t.withRepository(func(ctx context.Context, r *dct.Repository, trust dct.Trust, _ []string) error {
		what := "vouch for every released tag of " + r.GUN().String()
		if drop {
			what = "take every tag of " + r.GUN().String() + " off the list of what is released"
		}
		if err := a.confirm(ctx, what); err != nil {
			return err
		}
		_, existing, err := r.SignReleasesAgain(ctx, drop, trust, t.ask())
		if err != nil {
			return err
		}
		p := a.printer()
		if existing {
			p.line("Nothing was wrong with %s.", r.GUN().String())
		} else {
			p.line("Signed targets/releases of %s again.", r.GUN().String())
		}
		return p.err
	})
	return c
}

func (a *app) trustPinCommand() *cobra.Command {
	t := &trusting{app: a}
	c := &cobra.Command{
		Use:   "pin REPO [ID…]",
		Short: "Keep which root certificate a repository must have; without ID, show it",
		Long: `Keep which root certificate a repository must have, by its id: 64 hexadecimal digits,
the "Root Key" of docker trust inspect. Ask the publisher for it in another way than
through the trust server. Without an id, what is kept is shown, and what could be.`,
		Args: cobra.MinimumNArgs(1),
	}
	f := c.Flags()
	a.trustServerFlag(f, &t.server)
	a.jsonFlag(f, "print a line of JSON")
	c.RunE = t.withRepository(func(ctx context.Context, r *dct.Repository, trust dct.Trust, ids []string) error {
		if len(ids) > 0 {
			if err := t.client.Pin(r.GUN(), ids); err != nil {
				return err
			}
			trust.Certificates = ids
		}
		p := a.printer()
		if len(trust.Certificates)+len(trust.RootKeys) > 0 || trust.CA != "" {
			p.pinned(r, trust)
			return p.err
		}
		_, err := r.Read(ctx, dct.Trust{})
		return err // it says what is shown, and how to pin it
	})
	return c
}

func (p *printer) pinned(r *dct.Repository, t dct.Trust) {
	if p.json {
		p.object(map[string]any{"repository": r.GUN().String(), "certificates": t.Certificates, "root_keys": t.RootKeys, "ca": t.CA})
		return
	}
	p.line("%s must have", r.GUN().String())
	for _, id := range t.Certificates {
		p.line("  root certificate  %s", id)
	}
	for _, id := range t.RootKeys {
		p.line("  root key          %s", id)
	}
	if t.CA != "" {
		p.line("  a certificate by  %s", t.CA)
	}
}

// pinAfter keeps the certificates of a root that this command has made.
func (t *trusting) pinAfter(r *dct.Repository, s *dct.State) error {
	var ids []string
	for _, c := range s.Root.Certificates {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	if err := t.client.Pin(r.GUN(), ids); err != nil {
		return &explain.PartialError{Done: "The root is published; its certificate is " + strings.Join(ids, ", ") + ".", Err: errors.Join(errors.New("the pin could not be kept"), err)}
	}
	return nil
}
