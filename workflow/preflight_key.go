package workflow

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/workflow/keychoice"
	"bulla/workflow/keydesk"
)

// key: chosen, usable, strong, and to be found by strangers.
func (x *examination) key(ctx context.Context) {
	choices, err := x.s.KeyChoices(ctx)
	if err != nil {
		x.refuse(keychoice.RuleNoKey, StepKey, err, "The keys cannot be listed: "+err.Error(), "")
		return
	}
	for _, f := range choices.Notes {
		if f.Rule != keychoice.RuleSigningKey || x.c.Key == "" { // the key was named: git's does not matter
			x.add(Finding{f, StepKey})
		}
	}
	selector := x.c.Key
	if selector == "" {
		selector = x.s.Config().Release.Key
	}
	if selector == "" && choices.Preselected >= 0 {
		selector = choices.List[choices.Preselected].Selector()
	}
	if selector == "" {
		x.noKeyChosen(choices)
		return
	}
	signer, err := x.s.world.Signer(ctx, keys.ParseSelector(selector))
	if err != nil {
		x.keyRefused(selector, err)
		return
	}
	defer signer.Close()
	x.plan.Key = signer.Key()
	if choices.LastUnknown != "" {
		x.warn(RuleOtherSigner, StepKey, fmt.Sprintf("The last release, %s, names a key that is not at hand: %s. This one would be signed by another, %s.", choices.LastTag, choices.LastUnknown, x.plan.Key.Primary.Short()),
			"bulla keys fetch "+choices.LastUnknown+" looks for that one; those who verify may know it alone, and need this one too")
	} else if last := choices.LastSigner; last != "" && last != x.plan.Key.Primary {
		x.warn(RuleOtherSigner, StepKey, fmt.Sprintf("The last release was signed by another key, %s.", last.Short()),
			"those who verify may know only that one: give them this one too, or take that one with --key")
		x.here("those who verify may know only that one: give them this one too, or choose that one")
	}
	for _, k := range choices.List {
		if k.Fingerprint == x.plan.Key.Primary {
			x.keyHealth(ctx, k)
			break
		}
	}
}

func (x *examination) noKeyChosen(choices keychoice.Choices) {
	if len(choices.List) == 0 {
		x.refuse(keychoice.RuleNoKey, StepKey, nil, "There is no key to sign with, in bulla's store or in GnuPG.",
			"bulla keys generate --name \"Your Name\" --email you@example.org")
		return
	}
	var problems []string
	usable := map[keys.Fingerprint]bool{} // one that is in two places is one
	for _, k := range choices.List {
		if k.Usable {
			usable[k.Fingerprint] = true
		} else {
			problems = append(problems, fmt.Sprintf("%s: %s", k.Fingerprint.Short(), k.Problem))
		}
	}
	if len(usable) == 0 {
		x.refuse(RuleKeyUnusable, StepKey, nil, "None of your keys can sign. "+strings.Join(problems, "; "), "bulla keys generate makes a new one")
		return
	}
	x.refuse(keychoice.RuleNoKey, StepKey, &keys.AmbiguousError{}, fmt.Sprintf("%d keys could sign and none is named.", len(usable)), "name one with --key FINGERPRINT; `bulla keys list` shows them")
	x.here("choose one")
}

func (x *examination) keyRefused(selector string, err error) {
	var unusable *keys.UnusableError
	if errors.As(err, &unusable) {
		x.refuse(RuleKeyUnusable, StepKey, err, fmt.Sprintf("The key %s cannot sign: %s.", unusable.Key.Short(), unusable.Reason), "choose another with --key; `bulla keys list` shows them")
		x.here("choose another")
		return
	}
	x.refuse(keychoice.RuleNoKey, StepKey, err, fmt.Sprintf("No secret key for %q: %v.", selector, err), "`bulla keys list` shows the keys at hand")
}

func (x *examination) keyHealth(ctx context.Context, k keychoice.Choice) {
	now := x.plan.Created
	if k.Successor != "" {
		x.warn(keydesk.RuleRetiring, StepKey, fmt.Sprintf("Another key follows this one: %s.", k.Successor.Short()), "sign with that: --key "+string(k.Successor))
		x.here("choose that one")
	} else if until := x.plan.Key.Expires; !until.IsZero() && until.Sub(now) < keys.ExpiringSoon {
		x.warn(RuleKeyExpiring, StepKey, fmt.Sprintf("The key expires on %s, in %d days.", until.Format("2 January 2006"), int(until.Sub(now).Hours()/24)),
			"extend it and publish it again before the next release")
	}
	if len(k.Weak) > 0 {
		x.warn(RuleKeyWeak, StepKey, "The key has weak points: "+strings.Join(k.Weak, ", ")+".", "strict verifiers (Debian since 2026, Sequoia) refuse such keys")
	}
	if k.Source == keys.SourceStore && k.BackedUp.IsZero() {
		x.warn(keydesk.RuleNotBackedUp, StepKey, "No backup of this key was ever made and tried.", fmt.Sprintf("bulla keys backup %s -o FILE, and keep the file apart", k.Fingerprint))
	}
	x.keyPublished(ctx, k.Fingerprint)
}

// keyPublished looks into the record of what was published; it asks nobody.
func (x *examination) keyPublished(ctx context.Context, f keys.Fingerprint) {
	w := x.s.world
	r, err := w.Published.Read(f)
	if err != nil {
		x.warn(keydesk.RuleNotPublished, StepKey, "Whether the key was published cannot be told: "+err.Error(), "bulla keys publish "+string(f)+" --to PLACE writes the record anew once that file is out of the way")
		return
	}
	if !r.Published() {
		x.inform(keydesk.RuleNotPublished, StepKey, "This key was never published from here.", "users need the public key: bulla keys publish "+string(f)+" --to keys.openpgp.org")
		return
	}
	x.keysFile(ctx, r)
	stale, err := w.StalePlaces(ctx, r)
	if err != nil {
		return // what is wrong with the key itself is told elsewhere
	}
	if len(stale) > 0 {
		var places []string
		for _, e := range stale {
			places = append(places, e.Target)
		}
		x.warn(keydesk.RuleStale, StepKey, "The key has changed since it was published: "+strings.Join(places, ", ")+" got it as it was before.", "bulla keys publish "+string(f)+" --again sends it everywhere it was published")
	}
}

// keysFile remarks that the project's own file of keys would not be in the release.
func (x *examination) keysFile(ctx context.Context, r publish.Record) {
	for _, e := range r.Entries {
		t, err := publish.ParseTarget(e.Target, "")
		if err != nil {
			continue
		}
		u, yes := x.s.world.UnsharedFile(ctx, t)
		if !yes || u.Root != x.s.root() {
			continue
		}
		what := " holds the key, but is not committed: neither the release nor its readers would have it."
		if u.Committed {
			what = " holds the key, but is not pushed: its readers do not have it yet."
		}
		u.Root = "" // this is read in the repository
		x.warn(RuleKeysFile, StepKey, u.Name+what, strings.Join(u.Commands(), " && "))
	}
}
