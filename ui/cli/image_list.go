package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/ui/contract"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// imageJSON is a signature on an image, or an image without any, as `image list`, `image show`
// and `image verify` print it with --json: a verdict, and what is known about the image.
type imageJSON struct {
	contract.Verdict
	Digest    string   `json:"digest"`
	MediaType string   `json:"media_type,omitempty"`
	Platforms []string `json:"platforms,omitempty"`
	// System is cosign or content-trust, "" where nothing signs; Form is bundle or sig.
	System   string `json:"system,omitempty"`
	Form     string `json:"form,omitempty"`
	Manifest string `json:"manifest,omitempty"` // that holds the signature
	// SignedTag is the tag that the signer named.
	SignedTag string `json:"signed_tag,omitempty"`
	// MovedFrom are digests that the tag was signed over before.
	MovedFrom []string `json:"moved_from,omitempty"`
	// Uncovered are the images of an index that are not signed on their own.
	Uncovered []string `json:"uncovered,omitempty"`
	// Hidden says that cosign 3 does not find this signature.
	Hidden bool `json:"hidden_from_cosign,omitempty"`
	// Others are attachments that are no signatures.
	Others []otherJSON `json:"others,omitempty"`
	// Stray says that no tag names the image.
	Stray bool `json:"stray,omitempty"`
}

type otherJSON struct {
	Digest       string `json:"digest"`
	ArtifactType string `json:"artifact_type"`
	Predicate    string `json:"predicate,omitempty"`
}

// imageObjects are the objects for one tag, one for each signature.
func imageObjects(t images.Tag) []imageJSON {
	base := imageJSON{Digest: t.Image.Digest, MediaType: t.Image.MediaType, Platforms: t.Image.Platforms}
	for _, m := range t.Moved {
		base.MovedFrom = append(base.MovedFrom, m.From)
	}
	for _, c := range t.Children {
		if !c.Signed && c.Err == nil {
			base.Uncovered = append(base.Uncovered, c.Digest)
		}
	}
	for _, o := range t.Cosign.Others {
		base.Others = append(base.Others, otherJSON(o))
	}
	hidden := t.Cosign.Hidden()
	var out []imageJSON
	for i, v := range t.Verdicts() {
		o := base
		o.Verdict = contract.Of(v)
		if i < len(t.Cosign.Signatures) && t.Err == nil {
			s := t.Cosign.Signatures[i]
			o.System, o.Form, o.Manifest, o.SignedTag = string(policy.SystemCosign), string(s.Form), s.Manifest, s.Tag
			for _, h := range hidden {
				o.Hidden = o.Hidden || (h.Manifest == s.Manifest && h.Form == s.Form && h.Signer.Fingerprint == fingerprintOf(v))
			}
		} else if (t.Trust != nil || t.TrustErr != nil) && t.Err == nil {
			o.System = string(policy.SystemContentTrust)
		}
		out = append(out, o)
	}
	return out
}

func fingerprintOf(v keys.Verdict) keys.Fingerprint {
	if v.Signer == nil {
		return ""
	}
	return v.Signer.Fingerprint
}

// imageKeyFlags are the flags of every command that looks at images: whose signatures count.
func (a *app) imageKeyFlags(f *pflag.FlagSet, o *verifyFlags) {
	f.StringArrayVar(&o.Keys, "keys", nil, "add the public keys in `file`: PEM, as in cosign.pub (repeatable)")
	f.BoolVar(&o.OnlyKeys, "only-keys", false, "use no other keys than those of --keys")
	policyFlags(f, &o.Policy)
}

