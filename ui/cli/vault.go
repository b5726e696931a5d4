package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"bulla/keys/vault"
	"bulla/ui/explain"
)

func (a *app) vaultCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "vault",
		Short: "Show or choose where passphrases are kept",
		Long: `Show where passphrases can be kept on this computer, and which place was chosen.
Nothing is ever kept in a place that you did not choose.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			chosen, _ := w.Vault.Choice(cmd.Context())
			p := a.printer()
			for _, st := range w.Vault.Offers(cmd.Context()) {
				p.place(st, st.Backend == chosen)
			}
			return p.err
		},
	}
	a.jsonFlag(c.Flags(), "print each place as a line of JSON")
	c.AddCommand(a.vaultUseCommand())
	return c
}

func (p *printer) place(st vault.Status, chosen bool) {
	if p.json {
		p.object(map[string]any{"place": st.Backend, "name": st.Name, "where": st.Where, "state": st.State, "reason": st.Reason, "chosen": chosen, "sentence": st.Sentence})
		return
	}
	mark := " "
	if chosen {
		mark = "*"
	}
	p.line("%s %-9s %-12s %s", mark, st.Backend, st.State, st.Name)
	p.line("            %s", st.Sentence)
	if st.Reason != "" {
		p.line("            %s", st.Reason)
	}
}

func (a *app) vaultUseCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "use keychain|file|memory",
		Short:     "Choose the place",
		Long:      "Choose the place. An encrypted file is made at the first use, with a master passphrase.",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"keychain", "file", "memory"},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			w, err := a.open(ctx)
			if err != nil {
				return err
			}
			b := vault.Backend(args[0])
			if b == vault.BackendFile && w.Vault.Describe(ctx, b).State == vault.NeedsSetup {
				if !a.interactive() {
					return &explain.UsageError{Message: "the vault file needs a master passphrase, and there is no terminal to type it on"}
				}
				err = w.Vault.SetUp(ctx, a.terminal().Passphrase)
			} else {
				err = w.Vault.Choose(ctx, b)
			}
			if err != nil {
				return fmt.Errorf("not chosen: %w", err)
			}
			p := a.printer()
			p.line("%s", w.Vault.Describe(ctx, b).Sentence)
			return p.err
		},
	}
}
