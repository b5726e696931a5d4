package imagedeed

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/ui/component/human"
	"bulla/ui/component/sheet"
	"bulla/ui/safetext"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// Trust is the Content Trust of a repository that something is done with.
type Trust struct {
	Desk Desk
	// Name is the repository, as it is called.
	Name string
	View images.TrustView
}

// host is where an address leads.
func host(address string) string { return safetext.Line(strings.TrimPrefix(address, "https://")) }

func (t Trust) where() sheet.Effect { return sheet.Effect{Label: "where", Text: host(t.View.Server)} }

// change makes a job of a change of the trust data; note is what is said of it then.
func (t Trust) change(j Job, note string, work func(ctx context.Context, f images.Face) (*dct.State, error)) Job {
	j.Name = t.Name
	j.Do = func(ctx context.Context, p Person) (Outcome, error) {
		s, err := work(ctx, p.Face)
		var pin *images.PinError
		out := Outcome{Note: note, Anew: err == nil || errors.As(err, &pin)}
		if err == nil {
			out.Trust = s
		}
		return out, err
	}
	return j
}

// newRoot is change for a change that has given the repository another root.
func (t Trust) newRoot(j Job, note string, work func(ctx context.Context, f images.Face) (*dct.State, error)) Job {
	j = t.change(j, note, work)
	do := j.Do
	j.Do = func(ctx context.Context, p Person) (Outcome, error) {
		out, err := do(ctx, p)
		out.NewRoot = true
		return out, err
	}
	return j
}

// Initialise gives the repository its root key, whose backup was tried.
func (t Trust) Initialise(key dct.Key) Job {
	effects := []sheet.Effect{
		{Label: "lives", Text: safetext.Line(key.Path)},
		rehearsed(key),
		{Label: "with it", Text: "A targets key is made beside it, under a passphrase that you type. The server keeps the keys for snapshot and timestamp."},
		t.where(),
		{Label: "pinned", Text: "Its certificate is pinned here; give its id to those who verify."},
		{Label: "mind", Text: "It is for good: whoever has pinned it refuses whatever comes without its signature. A lost root key can never be replaced.", Caution: true},
	}
	if t.View.Ending {
		effects = append(effects, sheet.Effect{Label: "mind", Text: t.View.End.Whose + " ends Content Trust on " + human.Date(t.View.End.Day) + ".", Caution: true})
	}
	return t.newRoot(Job{
		Title: "Give it its root key", IDs: []string{key.ID}, Effects: effects,
		Yes: "give it its root key", Doing: "publishing the root", Word: end(key.ID), WordIs: "the end of the root key's id",
	}, "The repository has its root key, and it is pinned here.", func(ctx context.Context, f images.Face) (*dct.State, error) {
		return t.Desk.InitializeTrust(ctx, key.ID, f)
	})
}

// rehearsed tells of the backup of a root key that was tried.
func rehearsed(k dct.Key) sheet.Effect {
	return sheet.Effect{Label: "backup", Text: "It was opened on " + human.Date(k.Backup.Rehearsed) + ", and signs as this key: " + safetext.Line(k.Backup.Backup)}
}

// RootIDs are the ids of the repository's own root keys.
func (t Trust) RootIDs() (out []string) {
	for _, r := range t.View.Roots {
		out = append(out, r.KeyID)
	}
	return out
}

// rootLives says where the root key is, for a sentence.
func (t Trust) rootLives() string {
	for _, r := range t.View.Roots {
		if r.Path != "" {
			return ", " + safetext.Line(r.Path)
		}
	}
	return ", which is not in " + safetext.Line(t.View.Dir)
}

// RotateRoot replaces the root key by another one, whose backup was tried.
func (t Trust) RotateRoot(key dct.Key) Job {
	return t.newRoot(Job{
		Title: "Replace its root key", IDs: []string{key.ID}, Effects: []sheet.Effect{
			{Label: "lives", Text: safetext.Line(key.Path)},
			rehearsed(key),
			{Label: "needs", Text: "The passphrases of the old root key" + t.rootLives() + ", and of the new one: both sign."},
			{Label: "then", Text: "Who has pinned the old one can follow, since it signs the change; they should pin the new one soon. It is pinned here; give its id to those who verify."},
			t.where(),
			{Label: "mind", Text: "It cannot be taken back but by another replacement, which needs the new key.", Caution: true},
		},
		Yes: "replace it", Doing: "replacing the root key", Word: end(key.ID), WordIs: "the end of the new key's id",
	}, "The root key is a new one, and it is pinned here.", func(ctx context.Context, f images.Face) (*dct.State, error) {
		return t.Desk.RotateRoot(ctx, key.ID, f)
	})
}

