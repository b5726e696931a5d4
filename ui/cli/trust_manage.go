package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"bulla/docker/dct"
	"bulla/ui/component/human"
	"bulla/ui/explain"
)

func (a *app) trustInitCommand() *cobra.Command {
	t := &trusting{app: a}
	var root string
	var anew bool
	c := &cobra.Command{
		Use:   "init REPO",
		Short: "Give a repository its root key, for good",
		Long: `Give a repository its root key, for good: whoever pins it will refuse any other. A
lost root key can never be replaced, so a backup of it must have been restored and
opened once:

  bulla image trust key generate --root
  bulla image trust key backup ID -o /media/stick/root.key
  bulla image trust key rehearse /media/stick/root.key

On a terminal each of these is asked for where it is missing.

A targets key is made beside it; the trust server keeps the keys for snapshot and
timestamp. The id of the root certificate is printed, and pinned here: give it to
those who verify.

Where a root is pinned here, or was seen, a trust server without any has lost its data,
and nothing is done: bulla image trust republish publishes what was last seen here, under
the same root. --replace-lost-root gives the repository another root all the same:
everybody who has pinned the old one then refuses the repository, and pins anew.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	a.trustServerFlag(f, &t.server)
	f.StringVar(&root, "root-key", "", "the `id` of the root key, or its beginning; not needed where there is only one")
	f.BoolVar(&anew, "replace-lost-root", false, "give another root to a repository whose trust data the server has lost; who pinned the old one refuses it")
	t.passphrases(f, true)
	a.jsonFlag(f, "print the new trust data as a line of JSON")
	a.yesFlag(f)
	c.RunE = t.withRepository(func(ctx context.Context, r *dct.Repository, known dct.Trust, _ []string) error {
		what := "give " + r.GUN().String() + " its root key on " + r.Server() + ", for good"
		known.FirstUse = true // what was seen so counts as known, too
		if anew {
			known = dct.Trust{}
			what = "give " + r.GUN().String() + " another root key on " + r.Server() + ", which everybody refuses who has pinned the one that was lost"
		}
		var err error
		if root, err = t.custody(ctx, r, root, known); err != nil {
			return err
		}
		a.endOf(r)
		if err := a.confirm(ctx, what); err != nil {
			return err
		}
		s, err := r.Initialize(ctx, root, known, t.ask())
		if err != nil {
			return err
		}
		if err := t.pinAfter(r, s); err != nil {
			return err
		}
		return a.trustState(t, s)
	})
	return c
}

func (a *app) trustRepublishCommand() *cobra.Command {
	t := &trusting{app: a}
	c := &cobra.Command{
		Use:   "republish REPO",
		Short: "Publish trust data again that the trust server has lost, under the same root",
		Long: `Publish trust data again that the trust server has lost, as it was last seen here: the
same tags, signed by whom they were, under the same root certificate. Everybody who has
pinned that goes on. This needs the root key, which signs for the new keys of the server.

What others signed or took back after it was last seen here is not in it: ask whoever
runs the server first whether its data can be restored.

Who has seen the lost data takes nothing older. The server begins to count anew, so it
is asked for as many changes as it takes; a republication that was broken off is gone
on with by the same command.`,
		Args: cobra.ExactArgs(1),
	}
	t.changes(c.Flags(), "print the trust data as a line of JSON")
	c.RunE = t.withRepository(func(ctx context.Context, r *dct.Repository, known dct.Trust, _ []string) error {
		known.FirstUse = true // what was seen so counts as known, too
		p, err := r.CanRepublish(ctx, known)
		if err != nil {
			return err
		}
		a.endOf(r)
		seen := p.State.Checked.Local().Format("2 January 2006 15:04")
		what := fmt.Sprintf("publish %s of %s again on %s, as it was seen here on %s", human.Count(len(p.State.Tags), "signed tag"), r.GUN(), r.Server(), seen)
		if err := a.confirm(ctx, what); err != nil {
			return err
		}
		meter := a.progress("published", p.Steps-p.Done, "change")
		s, err := r.Republish(dct.WithTrace(ctx, dct.Trace{Stepped: func(done, _ int) {
			if done > p.Done {
				meter.step()
			}
		}}), known, t.ask())
		meter.end()
		if err != nil {
			return err
		}
		return a.trustState(t, s)
	})
	return c
}

func (a *app) trustRotateCommand() *cobra.Command {
	t := &trusting{app: a}
	var root string
	c := &cobra.Command{
		Use:   "rotate REPO targets|root",
		Short: "Replace a repository's targets key or root key by a new one",
		Long: `Replace a repository's targets key by a new one that is made now, or its root key by
another one whose backup was rehearsed, as for init. Both need the present root key.

Who has pinned the old root follows to the new one, for both keys sign the change; the
new certificate is printed, and pinned here. Old keys stay where they are.`,
		Args:      cobra.ExactArgs(2),
		ValidArgs: []string{"targets", "root"},
	}
	f := c.Flags()
	t.changes(f, "print the trust data as a line of JSON")
	f.StringVar(&root, "root-key", "", "the `id` of the new root key, or its beginning")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if args[1] != "targets" && args[1] != "root" {
			return &explain.UsageError{Message: fmt.Sprintf("%q cannot be rotated", args[1]), Hints: []string{"targets or root; the server rotates its own keys"}}
		}
		if args[1] == "root" && root == "" {
			return &explain.UsageError{Message: "the new root key is not named", Hints: []string{"--root-key ID; bulla image trust key list shows the keys"}}
		}
		r, trust, err := t.repository(ctx, args[0])
		if err != nil {
			return err
		}
		if err := a.confirm(ctx, "replace the "+args[1]+" key of "+r.GUN().String()+" on "+r.Server()); err != nil {
			return err
		}
		s, err := t.rotate(ctx, r, args[1], root, trust)
		if err != nil {
			return err
		}
		return a.trustState(t, s)
	}
	return c
}

func (t *trusting) rotate(ctx context.Context, r *dct.Repository, role, root string, trust dct.Trust) (*dct.State, error) {
	if role == "targets" {
		return r.RotateTargets(ctx, trust, t.ask())
	}
	s, err := r.RotateRoot(ctx, root, trust, t.ask())
	if err == nil {
		err = t.pinAfter(r, s)
	}
	return s, err
}

func (a *app) trustSignerCommand() *cobra.Command {
	c := &cobra.Command{Use: "signer", Short: "Say who may sign the tags of a repository"}
	c.AddCommand(a.trustSignerAddCommand(), a.trustSignerRemoveCommand())
	return c
}

func (a *app) trustSignerAddCommand() *cobra.Command {
	t := &trusting{app: a}
	var files []string
	c := &cobra.Command{
		Use:   "add REPO NAME --key FILE",
		Short: "Let somebody sign tags, by their public key",
		Long: `Let somebody sign tags, by their public key: the .pub file of bulla image trust key
generate or docker trust key generate. This needs the repository's targets key.`,
		Args: cobra.ExactArgs(2),
	}
	f := c.Flags()
	t.changes(f, "print the trust data as a line of JSON")
	f.StringArrayVar(&files, "key", nil, "the signer's public key `file` (repeatable)")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if len(files) == 0 {
			return &explain.UsageError{Message: "no public key is named", Hints: []string{"--key FILE names the signer's .pub file"}}
		}
		pubs, err := a.publicKeys(files)
		if err != nil {
			return err
		}
		r, trust, err := t.repository(ctx, args[0])
		if err != nil {
			return err
		}
		s, existing, err := r.AddSigner(ctx, args[1], pubs, trust, t.ask())
		if err != nil {
			return err
		}
		if existing && !a.flags.json {
			a.note("note: %s may sign there already", args[1])
		}
		return a.trustState(t, s)
	}
	return c
}

