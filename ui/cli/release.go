package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui"
	"bulla/ui/component/agentword"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/keychoice"
)

// releaseFlags are the flags of `bulla release`.
type releaseFlags struct {
	version             string
	key                 string
	artifacts, images   []string
	imageKey            string
	imageWith           string
	trustServer         string
	messages            []string
	remote              string
	push, replace       bool
	checksumsOnly       bool
	dryRun              bool
	resume, abandon     bool
	passphrase, imagePW *int
	trustPW             *int
}

func (f releaseFlags) choices() workflow.Choices {
	var only *bool
	if f.checksumsOnly {
		only = &f.checksumsOnly
	}
	return workflow.Choices{
		ChecksumsOnly: only,
		Version:       f.version, Key: f.key, Artifacts: f.artifacts, Images: f.images, ImageKey: f.imageKey,
		ImageWith: images.With(f.imageWith), TrustServer: f.trustServer,
		Message: strings.Join(f.messages, "\n\n"), Push: f.push, Remote: f.remote, Replace: f.replace,
	}
}

func (f releaseFlags) fds() passphraseFDs {
	return passphraseFDs{openpgp: descriptor(f.passphrase), image: descriptorOf("--image-passphrase-fd", f.imagePW), trust: descriptorOf("--trust-passphrase-fd", f.trustPW)}
}

func (a *app) releaseCommand() *cobra.Command {
	var f releaseFlags
	c := &cobra.Command{
		Use:   "release [VERSION]",
		Short: "Sign a whole release: tag, files, image, record",
		Long: `Sign a whole release: tag, files, image and the record that binds them, then
check everything as a stranger would.

In a terminal it opens the walk on the whole screen. With --yes it asks nothing.
What is not said on the command line comes from bulla.toml.`,
		Example: `  bulla release 1.4.0
  bulla release 1.4.0 --artifact 'dist/*' --image registry.example.org/app:1.4.0 --dry-run
  bulla release 1.4.0 --yes --passphrase-fd 3 3< <(pass show release-key)`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.version = args[0]
			}
			if f.imageWith != "" {
				if _, err := images.ParseWith(f.imageWith); err != nil {
					return &explain.UsageError{Message: err.Error()}
				}
			}
			if f.imageKey != "" {
				f.imageKey = a.path(f.imageKey) // it is remembered: another folder may resume
			}
			return a.release(cmd.Context(), f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.key, "key", "", "the signing `key`: fingerprint, key id or address; with ! exactly that subkey")
	fl.StringArrayVar(&f.artifacts, "artifact", nil, "sign the files that `glob` matches, from the root of the repository (repeatable)")
	fl.BoolVar(&f.checksumsOnly, "checksums-only", false, "sign SHA256SUMS alone, which lists the files, in place of every file")
	fl.StringArrayVar(&f.images, "image", nil, "sign the image `reference`, with its tag (repeatable)")
	fl.StringVar(&f.imageKey, "image-key", "", "the cosign private key `file` that signs images")
	fl.StringVar(&f.imageWith, "image-with", "", "sign images with `cosign`, content-trust (Docker Content Trust) or both")
	a.trustServerFlag(fl, &f.trustServer)
	fl.StringArrayVarP(&f.messages, "message", "m", nil, "the tag's `message`; several become paragraphs")
	fl.BoolVar(&f.push, "push", false, "push the tag at the end")
	fl.StringVar(&f.remote, "remote", "", "the `remote` to push to")
	fl.BoolVar(&f.replace, "replace", false, "replace signatures, checksums and records that exist already")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print the plan and change nothing")
	fl.BoolVar(&f.resume, "resume", false, "go on with the release that was begun and not finished")
	fl.BoolVar(&f.abandon, "abandon", false, "take back the release that was begun and not finished")
	f.passphrase = fdFlag(fl, "passphrase-fd", "read the key's passphrase from file descriptor `N`")
	f.imagePW = fdFlag(fl, "image-passphrase-fd", "read the image key's password from file descriptor `N`")
	f.trustPW = fdFlag(fl, "trust-passphrase-fd", "read the passphrase of Content Trust's keys from file descriptor `N`")
	a.jsonFlag(fl, "print events and the result as lines of JSON")
	a.yesFlag(fl)
	return c
}