func (a *app) imageListCommand() *cobra.Command {
	var f lookFlags
	c := &cobra.Command{
		Use:   "list REPOSITORY",
		Short: "Show every tag of a repository with what signs it",
		Long: `Show every tag of a repository in a registry with what signs it: by which system and
key, since when as the signature claims, and whether it is valid; tags that moved
after they were signed, unsigned tags, platforms of an index that no signature
covers on their own. Tags that hold signatures are left out.

On a terminal it opens the page of images; elsewhere, and with --json or
--accessible, it prints a line for each tag; bulla image REPOSITORY --accessible
does all that the page does, line by line. The exit code tells only whether
everything could be looked at: bulla image verify judges.`,
		Example: `  bulla image list registry.example.org/app
  bulla image list registry.example.org/app --json | jq -r 'select(.status != "good") | .target'`,
		Args: cobra.ExactArgs(1),
	}
	a.imageKeyFlags(c.Flags(), &f.verifyFlags)
	f.trustFlags.add(a, c.Flags())
	a.jsonFlag(c.Flags(), "print each signature as a line of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		repo, err := docker.ParseRepository(args[0])
		if err != nil {
			return err
		}
		if a.screenPossible() {
			return a.imagesScreen(cmd.Context(), repo, f)
		}
		return a.imageList(cmd.Context(), repo, f)
	}
	return c
}

// imagesScreen opens the page of images. What the keys have to say is said before the screen is
// taken.
func (a *app) imagesScreen(ctx context.Context, repo docker.Repository, f lookFlags) error {
	display, err := a.display()
	if err != nil {
		return err
	}
	first, o, err := a.lookWith(ctx, f)
	if err != nil {
		return err
	}
	again := f.Options
	again.Dir = a.repository()
	desk := images.NewDesk(images.DeskOptions{
		World: a.world, DCT: a.contentTrust(), Repository: repo, Look: o,
		Verifier: func(ctx context.Context) (v *verify.Verifier, err error) {
			if v, first = first, nil; v == nil {
				v, err = workflow.NewVerifier(ctx, a.world, again)
			}
			return v, err
		},
	})
	texts, err := ui.ImageList(ctx, ui.ImagesOptions{
		Open: deskImages(desk), Doctor: desk.Doctor, Desk: desk, Path: a.typedPath,
		Name: repo.String(), Display: display,
	})
	for _, text := range texts {
		err = errors.Join(err, a.printText(text))
	}
	return err
}

