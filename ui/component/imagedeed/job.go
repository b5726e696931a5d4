// Package imagedeed is everything that can be done with the images of a repository and the keys that
// sign them, in words: what each errand is called, when it is possible, what it changes and leaves
// alone, and what is said of it then. The page of images and line mode ask for the choices each in its
// own way, and show and do the same.
package imagedeed

import (
	"context"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/sheet"
	"bulla/workflow/images"
)

// Job is an errand with all that was chosen for it. What it does is shown before it is done. Its effects
// are safe to show; its name and ids have to be cleaned.
type Job struct {
	Title string
	// Name is what it is about, "" for nothing; IDs belong to that, and are shown whole.
	Name    string
	IDs     []string
	Effects []sheet.Effect
	// Yes names agreeing ("replace it"), Doing what is done then ("replacing the targets key").
	Yes, Doing string
	// Word is typed to agree where there is no way back, "" for a plain yes; WordIs says what it is.
	Word, WordIs string
	// File is what it writes, "" for none. Where that is there already Do fails with fs.ErrExist, and has
	// changed nothing.
	File string
	// Do does it, once a person agreed. What became of it counts beside an error, too.
	Do func(ctx context.Context, p Person) (Outcome, error)
}

// Person is who is told and asked while a job is done.
type Person struct {
	images.Face
	// Self asks the person alone, and nothing that remembers passphrases; it says a note beside the
	// question.
	Self func(note string) keys.AskPassphrase
	// Note says something beside the next questions of Ask.
	Note func(string)
}

// Outcome is what became of a job.
type Outcome struct {
	Note string // a line about it, where it went well
	Left string // a line about it, where the person stopped it; "" where nothing was changed then
	// Told says that the story tells of the error beside it, too.
	Told bool
	// Seen are images that have to be looked at again, Anew says that all of them have to be.
	Seen []docker.Reference
	Anew bool
	// Trust is the trust data that came of it, nil where it did not change; NewRoot says that others have
	// to learn of its root.
	Trust   *dct.State
	NewRoot bool
	// Story is what is to be read then.
	Story Story
}

// end is what is typed of an id of 64 digits to agree to something for good.
func end(id string) string { return id[max(0, len(id)-8):] }
