package cli

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/policy"
	"bulla/workflow/project"
	"bulla/workflow/verify"
)

// policyFlags adds the flags that say by which policy signers are trusted.
func policyFlags(f *pflag.FlagSet, o *verify.PolicyOptions) {
	f.StringVar(&o.File, "policy", "", "take the policy from this `file` instead of the repository's")
	f.StringVar(&o.Root, "policy-root", "", "trust the policy of this `commit`, and check who changed it since")
	f.BoolVar(&o.None, "no-policy", false, "ignore the repository's policy")
}

// policyNotes says what a reader of the verdicts should know of the policy behind them.
func (a *app) policyNotes(v *verify.Verifier, quiet bool) {
	if a.flags.json || quiet {
		return
	}
	state := v.Policy()
	for _, n := range state.Notes {
		a.note("note: %s", n)
	}
	for _, c := range state.Changes {
		through := ""
		if c.Through != "" {
			through = " with the tag " + c.Through
		}
		a.note("note: the policy was changed by %.12s, signed by %s%s", c.Commit, c.By, through)
	}
}

func (a *app) policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Say whose signatures count in this repository",
		Long: `A policy says who may sign what in this repository, from when to when, how many of
them, and with which algorithms. It is the table [policy] in bulla.toml, with the
public keys in a file beside it. verify, log and history go by the one that is
committed.

  [policy]
  keyring = ".bulla/keys.asc"

  [[policy.signer]]
  name = "Rhea Release"
  keys = ["<full fingerprint>"]
  signs = ["tag", "artifact", "record"]     # also: commit, image
  from = 2019-03-01                         # until = … ends it

  [policy.need]
  tag = 2                                   # two different signers

  [policy.algorithms]
  rsa_bits = 3072                           # hashes, keys, allow_weak, …

  [[policy.exception]]
  kind = "tag"
  target = "v0.9"
  id = "<object id>"
  allow = ["weak"]
  reason = "Signed with SHA-1 in 2011."`,
	}
	c.AddCommand(a.policyInitCommand(), a.policyCheckCommand(), a.policyExportCommand())
	return c
}

func (a *app) policyInitCommand() *cobra.Command {
	var o verify.Options
	var write bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Propose a policy made of the history as it is",
		Long: `Propose a policy: whoever signed version tags may go on to do so, from the day of
the first signature, until the day of the last one where that is long ago. Weak
signatures become exceptions. What the policy would refuse is listed in comments.

It is printed. --write adds it to bulla.toml and writes the keyring, if there is
neither yet. Read it before you commit it.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringArrayVar(&o.Keys, "import", nil, "let the keys in `file` sign too: KEYS or allowed_signers (repeatable)")
	f.BoolVar(&write, "write", false, "add it to bulla.toml, and write the keyring")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Policy.None = true
		v, err := a.policyVerifier(cmd, o)
		if err != nil {
			return err
		}
		d, err := v.ProposePolicy(cmd.Context(), o.Keys)
		if err != nil {
			return err
		}
		for _, m := range d.Missing {
			a.note("warning: the public key %s is not at hand, and not in the keyring", m)
		}
		if !write {
			_, err := a.Stdout.Write(d.Text)
			a.note("hint: --write adds this to %s and the public keys to %s", project.ConfigName, policy.DefaultKeyring)
			return err
		}
		if err := writePolicy(v, d); err != nil {
			return err
		}
		p := a.printer()
		p.line("written: %s", a.relative(d.ConfigPath))
		p.line("written: %s", a.relative(d.KeyringPath))
		a.note("hint: read it, then commit both with a signed commit")
		return p.err
	}
	return c
}

func writePolicy(v *verify.Verifier, d verify.PolicyDraft) error {
	err := v.WritePolicy(d)
	switch {
	case errors.Is(err, verify.ErrPolicyExists):
		return &explain.UsageError{Message: err.Error(), Hints: []string{"change it by hand; bulla policy check tells what it refuses"}}
	case errors.Is(err, fs.ErrExist):
		return &explain.UsageError{Message: "the keyring " + d.KeyringPath + " exists already", Hints: []string{"remove it, or write [policy] by hand and name it there"}}
	}
	return err
}

// relative names a path as seen from the working directory, where it lies below it.
func (a *app) relative(path string) string {
	dir, err := filepath.EvalSymlinks(a.Dir)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// policyVerifier gathers the keys for a command about the policy of this repository.
func (a *app) policyVerifier(cmd *cobra.Command, o verify.Options) (*verify.Verifier, error) {
	w, err := a.open(cmd.Context())
	if err != nil {
		return nil, err
	}
	o.Dir, o.Offline = a.repository(), true
	v, err := workflow.NewVerifier(cmd.Context(), w, o)
	if err != nil {
		return nil, err
	}
	for _, e := range v.Problems() {
		a.note("warning: %v", e)
	}
	return v, nil
}

// refusalJSON is a past release that the policy does not let pass.
type refusalJSON struct {
	Target  string      `json:"target"`
	Kind    keys.Kind   `json:"kind"`
	Status  keys.Status `json:"status"`
	Refused bool        `json:"refused"` // false: a key is missing, so that nobody can tell
	Reasons []string    `json:"reasons"`
}

func (a *app) policyCheckCommand() *cobra.Command {
	var o verify.Options
	c := &cobra.Command{
		Use:   "check",
		Short: "Tell which past releases the policy would refuse, and why",
		Long: `Hold the version tags of this repository against the policy in the working tree,
committed or not.

Exit codes: 0 none is refused, 1 some are, 3 none is, but keys are missing.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringArrayVar(&o.Keys, "keys", nil, "add the public keys in `file` (repeatable)")
	f.BoolVar(&o.OnlyKeys, "only-keys", false, "use no other keys than those of --keys")
	f.StringVar(&o.Policy.File, "policy", "", "check the policy in this `file` instead")
	a.jsonFlag(f, "print each refused release as a line of JSON")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Policy.Draft = o.Policy.File == ""
		v, err := a.policyVerifier(cmd, o)
		if err != nil {
			return err
		}
		a.policyNotes(v, false)
		check, err := v.CheckPolicy(cmd.Context())
		var conf *project.ConfigError
		if errors.As(err, &conf) {
			return &explain.UsageError{Message: conf.Error(), Hints: []string{"bulla policy init proposes one"}}
		}
		if err != nil {
			return err
		}
		return a.printCheck(check)
	}
	return c
}

