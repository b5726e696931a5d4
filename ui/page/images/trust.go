package images

import (
	"context"
	"errors"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker/dct"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
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
				x.Next = []string{"a, then: " + deeds[initialise].name}
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

// changeTrust begins a change of the trust data that a person agreed to.
func (m *Model) changeTrust(doing, note string, work func(ctx context.Context, d Desk, f images.Face) (*dct.State, error)) tea.Cmd {
	d := m.o.Desk
	return m.begin(doing, func(ctx context.Context, e *errand.Errand) ending {
		s, err := work(ctx, d, face(d, e))
		end := ending{err: err, note: note, stand: true}
		var pin *images.PinError
		if err == nil || errors.As(err, &pin) {
			end.anew = true
		}
		if err == nil && s != nil {
			end.then = func() tea.Cmd { return m.inspectAfter(note) }
		}
		return end
	})
}

// initialise leads to a root key whose backup was tried, and gives it to the repository.
func (m *Model) initialise() tea.Cmd { return m.initialiseWith("") }

func (m *Model) initialiseWith(root string) tea.Cmd {
	d := m.o.Desk
	return m.begin("looking for a root key", func(ctx context.Context, _ *errand.Errand) ending {
		list, err := d.TrustKeys()
		if err != nil {
			return ending{err: err}
		}
		roots := images.TrustView{Keys: list}.RootKeys()
		if root == "" && len(roots) == 1 {
			root = roots[0].ID
		}
		err = d.CanInitialize(ctx, root)
		var untried *dct.CustodyError
		switch {
		case len(roots) == 0:
			return ending{then: func() tea.Cmd { return m.makeRoot(m.initialiseWith) }}
		case root == "":
			return ending{then: func() tea.Cmd { return m.chooseRoot(roots, m.initialiseWith) }}
		case errors.As(err, &untried):
			return ending{then: func() tea.Cmd { return m.intoCustody(untried.KeyID, untried.Backup, m.initialiseWith) }}
		case err != nil:
			return ending{err: err, stand: true}
		}
		return ending{then: func() tea.Cmd { return m.lastLookRoot(keyOf(list, root)) }}
	})
}

// lastLookRoot is the last look before a repository gets its root key.
func (m *Model) lastLookRoot(key dct.Key) tea.Cmd {
	v, root := m.standing.trust, key.ID
	effects := []sheet.Effect{
		{Label: "lives", Text: safetext.Line(key.Path)},
		rehearsed(key),
		{Label: "with it", Text: "A targets key is made beside it, under a passphrase that you type. The server keeps the keys for snapshot and timestamp."},
		{Label: "where", Text: host(v.Server)},
		{Label: "pinned", Text: "Its certificate is pinned here; give its id to those who verify."},
		{Label: "mind", Text: "It is for good: whoever has pinned it refuses whatever comes without its signature. A lost root key can never be replaced.", Caution: true},
	}
	if v.Ending {
		effects = append(effects, sheet.Effect{Label: "mind", Text: v.End.Whose + " ends Content Trust on " + human.Date(v.End.Day) + ".", Caution: true})
	}
	m.o.Dialogs.Push(m.look("Give it its root key", v.GUN, []string{root}, effects, "give it its root key", func() tea.Cmd {
		return m.changeTrust("publishing the root", "The repository has its root key, and it is pinned here.", func(ctx context.Context, d Desk, f images.Face) (*dct.State, error) {
			return d.InitializeTrust(ctx, root, f)
		})
	}).Typed(root[len(root)-8:], root[len(root)-8:]+", the end of the root key's id,"))
	return nil
}

// rehearsed tells of the backup of a root key that was tried.
func rehearsed(k dct.Key) sheet.Effect {
	return sheet.Effect{Label: "backup", Text: "It was opened on " + human.Date(k.Backup.Rehearsed) + ", and signs as this key: " + safetext.Line(k.Backup.Backup)}
}

// keyOf is the key with an id.
func keyOf(list []dct.Key, id string) dct.Key {
	if i := slices.IndexFunc(list, func(k dct.Key) bool { return k.ID == id }); i >= 0 {
		return list[i]
	}
	return dct.Key{ID: id}
}

// addSigner lets somebody sign.
func (m *Model) addSigner() tea.Cmd {
	name := dialog.Text("name", "", "for example alice", "Lower-case letters, digits, dashes and underscores. It is public.")
	file := dialog.Text("public key", "", "for example alice.pub", "Their .pub file, as docker trust key generate writes it. It comes from them in a way that you trust.")
	return m.form("Let somebody sign its tags", "", []*dialog.Field{name, file}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		if name.Value() == "" {
			return "Name the signer.", name, nil
		}
		who, path := name.Value(), m.o.Path(file.Value())
		return "", nil, m.begin("reading the public key", func(ctx context.Context, _ *errand.Errand) ending {
			pub, err := aside(ctx, func() (dct.PublicKey, error) { return dct.ReadPublicKey(path) })
			return ending{err: err, then: func() tea.Cmd { return m.lastLookSigner(who, pub) }}
		})
	})
}

