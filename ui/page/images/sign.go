package images

import (
	"context"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/errand"
	"bulla/ui/component/imagedeed"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// sign finds out how the chosen image can be signed, and goes on to the choice.
func (m *Model) sign() tea.Cmd {
	d, ref := m.o.Desk, m.reference()
	return m.begin("asking what can be signed", func(ctx context.Context, _ *errand.Errand) ending {
		p, err := d.Prospects(ctx, ref, ref.Tag() != "")
		return ending{err: err, then: func() tea.Cmd {
			return m.chooseWays(imagedeed.Signing{Desk: d, Can: p, MakeKey: m.standing.MakesKey, Gate: "v", Again: "S"})
		}}
	})
}

// keyNames are the image keys, for a choice.
func keyNames(list []images.Key) (names []string) {
	for _, k := range list {
		names = append(names, safetext.Line(filepath.Base(k.Path)))
	}
	return names
}

// chooseWays lets the person choose how to sign.
func (m *Model) chooseWays(s imagedeed.Signing) tea.Cmd {
	list, off, p := s.Ways(), s.Off(), s.Can
	if len(list) == 0 {
		m.o.Dialogs.Push(notice("Nothing can be signed", append([]string{safetext.Line(p.Image.Reference.String()), ""}, off...)))
		return nil
	}
	var names []string
	for _, w := range list {
		names = append(names, imagedeed.WayName(w))
	}
	help := imagedeed.WhereWays
	if len(off) > 0 {
		help = strings.Join(off, " ")
	}
	with := dialog.Choice("with", 0, help, names...)
	fields := []*dialog.Field{with}
	key := dialog.Choice("image key", 0, "The key that signs with cosign.", append(keyNames(p.Keys), "")[:max(1, len(p.Keys))]...)
	recursive := dialog.Tick(imagedeed.Recursive, false, imagedeed.RecursiveHelp)
	legacy := dialog.Tick(imagedeed.Legacy, false, imagedeed.LegacyHelp)
	if list[0].Cosign() {
		byCosign := func() bool { return list[with.At()].Cosign() }
		if len(p.Keys) > 1 {
			fields = append(fields, key.When(byCosign))
		}
		if p.Image.Index {
			fields = append(fields, recursive.When(byCosign))
		}
		fields = append(fields, legacy.When(byCosign))
	}
	return m.form("Sign "+imagedeed.TagName(p.Image.Reference), "", fields, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		o := images.SignOrder{With: list[with.At()]}
		if o.With.Cosign() {
			o.Key, o.Recursive, o.Legacy = p.Keys[key.At()].Path, recursive.On(), legacy.On()
		}
		return "", nil, m.propose(s.Sign(o), nil)
	})
}

// revoke takes the signature of a tag back in Content Trust.
func (m *Model) revoke() tea.Cmd { return m.propose(m.inTrust().Revoke(m.reference()), nil) }
