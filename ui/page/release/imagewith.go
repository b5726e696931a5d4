package release

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/finding"
	"bulla/workflow/images"
)

// This file is the choice of the systems that sign: cosign, Content Trust, or both, as far as the
// registry and the trust server of each image allow it.

// unshowable is why the tags of an image's repository cannot be shown, or "".
func (r *imageRoom) unshowable() string {
	switch i := r.list.At(); {
	case !r.o.CanShowImages:
		return "there is no page for them here"
	case i >= len(r.images):
		return "there is no image"
	case !r.images[i].done:
		return "the registry has not given the image"
	}
	return ""
}

// show leads to the tags of the repository of the image under the cursor.
func (r *imageRoom) show() {
	if why := r.unshowable(); why != "" {
		r.note = capitalized(why) + "."
		return
	}
	r.repository = r.images[r.list.At()].image.Reference.Repository().String()
}

type imageOffered struct {
	id    int
	offer images.Offer
	err   error
}

// ask finds out how a resolved image can be signed.
func (r *imageRoom) ask(row *imageRow) tea.Cmd {
	ctx, id := r.begin(&row.offering)
	row.offer, row.offerErr = nil, nil
	backend, choices, image := r.backend, r.choices, row.image
	choices.ImageWith = r.with
	return func() tea.Msg {
		o, err := backend.OfferImage(ctx, choices, image)
		return imageOffered{id, o, err}
	}
}

func (r *imageRoom) offered(m imageOffered) {
	for _, row := range r.images {
		if !row.offering.end(m.id) {
			continue
		}
		if row.offerErr = m.err; m.err == nil {
			row.offer = &m.offer
		}
	}
}

// initialWith is what the command line or the configuration says.
func (r *imageRoom) initialWith() images.With {
	for _, w := range []images.With{r.choices.ImageWith, images.With(r.config.Release.ImageWith)} {
		if w != "" {
			return w
		}
	}
	return images.WithCosign
}

// withoutTrust is why Content Trust cannot be chosen, or "".
func (r *imageRoom) withoutTrust() string {
	if len(r.images) == 0 {
		return "there is no image"
	}
	for _, row := range r.images {
		switch {
		case row.task.active, row.offering.active:
			return "the trust server has not answered yet"
		case row.offer == nil || row.offer.ContentTrust == nil:
			return "Content Trust cannot sign here yet"
		}
	}
	return ""
}

// change goes on to the next way to sign, or tells why there is no other.
func (r *imageRoom) change() {
	if why := r.withoutTrust(); why != "" && r.with == images.WithCosign {
		if !r.trustStory() {
			r.note = capitalized(why) + "."
		}
		return
	}
	r.with = map[images.With]images.With{
		images.WithCosign: images.WithBoth, images.WithBoth: images.WithContentTrust, images.WithContentTrust: images.WithCosign,
	}[r.with]
}

// trustStory opens a box with what is in the way of Content Trust, and reports whether there is
// anything to tell.
func (r *imageRoom) trustStory() bool {
	var list []finding.Finding
	for _, row := range r.images {
		if row.offer != nil && row.offer.ContentTrust == nil {
			list = append(list, row.offer.Problem)
		}
	}
	if len(list) == 0 {
		return false
	}
	r.dialogs().Push(dialog.NewMessage("Content Trust cannot sign here", func(t theme.Theme, w int) []string {
		var out []string
		for _, f := range list {
			out = append(out, layout.Wrap(safetext.Line(f.Message), w)...)
			for _, l := range layout.Wrap(safetext.Line(f.Hint), w-2) {
				out = append(out, "  "+t.Muted.Render(l))
			}
			out = append(out, "")
		}
		return append(out, layout.Wrap("cosign signs without it. Once that is done in another terminal, r asks again.", w)...)
	}))
	return true
}

// takes is the line that says how an image can be signed.
func (r *imageRoom) takes(row *imageRow, w int) string {
	t := r.theme
	switch {
	case row.offering.active:
		return r.waiting(row.offering, "asking how it can be signed…")
	case row.offer == nil:
		return ""
	case row.offer.MayNotPush() != nil && r.with.Cosign():
		return t.Caution.Render(layout.Cut("! you may not push here, which cosign needs", w, t.Signs.Ellipsis))
	case row.offer.ContentTrust == nil && r.with.ContentTrust():
		return t.Caution.Render(layout.Cut("! "+safetext.Line(row.offer.Problem.Message), w, t.Signs.Ellipsis))
	case row.offer.ContentTrust != nil:
		return t.Muted.Render(layout.Cut("takes cosign, Content Trust, or both", w, t.Signs.Ellipsis))
	}
	return t.Muted.Render("takes cosign")
}

// withLines say how all images are signed.
func (r *imageRoom) withLines(w int) []string {
	t := r.theme
	text := map[images.With]string{images.WithCosign: "cosign", images.WithContentTrust: "Content Trust", images.WithBoth: "cosign and Content Trust"}[r.with]
	hint := "changes it"
	if r.with == images.WithCosign && r.withoutTrust() != "" {
		hint = "why only cosign"
	}
	out := []string{layout.Cut(t.Muted.Render("signed by ")+text+"  "+t.Accent.Render("t")+" "+t.Muted.Render(hint), w, t.Signs.Ellipsis)}
	if servers := r.trustServers(); servers != "" && r.with.ContentTrust() {
		out = append(out, layout.Cut(t.Muted.Render("on        ")+servers, w, t.Signs.Ellipsis))
	}
	return out
}

// trustServers are the hosts of the trust servers that sign.
func (r *imageRoom) trustServers() string {
	var hosts []string
	for _, row := range r.images {
		if row.offer == nil || row.offer.ContentTrust == nil {
			continue
		}
		host := safetext.Line(strings.TrimPrefix(row.offer.ContentTrust.Server, "https://"))
		if len(hosts) == 0 || hosts[len(hosts)-1] != host {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ", ")
}

// offerDetail is what the doctor says of the registry, and how Content Trust would sign.
func (r *imageRoom) offerDetail(row *imageRow, w int) (out []string) {
	t := r.theme
	if row.offer == nil {
		return nil
	}
	if trust := row.offer.ContentTrust; trust != nil {
		out = append(out, "", t.Muted.Render("Content Trust"))
		out = append(out, layout.Wrap(safetext.Line(trust.Server), w)...)
		out = append(out, layout.Wrap("as "+safetext.Line(strings.Join(trust.Roles, ", ")), w)...)
	}
	out = append(out, "", t.Muted.Render("Registry"))
	for _, f := range row.offer.Registry {
		style := t.Body
		if f.Severity != finding.Info {
			style = t.Caution
		}
		for i, l := range layout.Wrap(safetext.Line(f.Message), w-2) {
			mark := "  "
			if i == 0 {
				mark = t.Signs.Bullet + " "
			}
			out = append(out, mark+style.Render(l))
		}
	}
	return out
}
