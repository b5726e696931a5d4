package line

import (
	"context"
	"reflect"
	"strings"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/keydeed"
	"bulla/workflow/images"
)

// trust shows what Content Trust says of the repository, and looks after it.
func (k *imageTalk) trust(ctx context.Context) error {
	var told imagedeed.Story
	return k.rounds(ctx, "Do", func(ctx context.Context) ([]imageOffer, error) {
		k.t.Say("")
		if err := k.askTrust(ctx); err != nil {
			return nil, err
		}
		if now := imagedeed.ViewOf(k.standing.Trust, ""); !reflect.DeepEqual(now, told) { // once, and again when it has changed
			told = now
			k.t.story(now)
		}
		k.t.Say("")
		return k.trustOffers(), nil
	})
}

// askTrust asks what Content Trust says of the repository.
func (k *imageTalk) askTrust(ctx context.Context) error {
	server := k.trustServer(ctx)
	k.t.Say("Asking %s…", server)
	return k.work(ctx, "still waiting for "+server, func(ctx context.Context, _ images.Face) (err error) {
		k.standing.Trust, err = k.Desk.Trust(ctx)
		k.standing.Trusted = err == nil
		return err
	})
}

// trustServer names the trust server.
func (k *imageTalk) trustServer(ctx context.Context) string {
	return strings.TrimSpace("the trust server " + strings.TrimPrefix(k.Desk.TrustServer(ctx), "https://"))
}

// inTrust is the Content Trust of the repository, for jobs.
func (k *imageTalk) inTrust() imagedeed.Trust {
	return imagedeed.Trust{Desk: k.Desk, Name: k.repository().String(), View: k.standing.Trust}
}

// trustOffers are what can be done in Content Trust.
func (k *imageTalk) trustOffers() []imageOffer {
	state := k.standing.NoTrust()
	if state == "" && len(k.standing.Trust.State.Tags) == 0 {
		state = "no tag is signed"
	}
	keep := imagedeed.Of(imagedeed.MakeRootKey).Group
	return append(append([]imageOffer{{imagedeed.Of(imagedeed.Initialise).Group, "Take back the signature of a tag", state, k.revokeOne}}, k.offers(map[imagedeed.Action]func(context.Context) error{
		imagedeed.Initialise: k.initialise, imagedeed.AddSigner: k.addSigner, imagedeed.RemoveSigner: k.removeSigner, imagedeed.RotateTargets: k.rotateTargets,
		imagedeed.RotateRoot: k.rotateRoot, imagedeed.MendReleases: k.mendReleases, imagedeed.ShowPins: k.showPins, imagedeed.PinRoot: k.pin, imagedeed.UnpinRoot: k.unpin,
	})...), imageOffer{keep, "Make, take, back up, try, restore them", "", k.trustKeys})
}

// initialise gives the repository its root key, once a backup of that was tried.
func (k *imageTalk) initialise(ctx context.Context) error {
	key, err := k.rootKey().Lead(ctx, imagedeed.RootWay{Keeper: k.Desk, Can: k.Desk.CanInitialize}, "")
	if err != nil {
		return err
	}
	return k.propose(ctx, k.inTrust().Initialise(key))
}

// rotateRoot replaces the root key by another one that is here and whose backup was tried.
func (k *imageTalk) rotateRoot(ctx context.Context) error {
	key, err := k.rootKey().Lead(ctx, imagedeed.RootWay{Keeper: k.Desk, Not: k.inTrust().RootIDs()}, "")
	if err != nil {
		return err
	}
	return k.propose(ctx, k.inTrust().RotateRoot(key))
}

// revokeOne takes back the signature of one of the signed tags.
func (k *imageTalk) revokeOne(ctx context.Context) error {
	for {
		tag, err := k.t.Text(ctx, "The tag", "")
		if err != nil {
			return err
		}
		ref, err := k.repository().WithTag(tag)
		if _, ok := k.standing.Trust.State.Tag(tag); err == nil && ok {
			return k.propose(ctx, k.inTrust().Revoke(ref))
		}
		k.t.Say("Content Trust does not sign a tag %s.", tag)
	}
}

// revoke takes back the signature of a tag.
func (k *imageTalk) revoke(ctx context.Context, ref docker.Reference) error {
	if err := k.askTrust(ctx); err != nil {
		return err
	}
	k.standing.Tag = new(string)
	*k.standing.Tag = ref.Tag()
	if why := imagedeed.Fault(imagedeed.RevokeIt, k.standing); why != "" {
		k.t.Say("Not now: %s.", why)
		return nil
	}
	return k.propose(ctx, k.inTrust().Revoke(ref))
}

func (k *imageTalk) addSigner(ctx context.Context) error {
	who, err := k.signerName(ctx)
	if err != nil {
		return err
	}
	for {
		file, err := k.t.Text(ctx, "The file of their public key (NAME.pub)", "")
		if err != nil {
			return err
		}
		pub, err := dct.ReadPublicKey(k.Path(file))
		if err == nil {
			return k.propose(ctx, k.inTrust().AddSigner(who, pub))
		}
		explainOn(k.t, err)
	}
}

func (k *imageTalk) removeSigner(ctx context.Context) error {
	k.t.Say("The signer")
	list := k.standing.Trust.State.Signers
	for i, signer := range list {
		k.t.Say("  %d  %s", i+1, signer.Name)
	}
	n, err := k.t.Number(ctx, "Signer", len(list), 0)
	if err != nil {
		return err
	}
	return k.propose(ctx, k.inTrust().RemoveSigner(list[n-1]))
}

func (k *imageTalk) rotateTargets(ctx context.Context) error {
	return k.propose(ctx, k.inTrust().RotateTargets())
}

func (k *imageTalk) mendReleases(ctx context.Context) error {
	k.t.prose("", imagedeed.DropReleasesHelp)
	drop, err := k.t.Confirm(ctx, keydeed.Sentence(imagedeed.DropReleases)+"?")
	if err != nil {
		return err
	}
	return k.propose(ctx, k.inTrust().SignReleasesAgain(drop))
}

// pin says which root the repository must have: one that the person types, once they have compared it.
func (k *imageTalk) pin(ctx context.Context) error {
	t := k.inTrust()
	for _, id := range t.Shown() {
		k.t.Say("The trust server shows")
		k.t.Say("  %s", id)
	}
	k.t.prose("", imagedeed.AskRoot)
	for {
		text, err := k.t.Text(ctx, "The id of the root certificate", "")
		if err != nil {
			return err
		}
		id, wrong := imagedeed.ParseRoot(text)
		if wrong == "" {
			return k.propose(ctx, t.Pin(id))
		}
		k.t.Say("%s", wrong)
	}
}

func (k *imageTalk) unpin(ctx context.Context) error { return k.propose(ctx, k.inTrust().Unpin()) }
