package line

import (
	"context"
	"strings"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/imageword"
	"bulla/workflow/images"
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
		tag := t.Reference.Tag()
		k.standing.Tag = &tag
		unsigned := ""
		if t.Trust == nil {
			unsigned = "Content Trust does not sign it"
		}
		return append(k.offers(map[imagedeed.Action]func(context.Context) error{
			imagedeed.DecideIt: func(ctx context.Context) error { return k.gate(ctx, t.Reference) },
			imagedeed.SignIt:   func(ctx context.Context) error { return k.sign(ctx, t.Reference) },
		}), offer(imagedeed.RevokeIt, unsigned, func(ctx context.Context) error { return k.revoke(ctx, t.Reference) })), nil
	})
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
		k.t.prose(indent, text)
	}
}

// gate decides whether an image may be used.
func (k *imageTalk) gate(ctx context.Context, ref docker.Reference) error {
	k.t.Say(imagedeed.WhoVouches)
	list := imagedeed.Vouchers()
	for i, v := range list {
		k.t.Say("  %d  %s", i+1, v.Name)
		k.t.prose("     ", v.About)
	}
	n, err := k.t.Number(ctx, "By", len(list), 1)
	if err != nil {
		return err
	}
	return k.work(ctx, "still deciding", func(ctx context.Context, _ images.Face) error {
		d, err := imagedeed.Decide(ctx, k.Desk, ref, list[n-1].By)
		if err == nil {
			k.t.story(imagedeed.Decided(ref.String(), d, n > 1))
		}
		return err
	})
}

// sign finds out how an image can be signed, lets the person choose, and signs it once they agreed.
func (k *imageTalk) sign(ctx context.Context, ref docker.Reference) error {
	k.t.Say("Asking how it can be signed…")
	s := imagedeed.Signing{Desk: k.Desk, Gate: "2", Again: "1"} // numbers of the image's own list
	err := k.work(ctx, "still asking", func(ctx context.Context, _ images.Face) (err error) {
		s.Can, err = k.Desk.Prospects(ctx, ref, ref.Tag() != "")
		return err
	})
	if err != nil {
		return err
	}
	var o images.SignOrder
	return k.t.inOrder(ctx, nil,
		func(ctx context.Context) (err error) { o.With, err = k.system(ctx, s); return err },
		func(ctx context.Context) (err error) {
			if o.With.Cosign() {
				o.Key, err = k.imageKey(ctx, &s.Can.Keys)
			}
			return err
		},
		func(ctx context.Context) error { return k.extent(ctx, s.Can.Image.Index, &o) },
		func(ctx context.Context) error { return k.propose(ctx, s.Sign(o)) },
	)
}

// system chooses by which system an image is signed.
func (k *imageTalk) system(ctx context.Context, s imagedeed.Signing) (images.With, error) {
	ways := s.Ways()
	if !s.Untouched() || len(ways) == 0 { // else nobody misses Content Trust
		for _, why := range s.Off() {
			k.t.prose("", why)
		}
	}
	switch len(ways) {
	case 0:
		return "", errBack
	case 1:
		return ways[0], nil
	}
	k.t.Say("How it is signed")
	for i, w := range ways {
		k.t.Say("  %d  %s", i+1, imagedeed.WayName(w))
	}
	k.t.prose("  ", imagedeed.WhereWays)
	n, err := k.t.Number(ctx, "Sign", len(ways), 1)
	if err != nil {
		return "", err
	}
	return ways[n-1], nil
}

// extent asks what of an index is signed, and in which forms.
func (k *imageTalk) extent(ctx context.Context, index bool, o *images.SignOrder) (err error) {
	if !o.With.Cosign() {
		return nil
	}
	if index {
		k.t.prose("", imagedeed.RecursiveHelp)
		if o.Recursive, err = k.t.Confirm(ctx, "It is an index. Sign "+imagedeed.Recursive+"?"); err != nil {
			return err
		}
	}
	k.t.prose("", imagedeed.LegacyHelp)
	o.Legacy, err = k.t.Confirm(ctx, "Write "+imagedeed.Legacy+"?")
	return err
}

// imageKey chooses the cosign key that signs, or makes another one.
func (k *imageTalk) imageKey(ctx context.Context, list *[]images.Key) (string, error) {
	k.t.Say("The image key that signs")
	for i, key := range *list {
		k.keyRow(i+1, key)
	}
	k.t.Say("  %d  make a new one", len(*list)+1)
	preset := 0
	if len(*list) < 2 {
		preset = 1
	}
	n, err := k.t.Number(ctx, "Image key", len(*list)+1, preset)
	if err != nil {
		return "", err
	}
	if n <= len(*list) {
		return (*list)[n-1].Path, nil
	}
	name, err := k.keyName(ctx, "release")
	if err != nil {
		return "", err
	}
	_, err = jobs{k.t, k.job}.carryOut(ctx, imagedeed.NewImageKey(k.Desk, name, func(made images.Key) { *list = append(*list, made) }))
	if err != nil {
		return "", err
	}
	return (*list)[len(*list)-1].Path, nil
}

// chooseKey chooses one of the image keys.
func (k *imageTalk) chooseKey(ctx context.Context) (images.Key, error) {
	list := k.standing.Keys
	if len(list) == 1 {
		return list[0], nil
	}
	for i, key := range list {
		k.keyRow(i+1, key)
	}
	n, err := k.t.Number(ctx, "Image key", len(list), 0)
	if err != nil {
		return images.Key{}, err
	}
	return list[n-1], nil
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
		if len(list) == 0 {
			k.t.Say("  There is none yet. An OpenPGP key cannot sign images.")
		}
		k.standing.Keys = list
		return k.offers(map[imagedeed.Action]func(context.Context) error{
			imagedeed.MakeImageKey: k.newImageKey, imagedeed.ImportImageKey: k.importImageKey, imagedeed.ImageKeyPassword: func(ctx context.Context) error {
				key, err := k.chooseKey(ctx)
				if err != nil {
					return err
				}
				return k.propose(ctx, imagedeed.ChangePassword(k.Desk, key))
			},
		}), nil
	})
}

// keyName asks for the name of a key until there is no such key.
func (k *imageTalk) keyName(ctx context.Context, preset string) (string, error) {
	k.t.prose("", imagedeed.KeyNameHelp)
	for {
		name, err := k.t.Text(ctx, "Its name", preset)
		if err != nil {
			return "", err
		}
		preset = ""
		if wrong := imagedeed.KeyNameFault(name); wrong != "" {
			k.t.Say("%s", wrong)
			continue
		}
		if err := k.Desk.ImageKeyExists(name); err != nil {
			explainOn(k.t, err)
			continue
		}
		return name, nil
	}
}

func (k *imageTalk) newImageKey(ctx context.Context) error {
	name, err := k.keyName(ctx, "release")
	if err != nil {
		return err
	}
	return k.do(ctx, imagedeed.NewImageKey(k.Desk, name, nil))
}

func (k *imageTalk) importImageKey(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The file of the private key", "")
	if err != nil {
		return err
	}
	name, err := k.keyName(ctx, imagedeed.KeyNameOf(file))
	if err != nil {
		return err
	}
	return k.do(ctx, imagedeed.TakeImageKey(k.Desk, k.Path(file), name))
}
