package line

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// image tells everything about one image and does with it what the person wants.
func (k *imageTalk) image(ctx context.Context, t images.Tag) error {
	told := ""
	return k.rounds(ctx, "Do", func(context.Context) ([]imageOffer, error) {
		t = k.now(t)
		k.t.Say("")
		if lines := imageword.Show(t); strings.Join(lines, "\n") != told { // once, and again when it has changed
			told = strings.Join(lines, "\n")
			k.tell(lines)
			k.t.Say("")
		}
		k.t.Say("%s", t.Reference.String())
		noTag := ""
		if t.Reference.Tag() == "" {
			noTag = "no tag names it"
		}
		return []imageOffer{
			{"decide whether it may be used", "", func(ctx context.Context) error { return k.gate(ctx, t.Reference) }},
			{"sign it", noTag, func(ctx context.Context) error { return k.sign(ctx, t.Reference) }},
			{"take back its signature in Content Trust", cmpNot(noTag, t.Trust == nil, "Content Trust does not sign it"), func(ctx context.Context) error { return k.revoke(ctx, t.Reference.Tag()) }},
		}, nil
	})
}

// cmpNot is why something cannot be done: the first reason that holds.
func cmpNot(first string, holds bool, second string) string {
	if first == "" && holds {
		return second
	}
	return first
}

// now is what is known of an image since the last look.
func (k *imageTalk) now(t images.Tag) images.Tag {
	for _, x := range k.list {
		if x.Reference == t.Reference {
			return x
		}
	}
	return t
}

// tell prints lines that were made for every face, broken for a terminal of 80 columns: a digest stays
// in one piece, on a line of its own.
func (k *imageTalk) tell(lines []string) {
	for _, l := range lines {
		text := strings.TrimLeft(l, " ")
		indent := strings.Repeat(" ", min(len(l)-len(text), 4))
		if len(l) <= 79 {
			k.t.Say("%s", l)
			continue
		}
		if before, digest, ok := strings.Cut(text, "sha256:"); ok && !strings.Contains(digest, ". ") {
			digest, after, _ := strings.Cut(digest, " ")
			k.t.Say(indent+"%s", strings.TrimSpace(before+" "+strings.TrimSpace(after)))
			k.t.Say("    sha256:%s", digest)
			continue
		}
		k.prose(indent, text)
	}
}

// gate decides whether an image may be used.
func (k *imageTalk) gate(ctx context.Context, ref docker.Reference) error {
	k.t.Say("Who must vouch for it?")
	k.t.Say("  1  who the policy names, else a cosign key at hand")
	k.t.Say("  2  a cosign key")
	k.t.Say("  3  Content Trust")
	k.t.Say("  4  both")
	n, err := k.t.Number(ctx, "By", 4, 1)
	if err != nil {
		return err
	}
	by := [][]policy.System{nil, {policy.SystemCosign}, {policy.SystemContentTrust}, {policy.SystemCosign, policy.SystemContentTrust}}[n-1]
	var d images.Decision
	err = k.work(ctx, "still deciding", func(ctx context.Context, _ images.Face) (err error) {
		d, err = k.Desk.Gate(ctx, ref, by)
		return err
	})
	if err == nil {
		k.decision(ref.String(), d)
	}
	return err
}

// decision tells what was decided on one image.
func (k *imageTalk) decision(name string, d images.Decision) {
	k.t.Say("%s  %s", imageword.Outcome(d.Outcome), name)
	for _, v := range d.Verdicts() {
		k.t.Say("  %s", v.Status)
		k.tell(imageword.Reasons(v))
	}
	if hint := imageword.Elsewhere(d); hint != "" {
		k.prose("  ", hint)
	}
	k.tell(imageword.MovedLines(d.Tag))
	if other := imageword.OtherName(d.Tag); other != "" {
		k.prose("  ", "Warning: "+other)
	}
	if pull := d.Pull.String(); pull != "" {
		k.t.Say("  use %s", pull)
	}
}

