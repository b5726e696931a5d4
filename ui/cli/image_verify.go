package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bulla/docker"
	"bulla/docker/dockerfile"
	"bulla/keys"
	"bulla/ui/component/imageword"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/workflow/images"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// gateFlags are the flags of `bulla image verify`.
type gateFlags struct {
	verifyFlags
	trustFlags
	by        []string
	from      string
	buildArgs []string
}

// gateJSON is an object of `image verify --json`.
type gateJSON struct {
	imageJSON
	// Allowed says whether the image may be used; Pull is the reference to use then.
	Allowed bool   `json:"allowed"`
	Pull    string `json:"pull,omitempty"`
	Rule    string `json:"rule,omitempty"` // of the policy, by its repository
	// Where a Dockerfile names the image.
	Line  int    `json:"line,omitempty"`
	Use   string `json:"use,omitempty"`
	Stage string `json:"stage,omitempty"`
}

func (a *app) imageVerifyCommand() *cobra.Command {
	var f gateFlags
	c := &cobra.Command{
		Use:   "verify REF… | verify --from DOCKERFILE",
		Short: "Decide whether images may be used, and by which digest",
		Long: `Decide whether an image may be used, as docker pull did with Content Trust: a cosign
signature by a key at hand must vouch for what REF points to now, or what the policy
wants for its repository ([[policy.image]] in bulla.toml, see doc/images.md).

Of an image that is allowed the reference by digest is printed: use that one, and
nobody can change what it means. With --quiet nothing else is printed.

--from reads a Dockerfile and decides on every image that it builds on or copies from.

Exit codes: 0 all allowed, 1 one is refused, 3 one could not be checked.`,
		Example: `  docker run "$(bulla image verify -q registry.example.org/app:1.4.0)"
  bulla image verify --keys base.pub --only-keys --from Dockerfile`,
	}
	fs := c.Flags()
	a.imageKeyFlags(fs, &f.verifyFlags)
	f.trustFlags.add(a, fs)
	fs.StringSliceVar(&f.by, "by", nil, "`what` must vouch: cosign, content-trust, or both with a comma; before the policy")
	fs.BoolVar(&f.allowWeak, "allow-weak", false, "let weak signatures pass (short RSA)")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but the references to use")
	fs.StringVar(&f.from, "from", "", "decide on the images that this `Dockerfile` names; - reads standard input")
	fs.StringArrayVar(&f.buildArgs, "build-arg", nil, "with --from: a build argument, `NAME=VALUE` (repeatable)")
	a.jsonFlag(fs, "print each verdict as a line of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case f.from == "" && len(args) == 0:
			return &explain.UsageError{Message: "no image is named", Hints: []string{"bulla image verify REF, or --from Dockerfile"}}
		case f.from != "" && len(args) > 0:
			return &explain.UsageError{Message: "--from and references exclude each other"}
		case f.from == "" && len(f.buildArgs) > 0:
			return &explain.UsageError{Message: "--build-arg is for --from"}
		}
		wanted, err := a.wantedImages(f, args)
		if err != nil {
			return err
		}
		return a.imageVerify(cmd.Context(), f, wanted)
	}
	return c
}

// trustFlags are the flags of commands that ask a trust server.
type trustFlags struct {
	roots    []string
	server   string
	firstUse bool
}

func (f *trustFlags) add(a *app, fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.roots, "root", nil, "the `id` of a root certificate or key of Content Trust that must stand behind it (repeatable)")
	a.trustServerFlag(fs, &f.server)
	fs.BoolVar(&f.firstUse, "trust-first-use", false, "believe the first root that the trust server shows, and remember it")
}

// options turns the flags into what the gate takes.
func (f *gateFlags) options() (images.Options, error) {
	o, err := f.trustFlags.options()
	for _, s := range f.by {
		if s := policy.System(strings.TrimSpace(s)); s == policy.SystemCosign || s == policy.SystemContentTrust {
			o.By = append(o.By, s)
			continue
		}
		return o, &explain.UsageError{Message: fmt.Sprintf("nothing signs images by the name %q", s), Hints: []string{"--by cosign, --by content-trust, or --by cosign,content-trust"}}
	}
	return o, err
}

func (f *trustFlags) options() (o images.Options, err error) {
	o.Roots, err = parseRoots(f.roots)
	o.TrustServer, o.FirstUse = f.server, f.firstUse
	return o, err
}

