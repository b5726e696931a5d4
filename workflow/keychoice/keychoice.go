// Package keychoice settles which key signs: it lists the keys whose secret is within reach, says which
// of them can sign and what a signature by them costs, and preselects one.
package keychoice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/workflow/finding"
	"bulla/workflow/project"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

// The rules of findings about the keys at hand.
const (
	RuleNoKey      finding.Rule = "no-key"
	RuleSSHFormat  finding.Rule = "gpg-format"
	RuleSigningKey finding.Rule = "git-signingkey"
	RuleSignatures finding.Rule = "many-signatures" // they take long, or many touches
)

// Place is the repository that a key is chosen for.
type Place struct {
	World *world.World
	Repo  *gitops.Repo
	// Configured is the key that bulla.toml names, "" for none.
	Configured string
	// Versions lists the tags that are versions, newest first.
	Versions func(context.Context) ([]project.TaggedVersion, error)
}

// Choices is what the table of keys shows.
type Choices struct {
	List []Choice
	// Preselected is an index into List, or -1: the configured key, git's user.signingkey, the
	// key of the last release, or the only usable one, in this order.
	Preselected int
	// Why says which of those it was.
	Why string
	// LastSigner is the primary key that signed the newest signed version tag, as far as its
	// public key is at hand; "" if there is none.
	LastSigner keys.Fingerprint
	// LastTag is the newest signed version tag, "" for none. LastUnknown is the key that it names,
	// as a fingerprint or key id, if that key is not at hand.
	LastTag, LastUnknown string
	// Notes are remarks on the set as a whole, such as a repository set to gpg.format=ssh.
	Notes []finding.Finding

	held map[keys.Fingerprint]agent.Holding
}

// Choice is one row of the table.
type Choice struct {
	keys.Key
	// Signing is the key or subkey that would sign; empty if none can.
	Signing keys.Fingerprint
	// Usable says that Signing can be used now. Problem says why not.
	Usable  bool
	Problem string
	// Until is when Signing expires (with its primary key); zero for never.
	Until time.Time
	// LastUsed is the newest release tag in this repository signed by this key, "" for none.
	LastUsed string
	// Part is Signing as gpg-agent sees it, nil for a key of bulla's store; AgentAsked is
	// agent.Holding.Asked.
	Part       *agent.Part
	AgentAsked bool
	// named is the selector of exactly one subkey, where a setting has one.
	named string
}

// Selector is how to name exactly this choice where a key is asked for.
func (k Choice) Selector() string {
	if k.named != "" {
		return k.named // also where that subkey cannot sign: no other may take its place
	}
	if k.Signing == "" {
		return string(k.Fingerprint)
	}
	return string(k.Signing) + "!"
}

// secretKeys lists every key whose secret is within reach: bulla's own and GnuPG's, with what
// gpg-agent says of those. A place that cannot be read does not hide the other; it becomes a note.
func secretKeys(ctx context.Context, w *world.World) (list []keys.Key, held map[keys.Fingerprint]agent.Holding, notes []finding.Finding) {
	held = map[keys.Fingerprint]agent.Holding{}
	own, err := w.Store.List(ctx)
	if err != nil {
		notes = append(notes, finding.Finding{Rule: RuleNoKey, Severity: finding.Warning, Message: "bulla's key store cannot be read: " + err.Error(), Err: err})
	}
	for _, k := range own {
		if k.HasSecret {
			list = append(list, k)
		}
	}
	if w.GnuPG == nil {
		return list, held, notes
	}
	theirs, err := w.GnuPG.Overview(ctx)
	if err != nil {
		notes = append(notes, finding.Finding{Rule: RuleNoKey, Severity: finding.Warning, Message: "GnuPG's keys cannot be listed: " + err.Error(), Err: err})
	}
	for _, h := range theirs {
		// What follows a key is remembered in bulla's store alone, and is so wherever the key is.
		if at := slices.IndexFunc(own, func(k keys.Key) bool { return k.Fingerprint == h.Key.Fingerprint }); at >= 0 {
			h.Key.Successor, h.Key.Retires = own[at].Successor, own[at].Retires
		}
		list = append(list, h.Key)
		held[h.Key.Fingerprint] = h
	}
	return list, held, notes
}

// Choices lists the keys that could sign and preselects one: the configured key, git's
// user.signingkey, the key of the last release, or the only usable one.
func (p Place) Choices(ctx context.Context) (Choices, error) {
	list, held, notes := secretKeys(ctx, p.World)
	c := Choices{Preselected: -1, Notes: notes, held: held}
	past := p.lastUse(ctx, list)
	c.LastSigner, c.LastTag, c.LastUnknown = past.signer, past.tag, past.unknown
	for _, k := range list {
		c.List = append(c.List, p.choice(ctx, held, k, keys.ParseSelector(string(k.Fingerprint)), past.used[k.Fingerprint]))
	}
	sc, err := p.Repo.SigningConfig(ctx)
	if err != nil {
		return c, err
	}
	if sc.Format != "" && sc.Format != "openpgp" {
		c.Notes = append(c.Notes, formatNote(sc))
	}
	p.preselect(ctx, &c, sc)
	return c, nil
}

func (p Place) choice(ctx context.Context, held map[keys.Fingerprint]agent.Holding, k keys.Key, sel keys.Selector, lastUsed string) Choice {
	choice := Choice{Key: k, LastUsed: lastUsed}
	if sel.Exact {
		choice.named = sel.String()
	}
	signer, err := p.World.SignerIn(ctx, k, sel)
	if err != nil {
		choice.Problem = reasonOf(err)
		return choice
	}
	defer signer.Close()
	sk := signer.Key()
	choice.Signing, choice.Until, choice.Usable = sk.Fingerprint, sk.Expires, true
	if h, ok := held[k.Fingerprint]; ok && k.Source != keys.SourceStore {
		choice.Part, choice.AgentAsked = h.Part(sk.Fingerprint), h.Asked
	}
	return choice
}

