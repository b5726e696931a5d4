package keydesk

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/workflow/finding"
)

// Desk is what a face needs to look after keys: a survey of all of them, and every change. What
// is done with a key in all of the Places comes before what the store alone does.
type Desk struct {
	*Places
	*store.Store
	// Dir is where the repository is looked for whose files a succession changes; "" for none.
	Dir string
}

// New is the desk for the keys of some Places.
func New(p *Places) *Desk { return &Desk{Places: p, Store: p.Store} }

// ChangePassphrase is that of the Places.
func (d *Desk) ChangePassphrase(ctx context.Context, sel keys.Selector, next keys.Secret, ask keys.AskPassphrase) (keys.Key, error) {
	return d.Places.ChangePassphrase(ctx, sel, next, ask)
}

// ExportPublicWith is that of the Places.
func (d *Desk) ExportPublicWith(ctx context.Context, sel keys.Selector, p store.PublicParams) ([]byte, error) {
	return d.Places.ExportPublicWith(ctx, sel, p)
}

// PlanSuccession is that of the Places, in the desk's repository.
func (d *Desk) PlanSuccession(ctx context.Context, p SucceedParams) (SuccessionPlan, error) {
	return d.Places.PlanSuccession(ctx, d.Dir, p)
}

// CarryOutSuccession is that of the Places, in the desk's repository.
func (d *Desk) CarryOutSuccession(ctx context.Context, p SucceedParams, ask keys.AskPassphrase) (SuccessionDone, error) {
	return d.Places.CarryOutSuccession(ctx, d.Dir, p, ask)
}

// Remembered answers requests for passphrases from the vault where it can, else by person.
func (d *Desk) Remembered(person keys.AskPassphrase) keys.AskPassphrase {
	return d.Vault.Ask(person, nil)
}

// Attend says who stands before gpg-agent from now on. It must not be called while something is under way.
func (d *Desk) Attend(a agent.Attendant) { d.Attendant = a }

// PassphraseVault is where passphrases may be kept.
func (d *Desk) PassphraseVault() *vault.Manager { return d.Vault }

// State is all that is known of one key. It grows by Apply.
type State struct {
	// Key is the key as bulla's store has it, else as GnuPG has it. Before Read is set only the
	// fingerprint and the day it was made are.
	keys.Key
	Read bool
	// Claims are user ids that nothing was checked of yet.
	Claims []string
	// InStore and InGnuPG say where it is, Secret that a secret part of it is within reach.
	InStore, InGnuPG, Secret bool
	// GnuPG is the key as GnuPG has it, where InGnuPG is set; Parts are its secret parts as the
	// agent sees them, and AgentAsked is agent.Holding.Asked.
	GnuPG      keys.Key
	Parts      []agent.Part
	AgentAsked bool
	// Findings are those of the health check, the worst first. Those about where the key is
	// published come last of all, with PlacesKnown.
	Findings []Finding
	// Changed says that the latest change can be taken back.
	Changed bool
	// Places are where the key was published from here, and Stale those of them that got another
	// version than the present one.
	Places      []publish.Entry
	Stale       []string
	PlacesKnown bool
	// Unshared are those of the Places that are files which others do not have yet, by the target.
	Unshared map[string]Unshared
	// Err says why the key cannot be read.
	Err error
}

// News is something new about one key.
type News struct {
	Fingerprint keys.Fingerprint
	// Change writes it into the state.
	Change func(*State)
}

