package cli

import (
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/component/keydeed"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
)

func (a *app) keysSucceedCommand() *cobra.Command {
	var output, retire string
	var git bool
	c := &cobra.Command{
		Use:   "succeed OLD NEW",
		Short: "Let a new key follow an old one",
		Long: `Let a new key follow an old one, both in bulla's store: the old key certifies the
new one, both sign a statement in plain text for packagers, and the old key
expires after a time of grace. In a repository, its policy with the keyring and its
KEYS file get the new key, as far as they are there; user ids that were never
published stay out of them. Where git's user.signingKey names the old key it gets the
new one with --git, or once that was asked for. All of it is shown before anything is done, and asked for
on a terminal; elsewhere the files of the repository are left alone without --yes,
and the lines for the policy are printed. To replace only the subkey that
signs, bulla keys rotate needs none of that.`,
		Args: cobra.ExactArgs(2),
	}
	f := c.Flags()
	f.StringVarP(&output, "output", "o", "statement.txt", "write the statement to this `file`, and its signatures to FILE.asc; they must not exist")
	f.StringVar(&retire, "retire", "1y", "when the old key expires: a span, a `date`, or never, which leaves it as it is")
	f.BoolVar(&git, "git", false, "let git sign with the new key, where its user.signingKey names the old one")
	fd := fdFlag(f, "passphrase-fd", "read the passphrase of both keys from file descriptor `N`")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		p := keydesk.SucceedParams{Old: keys.ParseSelector(args[0]), New: keys.ParseSelector(args[1]), StatementFile: a.path(output), Git: git}
		var err error
		if p.Retire, err = store.ParseLifetime(retire, a.Now()); err != nil {
			return err
		}
		for _, name := range []string{p.StatementFile, p.StatementFile + ".asc"} { // before anything is shown
			if _, err := os.Lstat(name); err == nil {
				return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
			}
		}
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		plan, err := w.PlanSuccession(ctx, a.repository(), p)
		if err != nil {
			return err
		}
		a.showSuccession(plan)
		yes := a.flags.yes
		if !yes && a.interactive() {
			if yes, err = a.terminal().Confirm(ctx, "Let it follow, and write these files?"); err == nil && !yes {
				return &explain.UsageError{Message: "nothing was certified or written"}
			}
			if err != nil {
				return err
			}
			if !git && plan.GitSwitch != nil && len(plan.GitSwitch.Lines) > 0 {
				if p.Git, err = a.terminal().Confirm(ctx, keydeed.GitQuestion); err != nil {
					return err
				}
			}
		}
		dir := ""
		if yes { // files of the repository are changed for whoever agreed to it
			dir = a.repository()
		}
		done, err := w.CarryOutSuccession(ctx, dir, p, a.ask(passphraseFDs{openpgp: descriptor(fd)}))
		if err != nil && done.New.Fingerprint != "" {
			return &explain.PartialError{Done: "The new key follows the old one. Written: " + strings.Join(done.Written, ", ") + ".", Err: err}
		}
		if err != nil {
			return err
		}
		return a.tellSuccession(plan, done, yes)
	}
	return c
}

// tellGit tells with which key git signs now, and with which command that changes.
func (a *app) tellGit(before *keydesk.GitSwitch, done keydesk.SuccessionDone) {
	next := done.New.Fingerprint
	switch g := done.Git; {
	case g != nil:
		a.note("git signs with the new key: %s says so. %s puts back what was there.", g.File, strings.Join(keydesk.UndoConfig(g.Lines), "; "))
		if g.GnuPG && !g.Known {
			a.note("git asks GnuPG for that, which does not have the key: bulla keys to-gnupg %s", next)
		}
	case before != nil && len(before.Lines) > 0:
		a.note("git still signs with the old key: git config --global user.signingKey %s", next)
	}
	if before != nil && before.Here != "" {
		a.note("In this folder git signs with the old key by a configuration of its own: git config user.signingKey %s", next)
	}
}

// showSuccession shows what a succession does, before it is done.
func (a *app) showSuccession(plan keydesk.SuccessionPlan) {
	if plan.NewKey.Created.Before(plan.OldKey.Created) {
		a.note("Mind: the key that is to follow was made before the one that it follows.")
	}
	if g := plan.GitSwitch; g != nil && plan.Git && len(g.Lines) > 0 {
		a.note("%s: %s names the new key", g.File, g.Lines[0].Key)
	}
	a.note("%s: both keys sign it, in %s.asc:", plan.StatementFile, plan.StatementFile)
	a.noteLines(plan.Statement)
	for _, f := range plan.Files {
		a.note("%s: %s", f.Path, f.What)
		a.noteLines(f.Added)
		for _, k := range f.Keys {
			for _, id := range k.UserIDs {
				a.note("    %s with %s", k.Fingerprint.Short(), id)
			}
			for _, id := range k.Kept {
				a.note("    not in it: %s, which stays unpublished", id)
			}
			for _, n := range k.Notes {
				a.note("    %s", n)
			}
		}
	}
}

// noteLines says each line of a text beside the answer.
func (a *app) noteLines(text []byte) {
	for l := range strings.Lines(string(text)) {
		a.note("    %s", strings.TrimRight(l, "\r\n"))
	}
}

// tellSuccession tells what was done. Where no policy got the new key, its lines are printed.
func (a *app) tellSuccession(plan keydesk.SuccessionPlan, done keydesk.SuccessionDone, wrote bool) error {
	end := "keeps its expiry"
	if !plan.Ends.IsZero() {
		end = "expires on " + rfc3339(done.Old.Expires)
	}
	a.note("%s vouches for %s, and %s.", done.Old.Fingerprint.Short(), done.New.Fingerprint.Short(), end)
	for _, f := range done.Written {
		a.note("Written: %s", f)
	}
	switch {
	case len(done.Commit) > 0:
		a.note("%s", keydeed.Commit)
		for _, c := range done.Commit {
			a.note("    %s", c)
		}
	case len(plan.Files) > 0 && !wrote:
		a.note("The files of the repository are as they were: --yes writes it.")
	}
	a.tellGit(plan.GitSwitch, done)
	a.note("Publish both keys again: bulla keys publish KEY --again.")
	policy := slices.ContainsFunc(plan.Files, func(f keydesk.FileChange) bool { return f.Added != nil })
	if wrote && policy {
		return nil
	}
	if len(plan.Files) == 0 || policy {
		a.note("In a repository with a policy, add to bulla.toml, and both keys to its keyring:")
		_, err := a.Stdout.Write(done.Policy)
		return err
	}
	return nil
}