// RotateTargets replaces the targets key.
func (t Trust) RotateTargets() Job {
	return t.change(Job{
		Title: "Replace its targets key", Yes: "replace it", Doing: "replacing the targets key", Effects: []sheet.Effect{
			{Label: "then", Text: "A new targets key is made in " + safetext.Line(t.View.Dir) + ", under a passphrase that you type, and the root key signs that it counts."},
			{Label: "needs", Text: "The passphrase of the root key" + t.rootLives() + "."},
			{Label: "stays", Text: "The root that others have pinned, the signers, and the file of the old key."},
			t.where(),
		},
	}, "The targets key is a new one.", t.Desk.RotateTargets)
}

// AddSigner lets somebody sign.
func (t Trust) AddSigner(who string, pub dct.PublicKey) Job {
	effects := []sheet.Effect{
		{Label: "key", ID: pub.ID},
		{Label: "kind", Text: safetext.Line(pub.Algorithm)},
		{Label: "then", Text: "Whoever has its private half may sign every tag of the repository, and release it."},
		t.where(),
	}
	if t.View.State != nil && len(t.View.State.Signers) == 0 {
		effects = append(effects, sheet.Effect{Label: "mind", Text: "It is the first signer: from then on signers' keys sign new tags, and no longer the repository's targets key.", Caution: true})
	}
	existing := false
	j := t.change(Job{Title: "Let " + safetext.Line(who) + " sign", Yes: "let them sign", Doing: "adding the signer", Effects: effects}, "", func(ctx context.Context, f images.Face) (s *dct.State, err error) {
		s, existing, err = t.Desk.AddSigner(ctx, who, []dct.PublicKey{pub}, f)
		return s, err
	})
	return j.noted(func() string {
		if existing {
			return who + " may sign; they could before, too."
		}
		return who + " may sign now."
	})
}

// noted is a job whose note is known once it is done.
func (j Job) noted(note func() string) Job {
	do := j.Do
	j.Do = func(ctx context.Context, p Person) (Outcome, error) {
		out, err := do(ctx, p)
		out.Note = note()
		return out, err
	}
	return j
}

// RemoveSigner takes the right to sign.
func (t Trust) RemoveSigner(g dct.Signer) Job {
	who, last := safetext.Line(g.Name), len(t.View.State.Signers) == 1
	j := Job{
		Title: "Remove " + who, Yes: "remove them", Doing: "removing the signer", Effects: []sheet.Effect{
			{Label: "then", Text: who + " may sign no tag of it any more, and what only they had signed is signed by them no more."},
			{Label: "stays", Text: "What was released, where another signer's key is at hand to stand under it."},
			t.where(),
		},
	}
	if last {
		j.Effects[1] = sheet.Effect{Label: "mind", Text: "It is the last signer: what is in the list of released tags is released no more. What the repository's targets key had signed before counts again, and it signs from then on.", Caution: true}
		j.Word, j.WordIs = who, "the signer's name"
	}
	return t.change(j, g.Name+" may sign no more.", func(ctx context.Context, f images.Face) (*dct.State, error) {
		return t.Desk.RemoveSigner(ctx, g.Name, last, f)
	})
}

// The question before the list of released tags is signed again.
const (
	DropReleases     = "take every tag off the list"
	DropReleasesHelp = "Without it you vouch for all that is on the list. With it each tag has to be signed anew."
)

// SignReleasesAgain signs the list of released tags again; drop takes every tag off it first.
func (t Trust) SignReleasesAgain(drop bool) Job {
	effect := sheet.Effect{Label: "mind", Text: "You vouch for every tag that is on the list.", Caution: true}
	if drop {
		effect.Text = "No tag is released then: each has to be signed anew."
	}
	existing := false
	j := t.change(Job{Title: "Sign the list again", Yes: "sign it", Doing: "signing the list again", Effects: []sheet.Effect{effect, t.where()}}, "", func(ctx context.Context, f images.Face) (s *dct.State, err error) {
		s, existing, err = t.Desk.SignReleasesAgain(ctx, drop, f)
		return s, err
	})
	return j.noted(func() string {
		if existing {
			return "The list was well signed before; nothing was published."
		}
		return "The list of released tags is signed again."
	})
}

