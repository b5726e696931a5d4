package history

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/workflow/verify"
)

// The limits of what is remembered.
const (
	maxCacheBytes   = 32 << 20 // of one repository
	maxCacheEntries = 50_000
	maxCacheFiles   = 64 // repositories
	cacheFormat     = 2
	cacheSuffix     = ".verdicts"
)

// state is what the verdicts of a cache hang on. If any of it is another, all are forgotten.
type state struct {
	Format  int    `json:"format"`
	Program string `json:"program"`
	Judge   int    `json:"judge"`
	Keys    string `json:"keys"` // Digest of the keyring
}

// cache remembers the verdicts of one repository: what was judged, by the id of the object, until
// time could change it. A nil cache remembers nothing. What stands in the way of reading or
// writing it, most likely a read-only home or a damaged file, is no error: the signatures are
// judged anew. Whoever can write into BULLA_HOME could add keys as well, so that a cache there
// needs no more protection than they do.
type cache struct {
	path  string
	state state
	now   time.Time

	mu    sync.Mutex
	known map[string]entry
	used  map[string]bool
	dirty bool
}

// entry is what is remembered of one object.
type entry struct {
	verdicts []keys.Verdict
	until    time.Time // zero for always
}

// openCache reads what is remembered of the repository with that git directory.
func openCache(dir, gitDir string, s state, now time.Time) *cache {
	s.Format = cacheFormat
	name := sha256.Sum256([]byte(gitDir))
	c := &cache{
		path:  filepath.Join(dir, hex.EncodeToString(name[:16])+cacheSuffix),
		state: s, now: now, known: map[string]entry{}, used: map[string]bool{},
	}
	if data, err := limits.ReadFile(c.path, maxCacheBytes); err == nil {
		if known, ok := decodeCache(data, c.state, now); ok {
			c.known = known
		}
	}
	return c
}

// has reports whether get would find something.
func (c *cache) has(key string) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.known[key]
	return ok
}

// get returns a copy of the verdicts remembered under key.
func (c *cache) get(key string) ([]keys.Verdict, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.known[key]
	if ok {
		c.used[key] = true
	}
	return slices.Clone(e.verdicts), ok
}

// put remembers verdicts. Those that say that something stood in the way of judging are not.
func (c *cache) put(key string, j verify.Judged) {
	if c == nil || slices.ContainsFunc(j.Verdicts, func(v keys.Verdict) bool { return v.Status == keys.StatusNotChecked }) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The caller goes on to change its verdicts.
	c.known[key] = entry{slices.Clone(j.Verdicts), j.Until}
	c.used[key] = true
	c.dirty = true
}

// save writes the cache if it has grown. Two processes may do so at once: each writes a whole
// file, and the last one stays.
func (c *cache) save() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty {
		return
	}
	if len(c.known) > maxCacheEntries {
		maps.DeleteFunc(c.known, func(key string, _ entry) bool { return !c.used[key] })
	}
	if len(c.known) > maxCacheEntries {
		return
	}
	data, err := encodeCache(c.known, c.state, c.now)
	dir := filepath.Dir(c.path)
	if err != nil || len(data) > maxCacheBytes || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	if atomicfile.Write(c.path, data, 0o600) == nil {
		c.dirty = false
		prune(dir)
	}
}

