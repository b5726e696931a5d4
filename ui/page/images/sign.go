package images

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// sign finds out how the chosen image can be signed, and goes on to the choice.
func (m *Model) sign() tea.Cmd {
	d, ref := m.o.Desk, m.reference()
	return m.begin("asking what can be signed", func(ctx context.Context, _ *errand.Errand) ending {
		p, err := d.Prospects(ctx, ref, ref.Tag() != "")
		return ending{err: err, then: func() tea.Cmd { return m.chooseWays(p) }}
	})
}

// ways are the systems that can sign, in the order of preference: cosign is the default.
func ways(p images.Prospect) (out []images.With) {
	cosign, trust := cosignOff(p) == "", trustOff(p) == ""
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

// cosignOff says why cosign cannot sign, or "".
func cosignOff(p images.Prospect) string {
	switch {
	case p.PushErr != nil:
		return "the registry may not be pushed to (" + kindOf(p.PushErr) + ")"
	case len(p.Keys) == 0:
		return noImageKey
	}
	return ""
}

// trustOff says why Content Trust cannot sign, or "".
func trustOff(p images.Prospect) string {
	switch {
	case p.Image.Reference.Tag() == "":
		return "it signs tags, and this image has none"
	case p.TrustErr != nil:
		return untilDot(explain.Error(p.TrustErr).Headline)
	case p.Trust == nil:
		return "it was not asked"
	case !p.Trust.Released:
		return "the keys at hand sign for " + safetext.Line(strings.Join(p.Trust.Roles, ", ")) + " and may not release a tag"
	}
	return ""
}

// untilDot is a sentence as a part of another one.
func untilDot(s string) string { return safetext.Line(strings.TrimSuffix(s, ".")) }

var wayNames = map[images.With]string{images.WithCosign: "cosign", images.WithContentTrust: "Content Trust", images.WithBoth: "both"}

// keyNames are the image keys, for a choice.
func keyNames(list []images.Key) (names []string) {
	for _, k := range list {
		names = append(names, safetext.Line(filepath.Base(k.Path)))
	}
	return names
}

// chooseWays lets the person choose how to sign.
func (m *Model) chooseWays(p images.Prospect) tea.Cmd {
	list := ways(p)
	off := waysOff(p)
	if len(list) == 0 {
		m.o.Dialogs.Push(notice("Nothing can be signed", append([]string{safetext.Line(p.Image.Reference.String()), ""}, off...)))
		return nil
	}
	var names []string
	for _, w := range list {
		names = append(names, wayNames[w])
	}
	help := "cosign's signature lies in the registry; Content Trust's is on the trust server."
	if len(off) > 0 {
		help = strings.Join(off, " ")
	}
	with := dialog.Choice("with", 0, help, names...)
	fields := []*dialog.Field{with}
	key := dialog.Choice("image key", 0, "The key that signs with cosign.", append(keyNames(p.Keys), "")[:max(1, len(p.Keys))]...)
	recursive := dialog.Tick("the image of each platform too", false, "With cosign, by its own digest, for those who pull one by that. The index itself is signed last.")
	legacy := dialog.Tick("the older form too (.sig)", false, "With cosign. For cosign 2 and older admission controllers. cosign 4 will not read it.")
	if list[0].Cosign() {
		if len(p.Keys) > 1 {
			fields = append(fields, key)
		}
		if p.Image.Index {
			fields = append(fields, recursive)
		}
		fields = append(fields, legacy)
	}
	return m.form("Sign "+tagName(p.Image.Reference), "", fields, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		o := images.SignOrder{Image: p.Image, With: list[with.At()]}
		var k images.Key
		if o.With.Cosign() {
			k = p.Keys[key.At()]
			o.Key, o.Recursive, o.Legacy = k.Path, recursive.On(), legacy.On()
		}
		m.lastLook(p, o, k)
		return "", nil, nil
	})
}

// waysOff says of each system that cannot sign why not, in sentences.
func waysOff(p images.Prospect) (out []string) {
	if why := cosignOff(p); why != "" {
		out = append(out, "Not with cosign: "+why+".")
	}
	if why := trustOff(p); why != "" {
		out = append(out, "Not in Content Trust: "+why+".")
	}
	return out
}

// tagName is an image for a title.
func tagName(ref docker.Reference) string {
	if ref.Tag() == "" {
		return "an image without a tag"
	}
	return safetext.Line(ref.Tag())
}

// lastLook says the digest, the key and where to, before anything is signed.
func (m *Model) lastLook(p images.Prospect, o images.SignOrder, k images.Key) {
	ref := p.Image.Reference
	what := "an image"
	if p.Image.Index {
		what = "an index of " + human.Count(len(p.Image.Platforms), "platform")
	}
	effects := []sheet.Effect{{Label: "what", Text: what}}
	if o.With.Cosign() {
		effects = append(effects, cosignEffects(ref, o, k)...)
	}
	if o.With.ContentTrust() {
		effects = append(effects, trustEffects(p)...)
	}
	for _, mv := range p.Moved {
		effects = append(effects, movedEffects(mv)...)
	}
	effects = append(effects, sheet.Effect{Label: "public", Text: "Signing it is publishing it: others may have the signature at once.", Caution: true})
	m.o.Dialogs.Push(m.look("The last look", ref.String(), []string{p.Image.Digest}, effects, "sign it", func() tea.Cmd { return m.signNow(o) }))
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
		{Label: "before", Text: halves(safetext.Line(mv.From))},
	}
}