// publicKeys reads the public keys of a signer.
func (a *app) publicKeys(files []string) (pubs []dct.PublicKey, err error) {
	for _, name := range files {
		p, err := dct.ReadPublicKey(a.path(name))
		if err != nil {
			return nil, err
		}
		pubs = append(pubs, p)
	}
	return pubs, nil
}

func (a *app) trustSignerRemoveCommand() *cobra.Command {
	t := &trusting{app: a}
	var force bool
	c := &cobra.Command{
		Use:   "remove REPO NAME",
		Short: "Take the right to sign tags from somebody",
		Long: `Take the right to sign tags from somebody. What was released stays so: where only
their key stands under the list of released tags, another signer's key that is at hand
signs it again. This needs the repository's targets key.`,
		Args: cobra.ExactArgs(2),
	}
	f := c.Flags()
	t.changes(f, "print the trust data as a line of JSON")
	f.BoolVar(&force, "force", false, "remove the last signer too, though what is released loses its signature")
	c.RunE = t.withRepository(func(ctx context.Context, r *dct.Repository, trust dct.Trust, args []string) error {
		if err := a.confirm(ctx, "remove the signer "+args[0]+" from "+r.GUN().String()); err != nil {
			return err
		}
		s, err := r.RemoveSigner(ctx, args[0], force, trust, t.ask())
		if err != nil {
			return err
		}
		return a.trustState(t, s)
	})
	return c
}
