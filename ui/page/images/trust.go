package images

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker/dct"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/imageword"
	"bulla/ui/component/sheet"
	"bulla/ui/dialog"
	"bulla/ui/explain"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
)

// inspect asks the trust server anew, and shows what it says.
func (m *Model) inspect() tea.Cmd { return m.inspectAfter("") }

// inspectAfter is inspect after a change that note tells of.
func (m *Model) inspectAfter(note string) tea.Cmd {
	d := m.o.Desk
	return m.begin("asking the trust server", func(ctx context.Context, _ *errand.Errand) ending {
		v, err := d.Trust(ctx)
		if err != nil {
			return ending{err: err}
		}
		return ending{note: note, stand: true, tell: trustStory(v)}
	})
}

// trustStory shows the trust data of the repository, or why there is none.
func trustStory(v images.TrustView) dialog.Dialog {
	return dialog.NewMessage("Content Trust", func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		s.Text(t.Strong, safetext.Line(v.GUN))
		s.Fact("server", host(v.Server))
		if v.Ending {
			s.Styled("ends", "", t.Caution, "on "+human.Date(v.End.Day)+", says "+v.End.Source+". cosign signatures stay in the registry.")
		}
		if v.State == nil {
			s.Space()
			x := explain.Error(v.Err)
			if v.Untouched() {
				x.Next = []string{"a, then: " + imagedeed.Of(imagedeed.Initialise).Name}
			}
			s.Lines = append(s.Lines, dialog.Explanation(t, x, w)...)
			s.Space()
			rootKeys(s, v)
			return s.Lines
		}
		trustRoots(s, v)
		trustRoles(s, v)
		trustTags(s, "released", v.State.Tags)
		trustTags(s, "signed, and not released", v.State.Pending)
		return s.Lines
	})
}

// trustRoots shows the root keys, and where they live.
func trustRoots(s *sheet.Sheet, v images.TrustView) {
	t := s.Theme
	for _, r := range v.Roots {
		s.Space()
		s.Text(t.Strong, "Root certificate, which others pin")
		s.Text(t.Body, r.ID)
		s.Text(t.Muted, "its key")
		s.Text(t.Body, r.KeyID)
		if r.Path == "" {
			s.Styled("lives", "", t.Caution, "not in "+safetext.Line(v.Dir))
		} else {
			s.Fact("lives", safetext.Line(r.Path))
		}
		if r.Path != "" || r.Custody.Backup != "" {
			custody(s, r.Custody)
		}
	}
	s.Fact("until", human.Date(v.State.Root.Expires))
	if v.State.Rotated {
		s.Styled("mind", "", t.Caution, "It was replaced since it was pinned, with the old one's signature: pin the present one.")
	}
}

// custody says what is known of a root key's backup.
func custody(s *sheet.Sheet, c dct.Custody) {
	text, opened := imageword.Backup(c)
	style := s.Theme.Body
	if !opened {
		style = s.Theme.Caution
	}
	s.Styled("backup", "", style, text)
}

// rootKeys shows the root keys at hand, where no trust data names one.
func rootKeys(s *sheet.Sheet, v images.TrustView) {
	list := v.RootKeys()
	if len(list) == 0 {
		s.Fact("root keys", "none in "+safetext.Line(v.Dir))
		return
	}
	for _, k := range list {
		s.Fact("root key", safetext.Line(k.Path))
		custody(s, k.Backup)
	}
}

// trustRoles shows who may sign.
func trustRoles(s *sheet.Sheet, v images.TrustView) {
	ids := func(list []string) {
		for _, id := range list {
			here := ""
			if v.Held(id) {
				here = ", at hand"
			}
			s.Fact("", short(id)+s.Theme.Signs.Ellipsis+here)
		}
	}
	s.Space()
	for _, r := range v.State.Roles {
		if r.Name == "targets" || r.Name == "snapshot" || r.Name == "timestamp" {
			s.Fact(r.Name, "until "+human.Date(r.Expires))
			ids(r.KeyIDs)
		}
	}
	for _, g := range v.State.Signers {
		s.Fact("signer", safetext.Line(g.Name))
		ids(g.KeyIDs)
	}
	for _, name := range v.State.Broken {
		s.Styled("mind", "", s.Theme.Caution, safetext.Line(name)+" counts for nothing: it has expired, or no valid signature is under it.")
	}
}