// Apply adds the news to the state of the key.
func (n News) Apply(s *State) {
	s.Fingerprint = n.Fingerprint
	n.Change(s)
	rank := map[finding.Severity]int{finding.Error: 0, finding.Warning: 1, finding.Info: 2}
	slices.SortStableFunc(s.Findings, func(a, b Finding) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
}

// Worst is the severity of the worst finding, "" for none.
func (s *State) Worst() finding.Severity {
	if len(s.Findings) == 0 {
		return ""
	}
	return s.Findings[0].Severity
}

// Glimpse is the first, quick look: the keys of bulla's store before anything was checked.
func (d *Desk) Glimpse(ctx context.Context) ([]State, error) {
	list, err := d.Store.Glimpses(ctx)
	out := make([]State, len(list))
	for i, g := range list {
		out[i] = State{Key: keys.Key{Fingerprint: g.Fingerprint, Created: g.Created, Source: keys.SourceStore}, Claims: g.Claims, InStore: true, Secret: g.Secret}
	}
	return out, err
}

// Survey looks at every key of bulla's store and of GnuPG's keyrings, their health, and where they
// were published from here, and hands over what it learns, in no order. It asks no person and uses
// no network. What could not be read besides single keys is returned; a place that cannot be read
// does not hide the other.
func (d *Desk) Survey(ctx context.Context, put func(News)) []error {
	s := &survey{d: d, seen: map[keys.Fingerprint]keys.Key{}, news: put}
	var all sync.WaitGroup
	for _, look := range []func(context.Context){s.store, s.gnupg} {
		all.Go(func() { look(ctx) })
	}
	all.Wait()
	if ctx.Err() == nil {
		s.published(ctx)
	}
	return s.problems
}

// survey is the state of Survey.
type survey struct {
	d    *Desk
	news func(News)

	mu       sync.Mutex
	seen     map[keys.Fingerprint]keys.Key // with a secret where any copy has one
	problems []error
}

func (s *survey) problem(err ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, err...)
}

// put hands news over, one at a time.
func (s *survey) put(k keys.Key, apply func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.seen[k.Fingerprint]; !ok || !hasAnySecret(have) {
		s.seen[k.Fingerprint] = k
	}
	s.news(News{k.Fingerprint, apply})
}

func (s *survey) store(ctx context.Context) {
	problems, err := s.d.Store.Examine(ctx, func(e store.Examined) { s.put(e.Key, s.d.ofStore(e)) })
	s.problem(problems...)
	if err != nil && ctx.Err() == nil {
		s.problem(err)
	}
}

// ofStore is the news that a key of the store is.
func (d *Desk) ofStore(e store.Examined) func(*State) {
	if e.Err != nil {
		return func(s *State) { s.InStore, s.Read, s.Err = true, true, e.Err }
	}
	found := d.findings(e.Key, e.Ailments)
	return func(s *State) {
		s.Key, s.Read, s.InStore, s.Changed, s.Err = e.Key, true, true, e.Changed, nil
		s.Secret = s.Secret && s.InGnuPG || hasAnySecret(e.Key)
		s.Findings = append(found, differs(s)...)
	}
}

// findings are those of the health check without the places where the key is published.
func (d *Desk) findings(k keys.Key, ailments []keys.Ailment) []Finding {
	x := &checkup{w: d.Places, now: d.Now()}
	x.judge(ailments, k, "", 0)
	return x.found
}

// RuleCopiesDiffer says that bulla's store and GnuPG have a key in different versions.
const RuleCopiesDiffer finding.Rule = "copies-differ"

// differs is the finding that GnuPG has another version of the key than the store, or nothing.
func differs(s *State) []Finding {
	if !s.InStore || !s.InGnuPG || s.Err != nil || !s.Read {
		return nil
	}
	what := ""
	switch a, b := s.Key, s.GnuPG; {
	case !a.Expires.Equal(b.Expires):
		what = "another expiry"
	case a.Revoked != b.Revoked:
		what = "another word on whether it is revoked"
	case !sameElements(a.UserIDs, b.UserIDs):
		what = "other user ids"
	case len(a.Subkeys) != len(b.Subkeys):
		what = "other subkeys"
	default:
		return nil
	}
	return []Finding{{
		Fingerprint: s.Fingerprint, Rule: RuleCopiesDiffer, Severity: finding.Warning,
		Message: "GnuPG has the key with " + what + ": what is changed in one place does not reach the other.",
		Action:  "bulla keys to-gnupg " + string(s.Fingerprint) + ", or import what gpg --export writes",
	}}
}

