package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/finding"
)

func (a *app) signCommand() *cobra.Command {
	var key string
	var o workflow.SignFilesOptions
	c := &cobra.Command{
		Use:   "sign FILE…",
		Short: "Sign files: FILE.asc beside each",
		Long: `Sign files: an armored, detached signature FILE.asc beside each. A file that has a
valid signature by the same key is left as it is; any other signature there is
an error unless --replace is given.

gpg-agent opens a protected key anew for each signature, and some cards want a
touch for each: --checksums-only signs one list in place of many files.`,
		Args: cobra.MinimumNArgs(1),
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "the signing `key`: fingerprint, key id or address; with ! exactly that subkey")
	f.BoolVar(&o.Checksums, "checksums", false, "write SHA256SUMS and its signature into the files' common folder too")
	f.BoolVar(&o.ChecksumsOnly, "checksums-only", false, "sign SHA256SUMS alone, which lists the files, in place of every file")
	f.BoolVar(&o.Replace, "replace", false, "replace signatures and checksums that exist already")
	fd := fdFlag(f, "passphrase-fd", "read the key's passphrase from file descriptor `N`")
	a.jsonFlag(f, "print each file as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		o.Warn = func(f finding.Finding) { a.note("warning: %s", f.Message); a.note("hint: %s", f.Hint) }
		made, err := workflow.SignFiles(ctx, w, a.Dir, args, keys.ParseSelector(key), a.ask(passphraseFDs{openpgp: descriptor(fd)}), o)
		p := a.printer()
		for _, s := range made.Files {
			switch {
			case a.flags.json:
				p.object(signedJSON{s.Path, s.SignaturePath, s.SHA256, s.SHA512, s.Size, s.Kept})
			case s.SignaturePath == "":
				p.line("listed  %s", s.Path)
			case s.Kept:
				p.line("kept    %s: its signature is valid", s.SignaturePath)
			default:
				p.line("signed  %s", s.SignaturePath)
			}
		}
		if !a.flags.json {
			for _, path := range made.Checksums {
				p.line("wrote   %s", path)
			}
		}
		fresh := 0
		for _, s := range made.Files {
			if !s.Kept && s.SignaturePath != "" {
				fresh++
			}
		}
		if err != nil && fresh > 0 {
			err = &explain.PartialError{Done: fmt.Sprintf("%d of %d files were signed.", fresh, len(args)), Err: err}
		}
		if err != nil {
			return err
		}
		return p.heard("The signatures are made and stand.")
	}
	return c
}
