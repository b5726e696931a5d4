package dct

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/client/changelist"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/keys"
)

// attacked is a repository with a signed tag, and a client that has seen it through an attacker.
type attacked struct {
	*world
	attacker *attacker
	owner    *Repository // by the real server
	victim   *Repository // through the attacker
	trust    Trust
	img      docker.Image
}

func newAttacked(t *testing.T) *attacked {
	t.Helper()
	w := newWorld(t)
	a := &attacked{world: w, attacker: between(t, w.server), img: w.push("team/app:1")}
	a.owner, a.trust = w.initialized("team/app")
	mustSign(t, a.owner, a.img, a.trust)
	_, c := w.person(a.attacker.url)
	a.victim = c.Repository(a.owner.GUN())
	a.sees(a.victim)
	return a
}

// sees holds that all is well.
func (a *attacked) sees(r *Repository) {
	a.t.Helper()
	vs, s, err := r.Verify(a.t.Context(), a.img, a.trust)
	if err != nil || vs[0].Status != keys.StatusGood || s.Offline {
		a.t.Fatalf("before the attack: %+v, %v", vs, err)
	}
}

// stranger is a client that has seen nothing yet, through the attacker.
func (a *attacked) stranger() *Repository {
	a.t.Helper()
	_, c := a.person(a.attacker.url)
	return c.Repository(a.owner.GUN())
}

// A server that does not answer as it should is "could not check", though all that the client saw
// before would still be valid: the library alone would call it a success.
func TestNothingFromMemory(t *testing.T) {
	a := newAttacked(t)
	status := func(path string, code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, path) {
				return false
			}
			w.WriteHeader(code)
			return true
		}
	}
	for name, c := range map[string]struct {
		attack func(http.ResponseWriter, *http.Request) bool
		kind   docker.Kind
	}{
		"401 for the timestamp": {status("timestamp", 401), docker.KindUnauthorized},
		"403 for the timestamp": {status("timestamp", 403), docker.KindForbidden},
		"404 for the timestamp": {status("timestamp", 404), docker.KindNotFound},
		"429 for the timestamp": {status("timestamp", 429), docker.KindRateLimited},
		"500 for the timestamp": {status("timestamp", 500), docker.KindServer},
		"503 for everything":    {status("", 503), docker.KindServer},
		"301 for the timestamp": {status("timestamp", 301), docker.KindOther},
		"a cut connection": {func(http.ResponseWriter, *http.Request) bool {
			panic(http.ErrAbortHandler)
		}, docker.KindUnreachable},
		"half an answer": {func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, "{")
			panic(http.ErrAbortHandler)
		}, docker.KindUnreachable},
	} {
		a.attacker.set(c.attack)
		vs, _, err := a.victim.Verify(t.Context(), a.img, a.trust)
		var e *ServerError
		if !errors.As(err, &e) || e.Kind != c.kind {
			t.Errorf("%s: %+v, %v", name, vs, err)
		}
		if _, err := a.victim.Sign(t.Context(), a.img, a.trust, answer); !errors.As(err, &e) {
			t.Errorf("%s: signing: %v", name, err)
		}
	}
	// A server that says that it never knew the repository: not "unsigned", for it is known.
	a.attacker.set(status("_trust", 404))
	_, _, err := a.victim.Verify(t.Context(), a.img, a.trust)
	var none *NotInitializedError
	var e *ServerError
	if !errors.As(err, &e) && !(errors.As(err, &none) && none.Known) {
		t.Errorf("404 for everything: %v", err)
	}
	if _, _, err = a.stranger().Verify(t.Context(), a.img, a.trust); !errors.As(err, &none) || !none.Known {
		t.Errorf("404 for everything, to a stranger with a pin: %v", err)
	}
	a.attacker.set(nil)
	a.sees(a.victim)
}

// A server that hangs is given up on after the client's own deadline, and at once when the caller
// cancels.
func TestSlowServer(t *testing.T) {
	a := newAttacked(t)
	began := make(chan struct{}, 10)
	a.attacker.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "timestamp") {
			return false
		}
		began <- struct{}{}
		<-r.Context().Done()
		return true
	})
	a.victim.client.timeout = 300 * time.Millisecond
	_, _, err := a.victim.Verify(t.Context(), a.img, a.trust)
	var e *ServerError
	if !errors.As(err, &e) || !e.Timeout() || e.Kind != docker.KindUnreachable {
		t.Errorf("%T: %v", err, err)
	}
	<-began
	a.victim.client.timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if _, _, err := a.victim.Verify(ctx, a.img, a.trust); !errors.Is(err, context.Canceled) {
		t.Errorf("%T: %v", err, err)
	}
}