// Revoke takes the signature of a tag back.
func (t Trust) Revoke(ref docker.Reference) Job {
	tag, _ := t.View.State.Tag(ref.Tag())
	name := safetext.Line(tag.Name)
	return Job{
		Title: "Take back its signature", Name: ref.String(), IDs: []string{tag.Digest}, Yes: "take it back", Doing: "taking the signature back",
		Effects: []sheet.Effect{
			{Label: "signed", Text: "By " + safetext.Line(Signers(tag)) + "."},
			{Label: "then", Text: "Who pulls by Content Trust is refused the tag. Where a signer whose key is not here has signed it too, it stays signed by them; bulla tells you then."},
			t.where(),
			{Label: "stays", Text: "The image, its signatures of cosign, and every other tag."},
			{Label: "mind", Text: "It can be signed again. That it was signed, and taken back, stays known to those who looked.", Caution: true},
		},
		Do: func(ctx context.Context, p Person) (Outcome, error) {
			done, err := t.Desk.Revoke(ctx, tag.Name, p.Face)
			if err != nil {
				return Outcome{}, err
			}
			out := Outcome{Note: "Taken back: " + tag.Name + " is signed there no more.", Seen: []docker.Reference{ref}}
			if done.Left != nil {
				out.Note = "It is still signed by others."
				out.Story = Story{"It is still signed", paras(
					name+" was taken out of "+safetext.Line(strings.Join(done.Roles, ", "))+". Still under it: "+safetext.Line(Signers(*done.Left))+".", "", safetext.Line(done.Left.Digest),
				)}
			}
			return out, nil
		},
	}
}

// Signers are those under a tag.
func Signers(t dct.Tag) string {
	var out []string
	for _, g := range t.Signatures {
		out = append(out, g.Who())
	}
	return strings.Join(out, ", ")
}

// Pin keeps a root certificate among bulla's own pins.
func (t Trust) Pin(id string) Job {
	p := t.View.Pins
	effects := []sheet.Effect{
		{Label: "then", Text: "Trust data of the repository counts only from this root on, or from a successor that it has signed."},
		{Label: "kept in", Text: safetext.Line(p.Path)},
	}
	for _, own := range slices.Concat(p.Own.Certificates, p.Own.RootKeys) {
		effects = append(effects, sheet.Effect{Label: "replaces", ID: own, Caution: true})
	}
	return Job{
		Title: "Pin it", Name: t.Name, IDs: []string{id}, Effects: effects, Yes: "pin it", Doing: "keeping the pin",
		Do: func(context.Context, Person) (Outcome, error) {
			return Outcome{Note: "Pinned.", Anew: true}, t.Desk.Pin([]string{id})
		},
	}
}

// Unpin forgets bulla's own pins for the repository.
func (t Trust) Unpin() Job {
	p := t.View.Pins
	return Job{
		Title: "Forget the pin", Name: t.Name, IDs: slices.Concat(p.Own.Certificates, p.Own.RootKeys), Yes: "forget it", Doing: "forgetting the pin",
		Effects: []sheet.Effect{
			{Label: "from", Text: safetext.Line(p.Path)},
			{Label: "then", Text: "Nothing in Content Trust is believed for the repository until another root is pinned or named by the policy.", Caution: true},
			{Label: "note", Text: "What the repository was seen to hold stays remembered, so that an older state is still found out once it is pinned again."},
		},
		Do: func(context.Context, Person) (Outcome, error) {
			had, err := t.Desk.Unpin()
			out := Outcome{Note: "The pin is forgotten.", Anew: true}
			if !had {
				out.Note = "Not forgotten: it is pinned by the beginning of its name, which is for others too. It is in " + p.Path + "."
			}
			return out, err
		},
	}
}

// AskRoot is how the id of a root certificate is asked for.
const AskRoot = "Its id, the Root Key of docker trust inspect. From the publisher, in another way than through the trust server."

// ParseRoot reads the id of a root certificate that was typed; wrong says what is wrong with it.
func ParseRoot(text string) (id, wrong string) {
	id, ok := policy.ParseRoot(strings.ReplaceAll(text, " ", ""))
	if !ok || strings.HasPrefix(id, policy.RootKeyPrefix) {
		return "", "That is not the id of a root certificate: 64 hexadecimal digits."
	}
	return id, ""
}

// Shown are the ids of the root certificates that the trust server shows and nothing vouches for.
func (t Trust) Shown() (ids []string) {
	var unpinned *dct.UnpinnedError
	if errors.As(t.View.Err, &unpinned) {
		for _, c := range unpinned.Shown {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// ShownWords say what the trust server shows, or "".
func (t Trust) ShownWords() string {
	shown := t.Shown()
	if len(shown) == 0 {
		return ""
	}
	return "The trust server shows " + strings.Join(shown, ", ") + ". Nothing vouches for it: compare it with what the publisher says."
}
