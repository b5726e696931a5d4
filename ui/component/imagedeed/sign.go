package imagedeed

import (
	"context"
	"errors"
	"strings"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/ui/component/sheet"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// Signing is an image that is to be signed, in the words of a face.
type Signing struct {
	Desk    Desk
	Can     images.Prospect
	MakeKey string // as Standing.MakesKey; "" where a key is made on the way
	// Gate and Again are what a person types to have the policy decide, and to sign once more.
	Gate, Again string
}

// Ways are the systems that can sign, in the order of preference: cosign is the default.
func (s Signing) Ways() (out []images.With) {
	cosign, trust := s.cosignOff() == "", s.trustOff() == ""
	if cosign {
		out = append(out, images.WithCosign)
	}
	if cosign && trust {
		out = append(out, images.WithBoth)
	}
	if trust {
		out = append(out, images.WithContentTrust)
	}
	return out
}

// WayName is a way to sign, in a word or two.
func WayName(w images.With) string {
	return map[images.With]string{images.WithCosign: "cosign", images.WithContentTrust: "Content Trust", images.WithBoth: "both"}[w]
}

// The questions before an image is signed.
const (
	WhereWays     = "cosign's signature lies in the registry; Content Trust's is on the trust server."
	Recursive     = "the image of each platform too"
	RecursiveHelp = "With cosign, by its own digest, for those who pull one by that. The index itself is signed last."
	Legacy        = "the older form too (.sig)"
	LegacyHelp    = "With cosign. For cosign 2 and older admission controllers. cosign 4 will not read it."
)

// cosignOff says why cosign cannot sign, or "".
func (s Signing) cosignOff() string {
	switch {
	case s.Can.PushErr != nil:
		return noPush(s.Can.PushErr)
	case len(s.Can.Keys) == 0 && s.MakeKey != "":
		return noImageKey(s.MakeKey)
	}
	return ""
}

// trustOff says why Content Trust cannot sign, or "".
func (s Signing) trustOff() string {
	p := s.Can
	switch {
	case p.Image.Reference.Tag() == "":
		return "it signs tags, and this image has none"
	case p.TrustErr != nil:
		return safetext.Line(strings.TrimSuffix(explain.Error(p.TrustErr).Headline, "."))
	case p.Trust == nil:
		return "it was not asked"
	case !p.Trust.Released:
		return "the keys at hand sign for " + safetext.Line(strings.Join(p.Trust.Roles, ", ")) + " and may not release a tag"
	}
	return ""
}

// Untouched reports whether nobody uses Content Trust for the repository: then nobody misses it.
func (s Signing) Untouched() bool {
	var none *dct.NotInitializedError
	return errors.As(s.Can.TrustErr, &none) && !none.Known
}

// Off says of each system that cannot sign why not, in sentences.
func (s Signing) Off() (out []string) {
	if why := s.cosignOff(); why != "" {
		out = append(out, "Not with cosign: "+why+".")
	}
	if why := s.trustOff(); why != "" {
		out = append(out, "Not in Content Trust: "+why+".")
	}
	return out
}

// TagName is an image for a title.
func TagName(ref docker.Reference) string {
	if ref.Tag() == "" {
		return "an image without a tag"
	}
	return safetext.Line(ref.Tag())
}

// Sign signs the image: the digest, the key and where to are said before.
func (s Signing) Sign(o images.SignOrder) Job {
	o.Image = s.Can.Image
	what := "an image"
	if o.Image.Index {
		what = "an index of " + human.Count(len(o.Image.Platforms), "platform")
	}
	effects := []sheet.Effect{{Label: "what", Text: what}}
	if o.With.Cosign() {
		effects = append(effects, s.cosignEffects(o)...)
	}
	if o.With.ContentTrust() {
		effects = append(effects, s.trustEffects()...)
	}
	for _, mv := range s.Can.Moved {
		effects = append(effects, movedEffects(mv)...)
	}
	effects = append(effects, sheet.Effect{Label: "public", Text: "Signing it is publishing it: others may have the signature at once.", Caution: true})
	return Job{
		Title: "The last look", Name: o.Image.Reference.String(), IDs: []string{o.Image.Digest}, Effects: effects, Yes: "sign it", Doing: "signing",
		Do: func(ctx context.Context, p Person) (Outcome, error) { return s.signed(ctx, o, p) },
	}
}

func (s Signing) signed(ctx context.Context, o images.SignOrder, p Person) (out Outcome, err error) {
	done, err := s.Desk.Sign(ctx, o, p.Face)
	var moved *docker.MovedError
	if err == nil || done.Public() || errors.As(err, &moved) {
		out.Seen = []docker.Reference{o.Image.Reference}
	}
	switch {
	case err == nil:
		out.Note = "Signed."
		rows := append([]Row{head(safetext.Line(o.Image.Reference.String())), para(o.Image.Digest), space()}, made(done)...)
		out.Story = Story{"Signed", append(rows, space(), small("It was read back and checked. "+s.Gate+" shows what the policy makes of it."))}
	case done.Public():
		out.Left, out.Told = "Stopped. What was public by then stays: see the list.", true
		rows := append([]Row{space(), mind("Public already:")}, made(done)...)
		out.Story = Story{"It was not finished", append(rows, space(), small(s.Again+" does the rest: what is signed already is not signed again."))}
	}
	return out, err
}

// movedEffects tell of a tag that was signed over another digest than the one that it is at now, which
// stands above.
func movedEffects(mv images.Move) []sheet.Effect {
	since := "it was signed"
	if mv.Release != "" {
		since = "release " + safetext.Line(mv.Release) + " recorded it"
	}
	return []sheet.Effect{
		{Label: "mind", Text: "The tag has moved to this digest since " + since + ". " + imageword.SignMoved, Caution: true},
		{Label: "before", ID: safetext.Line(mv.From)},
	}
}

func (s Signing) cosignEffects(o images.SignOrder) (out []sheet.Effect) {
	ref := s.Can.Image.Reference
	where := safetext.Line(ref.Registry())
	if ref.PlainHTTP() {
		where += " (on this computer or in a private network: without TLS if it offers none)"
	}
	forms := "A bundle, unless this key has one there"
	if o.Legacy {
		forms += ", and the older form under the .sig tag"
	}
	out = append(out, sheet.Effect{Label: "cosign", Text: forms + ", in " + where + "."}, sheet.Effect{Label: "key", Text: safetext.Line(o.Key)})
	for _, k := range s.Can.Keys {
		if k.Path == o.Key && k.ID != "" {
			out = append(out, sheet.Effect{Key: keys.Fingerprint(k.ID)})
		}
	}
	if o.Recursive {
		out = append(out, sheet.Effect{Label: "platforms", Text: human.Count(len(o.Image.Children), "image") + " of the index too, each by its own digest; the index last."})
	}
	return out
}

func (s Signing) trustEffects() (out []sheet.Effect) {
	p := s.Can
	already := ""
	if p.Trust.Existing {
		already = " It is signed so already."
	}
	out = append(out, sheet.Effect{Label: "trust", Text: "The tag in " + safetext.Line(strings.Join(p.Trust.Roles, ", ")) + ", on " + host(p.TrustServer) + "." + already})
	for _, id := range p.Trust.Keys {
		out = append(out, sheet.Effect{Label: "key", ID: id})
	}
	for _, c := range p.Trust.State.Root.Certificates {
		out = append(out, sheet.Effect{Label: "root", ID: c.ID})
	}
	if e, ok := dct.EndOf(p.TrustServer); ok {
		out = append(out, sheet.Effect{Label: "mind", Text: e.Whose + " ends Content Trust on " + human.Date(e.Day) + ": cosign signatures stay in the registry.", Caution: true})
	}
	return out
}

// made lists the signatures that were made or found.
func made(out images.SignedImage) (rows []Row) {
	line := func(existing bool, text string) {
		word := "made: "
		if existing {
			word = "there before: "
		}
		rows = append(rows, mark(theme.Done, word+safetext.Line(text)))
	}
	if g := out.Trust; g != nil {
		line(g.Existing, "Content Trust, in "+strings.Join(g.Roles, ", "))
	}
	for _, c := range out.Cosign {
		what := imageword.Form(c.Form)
		if c.Platform != "" {
			what += ", " + c.Platform
		}
		line(c.Existing, what)
	}
	return rows
}
