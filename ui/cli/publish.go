package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bulla/keys"
	"bulla/keys/limits"
	"bulla/keys/publish"
	"bulla/keys/publish/web"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/ui/component/placeword"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

// publishFlags are the flags of `bulla keys publish`.
type publishFlags struct {
	to, tokens    []string
	choice        publish.Choice
	again, dryRun bool
	replace       bool
	ca, extend    string
	passphrase    *int
}

func (a *app) keysPublishCommand() *cobra.Command {
	var f publishFlags
	c := &cobra.Command{
		Use:   "publish [KEY] [--to PLACE… | --again]",
		Short: "Put a public key where others find it, and read it back",
		Long: `Put a public key where others look for it. What becomes public, and where, is
shown first; nothing is sent before that is confirmed. Afterwards each place is
asked for the key, and what it gives is compared with what was sent. On a terminal
the KEY and the places are asked for, line by line, where they are not named.

A PLACE is one of
  hkps://HOST, hkp://HOST[:PORT]   a key server, such as hkps://keyserver.ubuntu.com
  keys.openpgp.org, vks:URL        a server that confirms each address by a mail
  wkd:FOLDER                       files of a Web Key Directory, for you to upload
  github, gitlab, codeberg         your account there; github:URL, gitlab:URL and
                                   gitea:URL on other servers. It takes an access token
  file:PATH, KEYS                  a project's KEYS file
  dns, allowed-signers             lines to print: DNS records, and allowed_signers

Only what the key's owner signed is sent, and of several user ids only those that
--user-id names. Where the key was published is remembered: --again publishes it
everywhere it was, with its new expiry, and checks each place. Each place gets the
user ids that it has; --user-id gives all of them others.

Exit codes: 0 all done, or waiting for a mail or an upload of yours; 1 a place shows
something else than was sent; 3 a place could not be reached; 5 some are done, some
not.`,
		Example: `  bulla keys publish ada@example.org --to keys.openpgp.org --to hkps://keyserver.ubuntu.com
  bulla keys publish ada@example.org --to file:KEYS --to wkd:public
  bulla keys publish ada@example.org --to github --token-fd 3 3< <(pass show github)
  bulla keys publish ada@example.org --again
  bulla keys publish ada@example.org --again --extend 2y`,
		Args: cobra.MaximumNArgs(1),
	}
	fs := c.Flags()
	fs.StringArrayVar(&f.to, "to", nil, "`place` to publish to (repeatable)")
	fs.BoolVar(&f.again, "again", false, "publish everywhere the key was published, as it is now")
	fs.StringArrayVar(&f.choice.UserIDs, "user-id", nil, "`address` whose user ids become public (repeatable)")
	fs.BoolVar(&f.choice.AllUserIDs, "all-user-ids", false, "all user ids become public")
	fs.BoolVar(&f.choice.Certifications, "certifications", false, "send what others certified on the key, too")
	fs.StringVar(&f.extend, "extend", "", "first let the key expire later, in bulla's store: a span from now (2y, 18m), a `date`, or never")
	fs.BoolVar(&f.dryRun, "dry-run", false, "show what would become public, and send nothing")
	fs.BoolVar(&f.replace, "replace", false, "allow another's key in the Web Key Directory to be replaced")
	f.passphrase = fdFlag(fs, "passphrase-fd", "read the key's passphrase from file descriptor `N`, for --extend and for a forge that wants a proof")
	a.serverFlags(fs, &f.ca, &f.tokens)
	a.jsonFlag(fs, "print the plan, or the result of each place, as a line of JSON")
	a.yesFlag(fs)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.publish(cmd.Context(), f, strings.Join(args, ""))
	}
	return c
}

func (a *app) serverFlags(fs *pflag.FlagSet, ca *string, tokens *[]string) {
	fs.StringVar(ca, "ca", "", "trust the certificate authorities in `file` (PEM), too")
	if tokens != nil {
		fs.StringArrayVar(tokens, "token-fd", nil, "read the access token from file descriptor `N`; HOST=N where several accounts take one")
	}
}