func sameElements(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// gnupg looks at GnuPG's keys, the secret ones first.
func (s *survey) gnupg(ctx context.Context) {
	if s.d.GnuPG == nil {
		return
	}
	held, err := s.d.GnuPG.Overview(ctx)
	if err != nil && ctx.Err() == nil {
		s.problem(err)
	}
	data, err := s.d.GnuPG.PublicKeyring(ctx)
	var ring *keys.Keyring
	if err == nil && len(data) > 0 {
		if ring, err = keys.ReadKeyring(data, keys.SourceGnuPG); errors.Is(err, keys.ErrNoKeys) {
			err = nil
		}
	}
	if err != nil && ctx.Err() == nil {
		s.problem(err)
	}
	secret := map[keys.Fingerprint]bool{}
	for _, h := range held {
		secret[h.Key.Fingerprint] = true
		s.put(h.Key, s.d.ofGnuPG(h, ring))
	}
	for _, k := range ring.Keys() {
		if ctx.Err() != nil {
			return
		}
		if k.Fingerprint != "" && !secret[k.Fingerprint] {
			s.put(k, s.d.ofGnuPG(agent.Holding{Key: k}, ring))
		}
	}
}

// ofGnuPG is the news that a key of GnuPG is.
func (d *Desk) ofGnuPG(h agent.Holding, ring *keys.Keyring) func(*State) {
	found := d.findings(h.Key, ring.Health(h.Key.Fingerprint, d.Now()))
	return func(s *State) {
		s.InGnuPG, s.GnuPG, s.Parts, s.AgentAsked = true, h.Key, h.Parts, h.Asked
		s.Secret = s.Secret || hasAnySecret(h.Key)
		switch {
		case !s.InStore:
			s.Key, s.Read, s.Findings = h.Key, true, found
		case s.Read:
			s.Findings = append(slices.DeleteFunc(s.Findings, func(f Finding) bool { return f.Rule == RuleCopiesDiffer }), differs(s)...)
		}
	}
}

// published looks at what is remembered of where keys were published.
func (s *survey) published(ctx context.Context) {
	noted, err := s.d.Published.List()
	if err != nil {
		s.problem(err)
	}
	var ring *keys.Keyring
	var own []keys.Fingerprint
	if len(noted) > 0 {
		ring, _ = s.d.Keyring(ctx, "") // what cannot be read was told already
		for f, k := range s.seen {
			if hasAnySecret(k) {
				own = append(own, f)
			}
		}
	}
	for f, k := range s.seen {
		if ctx.Err() != nil {
			return
		}
		var r publish.Record
		if slices.Contains(noted, f) {
			if r, err = s.d.Published.Read(f); err != nil {
				s.problem(err)
			}
		}
		s.put(k, s.d.ofRecord(ctx, k, r, ring, own))
	}
}

// ofRecord is the news that the record of where a key was published is.
func (d *Desk) ofRecord(ctx context.Context, k keys.Key, r publish.Record, ring *keys.Keyring, own []keys.Fingerprint) func(*State) {
	var stale []string
	for _, e := range r.Stale(ring, own) {
		stale = append(stale, e.Target)
	}
	var copies []PublishedCopy
	for _, e := range r.Entries {
		if e.Stage >= publish.StageStored {
			copies = append(copies, PublishedCopy{Place: e.Target, Current: !slices.Contains(stale, e.Target)})
		}
	}
	found := publishedCare(k, copies)
	if k.Revoked { // what matters then is that those who know the key learn of it
		found = slices.DeleteFunc(found, func(f Finding) bool { return f.Rule == RuleNotPublished })
	}
	unshared := d.UnsharedFiles(ctx, r)
	for _, e := range r.Entries {
		if u, yes := unshared[e.Target]; yes {
			found = append(found, Finding{Rule: RuleUnshared, Severity: finding.Warning, Message: u.Name + " holds the key. " + u.Sentence(), Action: strings.Join(u.Commands(), " && ")})
		}
	}
	for i := range found {
		found[i].Fingerprint = k.Fingerprint
	}
	published := []finding.Rule{RuleNotPublished, RuleStale, RuleUnshared}
	return func(s *State) {
		s.Places, s.Stale, s.Unshared, s.PlacesKnown = r.Entries, stale, unshared, true
		s.Findings = append(slices.DeleteFunc(s.Findings, func(f Finding) bool { return slices.Contains(published, f.Rule) }), found...)
	}
}

// Look is Survey for one key of the store, for after it was changed, but for GnuPG's copy. It
// reports false where the key is not in the store any more.
func (d *Desk) Look(ctx context.Context, f keys.Fingerprint) ([]News, bool) {
	e := d.Store.ExamineOne(f)
	if errors.Is(e.Err, fs.ErrNotExist) {
		return nil, false
	}
	news := []News{{f, d.ofStore(e)}}
	if r, err := d.Published.Read(f); e.Err == nil && err == nil {
		var ring *keys.Keyring
		var own []keys.Fingerprint
		if len(r.Entries) > 0 {
			ring, _ = d.Keyring(ctx, "")
			own = d.ownKeys(ctx)
		}
		news = append(news, News{f, d.ofRecord(ctx, e.Key, r, ring, own)})
	}
	return news, true
}
