package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"bulla/ui/explain"
	"bulla/workflow/kit"
	"bulla/workflow/verify"
)

type kitFlags struct {
	verify.Options
	out, record string
}

func (a *app) kitCommand() *cobra.Command {
	var f kitFlags
	c := &cobra.Command{
		Use:   "kit [VERSION] -o FOLDER",
		Short: "Write keys, commands and CI snippets for those who check your release",
		Long: `Write what strangers need to check a release: KEYS, allowed_signers, VERIFY.md with
the commands for gpg, sq, git, cosign and bulla for exactly this release's files,
and snippets for GitHub, GitLab and Jenkins.

Every command is run in an empty home before it is written down. One that cannot
be tried here, because its tool is missing, is marked so; one that fails ends the
command, and nothing is written.

VERSION is a release with a record; without it, the newest.`,
		Example: `  bulla kit -o kit
  bulla kit 1.4.0 --record dist/bulla-release.json -o kit`,
		Args: cobra.MaximumNArgs(1),
	}
	fs := c.Flags()
	fs.StringVarP(&f.out, "output", "o", "", "the `folder` to write, which must be empty or not exist")
	fs.StringVar(&f.record, "record", "", "the record of the release: a `file` called bulla-release.json")
	fs.StringArrayVar(&f.Keys, "keys", nil, "add the public keys in `file` (repeatable)")
	fs.BoolVar(&f.OnlyKeys, "only-keys", false, "use no other keys than those of --keys")
	fs.BoolVar(&f.Offline, "offline", false, "do not use the network: images are then not tried")
	a.jsonFlag(fs, "print each command as a line of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		version := ""
		if len(args) > 0 {
			version = args[0]
		}
		return a.makeKit(cmd.Context(), f, version)
	}
	return c
}

func (a *app) makeKit(ctx context.Context, f kitFlags, version string) error {
	if f.out == "" {
		return &explain.UsageError{Message: "the folder for the kit is not named", Hints: []string{"bulla kit -o kit"}}
	}
	if entries, err := os.ReadDir(f.out); err == nil && len(entries) > 0 {
		return &explain.UsageError{Message: f.out + " is not empty", Hints: []string{"name a folder that does not exist yet"}}
	}
	v, err := a.verifier(ctx, verifyFlags{Options: f.Options})
	if err != nil {
		return err
	}
	if f.record == "" {
		if f.record, err = v.RecordOf(ctx, version); err != nil {
			return err
		}
	}
	o, err := a.kitOptions(ctx, f, v)
	if err != nil {
		return err
	}
	k, err := kit.Make(ctx, o)
	var failed *kit.FailedError
	var missing *kit.MissingKeyError
	switch {
	case errors.As(err, &failed):
		a.noteLines([]byte(strings.TrimSpace(failed.Output)))
		return err
	case errors.As(err, &missing):
		return &explain.UsageError{Message: err.Error(), Hints: []string{"--keys FILE adds it"}}
	case err != nil:
		return err
	}
	if err := k.Write(f.out); err != nil {
		return err
	}
	return a.tellKit(k, f.out)
}

func (a *app) kitOptions(ctx context.Context, f kitFlags, v *verify.Verifier) (kit.Options, error) {
	s, err := a.session(ctx)
	if err != nil {
		return kit.Options{}, err
	}
	others, err := v.ProjectKeys()
	if err != nil {
		return kit.Options{}, err
	}
	o := kit.Options{
		Record: f.record, Keyring: v.Keyring(), Others: others, Repository: v.GitDir(), Remote: v.RemoteURL(ctx), Bulla: a.Program, Path: a.Getenv("PATH"), LookPath: exec.LookPath,
		Trying: func(command string) { a.note("trying: %s", command) },
		Reachable: func(ctx context.Context, ref string) error {
			if f.Offline {
				return errors.New("the network was not to be used")
			}
			_, err := s.ResolveImage(ctx, ref)
			return err
		},
	}
	return o, nil
}

// kitJSON is one command of the guide.
type kitJSON struct {
	Tool    string `json:"tool"`
	Command string `json:"command"`
	Tried   bool   `json:"tried"`
	Reason  string `json:"reason,omitempty"`
}

func (a *app) tellKit(k *kit.Kit, dir string) error {
	p := a.printer()
	untried := map[string]bool{}
	tried := 0
	for _, c := range k.Commands {
		if p.json {
			p.object(kitJSON{Tool: c.Tool, Command: c.Text, Tried: c.Tried, Reason: c.Reason})
			continue
		}
		if c.Tried {
			tried++
		} else if key := c.Tool + ": " + c.Reason; !untried[key] {
			untried[key] = true
			p.line("not tried    %s", key)
		}
	}
	if !p.json {
		p.line("%d of %d commands were tried in an empty home, and succeeded.", tried, len(k.Commands))
		for _, f := range k.Files {
			p.line("wrote        %s", dir+"/"+f.Name)
		}
	}
	return p.err
}
