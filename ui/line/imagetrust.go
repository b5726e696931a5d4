package line

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"bulla/docker/dct"
	"bulla/ui/component/human"
	"bulla/workflow/images"
)

// trust shows what Content Trust says of the repository, and looks after it.
func (k *imageTalk) trust(ctx context.Context) error {
	return k.rounds(ctx, "Do", func(ctx context.Context) ([]imageOffer, error) {
		k.t.Say("")
		k.t.Say("Asking the trust server…")
		var v images.TrustView
		err := k.work(ctx, "still waiting for the trust server", func(ctx context.Context, _ images.Face) (err error) {
			v, err = k.Desk.Trust(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		k.tellTrust(v)
		return k.trustOffers(v), nil
	})
}

// trustOffers are what can be done in Content Trust.
func (k *imageTalk) trustOffers(v images.TrustView) []imageOffer {
	state, fresh := "", ""
	var none *dct.NotInitializedError
	switch {
	case v.State != nil:
		fresh = "it has a root key already"
	case v.Untouched():
		state = "the repository has no root key yet"
	case errors.As(v.Err, &none):
		state = "the trust server lost the data that it must have"
		fresh = state
	default:
		state, fresh = "the trust data is not at hand", "the trust server has to say first that there is none"
	}
	signers, tags := state, state
	if v.State != nil {
		signers = cmpNot("", len(v.State.Signers) == 0, "there are no signers")
		tags = cmpNot("", len(v.State.Tags) == 0, "no tag is signed")
	}
	return []imageOffer{
		{"give the repository its root key, for good", fresh, func(ctx context.Context) error { return k.initialize(ctx) }},
		{"take back the signature of a tag", tags, func(ctx context.Context) error { return k.revokeOne(ctx, v.State) }},
		{"let somebody sign", state, k.addSigner},
		{"take somebody's right to sign", signers, func(ctx context.Context) error { return k.removeSigner(ctx, v.State) }},
		{"replace the targets key", state, k.rotateTargets},
		{"replace the root key", state, func(ctx context.Context) error { return k.rotateRoot(ctx, v) }},
		{"sign the list of released tags again", state, k.signAgain},
		{"the keys in Docker's folder: make, take, back up, try, restore", "", k.trustKeys},
		{"pin the root that the repository must have", "", func(ctx context.Context) error { return k.pin(ctx, v) }},
	}
}

// tellTrust tells what is known of the trust data and of the root key.
func (k *imageTalk) tellTrust(v images.TrustView) {
	k.t.Say("Content Trust of %s", v.GUN)
	k.t.Say("  trust server %s", v.Server)
	if v.Ending {
		k.t.Say("  which ends on %s", v.End.Day.UTC().Format("2 January 2006"))
	}
	switch {
	case v.Untouched():
		k.t.Say("  It has no trust data for the repository: nothing in it is signed by Content Trust.")
	case v.Err != nil:
		explainOn(k.t, v.Err)
	}
	if v.State != nil {
		k.tellState(v)
	}
	switch {
	case v.Pins.ByPolicy:
		k.t.Say("The policy or the command line says which root it must have.")
	case v.Pins.OwnPinned():
		k.t.Say("Its root is pinned in %s", v.Pins.Path)
	default:
		k.t.Say("Nothing says which root it must have: no root is believed for being the first.")
	}
}

func (k *imageTalk) tellState(v images.TrustView) {
	s := v.State
	for _, r := range v.Roots {
		k.t.Say("  root certificate %s", r.ID)
		k.t.Say("  root key %s", r.KeyID)
		if r.Path == "" {
			k.t.Say("    lives not in %s", v.Dir)
		} else {
			k.t.Say("    lives in %s", r.Path)
		}
		if r.Path != "" || r.Custody.Backup != "" {
			k.t.Say("    %s", custodyWords(r.Custody))
		}
	}
	k.t.Say("  until %s", s.Root.Expires.Format("2 January 2006"))
	if s.Rotated {
		k.t.Say("  The root key was replaced since it was pinned, with the old one's signature.")
	}
	for _, signer := range s.Signers {
		k.t.Say("  %s may sign%s", signer.Name, held(slices.ContainsFunc(signer.KeyIDs, v.Held)))
	}
	if len(s.Signers) == 0 && len(s.Roles) > 1 {
		k.t.Say("  The targets key signs%s", held(slices.ContainsFunc(s.Roles[1].KeyIDs, v.Held)))
	}
	for _, b := range s.Broken {
		k.t.Say("  %s counts for nothing: it has expired, or no valid signature is under it.", b)
	}
	k.t.Say("  %s signed", human.Count(len(s.Tags), "tag"))
	for i, t := range s.Tags {
		if i == maxImages {
			k.t.Say("    and %d more", len(s.Tags)-i)
			break
		}
		k.t.Say("    %s, by %s", t.Name, signersOf(t))
	}
}

func held(yes bool) string {
	if yes {
		return ", with a key that is here."
	}
	return ", with a key that is not here."
}

func signersOf(t dct.Tag) string {
	var out []string
	for _, s := range t.Signatures {
		name := s.Name
		if name == "" {
			name = "the repository's key"
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// change publishes a change of the trust data once the person agreed to it.
func (k *imageTalk) change(ctx context.Context, lines []string, question, done string, do func(context.Context, images.Face) error) error {
	k.t.Say("")
	k.t.Say("Nothing has been changed yet.")
	for _, l := range lines {
		k.prose("  ", l)
	}
	yes, err := k.t.Confirm(ctx, question)
	if err == nil && !yes {
		err = errStopped
	}
	if err != nil {
		return err
	}
	err = k.work(ctx, "still at it", do)
	if err == nil {
		k.t.Say("%s", done)
	}
	return err
}

// initialize gives the repository its root key, once a backup of that was tried.
func (k *imageTalk) initialize(ctx context.Context) error {
	root, err := k.custody(ctx, k.Desk.CanInitialize)
	if err != nil {
		return err
	}
	what := []string{
		"The repository " + k.repository().String() + " gets the root key " + orOnly(root) + " for good: whoever pins it will refuse any other.",
		"A targets key is made beside it, with a passphrase of its own. The trust server keeps the keys for snapshot and timestamp.",
	}
	var s *dct.State
	err = k.change(ctx, what, "Give it its root key, for good?", "The repository has its root key.", func(ctx context.Context, f images.Face) (err error) {
		s, err = k.Desk.InitializeTrust(ctx, root, f)
		return err
	})
	k.newRoot(s)
	return err
}

func orOnly(id string) string {
	if id == "" {
		return "that is here"
	}
	return id
}

// newRoot tells what to give to those who verify.
func (k *imageTalk) newRoot(s *dct.State) {
	if s == nil {
		return
	}
	for _, c := range s.Root.Certificates {
		k.t.Say("The root certificate, for those who verify:")
		k.t.Say("  %s", c.ID)
	}
}

// revokeOne takes back the signature of one of the signed tags.
func (k *imageTalk) revokeOne(ctx context.Context, s *dct.State) error {
	for {
		tag, err := k.t.Text(ctx, "The tag", "")
		if err != nil {
			return err
		}
		if _, ok := s.Tag(tag); ok {
			return k.revoke(ctx, tag)
		}
		k.t.Say("Content Trust does not sign a tag %s.", tag)
	}
}

func (k *imageTalk) revoke(ctx context.Context, tag string) error {
	var out dct.Revoked
	err := k.change(ctx, []string{"The tag " + tag + " is no longer signed in Content Trust. What was pulled by its digest stays as it is, and so do cosign's signatures."},
		"Take back its signature?", "The signature is taken back.", func(ctx context.Context, f images.Face) (err error) {
			out, err = k.Desk.Revoke(ctx, tag, f)
			return err
		})
	if err != nil {
		return err
	}
	if out.Left != nil {
		k.t.Say("  It is still signed by %s, whose key is not here.", signersOf(*out.Left))
	}
	k.look(ctx)
	return ctx.Err()
}

func (k *imageTalk) addSigner(ctx context.Context) error {
	name, err := k.t.Text(ctx, "The signer's name, in small letters", "")
	if err != nil {
		return err
	}
	var pubs []dct.PublicKey
	for len(pubs) == 0 {
		file, err := k.t.Text(ctx, "The file of their public key (NAME.pub)", "")
		if err != nil {
			return err
		}
		pub, err := dct.ReadPublicKey(k.Path(file))
		if err != nil {
			explainOn(k.t, err)
			continue
		}
		pubs = append(pubs, pub)
	}
	existing := false
	err = k.change(ctx, []string{name + " may sign tags of " + k.repository().String() + " from then on."}, "Let "+name+" sign?", name+" may sign.", func(ctx context.Context, f images.Face) (err error) {
		_, existing, err = k.Desk.AddSigner(ctx, name, pubs, f)
		return err
	})
	if existing && err == nil {
		k.t.Say("  They could before, too.")
	}
	return err
}

func (k *imageTalk) removeSigner(ctx context.Context, s *dct.State) error {
	k.t.Say("The signer")
	for i, signer := range s.Signers {
		k.t.Say("  %d  %s", i+1, signer.Name)
	}
	n, err := k.t.Number(ctx, "Signer", len(s.Signers), 0)
	if err != nil {
		return err
	}
	name, last := s.Signers[n-1].Name, len(s.Signers) == 1
	what := []string{name + " may no longer sign tags. What was released stays so: where only their key stands under the list, another key that is here signs it again."}
	if last {
		what = append(what, "It is the last signer: what is released loses its signature.")
	}
	return k.change(ctx, what, "Take the right to sign from "+name+"?", name+" may no longer sign.", func(ctx context.Context, f images.Face) error {
		_, err := k.Desk.RemoveSigner(ctx, name, last, f)
		return err
	})
}

func (k *imageTalk) rotateTargets(ctx context.Context) error {
	return k.change(ctx, []string{"A new targets key is made and takes the place of the old one. The root key signs that."}, "Replace the targets key?", "The targets key is replaced. The old one stays where it is.", func(ctx context.Context, f images.Face) error {
		_, err := k.Desk.RotateTargets(ctx, f)
		return err
	})
}

// rotateRoot replaces the root key by another one that is here and whose backup was tried.
func (k *imageTalk) rotateRoot(ctx context.Context, v images.TrustView) error {
	present := func(id string) bool {
		return slices.ContainsFunc(v.Roots, func(r images.RootPlace) bool { return r.KeyID == id })
	}
	var others []string
	for _, key := range v.RootKeys() {
		if !present(key.ID) {
			others = append(others, key.ID)
		}
	}
	if len(others) == 0 {
		k.t.Say("There is no other root key here.")
		id, err := k.makeRoot(ctx)
		if err != nil {
			return err
		}
		others = []string{id}
	}
	id, err := others[0], error(nil)
	if len(others) > 1 {
		if id, err = k.chooseRoot(ctx, others); err != nil {
			return err
		}
	}
	if err := k.ready(ctx, id); err != nil {
		return err
	}
	var s *dct.State
	err = k.change(ctx, []string{
		"The root key becomes " + id + ".", "Whoever has pinned the old root follows, for both keys sign the change. The new certificate is pinned here.",
	}, "Replace the root key?", "The root key is replaced. The old one stays where it is.", func(ctx context.Context, f images.Face) (err error) {
		s, err = k.Desk.RotateRoot(ctx, id, f)
		return err
	})
	k.newRoot(s)
	return err
}

func (k *imageTalk) signAgain(ctx context.Context) error {
	existing := false
	err := k.change(ctx, []string{"The list of released tags is signed anew by the keys that are here: needed where it has expired, or where nobody's signature under it counts any more."},
		"Sign the list again?", "The list is signed.", func(ctx context.Context, f images.Face) (err error) {
			_, existing, err = k.Desk.SignReleasesAgain(ctx, false, f)
			return err
		})
	if existing && err == nil {
		k.t.Say("  It was well signed before; nothing was published.")
	}
	return err
}

// pin says which root the repository must have: one that the person types, or the one that the server
// shows, once they have compared it.
func (k *imageTalk) pin(ctx context.Context, v images.TrustView) error {
	var shown []string
	var unpinned *dct.UnpinnedError
	if errors.As(v.Err, &unpinned) {
		for _, c := range unpinned.Shown {
			shown = append(shown, c.ID)
		}
	}
	for _, r := range v.Roots {
		shown = append(shown, r.ID)
	}
	for i, id := range shown {
		k.t.Say("  %d  the one that the server shows: %s", i+1, id)
	}
	if v.Pins.OwnPinned() {
		k.t.Say("  forget  forgets the pins of this repository")
	}
	question := "The id of the root certificate (64 characters)"
	if len(shown) > 0 {
		question += ", or a number"
	}
	k.t.Say("Compare it with what the publisher says, by another way than the server's.")
	for {
		text, err := k.t.Text(ctx, question, "")
		if err != nil {
			return err
		}
		if n, e := strconv.Atoi(text); e == nil && len(text) < 3 && n >= 1 && n <= len(shown) {
			text = shown[n-1]
		}
		switch {
		case text == "forget" && v.Pins.OwnPinned():
			if _, err := k.Desk.Unpin(); err != nil {
				return err
			}
			k.t.Say("Forgotten.")
			return nil
		default:
			yes, err := k.t.Confirm(ctx, "Believe only trust data under "+text+" from now on?")
			if err != nil || !yes {
				return err
			}
			if err = k.Desk.Pin([]string{text}); err == nil {
				k.t.Say("Pinned.")
				return nil
			}
			explainOn(k.t, err)
		}
	}
}
