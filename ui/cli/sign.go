package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/ui/explain"
)

func (a *app) signCommand() *cobra.Command {
	var key string
	var checksums, replace bool
	c := &cobra.Command{
		Use:   "sign FILE…",
		Short: "Sign files: FILE.asc beside each",
		Long: `Sign files: an armored, detached signature FILE.asc beside each. A file that has a
valid signature by the same key is left as it is; any other signature there is
an error unless --replace is given.`,
		Args: cobra.MinimumNArgs(1),
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "the signing `key`: fingerprint, key id or address; with ! exactly that subkey")
	f.BoolVar(&checksums, "checksums", false, "write SHA256SUMS and its signature into the files' common folder too")
	f.BoolVar(&replace, "replace", false, "replace signatures and checksums that exist already")
	fd := fdFlag(f, "passphrase-fd", "read the key's passphrase from file descriptor `N`")
	a.jsonFlag(f, "print each file as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		made, err := w.SignFiles(ctx, a.Dir, args, keys.ParseSelector(key), a.ask(passphraseFDs{openpgp: descriptor(fd)}), checksums, replace)
		p := a.printer()
		for _, s := range made.Files {
			switch {
			case a.flags.json:
				p.object(signedJSON{s.Path, s.SignaturePath, s.SHA256, s.SHA512, s.Size, s.Kept})
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
			if !s.Kept {
				fresh++
			}
		}
		if err != nil && fresh > 0 {
			err = &explain.PartialError{Done: fmt.Sprintf("%d of %d files were signed.", fresh, len(args)), Err: err}
		}
		if err != nil {
			return err
		}
		return p.err
	}
	return c
}