// reasonOf is the part of an error that explains why a key can't be used.
func reasonOf(err error) string {
	var u *keys.UnusableError
	if errors.As(err, &u) {
		return u.Reason
	}
	return err.Error()
}

// pastUse is what the newest version tags tell of keys.
type pastUse struct {
	used    map[keys.Fingerprint]string // primary key → the newest tag that it signed
	signer  keys.Fingerprint            // who signed the newest tag of which that can be shown
	tag     string                      // the newest signed tag
	unknown string                      // the key that tag names, if it is not at hand
}

// lastUse asks the newest version tags who signed them: only the signatures' mathematics, with the
// keys at hand.
func (p Place) lastUse(ctx context.Context, list []keys.Key) pastUse {
	past := pastUse{used: map[keys.Fingerprint]string{}}
	vs, err := p.Versions(ctx)
	if err != nil || len(list) == 0 {
		return past
	}
	ring, _ := p.World.Keyring(ctx, "")
	j := &keys.Judge{Keyring: ring, Now: p.World.Now()}
	for i, v := range vs {
		if i == maxLastUse || len(past.used) == len(list) {
			break
		}
		past.note(v.Name, verify.JudgeTag(j, v.Tag))
	}
	return past
}

// note takes the verdicts on the next older tag.
func (p *pastUse) note(tag string, verdicts []keys.Verdict) {
	for _, v := range verdicts {
		if v.Status == keys.StatusUnsigned {
			continue
		}
		if p.tag == "" {
			p.tag = tag
			if v.Status == keys.StatusUnknownKey && v.Claim.Version != 0 { // 0: not OpenPGP
				p.unknown = cmp.Or(string(v.Claim.Fingerprint), v.Claim.KeyID)
			}
		}
		if v.Signer == nil {
			continue
		}
		if p.signer == "" {
			p.signer = v.Signer.Primary
		}
		if p.tag == tag {
			p.unknown = "" // another of its signatures is by a key at hand
		}
		if _, ok := p.used[v.Signer.Primary]; !ok {
			p.used[v.Signer.Primary] = tag
		}
	}
}

// maxLastUse is how many of the newest version tags are looked at for the last use of a key.
const maxLastUse = 20

func formatNote(sc gitops.SigningConfig) finding.Finding {
	return finding.Finding{
		Rule: RuleSSHFormat, Severity: finding.Warning,
		Message: fmt.Sprintf("This repository is set to gpg.format=%s: git signs with that, bulla signs with OpenPGP.", sc.Format),
		Hint:    "people who verify with git need your OpenPGP key; `git config gpg.format openpgp` makes git agree",
	}
}

// preselect stands on one of the keys. What somebody wrote down comes first, for the program
// and then for git; what was used before is only a guess.
func (p Place) preselect(ctx context.Context, c *Choices, sc gitops.SigningConfig) {
	configured, gitKey := p.Configured, sc.Key
	if sc.Format != "" && sc.Format != "openpgp" || strings.HasPrefix(gitKey, "ssh-") {
		gitKey = ""
	}
	switch {
	case configured != "":
		// A configured key that is not here must not be replaced by another in silence.
		p.pick(ctx, c, configured, "the key that "+project.ConfigName+" names")
		return
	case gitKey != "" && p.pick(ctx, c, gitKey, "git's user.signingkey"):
		c.follow()
		return
	case gitKey != "":
		c.Notes = append(c.Notes, finding.Finding{
			Rule: RuleSigningKey, Severity: finding.Warning,
			Message: fmt.Sprintf("git's user.signingkey names %q: no secret key at hand is that one.", gitKey),
			Hint:    "git config user.signingkey FINGERPRINT changes it; `bulla keys list` shows the keys at hand",
		})
	}
	if c.LastSigner != "" && p.pick(ctx, c, string(c.LastSigner), "the key of the last release") {
		c.follow()
		return
	}
	usable := -1
	for i, k := range c.List {
		switch {
		case !k.Usable || usable >= 0 && c.List[usable].Fingerprint == k.Fingerprint: // the copy in GnuPG
		case usable >= 0:
			return // two: somebody has to choose
		default:
			usable = i
		}
	}
	if usable >= 0 {
		c.Preselected, c.Why = usable, "the only key that can sign"
	}
}

// follow goes on from a preselected key to the one that follows it, as far as that can sign.
func (c *Choices) follow() {
	why := c.Why
	for range c.List { // no more steps than keys, whatever follows what
		next := c.List[c.Preselected].Successor
		at := slices.IndexFunc(c.List, func(k Choice) bool { return next != "" && k.Fingerprint == next && k.Usable })
		if at < 0 {
			return
		}
		c.Preselected, c.Why = at, "the one that follows "+why
	}
}

// pick preselects the key that text names: one that can sign, if several are named so. Where text
// names exactly a subkey, the row becomes that subkey's.
func (p Place) pick(ctx context.Context, c *Choices, text, why string) bool {
	sel := keys.ParseSelector(text)
	at := -1
	for i, k := range c.List {
		if sel.Matches(k.Key) && (at < 0 || k.Usable && !c.List[at].Usable) {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	if sel.Exact {
		c.List[at] = p.choice(ctx, c.held, c.List[at].Key, sel, c.List[at].LastUsed)
	}
	c.Preselected, c.Why = at, why
	return true
}
