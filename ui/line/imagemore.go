package line

import (
	"context"
	"slices"
	"strings"

	"bulla/ui/component/imagedeed"
	"bulla/workflow/finding"
	"bulla/workflow/images"
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
		k.t.prose("  ", string(f.Severity)+": "+f.Message)
		if f.Hint != "" {
			k.t.prose("    ", f.Hint)
		}
	}
	return err
}

// migrate shows what could be carried over to cosign, and carries it over once the person agreed.
func (k *imageTalk) migrate(ctx context.Context) error {
	list, err := k.Desk.ImageKeys()
	if err != nil {
		return err
	}
	key := ""
	if len(list) > 1 { // what each has signed before differs
		if key, err = k.imageKey(ctx, &list); err != nil {
			return err
		}
	}
	k.t.Say("Looking what Content Trust signs…")
	carry := imagedeed.Migration{Desk: k.Desk, Name: k.repository().String()}
	err = k.work(ctx, "still at it", func(ctx context.Context, f images.Face) (err error) {
		carry.List, err = k.Desk.Migrate(ctx, images.MigrateOrder{Key: key, Dry: true}, f)
		return err
	})
	if err != nil {
		return err
	}
	if carry.Nothing() {
		k.t.story(carry.Story("Nothing to carry over"))
		return nil
	}
	k.t.story(carry.Story("What can be carried over"))
	if key == "" {
		if key, err = k.imageKey(ctx, &list); err != nil {
			return err
		}
	}
	carry.Key = list[slices.IndexFunc(list, func(x images.Key) bool { return x.Path == key })]
	return k.propose(ctx, carry.CarryOver())
}

// bases decides on the images that a Dockerfile names.
func (k *imageTalk) bases(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The Dockerfile", "Dockerfile")
	if err != nil {
		return err
	}
	for {
		text, err := k.t.Ask(ctx, "Build arguments, such as BASE_TAG=3.20; Enter for none:")
		if err != nil {
			return err
		}
		args, wrong := imagedeed.BuildArgs(text)
		if wrong != "" {
			k.t.Say("%s", wrong)
			continue
		}
		return k.work(ctx, "still deciding", func(ctx context.Context, f images.Face) error {
			list, err := imagedeed.DecideBases(ctx, k.Desk, k.Path(file), args, f)
			if err == nil {
				k.t.story(imagedeed.BasesOf(k.Path(file), list))
			}
			return err
		})
	}
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
		if k.standing.Keys, err = k.Desk.ImageKeys(); err != nil {
			return nil, err
		}
		k.standing.Trusted, k.standing.Trust.Pins = true, p
		printed := func(of func(context.Context, imagedeed.Action) (imagedeed.Snippet, error), a imagedeed.Action) func(context.Context) error {
			return func(ctx context.Context) error {
				s, err := of(ctx, a)
				k.verbatim(s.Text, err)
				for _, n := range s.Notes {
					k.t.prose("", "Note: "+n)
				}
				return err
			}
		}
		return k.offers(map[imagedeed.Action]func(context.Context) error{
			imagedeed.ShowPins: k.showPins, imagedeed.Kyverno: printed(k.admission, imagedeed.Kyverno), imagedeed.PolicyController: printed(k.admission, imagedeed.PolicyController),
			imagedeed.DaemonJSON: printed(k.pinned, imagedeed.DaemonJSON), imagedeed.NotaryConfig: printed(k.pinned, imagedeed.NotaryConfig),
		}), nil
	})
}

// showPins tells which root the repository must have, with the rule of a policy as it is.
func (k *imageTalk) showPins(ctx context.Context) error {
	p, rule, err := imagedeed.Pinned(ctx, k.Desk)
	if err != nil {
		return err
	}
	k.t.story(imagedeed.PinsOf(k.repository().String(), p, rule))
	return nil
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

func (k *imageTalk) pinned(ctx context.Context, a imagedeed.Action) (imagedeed.Snippet, error) {
	return imagedeed.PinnedRoot(ctx, k.Desk, a)
}

func (k *imageTalk) admission(ctx context.Context, a imagedeed.Action) (imagedeed.Snippet, error) {
	key, err := k.chooseKey(ctx)
	if err != nil {
		return imagedeed.Snippet{}, err
	}
	return imagedeed.AdmissionPolicy(a, k.repository().String(), key)
}
