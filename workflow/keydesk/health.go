package keydesk

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/finding"
)

// Finding is one thing that the health check noticed about a key.
type Finding struct {
	// Fingerprint is the primary key; Subkey the subkey concerned, "" for the primary key.
	Fingerprint, Subkey keys.Fingerprint
	// Path and Line say where the key stands in a file that was named: the line on which its
	// armor block begins, 0 for a binary file.
	Path     string
	Line     int
	Rule     finding.Rule
	Severity finding.Severity
	// Message is what is wrong and what follows from it, Action what mends it. Both may quote
	// text from outside and must be cleaned before a terminal sees them.
	Message, Action string
	// RefusedBy names those who refuse such a key, or what it signs: gpg, sequoia, debian,
	// git-hosts, maven-central.
	RefusedBy []string
}

// The rules of the health check beside those of keys.HealthRule.
const (
	RuleNoRevocation finding.Rule = "no-revocation-certificate"
	RuleUnprotected  finding.Rule = "no-passphrase"
	RuleNoAddress    finding.Rule = "no-address"
	RuleStale        finding.Rule = "published-copy-stale"
	RuleUnreadable   finding.Rule = "unreadable"
	RuleNotPublished finding.Rule = "key-not-published"
	RuleUnshared     finding.Rule = "published-file-not-shared" // see Unshared
	RuleNotBackedUp  finding.Rule = "key-not-backed-up"
)

// PublishedCopy is a place where a key was published.
type PublishedCopy struct {
	// Place is its name for people, Current whether it had the key as it is when it was last
	// looked at.
	Place   string
	Current bool
}

// CheckOptions say what the health check knows besides the keys.
type CheckOptions struct {
	// Published lists where a key was published; nil where nothing is known of that.
	Published func(keys.Key) []PublishedCopy
}

// CheckKeys examines keys: those that the targets name, each a file with keys, or a key of
// bulla's store or GnuPG's keyring; without targets every key of the store and every secret key
// of GnuPG's. Findings come key by key, the worst first. It asks nobody and uses no network.
//
// A target that is neither is a *keys.NotFoundError.
func (w *Places) CheckKeys(ctx context.Context, targets []string, o CheckOptions) ([]Finding, error) {
	x := &checkup{w: w, o: o, now: w.Now()}
	if len(targets) == 0 {
		list, problems := w.Keys(ctx)
		for _, p := range problems {
			x.found = append(x.found, Finding{Rule: RuleUnreadable, Severity: finding.Error, Message: p.Error()})
		}
		ring, _ := w.Keyring(ctx, "")
		for _, k := range list {
			x.key(ring, k, "", 0)
		}
		return x.found, nil
	}
	for _, t := range targets {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if info, err := os.Stat(t); err == nil && info.Mode().IsRegular() {
			if err := x.file(t); err != nil {
				return nil, err
			}
			continue
		}
		if err := x.named(ctx, t); err != nil {
			return nil, err
		}
	}
	return x.found, nil
}

// checkup is the state of CheckKeys.
type checkup struct {
	w     *Places
	o     CheckOptions
	now   time.Time
	found []Finding
}

// named checks a key of the store or of GnuPG's keyring.
func (x *checkup) named(ctx context.Context, text string) error {
	ring, _ := x.w.Keyring(ctx, "")
	own, err := x.w.Store.List(ctx)
	if err != nil {
		return err
	}
	sel := keys.ParseSelector(filepath.Base(text))
	k, err := keys.Select(own, sel)
	if err != nil {
		k, err = keys.Select(ring.Keys(), sel)
	}
	if err != nil {
		return err
	}
	x.key(ring, k, "", 0)
	return nil
}

// file checks the keys of a file, block by block.
func (x *checkup) file(path string) error {
	data, err := limits.ReadIfThere(path, keys.MaxKeyringBytes)
	if err != nil {
		return err
	}
	blocks := armorBlocks(data)
	if len(blocks) == 0 {
		blocks = []armorBlock{{0, data}}
	}
	seen := false
	for _, b := range blocks {
		ring, err := keys.ReadKeyring(b.text, keys.SourceFile)
		for _, p := range ring.Problems() {
			x.found = append(x.found, Finding{Path: path, Line: b.line, Rule: RuleUnreadable, Severity: finding.Error, Message: p.Error()})
		}
		if err != nil {
			continue
		}
		for _, k := range ring.Keys() {
			seen = true
			x.key(ring, k, path, b.line)
		}
	}
	if !seen && len(x.found) == 0 {
		return keys.ErrNoKeys
	}
	return nil
}

type armorBlock struct {
	line int
	text []byte
}

// armorBlocks cuts a text at the lines that begin a block of keys.
func armorBlocks(data []byte) (out []armorBlock) {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if bytes.HasPrefix(line, []byte("-----BEGIN PGP P")) {
			out = append(out, armorBlock{line: n})
		}
		if len(out) > 0 {
			b := &out[len(out)-1]
			b.text = append(b.text, line...)
		}
	}
	return out
}

