package history

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
	"bulla/workflow/verify"
)

// compareRows fails unless two openings of a repository came to the same verdicts.
func compareRows(t *testing.T, a, b []Release) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d rows, then %d", len(a), len(b))
	}
	for i := range a {
		for _, r := range []*Release{&a[i], &b[i]} {
			for _, v := range r.All() {
				if v.Signer != nil {
					v.Signer.Source = "" // it is not remembered
				}
			}
		}
		if !reflect.DeepEqual(a[i].All(), b[i].All()) {
			t.Errorf("%s: %+v, then %+v", a[i].Tag, a[i].All(), b[i].All())
		}
	}
}

// remembered opens the repository and reports how many objects were known from before.
func remembered(t *testing.T, v *verify.Verifier, dir string) ([]Release, int) {
	t.Helper()
	tl := open(t, v, dir)
	n := len(tl.cache.known)
	return judged(t, tl), n
}

// TestCacheForgets: verdicts are remembered while keys and rules stay the same, and forgotten when
// a key is added, changed or revoked, or the program is another one.
func TestCacheForgets(t *testing.T) {
	r := newRepo(t)
	s, other := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0), newSigner(t, "Ola", epoch.AddDate(0, -1, 0), 0)
	r.build(3, s)
	dir := t.TempDir()
	first, n := remembered(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), dir)
	if n != 0 || status(first[0].Verdicts) != "good" {
		t.Fatalf("%d known, %s", n, status(first[0].Verdicts))
	}
	again, n := remembered(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), dir)
	if n != 6 { // three tags, three commits
		t.Errorf("%d remembered", n)
	}
	compareRows(t, first, again)

	rows, n := remembered(t, verifier(t, r.dir, time.Time{}, keyFile(t, s, other)), dir)
	if n != 0 || status(rows[0].Verdicts) != "good" {
		t.Errorf("a key was added: %d remembered, %s", n, status(rows[0].Verdicts))
	}
	rows, n = remembered(t, verifier(t, r.dir, time.Time{}), dir)
	if n != 0 || status(rows[0].Verdicts) != "unknown-key" {
		t.Errorf("the key is gone: %d remembered, %s", n, status(rows[0].Verdicts))
	}
	if err := s.entity.Revoke(packet.KeyCompromised, "stolen", nil); err != nil {
		t.Fatal(err)
	}
	rows, n = remembered(t, verifier(t, r.dir, time.Time{}, keyFile(t, s)), dir)
	if n != 0 || status(rows[0].Verdicts) != "revoked" {
		t.Errorf("the key is revoked: %d remembered, %s", n, status(rows[0].Verdicts))
	}
	tl, err := Open(context.Background(), verifier(t, r.dir, time.Time{}, keyFile(t, s)), Options{CacheDir: dir, Program: "newer"})
	if err != nil || len(tl.cache.known) != 0 {
		t.Errorf("another program: %d remembered, %v", len(tl.cache.known), err)
	}
}

// TestCacheKnowsTime: what time changes is judged anew once the time has come, and what was judged
// later than now is not believed.
func TestCacheKnowsTime(t *testing.T) {
	r := newRepo(t)
	made := epoch.AddDate(0, -1, 0)
	s := newSigner(t, "Rhea", made, 365*24*time.Hour) // to 2026-12-01
	r.build(1, s)
	dir, ring := t.TempDir(), keyFile(t, s)
	for _, step := range []struct {
		at       time.Time
		known    int
		verdicts string
	}{
		{epoch.AddDate(0, 3, 0), 0, "good"},
		{epoch.AddDate(0, 6, 0), 2, "good"},
		{epoch.AddDate(2, 0, 0), 1, "good-expired-since"}, // the commit is not signed: that stays
		{epoch.AddDate(2, 0, 1), 2, "good-expired-since"},
		{epoch.AddDate(0, 6, 0), 0, "good"},
	} {
		rows, n := remembered(t, verifier(t, r.dir, step.at, ring), dir)
		if n != step.known || status(rows[0].Verdicts) != step.verdicts {
			t.Errorf("%s: %d remembered, %s; want %d, %s", step.at.Format(time.DateOnly), n, status(rows[0].Verdicts), step.known, step.verdicts)
		}
	}
}

