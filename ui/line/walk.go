package line

import (
	"context"
	"errors"
	"slices"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/images"
)

// errLeft is how a person leaves at a question.
var errLeft = context.Canceled

// walk is one release on its way.
type walk struct {
	Walker
	t *Terminal
	c workflow.Choices
	// resolved is what references of images were resolved to.
	resolved map[string]docker.Image
	// typedGlobs are what a person typed here, for the offer to save it.
	typedGlobs []string
	// changed says that something was made, gone on with or taken back on the way: a key, an
	// unfinished release.
	changed bool
}

// Walk leads through a release line by line. Leaving at a question, by q or the end of input, is
// context.Canceled, and explain.ErrLeft where nothing was changed; keys that were made stay. Leaving
// an unfinished release for later is neither a result nor an error.
// Otherwise it returns what Session.Plan, Run and Resume return.
func Walk(ctx context.Context, o Walker) (*workflow.Result, error) {
	if o.Heartbeat == 0 {
		o.Heartbeat = 5 * time.Second
	}
	w := &walk{Walker: o, t: o.Terminal, c: o.Choices}
	w.greet()
	res, err := w.unfinished(ctx)
	if errors.Is(err, errLeftIt) {
		return nil, nil
	}
	if err == nil && res == nil {
		res, err = w.fresh(ctx)
	}
	var incomplete *workflow.IncompleteError
	if errors.Is(err, errLeft) && !errors.As(err, &incomplete) && !w.changed {
		err = explain.ErrLeft
	}
	if err != nil {
		return res, err
	}
	return res, w.after(ctx, res)
}

func (w *walk) greet() {
	r := w.Session.Repository()
	w.t.Say("A release of %s, line by line.", w.Session.Project())
	if !r.Unborn {
		where := "branch " + r.Branch
		if r.Detached {
			where = "no branch"
		}
		w.t.Say("Commit %.10s on %s: %s", r.Head.ID, where, r.Head.Subject)
	}
	w.t.Say("At every question q leaves, and b goes back to the one before. Nothing is created before the last question.")
}

// fresh is a walk from its beginning: the choices, the last look, the run. What can be mended by
// another choice leads back to that choice.
func (w *walk) fresh(ctx context.Context) (*workflow.Result, error) {
	if err := w.preflight(ctx); err != nil {
		return nil, err
	}
	var plan *workflow.Plan
	decide := func(ctx context.Context) (err error) {
		plan, err = w.decide(ctx)
		return err
	}
	if err := w.t.inOrder(ctx, w.remembering, append(w.questions(), decide)...); err != nil {
		return nil, err
	}
	for {
		res, err := w.run(ctx, func(f workflow.Face) (*workflow.Result, error) { return w.Session.Run(ctx, plan, f) })
		if err == nil {
			return res, nil
		}
		if err := w.mend(ctx, err); err != nil {
			return res, err
		}
		if err := decide(ctx); err != nil {
			return nil, err
		}
	}
}

// remembering returns what goes back to the choices as they are now.
func (w *walk) remembering() func() {
	c, globs := w.c, w.typedGlobs
	c.Images = slices.Clone(c.Images) // {version} is filled in where they stand
	return func() {
		images := slices.Clone(c.Images)
		w.c, w.typedGlobs = c, globs
		w.c.Images = images
	}
}

// questions are the choices in their order.
func (w *walk) questions() []func(context.Context) error {
	return []func(context.Context) error{w.key, w.version, w.message, w.files, w.images, w.imageWith, w.imageKey, w.push}
}

// decide makes the plan and shows it, until it is confirmed. What stands in the way of it leads back
// to the choice that it is about.
func (w *walk) decide(ctx context.Context) (*workflow.Plan, error) {
	for {
		w.t.Say("")
		w.t.Say("Looking for whatever could fail: repository, key, files, registry…")
		plan, err := w.Session.Plan(ctx, w.c)
		if err == nil {
			return plan, w.look(ctx, plan)
		}
		if err := w.mend(ctx, err); err != nil {
			return nil, err
		}
	}
}

// mend leads back to the choice that an error is about, if the person wants to choose again. Else
// it returns the error.
func (w *walk) mend(ctx context.Context, err error) error {
	var refused *workflow.RefusedError
	var wrong *keys.UnlockError
	var incomplete *workflow.IncompleteError
	switch {
	case ctx.Err() != nil, errors.As(err, &incomplete):
		return err
	case errors.As(err, &wrong):
		w.explain(err)
		if wrong.Request.Purpose == keys.PurposeImage {
			w.c.ImageKey = ""
			return w.imageKey(ctx)
		}
		if p := wrong.Request.Purpose; p == keys.PurposeTrust || p == keys.PurposeTrustRoot {
			return w.chooseWith(ctx)
		}
		w.c.Key = ""
		return w.key(ctx)
	case errors.As(err, &refused):
		return w.mendRefused(ctx, refused)
	}
	return err
}

// remedy is another choice for a refusal.
type remedy struct {
	question string
	ask      func(context.Context) error
}

func (w *walk) mendRefused(ctx context.Context, refused *workflow.RefusedError) error {
	w.t.Say("This would fail, so nothing was begun:")
	w.findings(refused.Errors())
	asked := map[string]bool{}
	for _, f := range refused.Errors() {
		r := w.remedyFor(f)
		if r.ask == nil {
			return refused
		}
		if asked[r.question] {
			continue
		}
		asked[r.question] = true
		ok, err := w.t.Confirm(ctx, r.question)
		if err != nil {
			return err
		}
		if !ok {
			return refused
		}
		if err := r.ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

// remedyFor is what can be chosen differently, or nothing.
func (w *walk) remedyFor(f workflow.Finding) remedy {
	switch {
	case f.Rule == images.RuleContentTrust:
		return remedy{"Sign the images with a cosign key alone?", w.cosignAlone}
	case f.Rule == workflow.RuleSignatureExists:
		return remedy{"Replace the signatures and lists that are there?", func(context.Context) error { w.c.Replace = true; return nil }}
	case f.Rule == workflow.RuleImageKey:
		return remedy{"Choose another image key?", func(ctx context.Context) error { w.c.ImageKey = ""; return w.imageKey(ctx) }}
	case f.Step == workflow.StepKey:
		return remedy{"Choose another key?", func(ctx context.Context) error { w.c.Key = ""; return w.key(ctx) }}
	case f.Step == workflow.StepTag:
		return remedy{"Choose another version?", func(ctx context.Context) error {
			w.c.Version, w.c.Message = "", ""
			return w.t.inOrder(ctx, w.remembering, w.version, w.message)
		}}
	case f.Step == workflow.StepArtifacts:
		return remedy{"Choose other files?", func(ctx context.Context) error { w.c.Files, w.c.Artifacts = nil, nil; return w.askGlobs(ctx) }}
	case f.Step == workflow.StepImage:
		return remedy{"Choose other images?", func(ctx context.Context) error {
			w.c.Images = nil
			return w.t.inOrder(ctx, w.remembering, w.askImages, w.imageKey)
		}}
	case f.Step == workflow.StepPush || (f.Rule == workflow.RuleRemote && w.c.Push):
		return remedy{"Leave the push out?", func(context.Context) error { w.c.Push = false; return nil }}
	}
	return remedy{}
}

// explain prints an error in the words of package explain, without its exit code.
func (w *walk) explain(err error) { explainOn(w.t, err) }
