package line

import (
	"context"
	"fmt"
	"strings"

	"bulla/artifacts"
	"bulla/ui/component/human"
	"bulla/workflow/finding"
	"bulla/workflow/keychoice"
)

// files finds the artifacts and lets the person choose among them.
func (w *walk) files(ctx context.Context) error {
	if w.c.Files != nil {
		return nil
	}
	globs := w.c.Artifacts
	if globs == nil {
		globs = w.Session.Globs(w.c.Version)
	}
	if len(globs) == 0 {
		return w.askGlobs(ctx)
	}
	return w.findFiles(ctx, globs)
}

// askGlobs asks for globs where nothing names the files.
func (w *walk) askGlobs(ctx context.Context) error {
	w.t.Say("")
	w.t.Say("The files to sign")
	text, err := w.t.Ask(ctx, "Patterns from the root, such as dist/*; Enter for no files:")
	if err != nil {
		return err
	}
	w.typedGlobs = strings.Fields(text)
	if len(w.typedGlobs) == 0 {
		w.c.Files = []artifacts.File{}
		return nil
	}
	return w.findFiles(ctx, w.typedGlobs)
}

func (w *walk) findFiles(ctx context.Context, globs []string) error {
	patterns := make([]string, len(globs))
	for i, g := range globs {
		patterns[i] = strings.ReplaceAll(g, "{version}", w.c.Version)
	}
	found, err := w.Session.FindArtifacts(ctx, patterns)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		w.explain(err)
		return w.askGlobs(ctx)
	}
	w.t.Say("")
	w.t.Say("The files to sign: %s", human.Count(len(found), "file"))
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = fmt.Sprintf("%s  %s", f.Name, human.Size(f.Size))
	}
	chosen, err := w.t.Several(ctx, names)
	if err != nil {
		return err
	}
	w.c.Files = []artifacts.File{}
	for _, i := range chosen {
		w.c.Files = append(w.c.Files, found[i])
	}
	if err := w.replaceThere(ctx); err != nil {
		return err
	}
	return w.listOnly(ctx)
}

// replaceThere tells what stands where the signatures and lists go, and offers to replace it.
func (w *walk) replaceThere(ctx context.Context) error {
	if w.c.Replace {
		return nil
	}
	there := w.Session.InTheWay(ctx, w.c)
	if len(there) == 0 {
		return ctx.Err()
	}
	for i := range there {
		there[i].Severity = finding.Warning
	}
	w.findings(there)
	yes, err := w.t.Confirm(ctx, "Replace what lies there? Copies elsewhere, such as published ones, stay.")
	w.c.Replace = yes && err == nil
	return err
}

// listOnly offers to sign the list alone where many signatures take long or many touches.
func (w *walk) listOnly(ctx context.Context) error {
	if w.c.ChecksumsOnly != nil || len(w.c.Files) < 2 {
		return nil
	}
	for _, f := range w.Session.Preflight(ctx, w.c) {
		if f.Rule != keychoice.RuleSignatures {
			continue
		}
		w.t.Say("%s", f.Message)
		yes, err := w.t.Confirm(ctx, "Sign SHA256SUMS alone, which lists them all, in place of each file?")
		if err != nil {
			return err
		}
		w.c.ChecksumsOnly = &yes
		break
	}
	return nil
}