// prune removes the caches that were not written for longest.
func prune(dir string) {
	type file struct {
		path string
		at   time.Time
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	var files []file
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), cacheSuffix) {
			files = append(files, file{filepath.Join(dir, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(b.at.UnixNano(), a.at.UnixNano()) })
	for _, f := range files[min(len(files), maxCacheFiles):] {
		_ = os.Remove(f.path) // another process may have been faster
	}
}

// A cache file is a line with the header, then the body, whose SHA-256 the header holds. Times are
// in seconds since 1970, and 0 for none.
type cacheHeader struct {
	state
	At  int64  `json:"at"` // when the newest verdict was reached
	Sum string `json:"sha256"`
}

type cacheBody struct {
	// Signers are shared by many verdicts; they are found by their place here, counted from 1.
	Signers []savedSigner         `json:"signers"`
	Entries map[string]savedEntry `json:"entries"`
}

type savedEntry struct {
	Until    int64          `json:"u,omitempty"`
	Verdicts []savedVerdict `json:"v"`
}

type savedVerdict struct {
	Kind     keys.Kind   `json:"k"`
	Status   keys.Status `json:"s"`
	Reason   string      `json:"r"`
	Weak     []string    `json:"w,omitempty"`
	Claim    savedClaim  `json:"c"`
	Signer   int         `json:"g,omitempty"`
	SignedAt int64       `json:"t,omitempty"`
}

type savedClaim struct {
	Fingerprint keys.Fingerprint `json:"f,omitempty"`
	KeyID       string           `json:"i,omitempty"`
	SignedAt    int64            `json:"t,omitempty"`
	Hash        string           `json:"h,omitempty"`
	Algorithm   string           `json:"a,omitempty"`
	Version     int              `json:"v,omitempty"`
	Authority   keys.Fingerprint `json:"y,omitempty"`
	Subject     string           `json:"x,omitempty"`
}

// savedSigner leaves out where the public key was found: that may change without the key.
type savedSigner struct {
	Fingerprint keys.Fingerprint `json:"f"`
	Primary     keys.Fingerprint `json:"p"`
	UserIDs     []string         `json:"u,omitempty"`
	Hash        string           `json:"h"`
	Algorithm   string           `json:"a"`
	KeyExpires  int64            `json:"e,omitempty"`
	Authority   keys.Fingerprint `json:"y,omitempty"`
}

// id tells signers apart: all that is saved of one is in it, so that no two that differ share a
// place. The lengths keep a user ID with a zero octet within from passing for two.
func (s savedSigner) id() string {
	parts := []string{string(s.Fingerprint), string(s.Primary), s.Hash, s.Algorithm, strconv.FormatInt(s.KeyExpires, 10), string(s.Authority)}
	for _, u := range s.UserIDs {
		parts = append(parts, strconv.Itoa(len(u)), u)
	}
	return strings.Join(parts, "\x00")
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromSeconds(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

func encodeCache(known map[string]entry, s state, now time.Time) ([]byte, error) {
	b := cacheBody{Entries: make(map[string]savedEntry, len(known))}
	places := map[string]int{}
	for key, e := range known {
		saved := savedEntry{Until: seconds(e.until)}
		for _, v := range e.verdicts {
			saved.Verdicts = append(saved.Verdicts, b.verdict(v, places))
		}
		b.Entries[key] = saved
	}
	body, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	head, err := json.Marshal(cacheHeader{state: s, At: now.Unix(), Sum: hex.EncodeToString(sum[:])})
	return slices.Concat(head, []byte("\n"), body), err
}

func (b *cacheBody) verdict(v keys.Verdict, places map[string]int) savedVerdict {
	c := v.Claim
	saved := savedVerdict{
		Kind: v.Kind, Status: v.Status, Reason: v.Reason, Weak: v.Weak,
		Claim: savedClaim{c.Fingerprint, c.KeyID, seconds(c.SignedAt), c.Hash, c.Algorithm, c.Version, c.Authority, c.Subject},
	}
	s := v.Signer
	if s == nil {
		return saved
	}
	signer := savedSigner{s.Fingerprint, s.Primary, s.UserIDs, s.Hash, s.Algorithm, seconds(s.KeyExpires), s.Authority}
	id := signer.id()
	if places[id] == 0 {
		b.Signers = append(b.Signers, signer)
		places[id] = len(b.Signers)
	}
	saved.Signer, saved.SignedAt = places[id], seconds(s.SignedAt)
	return saved
}

// decodeCache reads a cache file; false if it is damaged, of another state, or from the future.
func decodeCache(data []byte, want state, now time.Time) (map[string]entry, bool) {
	head, body, ok := bytes.Cut(data, []byte("\n"))
	var h cacheHeader
	if !ok || json.Unmarshal(head, &h) != nil || h.state != want || now.Unix() < h.At {
		return nil, false
	}
	if sum := sha256.Sum256(body); h.Sum != hex.EncodeToString(sum[:]) {
		return nil, false
	}
	var b cacheBody
	if json.Unmarshal(body, &b) != nil || len(b.Entries) > maxCacheEntries {
		return nil, false
	}
	known := make(map[string]entry, len(b.Entries))
	for key, saved := range b.Entries {
		e := entry{until: fromSeconds(saved.Until)}
		if !e.until.IsZero() && !now.Before(e.until) {
			continue // time may have changed it
		}
		for _, v := range saved.Verdicts {
			verdict, ok := b.restore(v)
			if !ok {
				return nil, false
			}
			e.verdicts = append(e.verdicts, verdict)
		}
		known[key] = e
	}
	return known, true
}

func (b *cacheBody) restore(saved savedVerdict) (keys.Verdict, bool) {
	c := saved.Claim
	v := keys.Verdict{
		Kind: saved.Kind, Status: saved.Status, Reason: saved.Reason, Weak: saved.Weak,
		Claim: keys.Claim{Fingerprint: c.Fingerprint, KeyID: c.KeyID, SignedAt: fromSeconds(c.SignedAt), Hash: c.Hash, Algorithm: c.Algorithm, Version: c.Version, Authority: c.Authority, Subject: c.Subject},
	}
	if saved.Signer < 0 || saved.Signer > len(b.Signers) {
		return v, false
	}
	if saved.Signer > 0 {
		s := b.Signers[saved.Signer-1]
		v.Signer = &keys.Signatory{
			Fingerprint: s.Fingerprint, Primary: s.Primary, UserIDs: s.UserIDs, SignedAt: fromSeconds(saved.SignedAt),
			Hash: s.Hash, Algorithm: s.Algorithm, KeyExpires: fromSeconds(s.KeyExpires), Authority: s.Authority,
		}
	}
	return v, true
}
