package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"bulla/keys/passphrase"
	"bulla/ui/explain"
)

func (a *app) keysPassphraseCommand() *cobra.Command {
	var n int
	c := &cobra.Command{
		Use:   "passphrase",
		Short: "Make a passphrase of random words",
		Long: `Make a passphrase of random words, each one of 2048, and print it on standard
output. It is kept nowhere: write it down, or pipe it to where it is needed.`,
		Args: cobra.NoArgs,
	}
	c.Flags().IntVar(&n, "words", passphrase.Words, "how many `words`, 11 bits each")
	c.RunE = func(*cobra.Command, []string) error {
		if n < passphrase.MinWords || n > 24 {
			return &explain.UsageError{Message: fmt.Sprintf("%d words are not what a passphrase should have", n), Hints: []string{fmt.Sprintf("--words takes %d to 24", passphrase.MinWords)}}
		}
		s, bits, err := passphrase.Generate(a.Rand, n)
		if err != nil {
			return err
		}
		defer s.Destroy()
		err = s.Use(func(b []byte) error {
			_, err := a.Stdout.Write(b)
			return err
		})
		if err == nil {
			_, err = fmt.Fprintln(a.Stdout)
		}
		a.note("%d bits of entropy", bits)
		return err
	}
	return c
}