func (a *app) printCheck(check verify.PolicyCheck) error {
	p := a.printer()
	code, refused := explain.CodeOK, 0
	for _, r := range check.Refused {
		word := "refused"
		if r.Undecided {
			word, code = "undecided", max(code, explain.CodeUnchecked)
		} else {
			refused++
		}
		if p.json {
			p.object(refusalJSON{r.Tag, keys.KindTag, r.Status, !r.Undecided, r.Reasons})
			continue
		}
		p.line("%-12s %-12s %s", word, r.Status, r.Tag)
		for _, reason := range r.Reasons {
			p.line("             %s", reason)
		}
	}
	if !p.json {
		p.line("%d releases: %d pass, %d refused, %d undecided", check.Releases, check.Releases-len(check.Refused), refused, len(check.Refused)-refused)
	}
	if refused > 0 {
		code = explain.CodeFailed
	}
	if p.err == nil && code != explain.CodeOK {
		return exitCode(code)
	}
	return p.err
}

func (a *app) policyExportCommand() *cobra.Command {
	var o verify.Options
	var format string
	c := &cobra.Command{
		Use:   "export",
		Short: "Print the policy's keys for other tools",
		Long: `Print the public keys of the policy's signers: as a KEYS file for gpg and sq, or as
allowed_signers for git's gpg.ssh.allowedSignersFile, with their windows.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&format, "format", "KEYS", "`what` to print: KEYS or allowed-signers")
	policyFlags(f, &o.Policy)
	f.Lookup("no-policy").Hidden = true
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := a.policyVerifier(cmd, o)
		if err != nil {
			return err
		}
		pol := v.Policy().Policy
		if pol == nil {
			return &explain.UsageError{Message: "there is no [policy] in " + project.ConfigName, Hints: []string{"bulla policy init proposes one"}}
		}
		var data []byte
		var left []keys.Fingerprint
		switch format {
		case "KEYS":
			data, left = pol.Keys(v.Keyring())
		case "allowed-signers":
			data, left = pol.AllowedSigners(v.Keyring())
		default:
			return &explain.UsageError{Message: "there is no such format", Hints: []string{"--format KEYS or allowed-signers"}}
		}
		for _, l := range left {
			a.note("note: left out, because it has no place there or is not at hand: %s", l)
		}
		if len(data) == 0 {
			return &explain.UsageError{Message: "the policy has no key at hand that fits this format"}
		}
		_, err = a.Stdout.Write(data)
		return err
	}
	return c
}