// sign finds out how an image can be signed, lets the person choose, and signs it once they agreed.
func (k *imageTalk) sign(ctx context.Context, ref docker.Reference) error {
	k.t.Say("Asking how it can be signed…")
	var p images.Prospect
	err := k.work(ctx, "still asking", func(ctx context.Context, _ images.Face) (err error) {
		p, err = k.Desk.Prospects(ctx, ref, true)
		return err
	})
	if err != nil {
		return err
	}
	k.t.Say("%s points to", ref.String())
	digest, kind, _ := strings.Cut(imageFacts(p.Image), ", ")
	k.t.Say("  %s", digest)
	k.t.Say("  %s", kind)
	o := images.SignOrder{Image: p.Image, With: images.WithCosign}
	err = k.t.inOrder(ctx, nil,
		func(ctx context.Context) (err error) { o.With, err = k.system(ctx, p); return err },
		func(ctx context.Context) (err error) { o.Key, err = k.signingKey(ctx, o.With, p); return err },
		func(ctx context.Context) error { return k.extent(ctx, &o) },
		func(ctx context.Context) error { return k.agree(ctx, o, p) },
	)
	if err != nil {
		return err
	}
	return k.signIt(ctx, o)
}

// system chooses by which system an image is signed.
func (k *imageTalk) system(ctx context.Context, p images.Prospect) (images.With, error) {
	if p.PushErr != nil {
		k.t.Say("The registry would not take a cosign signature:")
		explainOn(k.t, p.PushErr)
	}
	var unused *dct.NotInitializedError // then nobody misses it
	if p.TrustErr != nil && (!errors.As(p.TrustErr, &unused) || unused.Known) {
		k.t.Say("Content Trust cannot sign it now:")
		explainOn(k.t, p.TrustErr)
	}
	switch {
	case p.PushErr != nil && p.Trust == nil:
		return "", errBack
	case p.Trust == nil:
		return images.WithCosign, nil
	case p.PushErr != nil:
		return images.WithContentTrust, nil
	}
	k.t.Say("How it is signed")
	k.t.Say("  1  with a cosign key: the signature lies in the registry")
	k.t.Say("  2  both, in one step")
	k.t.Say("  3  in Docker Content Trust: the signature lies on %s, by %s", p.TrustServer, strings.Join(p.Trust.Roles, ", "))
	n, err := k.t.Number(ctx, "Sign", 3, 1)
	if err != nil {
		return "", err
	}
	return []images.With{images.WithCosign, images.WithBoth, images.WithContentTrust}[n-1], nil
}

// signingKey chooses the cosign key, or makes the first one.
func (k *imageTalk) signingKey(ctx context.Context, with images.With, p images.Prospect) (string, error) {
	if !with.Cosign() {
		return "", nil
	}
	return k.imageKey(ctx, p.Keys)
}

// extent asks what of an index is signed, and in which forms.
func (k *imageTalk) extent(ctx context.Context, o *images.SignOrder) (err error) {
	if !o.With.Cosign() {
		return nil
	}
	if o.Image.Index {
		if o.Recursive, err = k.t.Confirm(ctx, "It is an index. Sign the image of each platform too?"); err != nil {
			return err
		}
	}
	o.Legacy, err = k.t.Confirm(ctx, "Write the older form too, which cosign 2 and admission controllers read?")
	return err
}

