package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

func (a *app) keysBackupCommand() *cobra.Command {
	var output, paper string
	var replace bool
	c := &cobra.Command{
		Use:   "backup KEY -o FILE",
		Short: "Write a backup of a secret key and try it",
		Long: `Write the secret key to a file that only you can read, protected by its
passphrase, and try it as if all else were lost: the file is restored into a
throw-away store, opened, and lets the key sign something that is then verified.

--paper text and --paper html write it for the printer: numbered lines with
checksums, in HTML with QR codes too. bulla keys import reads the lines again.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVarP(&output, "output", "o", "", "the `file`; it must not exist")
	f.StringVar(&paper, "paper", "", "write it for paper, as `text` or html")
	f.BoolVar(&replace, "replace", false, "allow the file to be replaced")
	fd := fdFlag(f, "passphrase-fd", "read the key's passphrase from file descriptor `N`")
	a.jsonFlag(f, "print what was tried as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if output == "" {
			return &explain.UsageError{Message: "a backup needs a file", Hints: []string{"-o FILE names it"}}
		}
		return a.rehearsed(cmd.Context(), output, fd, func(ctx context.Context, w *world.World, path string, ask keys.AskPassphrase) (store.Rehearsal, error) {
			return w.BackUp(ctx, keys.ParseSelector(args[0]), path, keydesk.BackupForm(paper), replace, ask)
		})
	}
	return c
}

func (a *app) keysRestoreCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "restore-check FILE",
		Short: "Try a backup of a secret key",
		Long: `Try a backup as if all else were lost: it is restored into a throw-away store,
opened with its passphrase, and lets the key sign something that is then
verified. Your keys are not touched; bulla remembers the day.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	fd := fdFlag(f, "passphrase-fd", "read the backup's passphrase from file descriptor `N`")
	a.jsonFlag(f, "print what was tried as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.rehearsed(cmd.Context(), args[0], fd, func(ctx context.Context, w *world.World, path string, ask keys.AskPassphrase) (store.Rehearsal, error) {
			return w.RehearseBackup(ctx, path, ask)
		})
	}
	return c
}

// rehearsed runs what makes or tries a backup, and says what was tried. The passphrase comes from
// the descriptor or from a person: one that a vault knows would prove nothing for the day when
// the computer is gone.
func (a *app) rehearsed(ctx context.Context, file string, fd *int, try func(context.Context, *world.World, string, keys.AskPassphrase) (store.Rehearsal, error)) error {
	w, err := a.open(ctx)
	if err != nil {
		return err
	}
	fds := passphraseFDs{openpgp: descriptor(fd)}
	person := onceMore(a.terminal().Passphrase)
	ask := func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		s, err := fds.answer(ctx, req)
		if errors.Is(err, keys.ErrNoPassphrase) {
			return person(ctx, req)
		}
		return s, err
	}
	r, err := try(ctx, w, a.path(file), ask)
	if err != nil {
		return err
	}
	p := a.printer()
	if p.json {
		p.object(map[string]any{
			"fingerprint": r.Key.Fingerprint, "file": file, "tried": rfc3339(r.At), "opened": r.Opened, "signed": r.Signed,
			"protected": r.Protected, "older": r.Older, "recorded": r.Recorded,
		})
		return p.err
	}
	p.line("%s  %s", r.Key.Fingerprint.Grouped(), r.Key.UserID())
	p.line("    restored from %s, opened, signed with, verified", file)
	if !r.Protected {
		a.note("warning: it is under no passphrase: whoever finds it has the key")
	}
	if r.Older {
		a.note("It is older than the key here, which was extended or got a user id since. The secret parts are complete.")
	}
	if r.Recorded {
		a.note("bulla remembers that it was tried on %s. Keep the file apart from this computer.", r.At.UTC().Format("2 January 2006"))
	} else {
		a.note("%s", fmt.Sprintf("This key is not in bulla's store; bulla keys import %s brings it there.", file))
	}
	return p.err
}

// onceMore tells the second question of a backup from the first, which was for the same passphrase: to
// write it, and to try it.
func onceMore(person keys.AskPassphrase) keys.AskPassphrase {
	questions := 0
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if req.Attempt <= 1 {
			questions++
		}
		if questions > 1 {
			req.Label += ", once more, to try the backup"
		}
		return person(ctx, req)
	}
}
