package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
)

func (a *app) verifyCommand() *cobra.Command {
	var o workflow.VerifyOptions
	var at string
	var allowWeak bool
	c := &cobra.Command{
		Use:   "verify [TARGET…]",
		Short: "Verify tags, commits, files, records and images",
		Long: `Verify anything by what it is: a tag, a commit, a file with its signature beside
it, a checksums file and the files in it, a release record and all that it binds,
an image in a registry. Without a target: the newest release.

tag:, file:, commit: and image: say which is meant where a name fits several.

Exit codes: 0 all good, 1 something is not, 3 something could not be checked.`,
		Example: `  bulla verify v1.4.0
  bulla verify --keys KEYS --only-keys dist/bulla-release.json
  bulla verify --json dist/SHA256SUMS`,
	}
	f := c.Flags()
	f.StringArrayVar(&o.Keys, "keys", nil, "add the public keys in `file`: OpenPGP, allowed_signers or PEM (repeatable)")
	f.BoolVar(&o.OnlyKeys, "only-keys", false, "use no other keys than those of --keys")
	f.StringVar(&o.Signature, "signature", "", "the signature `file` of a single file")
	f.StringVar(&at, "at", "", "judge as of this `time`: 2026-11-22 or RFC 3339")
	f.BoolVar(&o.Offline, "offline", false, "do not use the network: images are then not checked")
	f.BoolVar(&allowWeak, "allow-weak", false, "let weak signatures pass (SHA-1, DSA, short RSA)")
	a.jsonFlag(f, "print each verdict as a line of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if o.OnlyKeys && len(o.Keys) == 0 {
			return &explain.UsageError{Message: "--only-keys forbids every key, since no --keys are given", Hints: []string{"--keys FILE names them"}}
		}
		t, err := parseTime(at)
		if err != nil {
			return err
		}
		o.At, o.Dir = t, a.Dir
		return a.verify(cmd.Context(), o, args, allowWeak)
	}
	return c
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &explain.UsageError{Message: "--at is not a time: " + s, Hints: []string{"2026-11-22 or 2026-11-22T15:04:05Z"}}
}

func (a *app) verify(ctx context.Context, o workflow.VerifyOptions, targets []string, allowWeak bool) error {
	w, err := a.open(ctx)
	if err != nil {
		return err
	}
	v, err := workflow.NewVerifier(ctx, w, o)
	if err != nil {
		return err
	}
	for _, e := range v.Problems() {
		a.note("warning: %v", e)
	}
	if len(targets) == 0 {
		if targets, err = v.NewestRelease(ctx); err != nil {
			return err
		}
	}
	verdicts, err := v.Verify(ctx, targets)
	if err != nil {
		return err
	}
	return a.verdicts(verdicts, allowWeak)
}

// verdicts prints verdicts and ends with their exit code.
func (a *app) verdicts(list []keys.Verdict, allowWeak bool) error {
	p := a.printer()
	for _, v := range list {
		p.verdict(v)
	}
	if p.err != nil {
		return p.err
	}
	if code := codeOf(list, allowWeak); code != explain.CodeOK {
		return exitCode(code)
	}
	return nil
}

func (a *app) logCommand() *cobra.Command {
	var o workflow.VerifyOptions
	c := &cobra.Command{
		Use:   "log",
		Short: "List every tag of the repository with its verdict",
		Args:  cobra.NoArgs,
	}
	f := c.Flags()
	f.StringArrayVar(&o.Keys, "keys", nil, "add the public keys in `file` (repeatable)")
	f.BoolVar(&o.OnlyKeys, "only-keys", false, "use no other keys than those of --keys")
	a.jsonFlag(f, "print each verdict as a line of JSON")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		w, err := a.open(ctx)
		if err != nil {
			return err
		}
		o.Dir = a.Dir
		v, err := workflow.NewVerifier(ctx, w, o)
		if err != nil {
			return err
		}
		p := a.printer()
		if err := v.Tags(ctx, p.verdict); err != nil {
			return err
		}
		return p.err
	}
	return c
}