// deskImages lists the tags at a desk.
func deskImages(d *images.Desk) func(context.Context) (ui.Images, error) {
	return func(ctx context.Context) (ui.Images, error) {
		s, err := d.Open(ctx)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

// lookFlags say whose signatures count for those who look.
type lookFlags struct {
	verifyFlags
	trustFlags
}

// lookWith gathers the keys, and what asks the trust server.
func (a *app) lookWith(ctx context.Context, f lookFlags) (*verify.Verifier, images.Options, error) {
	o, err := f.trustFlags.options()
	if err != nil {
		return nil, o, err
	}
	v, err := a.verifier(ctx, f.verifyFlags)
	if err != nil {
		return nil, o, err
	}
	o.Trust = a.contentTrust()
	a.noteFirstUse(f.trustFlags)
	return v, o, nil
}

func (a *app) imageList(ctx context.Context, repo docker.Repository, f lookFlags) error {
	v, o, err := a.lookWith(ctx, f)
	if err != nil {
		return err
	}
	s, err := images.Open(ctx, v, repo, o)
	if err != nil {
		return err
	}
	a.notePlain(repo)
	names := s.Names()
	list := make([]images.Tag, len(names))
	meter := a.progress("looked at", len(names), "tag")
	judged := make([]bool, len(names))
	err = s.Judge(ctx, func(i int, t images.Tag) {
		if list[i] = t; !judged[i] {
			judged[i] = true
			meter.step()
		}
	})
	meter.end()
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(x, y images.Tag) int { return human.Naturally(x.Reference.Tag(), y.Reference.Tag()) })
	p := a.printer()
	code := explain.CodeOK
	for _, t := range list {
		p.imageTag(t)
		if t.Err != nil {
			code = explain.CodeUnchecked
		}
	}
	for _, t := range s.Strays() {
		p.stray(t)
	}
	if n := blind(list); n > 0 {
		a.note("note: whether %s signed before, over another digest, cannot be known: the registry shows signatures only to who knows the digest", unsignedTags(n))
	}
	if err := s.TrustProblem(); err != nil {
		a.note("warning: %s", imageword.TrustProblem(err))
		code = explain.CodeUnchecked
	}
	if len(list) == 0 {
		a.note("There are no tags in %s.", repo.String())
	}
	if s.Truncated() {
		a.note("warning: the repository has more tags than the %d that were looked at", len(list))
		code = explain.CodeUnchecked
	}
	if p.err == nil && code != explain.CodeOK {
		return exitCode(code)
	}
	return p.err
}

// blind counts the unsigned tags of which nobody could tell that they have moved.
func blind(list []images.Tag) (n int) {
	for _, t := range list {
		if t.Blind {
			n++
		}
	}
	return n
}

func unsignedTags(n int) string {
	if n == 1 {
		return "the unsigned tag was"
	}
	return "the unsigned tags were"
}

// notePlain says that a registry may be spoken to without TLS.
func (a *app) notePlain(r docker.Repository) {
	if r.PlainHTTP() {
		a.note("note: %s is on this computer or in a private network: without TLS, if it offers none", r.Registry())
	}
}

// imageTag prints one tag of a list.
func (p *printer) imageTag(t images.Tag) {
	if p.json {
		for _, o := range imageObjects(t) {
			p.object(o)
		}
		return
	}
	p.line("%-10s %-20s %-19s  %s", imageword.State(t), t.Reference.Tag(), imageword.Digest(t.Image.Digest), imageword.By(t)+signedBy(t.Verdict())+claimedOn(t.Verdict()))
	if r := imageword.Remark(t); r != "" {
		p.line("           %s", r)
	}
}

// stray prints a signed digest that no tag names.
func (p *printer) stray(t images.Tag) {
	if p.json {
		for _, o := range imageObjects(t) {
			o.Stray = true
			p.object(o)
		}
		return
	}
	as := ""
	if list := t.SignedAs(); len(list) > 0 {
		as = ", signed as " + list[0]
	}
	p.line("%-10s %-20s %-19s  %s", "no tag", "-", imageword.Digest(t.Image.Digest), imageword.By(t)+signedBy(t.Verdict())+as)
}

// claimedOn is when a cosign signature says that it was made: nothing proves it.
func claimedOn(v keys.Verdict) string {
	if !imageword.Claimed(v) {
		return ""
	}
	return ", it says on " + v.Claim.SignedAt.UTC().Format("2006-01-02")
}

func (a *app) imageShowCommand() *cobra.Command {
	var f lookFlags
	c := &cobra.Command{
		Use:   "show REF",
		Short: "Show everything that lies beside an image",
		Long: `Show an image as a registry has it: its digest, its platforms, every signature with
its verdict, and whatever else lies beside it. It does not judge: the exit code
tells only whether the image could be read, and the trust server asked where one
should be.`,
		Args: cobra.ExactArgs(1),
	}
	a.imageKeyFlags(c.Flags(), &f.verifyFlags)
	f.trustFlags.add(a, c.Flags())
	a.jsonFlag(c.Flags(), "print each signature as a line of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := a.look(cmd.Context(), args[0], f)
		if err != nil {
			return err
		}
		if t.Err != nil {
			return t.Err
		}
		p := a.printer()
		p.imageShow(t)
		if p.err == nil && t.TrustErr != nil {
			return exitCode(explain.CodeUnchecked)
		}
		return p.err
	}
	return c
}

// look finds out about one image.
func (a *app) look(ctx context.Context, text string, f lookFlags) (images.Tag, error) {
	ref, err := docker.ParseReference(text)
	if err != nil {
		return images.Tag{}, err
	}
	v, o, err := a.lookWith(ctx, f)
	if err != nil {
		return images.Tag{}, err
	}
	a.notePlain(ref.Repository())
	return images.Look(ctx, v, ref, o)
}

// imageShow prints everything about one image.
func (p *printer) imageShow(t images.Tag) {
	if p.json {
		for _, o := range imageObjects(t) {
			p.object(o)
		}
		return
	}
	for _, l := range imageword.Show(t) {
		p.line("%s", l)
	}
}