func (a *app) release(ctx context.Context, f releaseFlags) error {
	switch {
	case f.resume && f.abandon:
		return &explain.UsageError{Message: "--resume and --abandon exclude each other"}
	case f.dryRun && (f.resume || f.abandon):
		return &explain.UsageError{Message: "--dry-run plans a release, and is not for --resume and --abandon: they go by the plan that was made", Hints: []string{"bulla release shows what is done and what is left"}}
	case f.dryRun:
		return a.dryRun(ctx, f)
	}
	outliveReader()
	switch {
	case f.abandon:
		return a.abandon(ctx, f)
	case f.resume:
		return a.resume(ctx, f)
	case a.flags.yes:
		return a.releaseNow(ctx, f)
	}
	return a.walk(ctx, f)
}

// outliveReader lets the process live on when the reader of its output goes away: a release must not
// stop half way because of it. The error of the write tells. A signal that is caught, unlike one that
// is ignored, is not passed on to git.
func outliveReader() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// walk opens the walk for a person: on the whole screen, or line by line.
func (a *app) walk(ctx context.Context, f releaseFlags) error {
	if !a.interactive() || a.flags.json {
		return &explain.UsageError{Message: "there is no terminal to ask on, and the plan is not confirmed",
			Hints: []string{"--yes confirms it: bulla release VERSION --yes", "--dry-run prints the plan"}}
	}
	w, err := a.open(ctx)
	if err != nil {
		return err
	}
	if a.screenPossible() {
		return a.screen(ctx, ui.Options{Choices: f.choices(), Vault: w.Vault, Images: func(ctx context.Context, name string) (ui.Images, error) {
			return tagsOf(ctx, w, a.repository(), name, a.contentTrust())
		}, Doctor: func(ctx context.Context, name string) ([]finding.Finding, error) {
			repo, err := docker.ParseRepository(name)
			if err != nil {
				return nil, err
			}
			return a.examineRegistry(ctx, repo, "")
		}, ImageDesk: func(name string) (ui.ImageDesk, error) {
			return imageDesk(w, a.contentTrust(), a.repository(), name)
		}, ImagePath: a.typedPath, Keys: a.keyDesk, KeyPath: a.typedPath, KeyWizard: a.keyWizard, Open: func(ctx context.Context) (ui.Backend, error) {
			return workflow.Open(ctx, w, a.repository())
		}})
	}
	return a.lineByLine(ctx, f)
}

func (a *app) dryRun(ctx context.Context, f releaseFlags) error {
	s, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	plan, err := s.Plan(ctx, f.choices())
	if err != nil {
		return err
	}
	p := a.printer()
	p.plan(plan)
	return p.err
}

func (a *app) releaseNow(ctx context.Context, f releaseFlags) error {
	s, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	plan, err := s.Plan(ctx, f.choices())
	if err != nil {
		return err
	}
	for _, w := range plan.Findings {
		if w.Severity == finding.Warning && !a.flags.json {
			a.note("warning: %s", w.Message)
			if w.Rule == keychoice.RuleSignatures {
				a.note("hint: %s", w.Hint)
			}
		}
	}
	res, err := s.Run(ctx, plan, a.face(f.fds()))
	if err != nil {
		return err
	}
	a.tooLate(ctx)
	return a.result(res)
}

// tooLate tells who stopped a release that was done by then that it stands.
func (a *app) tooLate(ctx context.Context) {
	if ctx.Err() != nil {
		a.note("It was too late to stop: the release is done and stands.")
	}
}

// face listens to a run: JSON lines or lines of text.
func (a *app) face(fds passphraseFDs) workflow.Face {
	emit := a.textEvents()
	if a.flags.json {
		emit = jsonEvents(a.printer())
	}
	return workflow.Face{First: fds.answer, Ask: a.terminal().Passphrase, Unattended: !a.interactive(), Emit: a.withWaits(emit), Lend: a.lend()}
}

// withWaits tells on standard error what gpg-agent or a card is waited for, until the next event.
func (a *app) withWaits(emit func(workflow.Event)) func(workflow.Event) {
	over := func() {}
	return func(e workflow.Event) {
		over()
		over = func() {}
		emit(e)
		w, ok := e.(workflow.StepWaiting)
		if !ok {
			return
		}
		switch w.For {
		case workflow.WaitTouch, workflow.WaitCard, workflow.WaitAgent:
			over = a.waitLine("waiting for "+agentword.Wait(w.For, w.Label), agentword.Limit(w.Limit), w.For == workflow.WaitTouch)
		}
	}
}