// parseRoots reads the values of --root.
func parseRoots(texts []string) (ids []string, err error) {
	for _, t := range texts {
		id, ok := policy.ParseRoot(t)
		if !ok {
			return nil, &explain.UsageError{Message: "--root is not the id of a root certificate", Hints: []string{"64 hexadecimal digits, as docker trust inspect shows them"}}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// wantedImage is an image to decide on.
type wantedImage struct {
	text string
	base dockerfile.Base // zero for one named on the command line
}

// wantedImages are the images that were named, or those of a Dockerfile.
func (a *app) wantedImages(f gateFlags, args []string) (out []wantedImage, err error) {
	for _, text := range args {
		if _, err := docker.ParseReference(text); err != nil {
			return nil, err
		}
		out = append(out, wantedImage{text: text})
	}
	if f.from == "" {
		return out, nil
	}
	data, err := a.readNamed(f.from, dockerfile.MaxSize)
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	for _, s := range f.buildArgs {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, &explain.UsageError{Message: "--build-arg is not NAME=VALUE"}
		}
		given[name] = value
	}
	list, err := dockerfile.Parse(data, given)
	if err != nil {
		return nil, &explain.UsageError{Message: f.from + ", " + err.Error()}
	}
	for _, b := range list {
		if !b.Internal {
			out = append(out, wantedImage{text: b.Image, base: b})
		}
	}
	if len(out) == 0 {
		a.note("%s builds on no other image.", f.from)
	}
	return out, nil
}

// readNamed reads a file that was named on the command line; - is standard input. A byte more
// than limit is read, so that the reader of it can tell.
func (a *app) readNamed(name string, limit int) ([]byte, error) {
	in, done, err := a.input(name)
	if err != nil {
		return nil, err
	}
	defer done()
	return io.ReadAll(io.LimitReader(in, int64(limit)+1))
}

// imageVerify decides on each image.
func (a *app) imageVerify(ctx context.Context, f gateFlags, wanted []wantedImage) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	v, err := a.verifier(ctx, f.verifyFlags)
	if err != nil {
		return err
	}
	o.Trust = a.contentTrust()
	a.noteFirstUse(f.trustFlags)
	p := a.printer()
	worst := images.Allowed
	for _, w := range wanted {
		d, err := a.decide(ctx, v, w, o, f.allowWeak)
		if err != nil {
			return err
		}
		worst = max(worst, d.Outcome)
		p.decision(w, d, f.quiet)
	}
	switch {
	case p.err != nil:
		return p.err
	case worst == images.Refused:
		return exitCode(explain.CodeFailed)
	case worst == images.Unchecked:
		return exitCode(explain.CodeUnchecked)
	}
	return nil
}

func (a *app) noteFirstUse(f trustFlags) {
	if f.firstUse && len(f.roots) == 0 {
		a.note("note: --trust-first-use believes the first root that the trust server shows")
	}
}

// decide asks the gate. What is named wrongly is a refusal, and not an end.
func (a *app) decide(ctx context.Context, v *verify.Verifier, w wantedImage, o images.Options, allowWeak bool) (images.Decision, error) {
	if w.base.Line == 0 {
		return images.GateNamed(ctx, v, w.text, o, allowWeak)
	}
	d, err := images.GateBase(ctx, v, w.base, o, allowWeak)
	if d.NoPlatform {
		a.note("warning: line %d: %s has no image for %s", w.base.Line, w.text, w.base.Platform)
	}
	return d.Decision, err
}

// decision prints what was decided on one image.
func (p *printer) decision(w wantedImage, d images.Decision, quiet bool) {
	pull := d.Pull.String()
	switch {
	case p.json:
		for _, o := range imageObjects(d.Deciding()) {
			p.object(gateJSON{imageJSON: o, Allowed: d.Outcome == images.Allowed, Pull: pull, Rule: d.Rule, Line: w.base.Line, Use: string(w.base.Use), Stage: w.base.Stage})
		}
		return
	case quiet:
		if pull != "" {
			p.line("%s", pull)
		}
		return
	}
	at := ""
	if w.base.Line > 0 {
		at = fmt.Sprintf("  (line %d, %s)", w.base.Line, w.base.Use)
	}
	p.line("%-12s %s%s", imageword.Outcome(d.Outcome), safetext.Line(w.text), at)
	for _, v := range d.Verdicts() {
		p.reasons(v)
	}
	if hint := imageword.Elsewhere(d); hint != "" {
		p.line("             %s --by %s asks for that.", hint, d.Elsewhere())
	}
	for _, l := range imageword.MovedLines(d.Tag) {
		p.line("%s", l)
	}
	if other := imageword.OtherName(d.Tag); other != "" {
		p.line("             Warning: %s", other)
	}
	if pull != "" {
		p.line("  use        %s", pull)
	}
}

// reasons prints why one verdict is as it is.
func (p *printer) reasons(v keys.Verdict) {
	p.line("  %-10s %s", v.Status, v.Reason)
	if v.PolicyReason != "" {
		p.line("             %s", v.PolicyReason)
	}
}
