package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/ui/explain"
)

func (a *app) tagCommand() *cobra.Command {
	var key string
	var messages []string
	c := &cobra.Command{
		Use:   "tag NAME -m MESSAGE [TARGET]",
		Short: "Make one signed tag",
		Long:  "Make one signed, annotated tag on TARGET (by default HEAD). Nothing is pushed.",
		Args:  cobra.RangeArgs(1, 2),
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "the signing `key`: fingerprint, key id or address; with ! exactly that subkey")
	f.StringArrayVarP(&messages, "message", "m", nil, "the tag's `message`; several become paragraphs")
	fd := fdFlag(f, "passphrase-fd", "read the key's passphrase from file descriptor `N`")
	a.jsonFlag(f, "print the tag as a line of JSON")
	a.yesFlag(f)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		message := strings.Join(messages, "\n\n")
		if strings.TrimSpace(message) == "" {
			return &explain.UsageError{Message: "a tag needs a message", Hints: []string{"-m MESSAGE gives it"}}
		}
		ctx := cmd.Context()
		s, err := a.session(ctx)
		if err != nil {
			return err
		}
		defer s.Close()
		target := ""
		if len(args) == 2 {
			target = args[1]
		}
		tag, signer, err := s.SignTag(ctx, args[0], target, message, keys.ParseSelector(key), a.ask(passphraseFDs{openpgp: descriptor(fd)}))
		if err != nil {
			return err
		}
		p := a.printer()
		if a.flags.json {
			p.object(map[string]any{"tag": tag.Name, "object": tag.ObjectID, "target": tag.TargetID, "fingerprint": signer.Fingerprint, "primary_fingerprint": signer.Primary})
		} else {
			p.line("Signed tag %s on %.10s with %s.", tag.Name, tag.TargetID, signer.Fingerprint.Short())
		}
		return p.heard("The tag " + tag.Name + " is made and stands.")
	}
	return c
}
