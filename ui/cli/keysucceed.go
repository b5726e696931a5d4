package cli

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/store"
	"bulla/workflow"
)

func (a *app) keysSucceedCommand() *cobra.Command {
	var output, retire string
	c := &cobra.Command{
		Use:   "succeed OLD NEW",
		Short: "Let a new key follow an old one",
		Long: `Let a new key follow an old one, both in bulla's store: the old key certifies the
new one, both sign a statement in plain text for packagers, and the old key
expires after a time of grace. The lines for the policy are printed. To replace
only the subkey that signs, bulla keys rotate needs none of that.`,
		Args: cobra.ExactArgs(2),
	}
	f := c.Flags()
	f.StringVarP(&output, "output", "o", "statement.txt", "write the statement to this `file`, and its signatures to FILE.asc; they must not exist")
	f.StringVar(&retire, "retire", "1y", "when the old key expires: a span, a `date`, or never, which leaves it as it is")
	fd := fdFlag(f, "passphrase-fd", "read the passphrase of both keys from file descriptor `N`")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		p := workflow.SucceedParams{Old: keys.ParseSelector(args[0]), New: keys.ParseSelector(args[1])}
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
		a.note("Publish both keys again. In a repository with a policy, add to bulla.toml:")
		_, err = a.Stdout.Write(done.Policy)
		return err
	}
	return c
}
