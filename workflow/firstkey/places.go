package firstkey

import (
	"context"
	"path/filepath"
	"slices"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/workflow"
	"bulla/workflow/keydesk"
)

// Offer is a place to publish to that a person may tick.
type Offer struct {
	Target publish.Target
	// Why says in a plain sentence what the place is good for; Wise that a newcomer does well to
	// tick it.
	Why  string
	Wise bool
	// Entry is what is remembered of the key there; nil for nothing.
	Entry *publish.Entry
}

// Offers are places to publish a key to: those that everybody knows, that of the repository around,
// and those where the key was published before.
func (w *Wizard) Offers(ctx context.Context, f keys.Fingerprint) (out []Offer, err error) {
	add := func(place, why string, wise bool) {
		if t, err := publish.ParseTarget(place, w.dir); err == nil {
			out = append(out, Offer{Target: t, Why: why, Wise: wise})
		}
	}
	add("keys.openpgp.org", "Where most programs look. It mails each address to confirm it, and shows the name only then.", true)
	add("keyserver.ubuntu.com", "What Maven Central and older programs ask. It shows everything at once, and never deletes.", false)
	if session, err := workflow.Open(ctx, w.world, w.dir); err == nil {
		if r, ok := session.PushTarget(""); ok {
			switch hostOf(r.URL) {
			case "github.com":
				add("github", "So that GitHub shows your tags as verified. It takes an access token.", false)
			case "gitlab.com":
				add("gitlab", "So that GitLab shows your tags as verified. It takes an access token.", false)
			case "codeberg.org":
				add("codeberg", "So that Codeberg shows your tags as verified. It takes an access token.", false)
			}
		}
		if root := session.Repository().Root; root != "" {
			add("file:"+filepath.Join(root, "KEYS"), "The file KEYS of this repository: users find the key beside what it signs.", false)
		}
		_ = session.Close()
	}
	r, err := w.world.Published.Read(f)
	if err != nil {
		return out, err
	}
	for _, e := range r.Entries {
		i := slices.IndexFunc(out, func(o Offer) bool { return o.Target.String() == e.Target })
		if i < 0 {
			add(e.Target, "Published there before.", false)
			i = len(out) - 1
		}
		if i >= 0 && out[i].Target.String() == e.Target {
			out[i].Entry = &e
		}
	}
	return out, nil
}

// Place reads the name of a place as a person types it: see publish.ParseTarget.
func (w *Wizard) Place(text string) (publish.Target, error) { return publish.ParseTarget(text, w.dir) }

// Plan works out exactly what would become public, with the user ids that are chosen. It sends
// nothing.
func (w *Wizard) Plan(ctx context.Context, f keys.Fingerprint, targets []publish.Target, userIDs []string) (publish.Plan, error) {
	return w.world.PlanPublish(ctx, keys.ParseSelector(string(f)), targets, publish.Choice{UserIDs: userIDs})
}

// Publish carries out a plan that a person confirmed, and reads every place back.
func (w *Wizard) Publish(ctx context.Context, plan publish.Plan, ask keys.AskPassphrase, progress func(publish.Event)) ([]publish.Result, error) {
	return w.world.Publish(ctx, plan, w.publishFace(ask, progress))
}

// Check asks the places of a plan what they have now. It sends no key.
func (w *Wizard) Check(ctx context.Context, plan publish.Plan, ask keys.AskPassphrase, progress func(publish.Event)) ([]publish.Result, error) {
	return w.world.CheckPublished(ctx, plan, w.publishFace(ask, progress))
}

func (w *Wizard) publishFace(ask keys.AskPassphrase, progress func(publish.Event)) keydesk.PublishFace {
	return keydesk.PublishFace{Ask: w.world.Vault.Ask(ask, nil), Progress: progress}
}