// TestCacheDamaged: whatever happens to the file, the verdicts are right.
func TestCacheDamaged(t *testing.T) {
	r := newRepo(t)
	s := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)
	r.build(2, s)
	r.git(nil, "update-ref", "refs/tags/forged", r.forge("v1.1.0"))
	ring := keyFile(t, s)
	dir := filepath.Join(t.TempDir(), "cache")
	want, _ := remembered(t, verifier(t, r.dir, time.Time{}, ring), dir)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+cacheSuffix))
	if len(files) != 1 {
		t.Fatalf("files: %q", files)
	}
	if info, err := os.Stat(files[0]); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty": nil, "cut": whole[:len(whole)/2], "noise": bytes.Repeat([]byte{0xff}, 1000),
		"a lie": bytes.Replace(whole, []byte(`"s":"bad"`), []byte(`"s":"good"`), 1),
		"huge":  append(bytes.Clone(whole), bytes.Repeat([]byte(" "), maxCacheBytes)...),
	} {
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		rows, n := remembered(t, verifier(t, r.dir, time.Time{}, ring), dir)
		if n != 0 {
			t.Errorf("%s: %d remembered", name, n)
		}
		compareRows(t, want, rows)
	}
	// A folder in its place: nothing can be remembered, and nothing fails.
	_ = os.Remove(files[0])
	if err := os.MkdirAll(filepath.Join(files[0], "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	rows, _ := remembered(t, verifier(t, r.dir, time.Time{}, ring), dir)
	compareRows(t, want, rows)
}

// TestCacheShared: several processes, here timelines, that work at once leave a whole file.
func TestCacheShared(t *testing.T) {
	r := newRepo(t)
	s := newSigner(t, "Rhea", epoch.AddDate(0, -1, 0), 0)
	r.build(20, s)
	ring, dir := keyFile(t, s), t.TempDir()
	var all []*Timeline
	for range 4 {
		all = append(all, open(t, verifier(t, r.dir, time.Time{}, ring), dir))
	}
	var wg sync.WaitGroup
	for _, tl := range all {
		wg.Go(func() {
			if err := tl.Tags(context.Background(), func(Update) {}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, n := remembered(t, verifier(t, r.dir, time.Time{}, ring), dir); n != 20 {
		t.Errorf("%d remembered", n)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

// TestCacheBounded: not more files than allowed stay.
func TestCacheBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range maxCacheFiles + 5 {
		path := filepath.Join(dir, fmt.Sprintf("%032d%s", i, cacheSuffix))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		when := epoch.Add(time.Duration(i) * time.Hour)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	prune(dir)
	left, _ := os.ReadDir(dir)
	if len(left) != maxCacheFiles || !strings.HasPrefix(left[0].Name(), fmt.Sprintf("%032d", 5)) {
		t.Errorf("%d files left, the first is %s", len(left), left[0].Name())
	}
}

// TestCacheRoundTrip: what is written is read back, field by field.
func TestCacheRoundTrip(t *testing.T) {
	at := epoch
	known := map[string]entry{
		"tag 1": {until: at.AddDate(1, 0, 0), verdicts: []keys.Verdict{
			{Kind: keys.KindTag, Status: keys.StatusWeak, Reason: "r", Weak: []string{"sha1 signature"}, Claim: keys.Claim{Fingerprint: "AB", KeyID: "CD", SignedAt: at, Hash: "sha1", Algorithm: "dsa", Version: 4, Authority: "CA", Subject: "CN=a"},
				Signer: &keys.Signatory{Fingerprint: "AB", Primary: "EF", UserIDs: []string{"\x00 <a@b>", "é"}, SignedAt: at, Hash: "sha1", Algorithm: "dsa1024", KeyExpires: at.AddDate(3, 0, 0), Authority: "CA"}},
			{Kind: keys.KindTag, Status: keys.StatusUnknownKey, Reason: "?"},
		}},
		"commit 2": {verdicts: []keys.Verdict{{Kind: keys.KindCommit, Status: keys.StatusUnsigned}}},
	}
	s := state{Format: cacheFormat, Program: "p", Judge: 1, Keys: "k"}
	data, err := encodeCache(known, s, at)
	if err != nil {
		t.Fatal(err)
	}
	back, ok := decodeCache(data, s, at)
	if !ok || !reflect.DeepEqual(back, known) {
		t.Errorf("%v: %+v\nwant %+v", ok, back, known)
	}
}

// TestCacheTellsSignersApart: one key whose expiry moved, as one that was extended between two
// signatures, is remembered as it was for each; so is whatever else differs in one field.
func TestCacheTellsSignersApart(t *testing.T) {
	base := keys.Signatory{Fingerprint: "AA", Primary: "BB", UserIDs: []string{"ann", "bob"}, Hash: "sha512", Algorithm: "rsa4096", KeyExpires: epoch, Authority: "CA"}
	known := map[string]entry{}
	for i, change := range []func(*keys.Signatory){
		func(*keys.Signatory) {},
		func(s *keys.Signatory) { s.KeyExpires = epoch.AddDate(1, 0, 0) },
		func(s *keys.Signatory) { s.KeyExpires = time.Time{} },
		func(s *keys.Signatory) { s.Algorithm = "ed25519" },
		func(s *keys.Signatory) { s.Fingerprint = "AB" },
		func(s *keys.Signatory) { s.Primary = "AA" },
		func(s *keys.Signatory) { s.Hash = "sha1" },
		func(s *keys.Signatory) { s.Authority = "" },
		func(s *keys.Signatory) { s.UserIDs = []string{"ann\x00bob"} },
		func(s *keys.Signatory) { s.UserIDs = []string{"ann\x003\x00bob"} },
		func(s *keys.Signatory) { s.UserIDs = nil },
	} {
		s := base
		change(&s)
		known[fmt.Sprintf("tag %d", i)] = entry{verdicts: []keys.Verdict{{Kind: keys.KindTag, Status: keys.StatusGoodExpiredSince, Signer: &s}}}
	}
	s := state{Format: cacheFormat}
	data, err := encodeCache(known, s, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if back, ok := decodeCache(data, s, epoch); !ok || !reflect.DeepEqual(back, known) {
		for key, e := range known {
			if got := back[key]; !reflect.DeepEqual(got, e) {
				t.Errorf("%s: %+v, was %+v", key, got.verdicts, *e.verdicts[0].Signer)
			}
		}
	}
}

// FuzzCache reads damaged caches: it must not fail, nor hold more than its limit.
func FuzzCache(f *testing.F) {
	s := state{Format: cacheFormat, Keys: "k"}
	data, err := encodeCache(map[string]entry{"tag 1": {verdicts: []keys.Verdict{{Status: keys.StatusGood, Signer: &keys.Signatory{Primary: "AB"}}}}}, s, epoch)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		known, ok := decodeCache(data, s, epoch)
		if !ok && known != nil || len(known) > maxCacheEntries {
			t.Errorf("%v, %d entries", ok, len(known))
		}
	})
}
