package line

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/explain"
)

// images resolves the images and lets the person choose among them.
func (w *walk) images(ctx context.Context) error {
	refs := w.c.Images
	if refs == nil {
		refs = w.Session.ImageReferences(w.c.Version)
	}
	if len(refs) == 0 && w.c.Images == nil {
		return w.askImages(ctx)
	}
	return w.resolve(ctx, refs)
}

// askImages asks for references where nothing names the images.
func (w *walk) askImages(ctx context.Context) error {
	w.t.Say("")
	w.t.Say("The images to sign")
	text, err := w.t.Ask(ctx, "Names with tags, such as registry.example.org/app:1.0.0; Enter for none:")
	if err != nil {
		return err
	}
	return w.resolve(ctx, strings.Fields(text))
}

// resolve asks the registries what the references point to, and shows it.
func (w *walk) resolve(ctx context.Context, refs []string) error {
	w.c.Images = []string{}
	if len(refs) == 0 {
		return nil
	}
	w.t.Say("")
	w.t.Say("Asking the registry…")
	rows := make([]string, len(refs))
	for i, ref := range refs {
		refs[i] = strings.ReplaceAll(ref, "{version}", w.c.Version)
		img, err := w.Session.ResolveImage(ctx, refs[i])
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			w.t.Say("The image %s cannot be signed.", refs[i])
			w.explain(err)
			return w.askImages(ctx)
		}
		w.remember(refs[i], img)
		rows[i] = refs[i] + "  " + imageFacts(img)
	}
	w.t.Say("The images to sign. Signing one publishes the signature in its registry.")
	if w.ImagesOf != nil {
		w.t.Say("o shows what signs the images of a repository there, and looks after them.")
	}
	chosen, err := w.t.severalOr(ctx, rows, nil, func(s string) (bool, error) { return w.openImages(ctx, s, refs) })
	if err != nil {
		return err
	}
	for _, i := range chosen {
		w.c.Images = append(w.c.Images, refs[i])
	}
	return nil
}

// openImages looks after the images of a repository, and leads back to the choice of images: "o" for
// that of the first one, "o 2" for another's.
func (w *walk) openImages(ctx context.Context, answer string, refs []string) (bool, error) {
	rest, ok := strings.CutPrefix(strings.ToLower(answer), "o")
	if !ok || w.ImagesOf == nil {
		return false, nil
	}
	n := 1
	if rest = strings.TrimSpace(rest); rest != "" {
		var err error
		if n, err = strconv.Atoi(rest); err != nil || n < 1 || n > len(refs) {
			w.t.Say("o and a number from 1 to %d, please.", len(refs))
			return true, nil
		}
	}
	w.t.Say("")
	if err := w.ImagesOf(ctx, w.resolved[refs[n-1]].Reference.Repository()); err != nil {
		return true, err
	}
	w.t.Say("")
	w.t.Say("Back to the images of the release.")
	return true, nil
}

func imageFacts(img docker.Image) string {
	if img.Index {
		return img.Digest + ", an index of " + human.Count(len(img.Platforms), "platform")
	}
	return img.Digest + ", one platform"
}

// imageKey chooses the key that signs the images, or makes one.
func (w *walk) imageKey(ctx context.Context) error {
	if len(w.c.Images) == 0 || w.c.ImageKey != "" || !w.with().Cosign() {
		return nil
	}
	list, err := w.Session.ImageKeys(ctx)
	if err != nil {
		return err
	}
	w.t.Say("")
	if len(list) == 0 {
		return w.noImageKey(ctx)
	}
	w.t.Say("The key that signs the images")
	for i, k := range list {
		w.t.Say("  %d  %s, %s", i+1, k.Path, k.Why)
		if k.ID != "" {
			w.fingerprint("     ", keys.Fingerprint(k.ID))
		}
	}
	w.t.Say("  %d  make a new one", len(list)+1)
	preset := 0
	if len(list) == 1 {
		preset = 1
		w.t.Say("  Enter takes 1: it is the only one.")
	}
	n, err := w.t.Number(ctx, "Image key", len(list)+1, preset)
	if err != nil {
		return err
	}
	if n <= len(list) {
		w.c.ImageKey = list[n-1].Path
		return nil
	}
	return w.newImageKey(ctx)
}

// noImageKey offers to make the first image key. Whoever declines chooses the images again.
func (w *walk) noImageKey(ctx context.Context) error {
	w.t.Say("There is no key to sign images with: an OpenPGP key cannot do it.")
	ok, err := w.t.Confirm(ctx, "Make one now?")
	switch {
	case err != nil:
		return err
	case ok:
		return w.newImageKey(ctx)
	}
	w.t.Say("Without one no image can be signed. bulla image key import FILE brings one.")
	if err := w.askImages(ctx); err != nil {
		return err
	}
	return w.imageKey(ctx)
}

func (w *walk) newImageKey(ctx context.Context) error {
	pass, err := w.t.Passphrase(ctx, keys.PassphraseRequest{Purpose: keys.PurposeImage, Label: "release.key", Attempt: 1, New: true})
	if err != nil {
		return err
	}
	defer pass.Destroy()
	w.warnWeak(pass, keys.PurposeImage)
	k, err := w.Session.GenerateImageKey(ctx, pass)
	if errors.Is(err, fs.ErrExist) {
		return &explain.UsageError{Message: "there is a key release.key among bulla's own already", Hints: []string{"bulla image keygen --name NAME makes another"}}
	}
	if err != nil {
		return err
	}
	w.changed = true
	w.t.Say("Made %s", k.Path)
	w.t.Say("Give %s to those who verify.", k.PublicPath())
	w.c.ImageKey = k.Path
	return nil
}
