package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/keydesk"
)

func (a *app) keysSucceedCommand() *cobra.Command {
	var output, retire string
	c := &cobra.Command{
		Use:   "succeed OLD NEW",
		Short: "Let a new key follow an old one",
		Long: `Let a new key follow an old one, both in bulla's store: the old key certifies the
new one, both sign a statement in plain text for packagers, and the old key
expires after a time of grace. In a repository, its policy with the keyring and its
KEYS file get the new key, as far as they are there, once you agree or with --yes;
otherwise the lines for the policy are printed. To replace only the subkey that
signs, bulla keys rotate needs none of that.`,
		Args: cobra.ExactArgs(2),
	}
	f := c.Flags()
	f.StringVarP(&output, "output", "o", "statement.txt", "write the statement to this `file`, and its signatures to FILE.asc; they must not exist")
	f.StringVar(&retire, "retire", "1y", "when the old key expires: a span, a `date`, or never, which leaves it as it is")
	fd := fdFlag(f, "passphrase-fd", "read the passphrase of both keys from file descriptor `N`")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		p := keydesk.SucceedParams{Old: keys.ParseSelector(args[0]), New: keys.ParseSelector(args[1])}
		var err error
		if p.Retire, err = store.ParseLifetime(retire, a.Now()); err != nil {
			return err
		}
		path := a.path(output)
		for _, name := range []string{path, path + ".asc"} { // before anything is made
			if _, err := os.Lstat(name); err == nil {
				return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
			}
		}
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		done, err := w.Succeed(ctx, p, a.ask(passphraseFDs{openpgp: descriptor(fd)}))
		if err != nil {
			return err
		}
		if err := errors.Join(atomicfile.Create(path, done.Statement, 0o644), atomicfile.Create(path+".asc", done.Signature, 0o644)); err != nil {
			return err
		}
		a.note("%s vouches for %s, and expires on %s.", done.Old.Fingerprint.Short(), done.New.Fingerprint.Short(), rfc3339(done.Old.Expires))
		a.note("The statement is in %s, its signatures in %s.asc.", output, output)
		a.note("Publish both keys again: bulla keys publish KEY --again.")
		return a.recordSuccession(ctx, w, done)
	}
	return c
}

// recordSuccession writes the new key where the repository lists who signs, once that is agreed to.
// Where it is not, the lines for the policy are printed.
func (a *app) recordSuccession(ctx context.Context, w *workflow.World, done keydesk.Succession) error {
	files, err := w.SuccessionFiles(ctx, a.repository(), done)
	if err != nil {
		return &explain.PartialError{Done: "The new key follows the old one, and the statement is written.", Err: err}
	}
	policy := false
	for _, f := range files {
		a.note("%s: %s", f.Path, f.What)
		for l := range strings.Lines(string(f.Added)) {
			a.note("    %s", strings.TrimRight(l, "\n"))
		}
		policy = policy || f.Added != nil
	}
	yes := a.flags.yes
	if len(files) > 0 && !yes && a.interactive() {
		if yes, err = a.terminal().Confirm(ctx, "Write "+human.Count(len(files), "file")+"?"); err != nil {
			return err
		}
	}
	if yes && len(files) > 0 {
		n, err := keydesk.WriteChanges(files)
		if err != nil {
			return &explain.PartialError{Done: fmt.Sprintf("The new key follows the old one; %d of %s were written.", n, human.Count(len(files), "file")), Err: err}
		}
		a.note("Written. Commit it, signed with the old key: who follows the policy sees by that who changed it.")
	} else if len(files) > 0 {
		a.note("Nothing of that was written; --yes writes it.")
	}
	if yes && policy {
		return nil
	}
	if len(files) == 0 || policy {
		a.note("In a repository with a policy, add to bulla.toml, and both keys to its keyring:")
		_, err = a.Stdout.Write(done.Policy)
	}
	return err
}
