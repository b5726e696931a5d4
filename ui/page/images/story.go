package images

import (
	"time"

	"github.com/charmbracelet/lipgloss"

	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
	"bulla/ui/component/verdictsign"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// style is the colour of a state.
func style(t theme.Theme, state string) lipgloss.Style {
	switch state {
	case "signed", string(keys.StatusGood), string(keys.StatusGoodExpiredSince):
		return t.Good
	case "unsigned", "not read", "unknown", "no tag", string(keys.StatusUnsupported), string(keys.StatusNotChecked):
		return t.Muted
	case "no key", "weak", string(keys.StatusUnknownKey):
		return t.Caution
	}
	return t.Bad
}

// story tells everything about one row.
func story(t theme.Theme, r *row, w int, now time.Time) []string {
	s := &sheet.Sheet{Theme: t, Width: w}
	name := safetext.Line(r.name)
	if r.name == "" {
		name = "a signed image without a tag"
	}
	s.Lines = append(s.Lines, t.Strong.Render(layout.Cut(name, w, t.Signs.Ellipsis)))
	if !r.judged {
		s.Space()
		s.Text(t.Body, "It was not looked at yet.")
		return s.Lines
	}
	img := r.tag.Image
	s.Fact("digest", img.Digest)
	if img.MediaType != "" {
		what := "image"
		if img.Index {
			what = "index of " + human.Count(len(img.Platforms), "platform")
		}
		s.Fact("what", what)
	}
	for i, v := range r.tag.Verdicts() {
		s.Space()
		signature(s, r.tag, i, v, now)
	}
	if remarks := imageword.Remarks(r.tag); len(remarks) > 0 {
		s.Space()
		for _, text := range remarks {
			s.Text(t.Caution, text)
		}
	}
	platforms(s, r.tag)
	return s.Lines
}

// signature tells about one signature, or that there is none.
func signature(s *sheet.Sheet, tag images.Tag, i int, v keys.Verdict, now time.Time) {
	t := s.Theme
	var sig cosign.Signed
	what := ""
	switch {
	case i < len(tag.Cosign.Signatures) && tag.Err == nil:
		sig = tag.Cosign.Signatures[i]
		what = ", " + imageword.Form(sig.Form)
	case (tag.Trust != nil || tag.TrustErr != nil) && tag.Err == nil:
		what = ", Content Trust"
	}
	s.Lines = append(s.Lines, t.Icon(verdictsign.State(v))+" "+style(t, string(v.Status)).Render(layout.Cut(string(v.Status)+what, s.Width-4, t.Signs.Ellipsis)))
	s.Text(t.Body, safetext.Line(v.Reason))
	if g := v.Signer; g != nil {
		for _, id := range g.UserIDs {
			s.Fact("signer", safetext.Line(id))
		}
		s.Key("key", g.Fingerprint)
	} else if v.Claim.Fingerprint != "" {
		s.Key("claims", v.Claim.Fingerprint)
	}
	if at := v.Claim.SignedAt; !at.IsZero() {
		s.Fact("it says", "made on "+human.Date(at)+ago(now, at))
	}
	s.Fact("as tag", safetext.Line(sig.Tag))
	s.Fact("policy", safetext.Line(v.PolicyReason))
}

func ago(now, at time.Time) string {
	if at.After(now) {
		return ", which is in the future"
	}
	return ", " + human.Span(now.Sub(at)) + " ago"
}

// platforms lists the images of an index.
func platforms(s *sheet.Sheet, tag images.Tag) {
	if len(tag.Children) == 0 {
		return
	}
	s.Space()
	for _, c := range tag.Children {
		text := "by the index only"
		switch {
		case c.Err != nil:
			text = "not looked at"
		case c.Signed:
			text = "signed on its own too"
		}
		s.Fact("", safetext.Line(c.Platform)+": "+text)
	}
}