// A dead server: nothing without being asked, and what was seen last when asked, with the day.
func TestDeadServer(t *testing.T) {
	a := newAttacked(t)
	offline := a.trust
	offline.Offline = true
	a.server.Stop()
	var e *ServerError
	if _, _, err := a.owner.Verify(t.Context(), a.img, a.trust); !errors.As(err, &e) || e.Kind != docker.KindUnreachable {
		t.Errorf("%T: %v", err, err)
	}
	vs, s, err := a.owner.Verify(t.Context(), a.img, offline)
	if err != nil || vs[0].Status != keys.StatusGood || !s.Offline || s.Checked.IsZero() || !strings.Contains(vs[0].Reason, "not asked") {
		t.Errorf("%+v, %v", vs, err)
	}
	if _, err := a.owner.Sign(t.Context(), a.img, offline, answer); err == nil {
		t.Error("signed offline")
	}
	var unseen *NotSeenError
	if _, _, err := a.stranger().Verify(t.Context(), a.img, offline); !errors.As(err, &unseen) {
		t.Errorf("%T: %v", err, err)
	}
	var unpinned *UnpinnedError
	if _, _, err := a.owner.Verify(t.Context(), a.img, Trust{Offline: true}); !errors.As(err, &unpinned) {
		t.Errorf("%T: %v", err, err)
	}
}

// Rollback: all of it as it was before the last change, signed and not expired.
func TestRollback(t *testing.T) {
	a := newAttacked(t)
	old := a.owner.files(t)
	mustSign(t, a.owner, a.push("team/app:2"), a.trust)
	a.sees(a.victim) // the newer data is seen
	a.attacker.set(answering(old))
	_, _, err := a.victim.Verify(t.Context(), a.img, a.trust)
	wantProblem(t, err, ProblemRollback)
	// The refused data changed nothing in what is remembered.
	a.attacker.set(nil)
	a.sees(a.victim)
}

// files are a repository's files as the server has them now, by the beginning of their names.
func (r *Repository) files(t testing.TB) map[string][]byte {
	t.Helper()
	s := &trusttest.Server{URL: r.server, CA: caOf(t, r)}
	out := map[string][]byte{}
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		out[role] = get(t, s, r.gun, role+".json")
	}
	return out
}

// caOf finds the authority in the Docker folder of a client.
func caOf(t testing.TB, r *Repository) *trusttest.CA {
	t.Helper()
	return &trusttest.CA{File: filepath.Join(r.client.dockerDir, "tls", strings.TrimPrefix(r.server, "https://"), "ca.crt")}
}

