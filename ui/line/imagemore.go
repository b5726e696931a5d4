package line

import (
	"context"
	"slices"
	"strings"

	"bulla/docker/cosign"
	"bulla/ui/component/human"
	"bulla/ui/component/imageword"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// doctor says what the registry can hold.
func (k *imageTalk) doctor(ctx context.Context) error {
	var list []finding.Finding
	k.t.Say("Asking the registry and the trust server…")
	err := k.work(ctx, "still asking", func(ctx context.Context, _ images.Face) (err error) {
		list, err = k.Desk.Doctor(ctx)
		return err
	})
	for _, f := range list {
		k.prose("  ", string(f.Severity)+": "+f.Message)
		if f.Hint != "" {
			k.prose("    ", f.Hint)
		}
	}
	return err
}

// migrate shows what could be carried over to cosign, and carries it over once the person agreed.
func (k *imageTalk) migrate(ctx context.Context) error {
	keys, err := k.Desk.ImageKeys()
	if err != nil {
		return err
	}
	key := ""
	if len(keys) > 1 { // what each has signed before differs
		if key, err = k.imageKey(ctx, keys); err != nil {
			return err
		}
	}
	k.t.Say("Looking what Content Trust signs…")
	list, err := k.carry(ctx, images.MigrateOrder{Key: key, Dry: true})
	if err != nil {
		return err
	}
	would := 0
	for _, c := range list {
		if c.Result == images.WouldCarry {
			would++
		}
	}
	k.carried(list)
	if would == 0 {
		k.t.Say("There is nothing to carry over.")
		return nil
	}
	k.t.Say("Nothing has been made yet. A cosign signature over the same digest can be written for %s.", human.Count(would, "tag"))
	if key == "" {
		if key, err = k.imageKey(ctx, keys); err != nil {
			return err
		}
	}
	yes, err := k.t.Confirm(ctx, "Write and publish them in "+k.repository().Registry()+"?")
	if err != nil || !yes {
		return err
	}
	list, err = k.carry(ctx, images.MigrateOrder{Key: key})
	k.carried(list)
	if ctx.Err() == nil {
		k.look(ctx)
	}
	return err
}

// carry carries signatures over, or only looks.
func (k *imageTalk) carry(ctx context.Context, o images.MigrateOrder) (list []images.Carriage, err error) {
	err = k.work(ctx, "still at it", func(ctx context.Context, f images.Face) (err error) {
		list, err = k.Desk.Migrate(ctx, o, f)
		return err
	})
	slices.SortFunc(list, func(a, b images.Carriage) int { return human.Naturally(a.Tag, b.Tag) })
	return list, err
}

// carried tells what became of each tag.
func (k *imageTalk) carried(list []images.Carriage) {
	count := map[images.Carry]int{}
	for _, c := range list {
		count[c.Result]++
		k.t.Say("  %s  %s, %s", c.Result, c.Tag, imageword.Digest(c.Digest))
		if c.Reason != "" {
			k.prose("    ", c.Reason)
		}
	}
	k.t.Say("%d carried over, %d were so before, %d would be, %d not, %d failed",
		count[images.Carried], count[images.CarriedPast], count[images.WouldCarry], count[images.NotCarried], count[images.CarryFailed])
}

// bases decides on the images that a Dockerfile names.
func (k *imageTalk) bases(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The Dockerfile", "Dockerfile")
	if err != nil {
		return err
	}
	data, err := k.Read(file)
	if err != nil {
		return err
	}
	args := map[string]string{}
	text, err := k.t.Ask(ctx, "Build arguments, such as BASE_TAG=3.20; Enter for none:")
	if err != nil {
		return err
	}
	for _, f := range strings.Fields(text) {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			k.t.Say("%s is passed over: a build argument is NAME=VALUE.", f)
			continue
		}
		args[name] = value
	}
	var list []images.BaseDecision
	err = k.work(ctx, "still deciding", func(ctx context.Context, f images.Face) (err error) {
		list, err = k.Desk.Bases(ctx, data, args, f)
		return err
	})
	for _, d := range list {
		k.t.Say("Line %d, %s", d.Base.Line, string(d.Base.Use))
		k.decision(d.Base.Image, d.Decision)
		if d.NoPlatform {
			k.t.Say("  It has no image for %s.", d.Base.Platform)
		}
	}
	if err == nil && len(list) == 0 {
		k.t.Say("It names no image from outside.")
	}
	return err
}

// pins prints what other programs need to know of the roots and keys of the repository. Nothing is
// written.
func (k *imageTalk) pins(ctx context.Context) error {
	return k.rounds(ctx, "Print", func(ctx context.Context) ([]imageOffer, error) {
		p, err := k.Desk.Pins(ctx)
		if err != nil {
			return nil, err
		}
		k.t.Say("")
		k.t.Say("Pins and policies of %s. They are printed, never written.", k.repository().String())
		for _, id := range p.Trust.Certificates {
			k.t.Say("  root certificate %s", id)
		}
		for _, id := range p.Trust.RootKeys {
			k.t.Say("  root key %s", id)
		}
		unpinned := cmpNot("", !p.Pinned(), "no root is pinned: t, then pin")
		list, err := k.Desk.ImageKeys()
		if err != nil {
			return nil, err
		}
		unkeyed := cmpNot("", len(list) == 0, "there is no image key: k makes one")
		return []imageOffer{
			{"[[policy.image]] for bulla.toml", unpinned, func(ctx context.Context) error {
				r, err := k.Desk.PinRule(ctx)
				k.verbatim(r.TOML(), err)
				return err
			}},
			{"content-trust for daemon.json, which Mirantis Container Runtime alone honours", unpinned, func(ctx context.Context) error { return k.snippet(ctx, images.DaemonJSON) }},
			{"trust_pinning for notary's config.json", unpinned, func(ctx context.Context) error { return k.snippet(ctx, images.NotaryConfig) }},
			{"a policy for Kyverno", unkeyed, func(ctx context.Context) error { return k.admission(ctx, images.ControllerKyverno, list) }},
			{"a policy for sigstore's policy controller", unkeyed, func(ctx context.Context) error { return k.admission(ctx, images.ControllerPolicy, list) }},
		}, nil
	})
}

// verbatim prints text of several lines as it is.
func (k *imageTalk) verbatim(text string, err error) {
	if err != nil {
		return
	}
	for l := range strings.Lines(text) {
		k.t.Say("%s", strings.TrimSuffix(l, "\n"))
	}
}

func (k *imageTalk) snippet(ctx context.Context, form func([]policy.ImageRule) ([]byte, []string, error)) error {
	r, err := k.Desk.PinRule(ctx)
	if err != nil {
		return err
	}
	text, notes, err := form([]policy.ImageRule{r})
	k.verbatim(string(text), err)
	for _, n := range notes {
		k.t.Say("Note: %s", n)
	}
	return err
}

func (k *imageTalk) admission(ctx context.Context, c images.Controller, list []images.Key) error {
	key := list[0]
	if len(list) > 1 {
		for i, x := range list {
			k.keyRow(i+1, x)
		}
		n, err := k.t.Number(ctx, "Image key", len(list), 0)
		if err != nil {
			return err
		}
		key = list[n-1]
	}
	data, err := k.Read(key.PublicPath())
	if err != nil {
		return err
	}
	pub, err := cosign.ParsePublicKey(data)
	if err != nil {
		return err
	}
	text, err := images.Admission(c, k.repository().String(), pub)
	k.verbatim(text, err)
	return err
}
