package line

import (
	"context"
	"slices"
	"strings"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/record"
)

// look says everything that will be created, with which key, and where to. Only the version,
// typed exactly, goes on.
func (w *walk) look(ctx context.Context, p *workflow.Plan) error {
	w.t.Say("")
	w.t.Say("The last look. Nothing has been created yet. This will happen:")
	w.t.Say("  Tag %s on commit %.10s %q, signed, in this repository.", p.Tag, p.CommitID, p.Subject)
	for l := range strings.SplitSeq(p.Message, "\n") {
		w.t.SayWhole("    | %s", l)
	}
	w.lookFiles(p)
	w.lookImages(p)
	w.t.Say("  Record %s and its signature bind all of it.", record.Name)
	w.lookReplaced(p, record.Name)
	w.t.Say("  Signed by %s", p.Key.UserID)
	w.t.Say("    %s", p.Key.Primary.Grouped())
	if p.Key.Fingerprint != p.Key.Primary {
		w.t.Say("    by its subkey %s", p.Key.Fingerprint.Grouped())
	}
	w.t.Say("    %s, %s", p.Key.Algorithm, countdown(p.Key.Expires, w.Now()))
	if p.Push {
		w.t.Say("  Then the tag is pushed to %s, %s.", p.Remote, strings.Join(p.PushAddresses(), " and "))
	} else {
		w.t.Say("  The tag is not pushed.")
	}
	for _, f := range p.Findings {
		if f.Severity == finding.Warning {
			w.finding(f.Finding)
		}
	}
	w.t.Say("")
	question := "Type " + p.Version + " to begin; q leaves:"
	if w.t.back {
		question = "Type " + p.Version + " to begin; Enter goes back, q leaves:"
	}
	for {
		text, err := w.t.Ask(ctx, question)
		switch {
		case err != nil:
			return err
		case text == "" && w.t.back: // a slip must not throw away what was answered
			return errBack
		case text == p.Version, text == p.Tag:
			return nil
		}
		w.t.Say("That is not %s. Nothing was done.", p.Version)
	}
}

func (w *walk) lookFiles(p *workflow.Plan) {
	if len(p.Files) == 0 {
		w.t.Say("  No files.")
		return
	}
	if p.ChecksumsOnly {
		w.t.Say("  No signatures beside %s, but the list of them is signed:", human.Count(len(p.Files), "file"))
	} else {
		w.t.Say("  Signatures (.asc) beside %s:", human.Count(len(p.Files), "file"))
	}
	for _, f := range p.Files {
		what := ""
		switch f.Existing {
		case artifacts.StateNone, "":
		case artifacts.StateValid:
			what = ", signed already"
		default:
			what = ", replaces the signature that is there"
		}
		w.t.Say("    %s  %s%s", f.Name, human.Size(f.Size), what)
	}
	lists := []string{artifacts.SHA256Name}
	if p.SHA512 {
		lists = append(lists, artifacts.SHA512Name)
	}
	w.t.Say("  %s, signed too, in %s", strings.Join(lists, " and "), p.Dir)
	for _, name := range lists {
		w.lookReplaced(p, name)
	}
}

// lookReplaced tells what a list, or the record, would replace.
func (w *walk) lookReplaced(p *workflow.Plan, name string) {
	switch list, signature := slices.Contains(p.Replaced, name), slices.Contains(p.Replaced, name+".asc"); {
	case list && signature:
		w.t.Say("    %s  replaces the one that is there, and its signature", name)
	case list:
		w.t.Say("    %s  replaces the one that is there", name)
	case signature:
		w.t.Say("    %s.asc  replaces the signature that is there", name)
	}
}

func (w *walk) lookImages(p *workflow.Plan) {
	if len(p.Images) == 0 {
		w.t.Say("  No images.")
		return
	}
	for _, img := range p.Images {
		w.t.Say("  Image %s", img.Name)
		w.t.Say("    %s", img.Digest)
		if p.ImageWith.Cosign() {
			w.t.Say("    Signing it publishes the signature in the registry. There is no way back.")
		}
		if img.Trust != nil {
			w.t.Say("    Signed in Content Trust on %s, as %s: that is public too.", img.Trust.Server, strings.Join(img.Trust.Roles, ", "))
		}
	}
	if !p.ImageWith.Cosign() {
		return
	}
	w.t.Say("    by image key %s", p.ImageKey)
	if p.ImageID != "" {
		w.fingerprint("    ", keys.Fingerprint(p.ImageID))
	}
}
