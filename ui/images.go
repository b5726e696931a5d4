package ui

import (
	"context"

	"bulla/ui/page/images"
	"bulla/workflow/finding"
)

// Images is a repository of images as the page needs it: *images.Survey of package
// workflow/images has its methods.
type Images = images.Backend

// ImageDesk changes things for the images of a repository: *images.Desk of package workflow/images has
// its methods.
type ImageDesk = images.Desk

// ImagesOptions say which repository to show and on which terminal. Open is required; the rest has
// defaults.
type ImagesOptions struct {
	// Open lists the tags of the repository. It runs outside the event loop, after the first
	// frame, and again when the person asks for it.
	Open func(context.Context) (Images, error)
	// Name is the repository in full.
	Name string
	// Doctor says what the registry and its trust server can hold; nil where nobody is to be asked.
	Doctor func(context.Context) ([]finding.Finding, error)
	// Desk signs, judges and manages; nil where nothing is to be changed. It is closed in the end.
	Desk ImageDesk
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string

	Display
}

// ImageList shows the tags of a repository on the whole screen until the person leaves. It returns
// only when nothing is at work any more. The error is context.Canceled when ctx ended, else what
// kept the screen from being drawn; what could not be read is told on the screen. texts are what the
// person wants printed now.
func ImageList(ctx context.Context, o ImagesOptions) (texts []string, err error) {
	r := newImagesRoot(ctx, o)
	err = r.show(func(put func(string) error) soloPage { return r.newPage(put) })
	return r.texts, err
}

// imagesRoot is a root with the page of images alone.
type imagesRoot struct {
	soloRoot
	io    ImagesOptions
	texts []string // to be printed in the end
}

func newImagesRoot(ctx context.Context, h ImagesOptions) *imagesRoot {
	return &imagesRoot{soloRoot: newSoloRoot(ctx, h.Display), io: h}
}

// newPage makes the page for the theme; put writes to the clipboard.
func (r *imagesRoot) newPage(put func(string) error) *images.Model {
	return images.New(images.Options{
		Context: r.ctx, Open: r.io.Open, Name: r.io.Name, Doctor: r.io.Doctor, Desk: r.io.Desk, Path: r.io.Path,
		Theme: r.theme, Now: r.o.Now, Dialogs: r.dialogs, Copy: put, Print: func(text string) { r.texts = append(r.texts, text) },
	})
}