func (a *app) publish(ctx context.Context, f publishFlags, key string) error {
	if f.asksAll() && a.interactive() && !a.flags.json {
		w, err := a.openWeb(ctx, f.ca)
		if err != nil {
			return err
		}
		return a.publishWalk(ctx, w, key)
	}
	if key == "" {
		return &explain.UsageError{Message: "it is not said which key to publish", Hints: []string{"bulla keys publish KEY --to PLACE names it; bulla keys list lists the keys"}}
	}
	if f.again == (len(f.to) > 0) {
		return &explain.UsageError{Message: "it is not clear where to publish", Hints: []string{"--to PLACE names a place; bulla keys publish --help lists them", "--again publishes everywhere the key was published"}}
	}
	w, err := a.openWeb(ctx, f.ca)
	if err != nil {
		return err
	}
	if err := a.extendFirst(ctx, w, f, keys.ParseSelector(key)); err != nil {
		return err
	}
	plan, err := a.planPublish(ctx, w, f, keys.ParseSelector(key))
	if err != nil {
		return err
	}
	p := a.printer()
	if f.dryRun {
		p.publishPlan(plan)
		return p.err
	}
	face, err := a.publishFace(f.tokens, plan, f.passphrase)
	if err != nil {
		return err
	}
	face.Replace = f.replace
	if err := a.confirmPublish(ctx, plan); err != nil {
		return err
	}
	rs, err := w.Publish(ctx, plan, face)
	p.publishResults(plan, rs)
	if err == nil {
		err = p.err
	}
	if err != nil {
		return partly(rs, err)
	}
	a.keepTokens(ctx, rs)
	return publishOutcome(rs)
}

// asksAll reports whether nothing is said that the publishing walk asks for, or could not heed.
func (f publishFlags) asksAll() bool {
	none := !f.again && len(f.to)+len(f.tokens)+len(f.choice.UserIDs) == 0 && !f.choice.AllUserIDs && !f.choice.Certifications
	return none && f.extend == "" && !f.dryRun && !f.replace && (f.passphrase == nil || *f.passphrase < 0)
}

// extendFirst lets the key expire later, so that one command renews it everywhere.
func (a *app) extendFirst(ctx context.Context, w *world.World, f publishFlags, sel keys.Selector) error {
	switch {
	case f.extend == "":
		return nil
	case f.dryRun:
		return &explain.UsageError{Message: "--extend changes the key, which --dry-run does not", Hints: []string{"bulla keys extend KEY changes it alone; bulla keys undo takes that back"}}
	case !a.flags.yes && !a.interactive():
		return errUnconfirmed
	}
	life, err := store.ParseLifetime(f.extend, a.Now())
	if err != nil {
		return err
	}
	k, err := w.Store.Extend(ctx, sel, store.ExtendParams{Lifetime: life}, a.ask(passphraseFDs{openpgp: descriptor(f.passphrase)}))
	if err == nil {
		a.note("The key %s here now; others learn of it when it is published.", placeword.Until(k))
	}
	return err
}

// errUnconfirmed says that nobody is there to agree to a plan.
var errUnconfirmed = &explain.UsageError{Message: "nothing was sent: there is no terminal to ask on whether this shall become public", Hints: []string{"--yes confirms it", "--dry-run shows it"}}

// maxAuthorities is the longest file of certificates, in bytes: all authorities of a system have some
// 250 KiB.
const maxAuthorities = 4 << 20

// openWeb opens the places of the user with the authorities to trust.
func (a *app) openWeb(ctx context.Context, ca string) (*world.World, error) {
	w, err := a.open(ctx)
	if err != nil || ca == "" {
		return w, err
	}
	pem, err := limits.ReadNamed(a.path(ca), maxAuthorities)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &explain.UsageError{Message: "there is no certificate in " + ca, Hints: []string{"--ca takes a file in PEM, with -----BEGIN CERTIFICATE-----"}}
	}
	w.Web = web.New(web.Options{Roots: pool, UserAgent: "bulla/" + a.Version})
	return w, nil
}

func (a *app) planPublish(ctx context.Context, w *world.World, f publishFlags, sel keys.Selector) (publish.Plan, error) {
	if f.again {
		plan, problems, err := w.PlanAgain(ctx, sel, f.choice)
		for _, e := range problems {
			a.note("warning: not published again: %v", e)
		}
		if err == nil && len(plan.Items) == 0 {
			err = errors.Join(problems...)
		}
		return plan, err
	}
	var targets []publish.Target
	for _, s := range f.to {
		t, err := publish.ParseTarget(s, a.Dir)
		if err != nil {
			return publish.Plan{}, err
		}
		targets = append(targets, t)
	}
	plan, err := w.PlanPublish(ctx, sel, targets, f.choice)
	var which *publish.UserIDsError
	if errors.As(err, &which) && which.Wanted == "" && len(which.UserIDs) > 1 && a.interactive() {
		t := a.terminal()
		t.Say("The key has several user ids. Which become public?")
		chosen, err := t.UserIDs(ctx, which.UserIDs)
		if err != nil {
			return plan, err
		}
		f.choice.UserIDs = append(f.choice.UserIDs, chosen...)
		if len(chosen) == 0 {
			return plan, &explain.UsageError{Message: "nothing was published: no user id was chosen"}
		}
		return w.PlanPublish(ctx, sel, targets, f.choice)
	}
	return plan, err
}