// key gathers the findings about one key.
func (x *checkup) key(ring *keys.Keyring, k keys.Key, path string, line int) {
	x.judge(ring.Health(k.Fingerprint, x.now), k, path, line)
}

// judge gathers the findings about a key that has these ailments.
func (x *checkup) judge(ailments []keys.Ailment, k keys.Key, path string, line int) {
	var found []Finding
	for _, a := range ailments {
		found = append(found, keyFinding(a, k))
	}
	dead := slices.ContainsFunc(found, func(f Finding) bool {
		return f.Rule == finding.Rule(keys.HealthRevoked) || f.Rule == finding.Rule(keys.HealthInvalid)
	})
	if !dead {
		found = append(x.retirement(found, k), x.care(k)...)
	}
	for i := range found {
		f := &found[i]
		f.Fingerprint, f.Path, f.Line = k.Fingerprint, path, line
		if f.Subkey == k.Fingerprint {
			f.Subkey = ""
		}
	}
	rank := map[finding.Severity]int{finding.Error: 0, finding.Warning: 1, finding.Info: 2}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	for _, f := range found {
		// A key that lies in bulla's store and in GnuPG is checked in both, and told once.
		if !slices.ContainsFunc(x.found, f.same) {
			x.found = append(x.found, f)
		}
	}
}

// same says that two findings tell the same of the same key in the same place.
func (f Finding) same(g Finding) bool {
	return f.Fingerprint == g.Fingerprint && f.Subkey == g.Subkey && f.Path == g.Path && f.Line == g.Line &&
		f.Rule == g.Rule && f.Message == g.Message
}

// care finds what the key's owner has not done, as far as that can be known here.
func (x *checkup) care(k keys.Key) (found []Finding) {
	add := func(r finding.Rule, s finding.Severity, message, action string, refused ...string) {
		found = append(found, Finding{Rule: r, Severity: s, Message: message, Action: action, RefusedBy: refused})
	}
	if len(k.UserIDs) > 0 && !slices.ContainsFunc(k.UserIDs, func(u string) bool { return keys.AddressOf(u) != "" }) {
		add(RuleNoAddress, finding.Warning, "No user id of the key has an address: GitHub, GitLab and the like match a tag's author by it.",
			"bulla keys adduid "+string(k.Fingerprint)+" --name NAME --email EMAIL", "git-hosts")
	}
	if k.Source == keys.SourceStore && hasAnySecret(k) {
		x.storeCare(k, add)
	}
	if x.o.Published != nil {
		found = append(found, publishedCare(k, x.o.Published(k))...)
	}
	return found
}

// publishedCare finds that a key is not published, or not as it is now.
func publishedCare(k keys.Key, copies []PublishedCopy) (found []Finding) {
	add := func(r finding.Rule, s finding.Severity, message, action string, refused ...string) {
		found = append(found, Finding{Rule: r, Severity: s, Message: message, Action: action, RefusedBy: refused})
	}
	if len(copies) == 0 && hasAnySecret(k) {
		add(RuleNotPublished, finding.Info, "The key was never published from here: strangers cannot find it.", "bulla keys publish "+string(k.Fingerprint)+" --to keys.openpgp.org", "maven-central")
	}
	for _, c := range copies {
		if !c.Current {
			add(RuleStale, finding.Warning, "What is published at "+c.Place+" is not the key as it is now: users see the old expiry, user ids or subkeys.",
				"bulla keys publish "+string(k.Fingerprint)+" --again")
		}
	}
	return found
}

func hasAnySecret(k keys.Key) bool {
	return k.HasSecret || slices.ContainsFunc(k.Subkeys, func(s keys.Subkey) bool { return s.HasSecret })
}

// storeCare looks at what only bulla's store knows.
func (x *checkup) storeCare(k keys.Key, add func(finding.Rule, finding.Severity, string, string, ...string)) {
	f := string(k.Fingerprint)
	if k.BackedUp.IsZero() {
		add(RuleNotBackedUp, finding.Warning, "No backup of this key was ever made and tried: if this computer is lost, so is the key.", "bulla keys backup "+f+" -o FILE")
	}
	if !x.w.Store.HasRevocation(k.Fingerprint) && k.RevocationAt == "" {
		// Moved to another place by hand, or never there: only its owner knows.
		add(RuleNoRevocation, finding.Info, "There is no revocation certificate here: without one elsewhere, a lost key cannot be declared invalid.", "bulla keys revcert "+f+", unless you keep one in another place")
	}
	if x.w.Store.Unprotected(k.Fingerprint) {
		add(RuleUnprotected, finding.Warning, "The secret key is under no passphrase: whoever reads the file has the key.", "bulla keys passwd "+f)
	}
}