// agree shows what would be published, and asks.
func (k *imageTalk) agree(ctx context.Context, o images.SignOrder, p images.Prospect) error {
	k.t.Say("")
	k.t.Say("Nothing has been made yet. This would be published:")
	k.t.Say("  a signature over")
	k.t.Say("  %s", o.Image.Digest)
	if o.With.Cosign() {
		k.t.Say("  by %s", o.Key)
		for _, key := range p.Keys {
			if key.Path == o.Key && key.ID != "" {
				k.t.Say("  whose fingerprint is")
				k.t.Say("  %s", keys.Fingerprint(key.ID).Grouped())
			}
		}
		k.t.Say("  in the registry %s", k.repository().Registry())
		if o.Recursive {
			k.t.Say("  and over each of its %s", human.Count(len(o.Image.Children), "image"))
		}
		if o.Legacy {
			k.t.Say("  in the older form, too")
		}
	}
	if o.With.ContentTrust() {
		k.t.Say("  the tag %s in Content Trust on %s, by %s", o.Image.Reference.Tag(), p.TrustServer, strings.Join(p.Trust.Roles, ", "))
		for _, id := range p.Trust.Keys {
			k.t.Say("  by the key")
			k.t.Say("  %s", id)
		}
		for _, c := range p.Trust.State.Root.Certificates {
			k.t.Say("  under the root certificate")
			k.t.Say("  %s", c.ID)
		}
		if p.Trust.Existing {
			k.t.Say("  which is there already")
		}
	}
	for _, m := range p.Moved {
		k.tell([]string{"  " + imageword.Moved(m, o.Image.Digest), "  " + imageword.SignMoved})
	}
	yes, err := k.t.Confirm(ctx, "Sign and publish?")
	if err == nil && !yes {
		return errStopped
	}
	return err
}

// signIt signs, and tells what is public, also when it ended halfway.
func (k *imageTalk) signIt(ctx context.Context, o images.SignOrder) error {
	var made images.SignedImage
	err := k.work(ctx, "still signing", func(ctx context.Context, f images.Face) (err error) {
		made, err = k.Desk.Sign(ctx, o, f)
		return err
	})
	if made.Trust != nil {
		k.t.Say("Signed in Content Trust: %s, by %s%s", o.Image.Reference.String(), strings.Join(made.Trust.Roles, ", "), existed(made.Trust.Existing))
	}
	for _, s := range made.Cosign {
		what := s.Reference.Tag()
		if what == "" {
			what = "the image for " + s.Platform
		}
		k.t.Say("Signed %s, %s%s", what, imageword.Form(s.Form), existed(s.Existing))
		k.t.Say("  %s", s.Digest)
	}
	switch {
	case err != nil && !made.Public() && errors.Is(err, errStopped):
		k.t.Say("Nothing was signed.")
	case err != nil && made.Public():
		k.t.Say("It ended there; what is listed above is public.")
	}
	if made.Public() && ctx.Err() == nil {
		k.look(ctx)
	}
	return err
}

func existed(yes bool) string {
	if yes {
		return " (it was there before)"
	}
	return ""
}

// imageKey chooses the cosign key that signs, or makes the first one.
func (k *imageTalk) imageKey(ctx context.Context, list []images.Key) (string, error) {
	k.t.Say("The image key that signs")
	for i, key := range list {
		k.keyRow(i+1, key)
	}
	k.t.Say("  %d  make a new one", len(list)+1)
	preset := 0
	if len(list) < 2 {
		preset = 1
	}
	n, err := k.t.Number(ctx, "Image key", len(list)+1, preset)
	if err != nil {
		return "", err
	}
	if n <= len(list) {
		return list[n-1].Path, nil
	}
	made, err := k.newImageKey(ctx)
	return made.Path, err
}

func (k *imageTalk) keyRow(n int, key images.Key) {
	k.t.Say("  %d  %s", n, key.Path)
	if key.ID == "" {
		k.t.Say("     which key it is shows once it is open: it has no public half beside it")
		return
	}
	for _, l := range human.FingerprintLines(keys.Fingerprint(key.ID), 74) {
		k.t.Say("     %s", l)
	}
}

// imageKeys lists the image keys, and looks after them.
func (k *imageTalk) imageKeys(ctx context.Context) error {
	return k.rounds(ctx, "Do", func(context.Context) ([]imageOffer, error) {
		list, err := k.Desk.ImageKeys()
		if err != nil {
			return nil, err
		}
		k.t.Say("")
		k.t.Say("Image keys")
		for _, key := range list {
			k.t.Say("  %s", key.Path)
			for _, l := range human.FingerprintLines(keys.Fingerprint(key.ID), 75) {
				k.t.Say("    %s", l)
			}
		}
		none := ""
		if len(list) == 0 {
			none = "there is none"
			k.t.Say("  There is none yet. An OpenPGP key cannot sign images.")
		}
		return []imageOffer{
			{"make one", "", func(ctx context.Context) error { _, err := k.newImageKey(ctx); return err }},
			{"take one from a file: PEM, or cosign's own", "", k.importImageKey},
			{"change the password of one", none, func(ctx context.Context) error { return k.changePassword(ctx, list) }},
		}, nil
	})
}

