package images

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker/dct"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/dialog"
	"bulla/ui/safetext"
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
		return ending{note: note, stand: true, tell: storyOf(imagedeed.ViewOf(v, "a, then: "))}
	})
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