// lastLookSigner is the last look before somebody may sign.
func (m *Model) lastLookSigner(who string, pub dct.PublicKey) tea.Cmd {
	v := m.standing.trust
	effects := []sheet.Effect{
		{Label: "key", Text: halves(pub.ID) + " (" + safetext.Line(pub.Algorithm) + ")"},
		{Label: "then", Text: "Whoever has its private half may sign every tag of the repository, and release it."},
		{Label: "where", Text: host(v.Server)},
	}
	if len(v.State.Signers) == 0 {
		effects = append(effects, sheet.Effect{Label: "mind", Text: "It is the first signer: from then on signers' keys sign new tags, and no longer the repository's targets key.", Caution: true})
	}
	m.o.Dialogs.Push(m.look("Let "+safetext.Line(who)+" sign", v.GUN, nil, effects, "let them sign", func() tea.Cmd {
		return m.changeTrust("adding the signer", who+" may sign now.", func(ctx context.Context, d Desk, f images.Face) (*dct.State, error) {
			s, _, err := d.AddSigner(ctx, who, []dct.PublicKey{pub}, f)
			return s, err
		})
	}))
	return nil
}

// removeSigner takes the right to sign.
func (m *Model) removeSigner() tea.Cmd {
	v := m.standing.trust
	var items []dialog.Item
	for _, g := range v.State.Signers {
		items = append(items, dialog.Item{Name: safetext.Line(g.Name), About: human.Count(len(g.KeyIDs), "key") + ".", Do: func() tea.Cmd { return m.removeThis(g) }})
	}
	m.o.Dialogs.Push(dialog.NewMenu("Who may sign no more?", items))
	return nil
}

func (m *Model) removeThis(g dct.Signer) tea.Cmd {
	v := m.standing.trust
	last := len(v.State.Signers) == 1
	effects := []sheet.Effect{
		{Label: "then", Text: safetext.Line(g.Name) + " may sign no tag of it any more, and what only they had signed is signed by them no more."},
		{Label: "stays", Text: "What was released, where another signer's key is at hand to stand under it."},
		{Label: "where", Text: host(v.Server)},
	}
	if last {
		effects[1] = sheet.Effect{Label: "mind", Text: "It is the last signer: what is in the list of released tags is released no more. What the repository's targets key had signed before counts again, and it signs from then on.", Caution: true}
	}
	look := m.look("Remove "+safetext.Line(g.Name), v.GUN, nil, effects, "remove them", func() tea.Cmd {
		return m.changeTrust("removing the signer", g.Name+" may sign no more.", func(ctx context.Context, d Desk, f images.Face) (*dct.State, error) {
			return d.RemoveSigner(ctx, g.Name, last, f)
		})
	})
	if last {
		look.Typed(safetext.Line(g.Name), safetext.Line(g.Name)+", the signer's name,")
	}
	m.o.Dialogs.Push(look)
	return nil
}

// rotateTargets replaces the targets key.
func (m *Model) rotateTargets() tea.Cmd {
	v := m.standing.trust
	m.o.Dialogs.Push(m.look("Replace its targets key", v.GUN, nil, []sheet.Effect{
		{Label: "then", Text: "A new targets key is made in " + safetext.Line(v.Dir) + ", under a passphrase that you type, and the root key signs that it counts."},
		{Label: "needs", Text: "The passphrase of the root key" + rootLives(v) + "."},
		{Label: "stays", Text: "The root that others have pinned, the signers, and the file of the old key."},
		{Label: "where", Text: host(v.Server)},
	}, "replace it", func() tea.Cmd {
		return m.changeTrust("replacing the targets key", "The targets key is a new one.", func(ctx context.Context, d Desk, f images.Face) (*dct.State, error) {
			return d.RotateTargets(ctx, f)
		})
	}))
	return nil
}