// confirmPublish shows the plan and asks. What is only printed needs no consent.
func (a *app) confirmPublish(ctx context.Context, plan publish.Plan) error {
	sends := false
	for _, i := range plan.Items {
		sends = sends || !i.Target.Prints()
	}
	if !sends {
		return nil
	}
	if !a.flags.json {
		p := &printer{out: a.Stderr}
		p.publishPlan(plan)
		if p.err != nil {
			return p.err
		}
	}
	if a.flags.yes {
		return nil
	}
	if !a.interactive() {
		return errUnconfirmed
	}
	yes, err := a.terminal().Confirm(ctx, "Make this public?")
	if err == nil && !yes {
		err = &explain.UsageError{Message: "nothing was sent"}
	}
	return err
}

// publishFace says how tokens and passphrases are asked for.
func (a *app) publishFace(tokens []string, plan publish.Plan, fd *int) (keydesk.PublishFace, error) {
	fds, err := tokenFDs(tokens, plan)
	if err != nil {
		return keydesk.PublishFace{}, err
	}
	return keydesk.PublishFace{
		Token: func(_ context.Context, t publish.Target) (keys.Secret, error) {
			if s := fds[t.Host()]; s != nil {
				return s.read()
			}
			return keys.Secret{}, keys.ErrNoPassphrase
		},
		Ask: a.ask(passphraseFDs{openpgp: descriptor(fd)}),
		Progress: func(e publish.Event) {
			if !a.flags.json {
				a.note("%s…", e.Doing)
			}
		},
	}, nil
}

// tokenFDs reads the flags --token-fd: a number where one account takes a token, else HOST=N.
func tokenFDs(flags []string, plan publish.Plan) (map[string]*secretFD, error) {
	var hosts []string
	for _, i := range plan.Items {
		if i.Target.NeedsToken() {
			hosts = append(hosts, i.Target.Host())
		}
	}
	out := map[string]*secretFD{}
	for _, s := range flags {
		host, number, named := strings.Cut(s, "=")
		if !named {
			number = s
			if len(hosts) != 1 {
				return nil, &explain.UsageError{Message: fmt.Sprintf("--token-fd %s: %d places of the plan take a token", s, len(hosts)), Hints: []string{"--token-fd HOST=N says for which it is"}}
			}
			host = hosts[0]
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return nil, &explain.UsageError{Message: "--token-fd takes the number of a file descriptor, or HOST=N", Hints: []string{"for example: --token-fd 3 3< <(pass show github)"}}
		}
		out[host] = &secretFD{fd: n}
	}
	return out, nil
}

// keepTokens offers to keep the tokens that were typed and proved right, where a place for secrets
// was picked.
func (a *app) keepTokens(ctx context.Context, rs []publish.Result) {
	place, ok := a.world.Vault.Choice(ctx)
	if !a.interactive() || !ok || place == vault.BackendMemory {
		return
	}
	for _, req := range a.world.Vault.Unsaved() {
		for _, r := range rs {
			if req.Purpose != keys.PurposeToken || r.Stage < publish.StageStored || keydesk.TokenRequest(r.Target).ID != req.ID {
				continue
			}
			st := a.world.Vault.Describe(ctx, place)
			if yes, err := a.terminal().Confirm(ctx, "Keep the token for "+req.Label+" in "+st.Name+"?"); err != nil || !yes {
				continue
			}
			if err := a.world.Vault.Keep(ctx, req, place); err != nil {
				a.note("warning: the token was not kept: %v", err)
			}
		}
	}
}

// partly adds to an error what was done before it.
func partly(rs []publish.Result, err error) error {
	var done []string
	for _, r := range rs {
		if r.Stage >= publish.StageSent {
			done = append(done, r.Target.Name()+": "+r.State())
		}
	}
	if len(done) == 0 {
		return err
	}
	return &explain.PartialError{Done: "Done: " + strings.Join(done, "; ") + ".", Err: err}
}

// publishOutcome turns the results into an error, nil if all is done or waits for the person.
func publishOutcome(rs []publish.Result) error {
	var failed error
	done := false
	for _, r := range rs {
		var differs *publish.DifferenceError
		var lost *publish.LostError
		switch {
		case errors.As(r.Err, &differs), errors.As(r.Err, &lost):
			return r.Err
		case r.Err != nil && failed == nil:
			failed = r.Err
		case r.Err == nil:
			done = true
		}
	}
	if failed != nil && done {
		return partly(rs, failed)
	}
	return failed
}
