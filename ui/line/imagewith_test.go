package line

import (
	"context"
	"errors"
	"testing"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/images"
)

// taken lets a trust server take the signature.
func taken(f *fakeSession) *fakeSession {
	f.offer = images.Offer{ContentTrust: &images.PlannedTrust{Server: "https://notary.example.org", Roles: []string{"targets"}}}
	return f
}

// Where a trust server would take the signature, the person chooses; Enter is cosign.
func TestImageWith(t *testing.T) {
	for answer, want := range map[string]images.With{"": images.WithCosign, "2": images.WithBoth, "3": images.WithContentTrust} {
		answers := []string{"", "1", "", "", "", answer, "", "n", "1.4.0"}
		if want == images.WithContentTrust { // no image key is asked for
			answers = []string{"", "1", "", "", "", answer, "n", "1.4.0"}
		}
		w := walkThrough(t, taken(newSession()), nil, answers...)
		if w.err != nil || w.runs != 1 || w.planned[0].ImageWith != want {
			t.Errorf("%q: %v, %d runs, %+v\n%s", answer, w.err, w.runs, w.planned, w.out)
		}
		w.says(t, "3  in Docker Content Trust: the signature lies on https://notary.example.org")
		if want != images.WithCosign {
			w.says(t, "Signed in Content Trust on https://notary.example.org, as targets")
		}
	}
}

// What is in the way of Content Trust is said with the next command, where somebody uses it at all.
func TestImageWithoutTrust(t *testing.T) {
	f := newSession()
	f.offer = images.Offer{Problem: finding.Finding{Err: errors.New("x"), Message: "No backup was opened yet.", Hint: "bulla image trust key rehearse stick.key"}}
	w := walkThrough(t, f, nil, whole...)
	if w.err != nil || w.planned[0].ImageWith.ContentTrust() {
		t.Fatalf("%v\n%s", w.err, w.out)
	}
	w.says(t, "Content Trust cannot sign registry.example.org/widget:1.4.0. No backup was opened yet.", "bulla image trust key rehearse stick.key")
}

// A refusal by the trust server leads back to cosign alone, if the person wants that.
func TestImageWithCosignAfterAll(t *testing.T) {
	f := taken(newSession())
	f.refuse = func(c workflow.Choices) error {
		if !c.ImageWith.ContentTrust() {
			return nil
		}
		return &workflow.RefusedError{Findings: []workflow.Finding{{Finding: finding.Finding{Rule: images.RuleContentTrust, Severity: finding.Error, Message: "The trust server is gone."}, Step: workflow.StepImage}}}
	}
	w := walkThrough(t, f, nil, "", "1", "", "", "", "3", "n", "y", "", "1.4.0")
	if w.err != nil || w.runs != 1 || w.planned[1].ImageWith != images.WithCosign || w.planned[1].ImageKey == "" {
		t.Fatalf("%v, %+v\n%s", w.err, w.planned, w.out)
	}
}

// A wrong passphrase of a key of Content Trust leads back to the choice it belongs to.
func TestWrongTrustPassphrase(t *testing.T) {
	f := taken(newSession())
	f.run = func(context.Context, workflow.Face) error {
		if f.runs == 1 {
			return &keys.UnlockError{Request: keys.PassphraseRequest{Purpose: keys.PurposeTrust}, Tries: 3}
		}
		return nil
	}
	w := walkThrough(t, f, nil, "", "1", "", "", "", "2", "", "n", "1.4.0", "1", "1.4.0")
	if w.err != nil || w.runs != 2 || w.planned[1].ImageWith != images.WithCosign {
		t.Fatalf("%v, %d runs, %+v\n%s", w.err, w.runs, w.planned, w.out)
	}
}

// From the choice of images o leads to what signs them, and back to the choice; whoever leaves there
// leaves the release, and nothing was made.
func TestImagesFromTheWalk(t *testing.T) {
	var asked []string
	var leave error
	look := func(o *Walker) {
		o.ImagesOf = func(_ context.Context, r docker.Repository) error {
			asked = append(asked, r.String())
			return leave
		}
	}
	w := walkThrough(t, newSession(), look, "", "1", "", "", "o", "o 2", "O 1", "", "", "n", "1.4.0")
	if w.err != nil || w.runs != 1 || len(asked) != 2 {
		t.Fatalf("%v, %d runs, asked %q\n%s", w.err, w.runs, asked, w.out)
	}
	w.says(t, "o shows what signs the images", "o and a number from 1 to 1, please.", "Back to the images of the release.")
	leave = errLeft
	w = walkThrough(t, newSession(), look, "", "1", "", "", "o")
	if !errors.Is(w.err, explain.ErrLeft) || w.runs != 0 {
		t.Errorf("%v, %d runs", w.err, w.runs)
	}
	w = walkThrough(t, newSession(), nil, "", "1", "", "", "o", "", "", "n", "1.4.0") // where nothing is offered
	w.says(t, `"o" is no number`)
}