// keyName asks for the name of a key until there is no such key.
func (k *imageTalk) keyName(ctx context.Context, preset string) (string, error) {
	for {
		name, err := k.t.Text(ctx, "Its name", preset)
		if err != nil {
			return "", err
		}
		if preset = ""; name != filepath.Base(name) || strings.HasPrefix(name, ".") {
			k.t.Say("It becomes the name of two files: no slash, and no dot at its beginning.")
			continue
		}
		if err := k.Desk.ImageKeyExists(name); err != nil {
			explainOn(k.t, err)
			continue
		}
		return name, nil
	}
}

// newPassword asks for a new password of an image key.
func (k *imageTalk) newPassword(ctx context.Context, label string) (keys.Secret, error) {
	return k.warning(k.t.Passphrase)(ctx, keys.PassphraseRequest{Purpose: keys.PurposeImage, Label: label, Attempt: 1, New: true})
}

func (k *imageTalk) newImageKey(ctx context.Context) (images.Key, error) {
	name, err := k.keyName(ctx, "release")
	if err != nil {
		return images.Key{}, err
	}
	pass, err := k.newPassword(ctx, name+".key")
	if err != nil {
		return images.Key{}, asStopped(ctx, err)
	}
	defer pass.Destroy()
	var key images.Key
	err = k.work(ctx, "still making it", func(ctx context.Context, _ images.Face) (err error) {
		key, err = k.Desk.GenerateImageKey(ctx, name, pass)
		return err
	})
	if err == nil {
		k.madeKey("Made", key)
	}
	return key, err
}

func (k *imageTalk) madeKey(word string, key images.Key) {
	k.t.Say("%s %s", word, key.Path)
	k.t.Say("Give %s to those who verify.", key.PublicPath())
}

// asStopped is the error of a question for a passphrase: who answers it by the end of input stops what
// it is for, and does not leave the desk.
func asStopped(ctx context.Context, err error) error {
	if errors.Is(err, errLeft) && ctx.Err() == nil {
		return errStopped
	}
	return err
}

func (k *imageTalk) importImageKey(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The file of the private key", "")
	if err != nil {
		return err
	}
	data, err := k.Read(file)
	if err != nil {
		return err
	}
	defer clear(data)
	name, err := k.keyName(ctx, strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	if err != nil {
		return err
	}
	pass, err := k.newPassword(ctx, name+".key")
	if err != nil {
		return asStopped(ctx, err)
	}
	defer pass.Destroy()
	var key images.Key
	err = k.work(ctx, "still at it", func(ctx context.Context, f images.Face) (err error) {
		key, err = k.Desk.ImportImageKey(ctx, name, file, data, f.Ask, pass)
		return err
	})
	if err == nil {
		k.madeKey("Imported", key)
	}
	return err
}

func (k *imageTalk) changePassword(ctx context.Context, list []images.Key) error {
	path := list[0].Path
	if len(list) > 1 {
		for i, key := range list {
			k.keyRow(i+1, key)
		}
		n, err := k.t.Number(ctx, "Image key", len(list), 0)
		if err != nil {
			return err
		}
		path = list[n-1].Path
	}
	pass, err := k.newPassword(ctx, filepath.Base(path))
	if err != nil {
		return asStopped(ctx, err)
	}
	defer pass.Destroy()
	err = k.work(ctx, "still at it", func(ctx context.Context, f images.Face) (err error) {
		path, err = k.Desk.ChangeImageKeyPassword(ctx, path, f.Ask, pass)
		return err
	})
	if err == nil {
		k.t.Say("Changed the password of %s", path)
		k.t.Say("A copy of the old file still opens with the old one.")
	}
	return err
}