func trustTags(s *sheet.Sheet, title string, tags []dct.Tag) {
	if len(tags) == 0 {
		if title == "released" {
			s.Space()
			s.Text(s.Theme.Muted, "No tag is released.")
		}
		return
	}
	s.Space()
	s.Text(s.Theme.Strong, human.Count(len(tags), "tag")+" "+title)
	for _, tag := range tags {
		var who []string
		for _, g := range tag.Signatures {
			who = append(who, g.Who())
		}
		s.Text(s.Theme.Body, safetext.Line(tag.Name+", by "+strings.Join(who, ", ")))
		s.Text(s.Theme.Muted, safetext.Line(tag.Digest))
	}
}

// inTrust is the Content Trust of the repository, for jobs.
func (m *Model) inTrust() imagedeed.Trust {
	return imagedeed.Trust{Desk: m.o.Desk, Name: m.o.Name, View: m.standing.Trust}
}

// initialise leads to a root key whose backup was tried, and gives it to the repository.
func (m *Model) initialise() tea.Cmd {
	return m.toRoot(imagedeed.RootWay{Keeper: m.o.Desk, Can: m.o.Desk.CanInitialize}, "", func(k dct.Key) tea.Cmd {
		return m.propose(m.inTrust().Initialise(k), nil)
	})
}

// rotateRoot replaces the root key by another one at hand, whose backup was tried.
func (m *Model) rotateRoot() tea.Cmd {
	return m.toRoot(imagedeed.RootWay{Keeper: m.o.Desk, Not: m.inTrust().RootIDs()}, "", func(k dct.Key) tea.Cmd {
		return m.propose(m.inTrust().RotateRoot(k), nil)
	})
}

// rotateTargets replaces the targets key.
func (m *Model) rotateTargets() tea.Cmd { return m.propose(m.inTrust().RotateTargets(), nil) }

// addSigner lets somebody sign.
func (m *Model) addSigner() tea.Cmd {
	name := dialog.Text("name", "", "for example alice", imagedeed.SignerName+" It is public.")
	file := dialog.Text("public key", "", "for example alice.pub", "Their .pub file, as docker trust key generate writes it. It comes from them in a way that you trust.")
	return m.form("Let somebody sign its tags", "", []*dialog.Field{name, file}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		if name.Value() == "" {
			return "Name the signer.", name, nil
		}
		who, path := name.Value(), m.o.Path(file.Value())
		return "", nil, m.begin("reading the public key", func(ctx context.Context, _ *errand.Errand) ending {
			pub, err := imagedeed.Aside(ctx, func() (dct.PublicKey, error) { return dct.ReadPublicKey(path) })
			return ending{err: err, then: func() tea.Cmd { return m.propose(m.inTrust().AddSigner(who, pub), nil) }}
		})
	})
}

// removeSigner takes the right to sign.
func (m *Model) removeSigner() tea.Cmd {
	var items []dialog.Item
	for _, g := range m.standing.Trust.State.Signers {
		items = append(items, dialog.Item{Name: safetext.Line(g.Name), About: human.Count(len(g.KeyIDs), "key") + ".", Do: func() tea.Cmd {
			return m.propose(m.inTrust().RemoveSigner(g), nil)
		}})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Who may sign no more?", items))
	return nil
}

// mendReleases signs the list of released tags again.
func (m *Model) mendReleases() tea.Cmd {
	drop := dialog.Tick(imagedeed.DropReleases, false, imagedeed.DropReleasesHelp)
	return m.form("Sign the list of released tags again", "", []*dialog.Field{drop}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		return "", nil, m.propose(m.inTrust().SignReleasesAgain(drop.On()), nil)
	})
}