func cosignEffects(ref docker.Reference, o images.SignOrder, k images.Key) (out []sheet.Effect) {
	where := safetext.Line(ref.Registry())
	if ref.PlainHTTP() {
		where += " (on this computer or in a private network: without TLS if it offers none)"
	}
	forms := "A bundle, unless this key has one there"
	if o.Legacy {
		forms += ", and the older form under the .sig tag"
	}
	out = append(out, sheet.Effect{Label: "cosign", Text: forms + ", in " + where + "."})
	out = append(out, sheet.Effect{Label: "key", Text: safetext.Line(k.Path)})
	if k.ID != "" {
		out = append(out, sheet.Effect{Key: keys.Fingerprint(k.ID)})
	}
	if o.Recursive {
		out = append(out, sheet.Effect{Label: "platforms", Text: human.Count(len(o.Image.Children), "image") + " of the index too, each by its own digest; the index last."})
	}
	return out
}

func trustEffects(p images.Prospect) (out []sheet.Effect) {
	out = append(out, sheet.Effect{Label: "trust", Text: "The tag in " + safetext.Line(strings.Join(p.Trust.Roles, ", ")) + ", on " + host(p.TrustServer) + "."})
	for _, id := range p.Trust.Keys {
		out = append(out, sheet.Effect{Label: "key", Text: halves(id)})
	}
	for _, c := range p.Trust.State.Root.Certificates {
		out = append(out, sheet.Effect{Label: "root", Text: halves(c.ID)})
	}
	if e, ok := dct.EndOf(p.TrustServer); ok {
		out = append(out, sheet.Effect{Label: "mind", Text: e.Whose + " ends Content Trust on " + human.Date(e.Day) + ": cosign signatures stay in the registry.", Caution: true})
	}
	return out
}

// signNow signs.
func (m *Model) signNow(o images.SignOrder) tea.Cmd {
	d := m.o.Desk
	return m.begin("signing", func(ctx context.Context, e *errand.Errand) ending {
		out, err := d.Sign(ctx, o, face(d, e))
		end := ending{err: err, stand: true}
		if err == nil || out.Public() || moved(err) != nil {
			end.seen = again(ctx, d, o.Image.Reference)
		}
		if err != nil && out.Public() {
			end.left = "Stopped. What was public by then stays: see the list."
			end.tell = partly(out, err)
		}
		if err == nil {
			end.note, end.tell = "Signed.", signedStory(o, out)
		}
		return end
	})
}

// signedStory tells what was signed.
func signedStory(o images.SignOrder, out images.SignedImage) dialog.Dialog {
	return dialog.NewMessage("Signed", func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		s.Text(t.Strong, safetext.Line(o.Image.Reference.String()))
		s.Text(t.Body, o.Image.Digest)
		s.Space()
		made(s, out)
		s.Space()
		s.Text(t.Muted, "It was read back and checked. v shows what the policy makes of it.")
		return s.Lines
	})
}

// made lists the signatures that were made or found.
func made(s *sheet.Sheet, out images.SignedImage) {
	t := s.Theme
	line := func(existing bool, text string) {
		word := "made: "
		if existing {
			word = "there before: "
		}
		s.Lines = append(s.Lines, t.Icon(theme.Done)+" "+layout.Cut(word+safetext.Line(text), s.Width-4, t.Signs.Ellipsis))
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
}

// partly tells what is public beside an error.
func partly(out images.SignedImage, err error) dialog.Dialog {
	x := explain.Error(err)
	return dialog.NewMessage("It was not finished", func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		s.Lines = append(s.Lines, dialog.Explanation(t, x, w)...)
		s.Space()
		s.Text(t.Caution, "Public already:")
		made(s, out)
		s.Space()
		s.Text(t.Muted, "S does the rest: what is signed already is not signed again.")
		return s.Lines
	})
}

// revoke takes the signature of a tag back in Content Trust.
func (m *Model) revoke() tea.Cmd {
	d, ref, view := m.o.Desk, m.reference(), m.standing.trust
	signed, _ := view.State.Tag(ref.Tag())
	var who []string
	for _, g := range signed.Signatures {
		who = append(who, g.Who())
	}
	m.o.Dialogs.Push(m.look("Take back its signature", ref.String(), []string{signed.Digest}, []sheet.Effect{
		{Label: "signed", Text: "By " + safetext.Line(strings.Join(who, ", ")) + "."},
		{Label: "then", Text: "Who pulls by Content Trust is refused the tag. Where a signer whose key is not here has signed it too, it stays signed by them; bulla tells you then."},
		{Label: "where", Text: host(view.Server)},
		{Label: "stays", Text: "The image, its signatures of cosign, and every other tag."},
		{Label: "mind", Text: "It can be signed again. That it was signed, and taken back, stays known to those who looked.", Caution: true},
	}, "take it back", func() tea.Cmd {
		return m.begin("taking the signature back", func(ctx context.Context, e *errand.Errand) ending {
			out, err := d.Revoke(ctx, ref.Tag(), face(d, e))
			if err != nil {
				return ending{err: err, stand: true}
			}
			end := ending{note: "Taken back: " + ref.Tag() + " is signed there no more.", seen: again(ctx, d, ref), stand: true}
			if out.Left != nil {
				end.note = "It is still signed by others."
				end.tell = notice("It is still signed", []string{fmt.Sprintf("%s was taken out of %s, and others still stand under it:", safetext.Line(ref.Tag()), safetext.Line(strings.Join(out.Roles, ", "))), "", safetext.Line(out.Left.Digest)})
			}
			return end
		})
	}))
	return nil
}