// Freeze: the server goes on to show the same data. When its timestamp has expired, that is
// noticed, by who knew it and by a stranger.
func TestFreeze(t *testing.T) {
	w := newWorld(t)
	evil := newTraitor(t, w.server.CA)
	img := w.push("team/app:1")
	_, owner := w.person(evil.url)
	r := owner.Repository(w.gun("team/app"))
	s, err := r.Initialize(t.Context(), rootKey(t, owner), Trust{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	mustSign(t, r, img, pinOf(s))
	for _, role := range []data.RoleName{data.CanonicalTimestampRole, data.CanonicalSnapshotRole} {
		evil.do(func() {
			evil.expires = map[data.RoleName]time.Time{role: time.Now().Add(-time.Minute)}
			evil.sign(evil.current)
		})
		_, stranger := w.person(evil.url)
		for name, c := range map[string]*Client{"who knew it": owner, "a stranger": stranger} {
			_, _, err := c.Repository(r.GUN()).Verify(t.Context(), img, pinOf(s))
			wantProblem(t, err, ProblemExpired)
			var e *MetadataError
			if errors.As(err, &e) && e.Role != role.String() {
				t.Errorf("%s: expired %s, told %s", name, role, e.Role)
			}
		}
	}
}

// Wrong root: another repository of the same name, complete and well signed, by the attacker's
// own root.
func TestWrongRoot(t *testing.T) {
	a := newAttacked(t)
	other := trusttest.Start(t, a.server.CA)
	_, c := a.person(other.URL)
	forged := c.Repository(a.owner.GUN())
	s, err := forged.Initialize(t.Context(), rootKey(t, c), Trust{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	mustSign(t, forged, a.img, pinOf(s))
	a.attacker.set(answering(forged.files(t)))
	_, _, err = a.victim.Verify(t.Context(), a.img, a.trust)
	wantProblem(t, err, ProblemRoot)
	_, _, err = a.stranger().Verify(t.Context(), a.img, a.trust)
	wantProblem(t, err, ProblemRoot)
	var bad *MetadataError
	if !errors.As(err, &bad) || len(bad.Shown) != 1 || bad.Shown[0] != s.Root.Certificates[0] || !strings.Contains(err.Error(), bad.Shown[0].ID) {
		t.Errorf("the root that was seen is not named: %v", err)
	}
	// Trusted on first use, and another one ever after.
	first := a.stranger()
	a.attacker.set(nil)
	if _, _, err := first.Verify(t.Context(), a.img, Trust{FirstUse: true}); err != nil {
		t.Fatal(err)
	}
	a.attacker.set(answering(forged.files(t)))
	_, _, err = first.Verify(t.Context(), a.img, Trust{FirstUse: true})
	wantProblem(t, err, ProblemRoot)
	// The right pin is not satisfied by what was remembered under another one.
	if _, _, err = first.Verify(t.Context(), a.img, Trust{Certificates: []string{strings.Repeat("0", 64)}}); err == nil {
		t.Error("a root that was seen overrules the pin")
	}
}

// Swapped targets: the tag's digest altered, an older version, or those of another repository
// that has the same owner.
func TestSwappedTargets(t *testing.T) {
	a := newAttacked(t)
	old := a.owner.files(t)["targets"]
	moved := a.push("team/app:1")
	mustSign(t, a.owner, moved, a.trust)
	neighbour, trust := a.initialized("team/other")
	mustSign(t, neighbour, a.push("team/other:1"), trust)
	present := a.owner.files(t)["targets"]
	for name, b := range map[string][]byte{
		"an older version":   old,
		"another repository": neighbour.files(t)["targets"],
		"altered":            bytes.Replace(present, []byte(`"length":`), []byte(`"length":1`), 1),
		"no JSON":            []byte("<html>"),
	} {
		if bytes.Equal(b, present) {
			t.Fatal(name + ": nothing is attacked")
		}
		a.attacker.set(answering(map[string][]byte{"targets": b}))
		for _, r := range []*Repository{a.victim, a.stranger()} {
			_, _, err := r.Verify(t.Context(), moved, a.trust)
			wantProblem(t, err, ProblemMismatch, ProblemMalformed)
		}
	}
}

// Mix and match: parts of different versions, each well signed.
func TestMixAndMatch(t *testing.T) {
	a := newAttacked(t)
	old := a.owner.files(t)
	two := a.push("team/app:2")
	mustSign(t, a.owner, two, a.trust)
	for name, files := range map[string]map[string][]byte{
		"the old snapshot under the new timestamp": {"snapshot": old["snapshot"]},
		"old snapshot and targets":                 {"snapshot": old["snapshot"], "targets": old["targets"]},
		"the old timestamp over the new snapshot":  {"timestamp": old["timestamp"], "snapshot": a.owner.files(t)["snapshot"]},
	} {
		a.attacker.set(answering(files))
		if vs, _, err := a.stranger().Verify(t.Context(), two, a.trust); err == nil {
			t.Errorf("%s: %+v", name, vs)
		} else {
			wantProblem(t, err, ProblemMismatch, ProblemMalformed) // the latter where the wrong part is longer
		}
	}
}

// The same by a server that signs what it likes with the keys it keeps: a snapshot that goes back
// to older targets.
func TestMixAndMatchByTheServer(t *testing.T) {
	w := newWorld(t)
	evil := newTraitor(t, w.server.CA)
	_, owner := w.person(evil.url)
	r := owner.Repository(w.gun("team/app"))
	s, err := r.Initialize(t.Context(), rootKey(t, owner), Trust{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	img := w.push("team/app:1")
	mustSign(t, r, img, pinOf(s))
	var old map[data.RoleName][]byte
	evil.do(func() { old = maps.Clone(evil.current) })
	mustSign(t, r, w.push("team/app:1"), pinOf(s))
	// The older file is the shorter one: the library then forgets what it has seen.
	for i := range 3 {
		mustSign(t, r, w.push(fmt.Sprintf("team/app:later%d", i)), pinOf(s))
	}
	evil.do(func() { evil.sign(old) })
	_, _, err = r.Verify(t.Context(), img, pinOf(s))
	wantProblem(t, err, ProblemRollback)
}

// An expired or badly signed targets/releases is an error. The library passes over it and takes
// the older entry of targets: here, of an image that was replaced.
func TestBrokenReleases(t *testing.T) {
	w := newWorld(t)
	r, trust := w.initialized("team/app")
	old := w.push("team/app:1")
	mustSign(t, r, old, trust)
	_, pub, err := w.client.Keys().Generate(t.Context(), "alice", answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.AddSigner(t.Context(), "alice", []PublicKey{pub}, trust, answer); err != nil {
		t.Fatal(err)
	}
	mustSign(t, r, w.push("team/app:1"), trust)
	new := w.resolve("team/app:1")
	for name, breakIt := range map[string]func(){
		"its key was taken away and what it signed was left": func() {
			_, bob, err := w.client.Keys().Generate(t.Context(), "bob", answer)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := r.AddSigner(t.Context(), "bob", []PublicKey{bob}, trust, answer); err != nil {
				t.Fatal(err)
			}
			must(t, r, trust, func(repo client.Repository, _ changelist.Changelist) error {
				return repo.RemoveDelegationKeys(roleReleases, []string{pub.ID})
			})
		},
		"expired": func() {
			data.SetDefaultExpiryTimes(map[data.RoleName]time.Duration{data.CanonicalTargetsRole: time.Second})
			defer data.SetDefaultExpiryTimes(data.NotaryDefaultExpiries)
			must(t, r, trust, func(repo client.Repository, _ changelist.Changelist) error {
				_, err := repo.Witness(roleReleases)
				return err
			})
			for time.Now().Before(expiry(t, r)) {
				time.Sleep(20 * time.Millisecond)
			}
		},
	} {
		if vs, _, err := r.Verify(t.Context(), new, trust); err != nil || vs[0].Status != keys.StatusGood {
			t.Fatalf("%s: before: %+v, %v", name, vs, err)
		}
		breakIt()
		_, stranger := w.person(w.server.URL)
		for _, c := range []*Client{w.client, stranger} {
			vs, _, err := c.Repository(r.GUN()).Verify(t.Context(), old, trust)
			if err == nil {
				t.Errorf("%s: the image that was replaced is %s", name, vs[0].Status)
			}
			wantProblem(t, err, ProblemSignature, ProblemExpired)
		}
		// docker trust shows the image that was replaced as signed. That is why.
		d, _ := w.strangers()
		if got, err := d.Inspect(old.Reference.String()); err != nil || len(got.SignedTags) != 1 || "sha256:"+got.SignedTags[0].Digest != old.Digest {
			t.Errorf("%s: docker trust: %+v, %v", name, got.SignedTags, err)
		}
		// Whoever may release can mend it.
		if _, err := r.Sign(t.Context(), new, trust, answer); err == nil {
			t.Errorf("%s: signed over it", name)
		}
		s, existing, err := r.SignReleasesAgain(t.Context(), false, trust, answer)
		if err != nil || existing {
			t.Fatalf("%s: %v, %v", name, existing, err)
		}
		if vs := s.Judge(new); vs[0].Status != keys.StatusGood {
			t.Errorf("%s: mended: %+v", name, vs)
		}
		w.shownAs(new, "alice")
	}
}

// shownAs holds that docker trust shows the tag with a digest, by a signer.
func (w *world) shownAs(img docker.Image, signer string) {
	w.t.Helper()
	d, _ := w.strangers()
	got, err := d.Inspect(img.Reference.String())
	for _, s := range got.SignedTags {
		if "sha256:"+s.Digest == img.Digest && slices.Equal(s.Signers, []string{signer}) {
			return
		}
	}
	w.t.Errorf("docker trust: %+v, %v", got.SignedTags, err)
}

// must publishes something that this package itself does not offer.
func must(t *testing.T, r *Repository, trust Trust, what stage) {
	t.Helper()
	first := true
	_, _, err := r.apply(t.Context(), trust, answer, change{
		mends: true,
		plan:  func(*view, *State, *keyAccess) ([]stage, error) { first = false; return []stage{what}, nil },
		done:  func(*view, *State) bool { return true },
	})
	var broken *MetadataError
	if first || err != nil && !(errors.As(err, &broken) && broken.Role == roleReleases) {
		t.Fatal(err)
	}
}

// expiry is when targets/releases ends.
func expiry(t *testing.T, r *Repository) time.Time {
	t.Helper()
	raw := get(t, &trusttest.Server{URL: r.server, CA: caOf(t, r)}, r.gun, "targets/releases.json")
	var s struct{ Signed struct{ Expires time.Time } }
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s.Signed.Expires
}

// No root appears by itself: a server that denies the repository in the middle of signing, or has lost it by
// then, gets none, and no key is made.
func TestNoSilentRoot(t *testing.T) {
	a := newAttacked(t)
	dir, c := a.person(a.attacker.url)
	copyKeysInto(t, a.dockerDir, dir)
	r := c.Repository(a.owner.GUN())
	before := keyFiles(t, dir)
	img := a.push("team/app:2")
	var armed atomic.Bool
	a.attacker.set(func(w http.ResponseWriter, q *http.Request) bool {
		if strings.HasSuffix(q.URL.Path, "/timestamp.json") && armed.CompareAndSwap(false, true) {
			return false // the check before signing goes well; from then on it denies
		}
		if !armed.Load() || !strings.Contains(q.URL.Path, "root") && q.Method != http.MethodPost {
			return false
		}
		if body, err := io.ReadAll(q.Body); err != nil || strings.Contains(string(body), `filename="root"`) {
			t.Errorf("a root was sent: %v", err)
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	for _, what := range []string{"a memory that is empty", "one that is not"} {
		armed.Store(false)
		_, err := r.Sign(t.Context(), img, a.trust, answer)
		var e *ServerError
		if !errors.As(err, &e) || e.Status != http.StatusNotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := keyFiles(t, dir); !slices.Equal(before, after) {
		t.Errorf("keys were made: %v, before %v", after, before)
	}
}

func keyFiles(t testing.TB, dockerDir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dockerDir, "trust", "private"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// copyKeysInto gives a person the keys of another.
func copyKeysInto(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(to, "trust", "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	copyKeys(t, from, to)
}

// A server that lost its data gets no other root in place of one that is pinned or was seen, unless a
// person says so.
func TestInitializeAfterLoss(t *testing.T) {
	w := newWorld(t)
	_, pinned := w.initialized("team/app")
	a := between(t, w.server)
	_, c := w.person(a.url)
	r, root := c.Repository(w.gun("team/app")), rootKey(t, c)
	seen := Trust{FirstUse: true}
	if _, err := r.Read(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	var already *InitializedError
	if err := r.CanInitialize(t.Context(), root, pinned); !errors.As(err, &already) {
		t.Errorf("nothing is lost: %v", err)
	}
	posted := false
	a.set(func(w http.ResponseWriter, r *http.Request) bool {
		posted = posted || r.Method == http.MethodPost
		if !strings.Contains(r.URL.Path, "_trust") {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	for name, known := range map[string]Trust{"pinned": pinned, "a pinned root key": {RootKeys: []string{root}}, "seen": seen} {
		var had *HadRootError
		if _, err := r.Initialize(t.Context(), root, known, answer); !errors.As(err, &had) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if posted {
		t.Error("a root was published in place of the lost one")
	}
	if err := r.CanInitialize(t.Context(), root, Trust{}); err != nil {
		t.Errorf("it cannot be replaced at all: %v", err)
	}
}

// What the server refuses or never gets leaves no key behind that nobody can use.
func TestRefusedInitialize(t *testing.T) {
	w := newWorld(t)
	a := between(t, w.server)
	dir, c := w.person(a.url)
	root := rootKey(t, c)
	before := keyFiles(t, dir)
	a.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	var e *ServerError
	if _, err := c.Repository(w.gun("team/app")).Initialize(t.Context(), root, Trust{}, answer); !errors.As(err, &e) || e.Kind != docker.KindForbidden {
		t.Errorf("%T: %v", err, err)
	}
	if after := keyFiles(t, dir); !slices.Equal(before, after) {
		t.Errorf("keys left behind: %v, before %v", after, before)
	}
}

// The answer to a publish gets lost on the way: the change is looked for, and found.
func TestLostAnswer(t *testing.T) {
	a := newAttacked(t)
	dir, c := a.person(a.attacker.url)
	copyKeysInto(t, a.dockerDir, dir)
	img := a.push("team/app:2")
	a.attacker.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = "https", a.server.Host, ""
		resp, err := a.server.CA.Client(t).Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		panic(http.ErrAbortHandler)
	})
	got, err := c.Repository(a.owner.GUN()).Sign(t.Context(), img, a.trust, answer)
	if err != nil || !got.Released {
		t.Errorf("%+v, %v", got, err)
	}
}
