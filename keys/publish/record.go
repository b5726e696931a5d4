package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"

	"github.com/gofrs/flock"
)

// maxRecord is the largest record that is read, in bytes.
const maxRecord = 1 << 20

// Entry remembers one place where a key was published.
type Entry struct {
	// Target is in the form of ParseTarget.
	Target string `json:"target"`
	// UserIDs were sent, raw; Certifications says that what others certified was sent too.
	UserIDs        []string `json:"user_ids"`
	Certifications bool     `json:"certifications,omitempty"`
	// Digest is the digest of what was sent; see keys.Keyring.Digest.
	Digest string `json:"sha256"`
	// Expires and Revoked are what the key said of itself then; zero for never.
	Expires time.Time `json:"expires,omitzero"`
	Revoked bool      `json:"revoked,omitempty"`
	// SentAt is when the place took it last.
	SentAt time.Time `json:"sent_at"`
	// CheckedAt is when the place was asked last, and Stage what was proven then.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	Stage     Stage     `json:"stage"`
	// Addresses are what became of the addresses then.
	Addresses []Address `json:"addresses,omitempty"`
}

// Record is where a key was published from here.
type Record struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	Entries     []Entry          `json:"places"`
}

// Published reports whether the key was found by others anywhere, when it was looked at last.
func (r Record) Published() bool {
	return slices.ContainsFunc(r.Entries, func(e Entry) bool { return e.Stage >= StageStored })
}

// Stale are the places where something else was sent than would be sent of the key in ring now.
func (r Record) Stale(ring *keys.Keyring, own []keys.Fingerprint) (out []Entry) {
	for _, e := range r.Entries {
		one := Record{Fingerprint: r.Fingerprint, Entries: []Entry{e}}
		if p, _ := one.Again(ring, Choice{Own: own}); len(p.Items) != 1 || digest(p.Items[0].Data) != e.Digest {
			out = append(out, e)
		}
	}
	return out
}

// Again is the plan to publish the key, as it is in ring now, everywhere it was published. Where c
// chooses no user ids, each place gets those that were sent there, and what others certified where
// that was sent there. Places whose name is not understood any more are skipped with an error each.
func (r Record) Again(ring *keys.Keyring, c Choice) (Plan, []error) {
	out := Plan{ring: ring}
	var errs []error
	for _, e := range r.Entries {
		t, err := ParseTarget(e.Target, "")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		one := c
		one.Certifications = c.Certifications || e.Certifications
		if len(c.UserIDs) == 0 && !c.AllUserIDs {
			one.UserIDs = e.still(ring, r.Fingerprint)
		}
		p, err := NewPlan(ring, r.Fingerprint, []Target{t}, one)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.Name(), err))
			continue
		}
		out.Items = append(out.Items, p.Items...)
	}
	return out, errs
}

// still are the user ids that were sent and are valid still. Those that were revoked go along with
// one that has the same address; where none is left, the choice is open.
func (e Entry) still(ring *keys.Keyring, f keys.Fingerprint) []string {
	k, _ := describe(ring.ExportWith(f, keys.ExportOptions{}))
	return slices.DeleteFunc(slices.Clone(e.UserIDs), func(u string) bool { return !slices.Contains(k.UserIDs, u) })
}

// Records are the records of all keys, in a folder of one file for each. It is safe for several
// processes.
type Records struct{ dir string }

// OpenRecords names the folder. It touches nothing.
func OpenRecords(dir string) *Records { return &Records{dir} }

func (s *Records) path(f keys.Fingerprint) string { return filepath.Join(s.dir, string(f)+".json") }

// Read is the record of a key; an empty one if there is none.
func (s *Records) Read(f keys.Fingerprint) (Record, error) {
	empty := Record{Fingerprint: f}
	data, err := limits.ReadFile(s.path(f), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	r, err := ParseRecord(data)
	if err == nil && r.Fingerprint != f {
		err = errors.New("it is about another key")
	}
	if err != nil {
		return empty, fmt.Errorf("the record of what was published, %s: %w", s.path(f), err)
	}
	return r, nil
}

// ParseRecord reads a record.
func ParseRecord(data []byte) (Record, error) {
	var r Record
	if len(data) > maxRecord {
		return r, fmt.Errorf("more than %d KiB", maxRecord>>10)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, err
	}
	if f, err := keys.ParseFingerprint(string(r.Fingerprint)); err != nil || f != r.Fingerprint {
		return Record{}, errors.New("it names no key")
	}
	return r, nil
}

// List names the keys that have a record.
func (s *Records) List() (out []keys.Fingerprint, err error) {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".json")
		if fpr, err := keys.ParseFingerprint(name); ok && err == nil && string(fpr) == name {
			out = append(out, fpr)
		}
	}
	return out, err
}

// Note remembers what became of a plan. sent says that the plan was sent and not only asked about;
// then a place that took it is added. A place that is not known and was only asked is not noted.
func (s *Records) Note(ctx context.Context, plan Plan, results []Result, sent bool) error {
	if len(plan.Items) == 0 {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(s.dir, ".lock"))
	if ok, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil || !ok {
		return errors.Join(errors.New("the records of what was published are locked"), err)
	}
	defer func() { _ = lock.Unlock() }()
	f := plan.Items[0].Key.Fingerprint
	r, err := s.Read(f)
	if err != nil {
		return err
	}
	for n, i := range plan.Items {
		if n < len(results) && !i.Target.Prints() {
			r.note(i, results[n], sent)
		}
	}
	if len(r.Entries) == 0 {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(s.path(f), append(data, '\n'), 0o600)
}

func (r *Record) note(i Item, res Result, sent bool) {
	at := slices.IndexFunc(r.Entries, func(e Entry) bool { return e.Target == i.Target.String() })
	if sent && res.Stage >= StageSent {
		e := Entry{Target: i.Target.String(), UserIDs: i.Key.UserIDs, Certifications: i.choice.Certifications, Digest: digest(i.Data), Expires: i.Key.Expires, Revoked: i.Key.Revoked, SentAt: res.At.UTC()}
		if at < 0 {
			r.Entries = append(r.Entries, e)
			at = len(r.Entries) - 1
		} else {
			r.Entries[at] = e
		}
	}
	if at < 0 || res.Stage == StageNone && res.unreachable() {
		return
	}
	e := &r.Entries[at]
	e.CheckedAt, e.Stage = res.At.UTC(), res.Stage
	e.Addresses = merge(e.Addresses, res.Addresses)
}

// merge keeps that a mail was sent: servers tell only the sender.
func merge(before, now []Address) []Address {
	out := slices.Clone(now)
	for n, a := range out {
		if a.State == AddressHidden && slices.ContainsFunc(before, func(b Address) bool { return b.Address == a.Address && b.State == AddressWaiting }) {
			out[n].State = AddressWaiting
		}
	}
	return out
}

// Recall adds to a result what the record knows and the place does not tell: that a mail was sent.
func (r Record) Recall(res Result) Result {
	for _, e := range r.Entries {
		if e.Target == res.Target.String() {
			res.Addresses = merge(e.Addresses, res.Addresses)
		}
	}
	return res
}

// digest is a SHA-256 of a key that does not depend on the order of its packets.
func digest(data []byte) string {
	ring, err := keys.ReadKeyring(data, keys.SourceFile)
	if err != nil {
		return ""
	}
	return ring.Digest()
}
