package line

import (
	"context"
	"path/filepath"
	"strings"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/project"
)

// after is what follows a release that is done: the verdicts, how others check it, and two offers
// for the next time. Leaving here changes nothing about the release.
func (w *walk) after(ctx context.Context, res *workflow.Result) error {
	w.t.Say("")
	if w.Report != nil {
		if err := w.Report(res); err != nil {
			return err
		}
	}
	w.strangers(res)
	for _, offer := range []func(context.Context, *workflow.Result) error{w.keepPassphrases, w.saveChoices} {
		err := offer(ctx, res)
		switch {
		case err != nil && ctx.Err() != nil:
			return &explain.PartialError{Done: "The release of " + res.Plan.Tag + " is done and stands.", Err: ctx.Err()}
		case err != nil:
			return nil // q ends the offers, and the release stands
		}
	}
	return nil
}

// strangers lists the commands by which others check the release.
func (w *walk) strangers(res *workflow.Result) {
	w.t.Say("")
	root := w.Session.Repository().Root
	say := func(list []workflow.Command) {
		for _, c := range list {
			w.t.Say("  # %s", c.Why)
			w.t.Say("  %s", c.Text)
		}
	}
	w.t.Say("So that others can check it, publish the public keys once:")
	say(workflow.SignerCommands(res, root))
	w.t.Say("")
	w.t.Say("Then anyone can check it:")
	say(workflow.StrangerCommands(res, root, workflow.PublicKeysName, workflow.ImageKeyName(res.Plan.ImageKey)))
}

// keepPassphrases offers to keep what was typed for the next time. The place is chosen once: the
// vault remembers it.
func (w *walk) keepPassphrases(ctx context.Context, _ *workflow.Result) error {
	if w.Vault == nil {
		return nil
	}
	told := false
	for _, req := range w.Vault.Unsaved() {
		places := w.places(ctx)
		if len(places) == 0 {
			return nil
		}
		w.t.Say("")
		where := ""
		if len(places) == 1 {
			where = " in " + placeWords(places[0])
			if !told {
				w.t.Say("If you say yes: %s", places[0].Sentence)
			}
			told = true
		}
		ok, err := w.t.Confirm(ctx, "Keep the "+secretOf(req)+where+" for the next time?")
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		place, err := w.choosePlace(ctx, places)
		if err != nil {
			return err
		}
		if err := w.keep(ctx, req, place); err != nil {
			w.explain(err)
			continue
		}
		w.t.Say("Kept in %s.", placeWords(place))
	}
	return nil
}

// choosePlace asks which of several places it shall be; Enter takes the first, which is the best.
func (w *walk) choosePlace(ctx context.Context, places []vault.Status) (vault.Status, error) {
	if len(places) == 1 {
		return places[0], nil
	}
	for i, p := range places {
		w.t.Say("  %d  %s. %s", i+1, p.Name, p.Sentence)
	}
	n, err := w.t.Number(ctx, "Place", len(places), 1)
	return places[max(n, 1)-1], err
}

// placeWords names a place within a sentence.
func placeWords(p vault.Status) string {
	switch p.Backend {
	case vault.BackendFile:
		return "the encrypted vault file"
	case vault.BackendKeychain:
		return "the keychain (" + strings.TrimPrefix(p.Name, "the ") + ")"
	}
	return p.Name
}

func labelOf(req keys.PassphraseRequest) string {
	if req.Label != "" {
		return req.Label
	}
	return keys.Fingerprint(req.ID).Short()
}

// secretOf names what opens a key: a card's label names its PIN already.
func secretOf(req keys.PassphraseRequest) string {
	if req.Card != "" {
		return labelOf(req)
	}
	return "passphrase of " + labelOf(req)
}

// places are where a passphrase can be kept beyond this run: the place chosen before, or those to
// choose from.
func (w *walk) places(ctx context.Context) (out []vault.Status) {
	chosen, has := w.Vault.Choice(ctx)
	for _, p := range w.Vault.Offers(ctx) {
		usable := p.State == vault.Ready || p.State == vault.Locked || (p.State == vault.NeedsSetup && p.Backend == vault.BackendFile)
		if usable && p.Persistent && (!has || p.Backend == chosen) {
			out = append(out, p)
		}
	}
	return out
}

func (w *walk) keep(ctx context.Context, req keys.PassphraseRequest, p vault.Status) error {
	if p.Backend == vault.BackendFile {
		open := w.Vault.UnlockFile
		if p.State == vault.NeedsSetup {
			open = w.Vault.SetUp
		}
		if err := open(ctx, w.t.Passphrase); err != nil {
			return err
		}
	}
	return w.Vault.Keep(ctx, req, p.Backend)
}

// saveChoices offers to write bulla.toml where there is none.
func (w *walk) saveChoices(ctx context.Context, res *workflow.Result) error {
	c := w.Session.Config()
	if c.Exists {
		return nil
	}
	c.Release = w.settings(res.Plan)
	w.t.Say("")
	w.t.Say("%s would say for the next release:", project.ConfigName)
	w.t.Say("  key %s", c.Release.Key)
	for _, g := range c.Release.Artifacts {
		w.t.Say("  files %s", g)
	}
	for _, i := range c.Release.Images {
		w.t.Say("  image %s", i)
	}
	if c.Release.ImageKey != "" {
		w.t.Say("  image key %s", c.Release.ImageKey)
	}
	if c.Release.ImageWith != "" {
		w.t.Say("  images are signed with %s", c.Release.ImageWith)
	}
	ok, err := w.t.Confirm(ctx, "Write "+project.ConfigName+"?")
	if err != nil || !ok {
		return err
	}
	if err := w.Session.SaveConfig(ctx, c); err != nil {
		w.explain(err)
		return nil
	}
	w.t.Say("Written. It is not committed yet.")
	return nil
}

// settings are the choices of this release as the next one can use them.
func (w *walk) settings(p *workflow.Plan) project.ReleaseConfig {
	general := func(list []string) (out []string) {
		for _, s := range list {
			out = append(out, strings.ReplaceAll(s, p.Version, "{version}"))
		}
		return out
	}
	r := project.ReleaseConfig{Key: string(p.Key.Primary)}
	globs := w.c.Artifacts
	if len(w.typedGlobs) > 0 {
		globs = w.typedGlobs
	}
	if len(p.Files) > 0 {
		r.Artifacts = general(globs)
	}
	var images []string
	for _, img := range p.Images {
		images = append(images, img.Name)
	}
	r.Images = general(images)
	// A path outside the repository means nothing on another computer.
	if rel, err := filepath.Rel(w.Session.Repository().Root, p.ImageKey); err == nil && p.ImageKey != "" && filepath.IsLocal(rel) {
		r.ImageKey = filepath.ToSlash(rel)
	}
	if p.ImageWith.ContentTrust() {
		r.ImageWith, r.TrustServer = string(p.ImageWith), w.c.TrustServer
	}
	return r
}
