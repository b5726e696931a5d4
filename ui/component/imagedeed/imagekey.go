package imagedeed

import (
	"context"
	"path/filepath"
	"strings"

	"bulla/keys"
	"bulla/keys/limits"
	"bulla/ui/component/sheet"
	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// maxKeyFile bounds a key file that is read, in bytes.
const maxKeyFile = 64 << 10

// KeyNameHelp says what the name of an image key becomes.
const KeyNameHelp = "The two files are NAME.key and NAME.pub, among bulla's own."

// KeyNameFault says why a name cannot be that of an image key, or "".
func KeyNameFault(name string) string {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return "It becomes the name of two files: no slash, and no dot at its beginning."
	}
	return ""
}

// KeyNameOf proposes a name for the key in a file.
func KeyNameOf(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// newPassword asks for the password of a key that is being made, or gets another one.
func newPassword(ctx context.Context, p Person, label string) (keys.Secret, error) {
	return p.Ask(ctx, keys.PassphraseRequest{Purpose: keys.PurposeImage, Label: label, Attempt: 1, New: true})
}

// comes is a job that brings an image key of a name; made, if not nil, is told it.
func comes(d Desk, j Job, name, title string, made func(images.Key), work func(ctx context.Context, p Person, pass func() (keys.Secret, error)) (images.Key, error)) Job {
	j.Do = func(ctx context.Context, p Person) (Outcome, error) {
		if d.ImageKeyExists(name) != nil {
			return Outcome{Story: Story{"There is a key of that name already", paras(safetext.Line(name) + ".key is not replaced, and nothing was changed. Begin again with another name.")}}, nil
		}
		k, err := work(ctx, p, func() (keys.Secret, error) { return newPassword(ctx, p, name+".key") })
		if err != nil {
			return Outcome{}, err
		}
		if made != nil {
			made(k)
		}
		return Outcome{Anew: true, Story: Story{title, []Row{
			head(safetext.Line(k.Path)), fingerprint("key", k.ID), space(), para("Give this one to those who verify:"), head(safetext.Line(k.PublicPath())),
		}}}, nil
	}
	return j
}

// NewImageKey makes a key pair for cosign; made, if not nil, is told it.
func NewImageKey(d Desk, name string, made func(images.Key)) Job {
	return comes(d, Job{Doing: "making the image key"}, name, "The image key is made", made, func(ctx context.Context, _ Person, pass func() (keys.Secret, error)) (images.Key, error) {
		s, err := pass()
		if err != nil {
			return images.Key{}, err
		}
		defer s.Destroy()
		return d.GenerateImageKey(ctx, name, s)
	})
}

// TakeImageKey makes a key pair for cosign of the private key in a file.
func TakeImageKey(d Desk, path, name string) Job {
	return comes(d, Job{Doing: "importing the image key"}, name, "The image key is imported", nil, func(ctx context.Context, p Person, pass func() (keys.Secret, error)) (images.Key, error) {
		data, err := Aside(ctx, func() ([]byte, error) { return limits.ReadNamed(path, maxKeyFile) })
		if err != nil {
			return images.Key{}, err
		}
		defer clear(data)
		s, err := pass()
		if err != nil {
			return images.Key{}, err
		}
		defer s.Destroy()
		return d.ImportImageKey(ctx, name, filepath.Base(path), data, p.Self("That of the file that is imported."), s)
	})
}

// ChangePassword changes the password of an image key.
func ChangePassword(d Desk, k images.Key) Job {
	label := filepath.Base(k.Path)
	return Job{
		Title: "Change the password", Name: k.Path, Yes: "change it", Doing: "changing the password", Effects: []sheet.Effect{
			{Label: "first", Text: "The new password is asked for, twice; then the present one, unless bulla remembers it."},
			{Label: "then", Text: "The new file is opened before it takes the place of the old one. Where the old password was remembered, it is forgotten."},
			{Label: "mind", Text: "A copy of the old file still opens with the old password.", Caution: true},
		},
		Do: func(ctx context.Context, p Person) (Outcome, error) {
			pass, err := newPassword(ctx, p, label)
			if err != nil {
				return Outcome{}, err
			}
			defer pass.Destroy()
			p.Note("The present one, to open the key.")
			_, err = d.ChangeImageKeyPassword(ctx, k.Path, p.Ask, pass)
			return Outcome{Note: "The password of " + label + " is changed."}, err
		},
	}
}

// Aside reads what may never come to an end, such as a pipe that nobody writes to, and stops waiting for
// it with ctx. What still waits then ends with its other end, or with the program.
func Aside[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		got T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		got, err := read()
		done <- answer{got, err}
	}()
	select {
	case a := <-done:
		return a.got, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