// rootLives says where the root key is, for a sentence.
func rootLives(v images.TrustView) string {
	for _, r := range v.Roots {
		if r.Path != "" {
			return ", " + safetext.Line(r.Path)
		}
	}
	return ", which is not in " + safetext.Line(v.Dir)
}

// otherRoots are the root keys at hand that are not the repository's.
func (m *Model) otherRoots() []dct.Key {
	v := m.standing.trust
	return slices.DeleteFunc(v.RootKeys(), func(k dct.Key) bool {
		return slices.ContainsFunc(v.Roots, func(r images.RootPlace) bool { return r.KeyID == k.ID })
	})
}

// rotateRoot replaces the root key by another one at hand, whose backup was tried.
func (m *Model) rotateRoot() tea.Cmd {
	list := m.otherRoots()
	if len(list) > 1 {
		return m.chooseRoot(list, m.rotateRootTo)
	}
	return m.rotateRootTo(list[0].ID)
}

func (m *Model) rotateRootTo(id string) tea.Cmd {
	d := m.o.Desk
	return m.begin("looking at the new root key", func(context.Context, *errand.Errand) ending {
		list, err := d.TrustKeys()
		i := slices.IndexFunc(list, func(k dct.Key) bool { return k.ID == id })
		switch {
		case err != nil:
			return ending{err: err}
		case i < 0:
			return ending{err: &dct.RootKeyError{Selector: id}}
		case list[i].Backup.Rehearsed.IsZero():
			return ending{then: func() tea.Cmd { return m.intoCustody(id, list[i].Backup.Backup, m.rotateRootTo) }}
		}
		return ending{then: func() tea.Cmd { return m.lastLookRotation(list[i]) }}
	})
}

// lastLookRotation is the last look before a root key is replaced by another one.
func (m *Model) lastLookRotation(key dct.Key) tea.Cmd {
	v, id := m.standing.trust, key.ID
	m.o.Dialogs.Push(m.look("Replace its root key", v.GUN, []string{id}, []sheet.Effect{
		{Label: "lives", Text: safetext.Line(key.Path)},
		rehearsed(key),
		{Label: "needs", Text: "The passphrases of the old root key" + rootLives(v) + ", and of the new one: both sign."},
		{Label: "then", Text: "Who has pinned the old one can follow, since it signs the change; they should pin the new one soon. It is pinned here; give its id to those who verify."},
		{Label: "where", Text: host(v.Server)},
		{Label: "mind", Text: "It cannot be taken back but by another replacement, which needs the new key.", Caution: true},
	}, "replace it", func() tea.Cmd {
		return m.changeTrust("replacing the root key", "The root key is a new one, and it is pinned here.", func(ctx context.Context, d Desk, f images.Face) (*dct.State, error) {
			return d.RotateRoot(ctx, id, f)
		})
	}).Typed(id[len(id)-8:], id[len(id)-8:]+", the end of the new key's id,"))
	return nil
}

// mendReleases signs the list of released tags again.
func (m *Model) mendReleases() tea.Cmd {
	v := m.standing.trust
	drop := dialog.Tick("take every tag off the list", false, "Without it you vouch for all that is on the list. With it each tag has to be signed anew.")
	return m.form("Sign the list of released tags again", "", []*dialog.Field{drop}, "look at it", func() (string, *dialog.Field, tea.Cmd) {
		effect := sheet.Effect{Label: "mind", Text: "You vouch for every tag that is on the list.", Caution: true}
		if drop.On() {
			effect.Text = "No tag is released then: each has to be signed anew."
		}
		m.o.Dialogs.Push(m.look("Sign the list again", v.GUN, nil, []sheet.Effect{effect, {Label: "where", Text: host(v.Server)}}, "sign it", func() tea.Cmd {
			return m.changeTrust("signing the list again", "The list of released tags is signed again.", func(ctx context.Context, d Desk, f images.Face) (*dct.State, error) {
				s, _, err := d.SignReleasesAgain(ctx, drop.On(), f)
				return s, err
			})
		}))
		return "", nil, nil
	})
}