func (a *app) resume(ctx context.Context, f releaseFlags) error {
	s, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := a.sameTag(s, f.version); err != nil {
		return err
	}
	res, err := s.Resume(ctx, a.face(f.fds()))
	if err != nil {
		return err
	}
	a.tooLate(ctx)
	return a.result(res)
}

// sameTag refuses a --resume or --abandon that names another version than the one begun.
func (a *app) sameTag(s *workflow.Session, version string) error {
	u, err := s.Begun()
	if err != nil {
		return err
	}
	if u == nil {
		return workflow.ErrNothingToResume
	}
	if version == "" {
		return nil
	}
	if tag, _, err := s.TagFor(version); err != nil || tag != u.Tag {
		return errors.Join(&explain.UsageError{Message: "the release that was begun is " + u.Tag + ", not " + version}, err)
	}
	return nil
}

// confirmAbandon asks before anything is taken back.
func (a *app) confirmAbandon(ctx context.Context) error {
	if a.flags.yes {
		return nil
	}
	if !a.interactive() {
		return &explain.UsageError{Message: "there is no terminal to ask on whether the release shall be taken back", Hints: []string{"--yes confirms it"}}
	}
	yes, err := a.terminal().Confirm(ctx, "Take back what the unfinished release made?")
	if err == nil && !yes {
		err = &explain.UsageError{Message: "nothing was taken back", Hints: []string{"--resume goes on with the release"}}
	}
	return err
}

func (a *app) abandon(ctx context.Context, f releaseFlags) error {
	s, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := a.sameTag(s, f.version); err != nil {
		return err
	}
	if err := a.confirmAbandon(ctx); err != nil {
		return err
	}
	done, err := s.AbandonFor(ctx, workflow.Face{Emit: a.tellWaits})
	if err != nil {
		return err
	}
	p := a.printer()
	if a.flags.json {
		p.object(map[string]any{"event": "abandoned", "tag": done.Tag, "removed": append([]string{}, done.Removed...), "kept": append([]string{}, done.Kept...)})
		return p.heard("The release of " + done.Tag + " is taken back.")
	}
	for _, l := range takenBack(done) {
		p.line("%s", l)
	}
	return p.heard("The release of " + done.Tag + " is taken back.")
}

// tellWaits says for whose answer the work waits.
func (a *app) tellWaits(e workflow.Event) {
	if w, ok := e.(workflow.StepWaiting); ok && w.For == workflow.WaitNetwork && !a.flags.json {
		a.note("waiting for an answer of %s", w.Label)
	}
}

// takenBack says in lines what taking a release back did.
func takenBack(a workflow.Abandoned) []string {
	out := []string{a.Sentence()}
	for _, r := range a.Removed {
		out = append(out, "  removed  "+r)
	}
	for _, k := range a.Kept {
		out = append(out, "  kept     "+k)
	}
	return out
}

// report prints what a release made.
func (a *app) report(r *workflow.Result) error {
	a.journalTrouble(r)
	p := a.printer()
	stands := "The release of " + r.Plan.Tag + " is done and stands."
	if a.flags.json {
		p.object(eventJSON{Event: "result", Result: resultToJSON(r)})
		return p.heard(stands)
	}
	p.line("Released %s. Checked as a stranger would, with the public keys alone:", r.Plan.Tag)
	p.line("")
	for _, v := range keys.Distinct(r.Verdicts) {
		p.verdict(v)
	}
	return p.heard(stands)
}

// journalTrouble warns where a release stands and only its journal is in trouble.
func (a *app) journalTrouble(r *workflow.Result) {
	if r.JournalFailed == nil {
		return
	}
	x := explain.Error(r.JournalFailed)
	a.note("warning: %s %s", x.Headline, x.Cause)
	for _, n := range x.Next {
		a.note("hint: %s", n)
	}
}

// result prints what a release made and turns a refused push into its exit code.
func (a *app) result(r *workflow.Result) error {
	err := a.report(r)
	if r.PushFailed != nil { // it matters more than a report that nobody heard
		return r.PushFailed
	}
	return err
}
