package images

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

var someTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// place is a registry with a world that looks at it.
type place struct {
	t     testing.TB
	reg   *loopback.Registry
	host  string
	world *world.World
	keys  []string // files with public keys
}

func newPlace(t testing.TB, start func(context.Context) (*loopback.Registry, error)) *place {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	reg, err := start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	w, err := world.New(t.Context(), world.Options{
		Home: t.TempDir(), NoGnuPG: true, NoKeychain: true, Env: func(string) string { return "" }, Environ: os.Environ(), Now: func() time.Time { return someTime }, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &place{t: t, reg: reg, host: reg.Host(), world: w}
}

// signer makes a key whose public half counts.
func (p *place) signer() *cosign.Signer {
	p.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := cosign.NewSigner(k)
	if err != nil {
		p.t.Fatal(err)
	}
	path := filepath.Join(p.t.TempDir(), "key.pub")
	if err := os.WriteFile(path, s.Public().PEM(), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.keys = append(p.keys, path)
	return s
}

func (p *place) verifierWith(ctx context.Context, o verify.Options) (*verify.Verifier, error) {
	w := p.world
	return verify.New(ctx, verify.World{Git: w.Git(), Keyring: w.Keyring, ImageKeys: w.ImageKeyDir(), Registry: w.Registry, TrustClient: w.TrustClient, Now: w.Now}, o)
}

func (p *place) verifier() *verify.Verifier {
	p.t.Helper()
	v, err := p.verifierWith(p.t.Context(), verify.Options{Dir: p.t.TempDir(), Keys: p.keys, OnlyKeys: len(p.keys) > 0})
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p *place) image(ref string) docker.Image {
	p.t.Helper()
	r, err := docker.ParseReference(ref)
	if err != nil {
		p.t.Fatal(err)
	}
	img, err := p.world.Registry.Resolve(p.t.Context(), r)
	if err != nil {
		p.t.Fatal(err)
	}
	return img
}

// push pushes a new image to a tag of demo/app, for two platforms or none.
func (p *place) push(tag string, multiArch bool) docker.Image {
	p.t.Helper()
	ref := p.reg.Host() + "/demo/app:" + tag
	if _, err := loopback.PushRandomImage(p.t.Context(), ref, 30, multiArch); err != nil {
		p.t.Fatal(err)
	}
	return p.image(ref)
}

func (p *place) sign(img docker.Image, s *cosign.Signer) {
	p.t.Helper()
	if _, err := cosign.Sign(p.t.Context(), p.world.Registry, img, s, someTime); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) repository() docker.Repository {
	p.t.Helper()
	r, err := docker.ParseRepository(p.host + "/demo/app")
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// survey judges every tag.
func (p *place) survey(o Options) (*Survey, map[string]Tag) {
	p.t.Helper()
	s, err := Open(p.t.Context(), p.verifier(), p.repository(), o)
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string]Tag{}
	names := s.Names()
	if err := s.Judge(p.t.Context(), func(i int, t Tag) { out[names[i]] = t }); err != nil {
		p.t.Fatal(err)
	}
	if len(out) != len(names) {
		p.t.Errorf("%d of %d tags were judged", len(out), len(names))
	}
	return s, out
}

// trustServer is what a trust server would say: digests by tag.
type trustServer struct {
	tags map[string]string
	err  error
}

func (d trustServer) Read(_ context.Context, _ docker.Repository, roots []string, _ string, firstUse bool) (TrustData, error) {
	switch {
	case len(roots) == 0 && !firstUse:
		return nil, ErrNoRoot
	case d.err != nil || d.tags == nil:
		return nil, d.err
	}
	return d, nil
}

func (d trustServer) Tags() []string { return slices.Sorted(maps.Keys(d.tags)) }

func (d trustServer) Digest(tag string) (string, bool) {
	digest, ok := d.tags[tag]
	return digest, ok
}

func (d trustServer) Judge(img docker.Image) []keys.Verdict {
	switch digest, ok := d.tags[img.Reference.Tag()]; {
	case !ok:
		return []keys.Verdict{{Status: keys.StatusUnsigned, Reason: "It is not signed."}}
	case digest != img.Digest:
		return []keys.Verdict{{Status: keys.StatusBad, Reason: "It has moved."}}
	}
	return []keys.Verdict{{Status: keys.StatusGood, Reason: "Signed.", Signer: &keys.Signatory{Fingerprint: "AA", Primary: "AA"}}}
}

func TestSurvey(t *testing.T) {
	for name, start := range map[string]func(context.Context) (*loopback.Registry, error){"referrers": loopback.Start, "fallback": loopback.StartWithoutReferrers} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, start)
			s, stranger := p.signer(), p.signer()
			p.keys = p.keys[:1]
			p.sign(p.push("v1", true), s)
			p.push("plain", false)
			p.sign(p.push("foreign", false), stranger)
			old := p.push("v2", false)
			p.sign(old, s)
			now := p.push("v2", false)
			p.push("trusted", false)
			p.push("swapped", false)
			signed := p.image(p.host + "/demo/app:trusted").Digest
			sv, got := p.survey(Options{Trust: trustServer{tags: map[string]string{"trusted": signed, "swapped": signed}}, FirstUse: true})

			if len(got) != 6 {
				t.Fatalf("tags: %v", sv.Names())
			}
			if v1 := got["v1"]; v1.Verdict().Status != keys.StatusGood || len(v1.Children) != 2 || v1.Uncovered() != 2 || v1.Renamed() || len(v1.Moved) != 0 {
				t.Errorf("v1: %+v", v1)
			}
			if x := got["plain"]; x.Verdict().Status != keys.StatusUnsigned || len(x.Moved) != 0 || x.Children != nil {
				t.Errorf("plain: %+v", x)
			}
			if x := got["foreign"]; x.Verdict().Status != keys.StatusUnknownKey {
				t.Errorf("foreign: %+v", x)
			}
			if x := got["trusted"]; x.Verdict().Status != keys.StatusGood || x.Trust == nil || len(x.Verdicts()) != 1 {
				t.Errorf("trusted: %+v", x)
			}
			if x := got["swapped"]; x.Verdict().Status != keys.StatusBad || len(x.Moved) != 1 || x.Moved[0].From != signed || x.Moved[0].System != policy.SystemContentTrust {
				t.Errorf("swapped: %+v", x)
			}
			v2 := got["v2"]
			if v2.Image.Digest != now.Digest || v2.Verdict().Status != keys.StatusUnsigned {
				t.Errorf("v2: %+v", v2)
			}
			if name == "referrers" { // what no tag names, such a registry does not show
				if len(v2.Moved) != 0 || len(sv.Strays()) != 0 {
					t.Errorf("v2: %+v, strays %+v", v2.Moved, sv.Strays())
				}
				return
			}
			if len(v2.Moved) != 1 || v2.Moved[0].From != old.Digest || v2.Moved[0].System != policy.SystemCosign || v2.Moved[0].By != s.Public().Fingerprint() || !v2.Moved[0].SignedAt.Equal(someTime) {
				t.Errorf("v2 moved: %+v", v2.Moved)
			}
			if st := sv.Strays(); len(st) != 1 || st[0].Image.Digest != old.Digest || fmt.Sprint(st[0].SignedAs()) != "[v2]" {
				t.Errorf("strays: %+v", st)
			}
			one, err := Look(t.Context(), p.verifier(), now.Reference, Options{})
			if err != nil || len(one.Moved) != 1 || one.Moved[0].From != old.Digest {
				t.Errorf("one look: %+v, %v", one.Moved, err)
			}
			if moved, at := MovedBefore(t.Context(), p.verifier(), now.Reference, Options{}); len(moved) != 1 || moved[0].From != old.Digest || at != now.Digest {
				t.Errorf("before it is signed: %+v, %s", moved, at)
			}
		})
	}
}

// An old signed image under a new tag.
func TestRenamed(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	img := p.push("v1", false)
	p.sign(img, s)
	repo := p.world.Registry.In(p.repository())
	m, err := repo.Manifest(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.PutManifest(t.Context(), "v2", img.MediaType, m.Raw); err != nil {
		t.Fatal(err)
	}
	_, got := p.survey(Options{})
	if got["v1"].Renamed() || !got["v2"].Renamed() || got["v2"].Verdict().Status != keys.StatusGood {
		t.Errorf("v1 %+v\nv2 %+v", got["v1"], got["v2"])
	}
	if len(got["v1"].Moved)+len(got["v2"].Moved) > 0 {
		t.Errorf("no other digest was signed as these: v1 %+v\nv2 %+v", got["v1"], got["v2"])
	}
}

// A signed tag that is moved to an image which is signed under another tag has moved, though the image is
// a good one.
func TestMovedToAnotherSigned(t *testing.T) {
	p := newPlace(t, loopback.StartWithoutReferrers)
	s := p.signer()
	v1, v2 := p.push("v1", false), p.push("v2", false)
	p.sign(v1, s)
	p.sign(v2, s)
	repo := p.world.Registry.In(p.repository())
	m, err := repo.Manifest(t.Context(), v2.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.PutManifest(t.Context(), "v1", v2.MediaType, m.Raw); err != nil {
		t.Fatal(err)
	}
	_, got := p.survey(Options{})
	one, err := Look(t.Context(), p.verifier(), v1.Reference, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []Tag{got["v1"], one} {
		if len(x.Moved) != 1 || x.Moved[0].From != v1.Digest || x.Image.Digest != v2.Digest || x.Verdict().Status != keys.StatusGood {
			t.Errorf("v1: %+v", x)
		}
	}
	if len(got["v2"].Moved) != 0 {
		t.Errorf("v2: %+v", got["v2"])
	}
	// Content Trust signs the tag where it is: nothing is wrong with it.
	_, got = p.survey(Options{FirstUse: true, Trust: trustServer{tags: map[string]string{"v1": v2.Digest}}})
	if x := got["v1"]; len(x.Moved) != 0 || !x.Trust.Sound() {
		t.Errorf("v1 in Content Trust: %+v", x)
	}
}

// What nothing else vouches for is not called unsigned where a trust server gave no answer, or one that
// must not be trusted.
func TestTrustServerDead(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	plain, signed := p.push("plain", false), p.push("signed", false)
	p.sign(signed, s)
	dead := errors.New("the trust server is dead")
	for err, want := range map[error]keys.Status{dead: keys.StatusNotChecked, error(&UntrustedError{dead}): keys.StatusBad} {
		o := Options{Trust: trustServer{err: err}, FirstUse: true}
		sv, got := p.survey(o)
		if !errors.Is(sv.TrustProblem(), dead) {
			t.Errorf("got %v", sv.TrustProblem())
		}
		if x := got["plain"].Verdict(); x.Status != want || !strings.Contains(x.Reason, dead.Error()) {
			t.Errorf("plain: %+v", x)
		}
		if x := got["signed"]; x.Verdict().Status != keys.StatusGood || len(x.Verdicts()) != 1 || !errors.Is(x.TrustErr, dead) {
			t.Errorf("signed: %+v", x)
		}
		tag, err := Look(t.Context(), p.verifier(), plain.Reference, o)
		if err != nil || !errors.Is(tag.TrustErr, dead) || tag.Verdict().Status != want {
			t.Errorf("got %+v, %v", tag, err)
		}
		// Nobody wants Content Trust of it at the gate.
		d, err := Gate(t.Context(), p.verifier(), plain.Reference, o, false)
		if err != nil || d.Outcome != Refused || d.Verdicts()[0].Status != keys.StatusUnsigned || d.Deciding().Verdict().Status != keys.StatusUnsigned {
			t.Errorf("the gate: %+v, %v", d, err)
		}
	}
}

// silent is a trust server that gives no answer before it is let.
type silent struct{ let chan struct{} }

func (s silent) Read(ctx context.Context, _ docker.Repository, _ []string, _ string, _ bool) (TrustData, error) {
	select {
	case <-s.let:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A trust server that gives no answer keeps nobody from seeing what cosign signs.
func TestTrustServerSilent(t *testing.T) {
	p := newPlace(t, loopback.Start)
	p.sign(p.push("signed", false), p.signer())
	p.push("plain", false)
	server := silent{make(chan struct{})}
	sv, err := Open(t.Context(), p.verifier(), p.repository(), Options{Trust: server, FirstUse: true})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	err = sv.Judge(t.Context(), func(i int, x Tag) {
		if order = append(order, sv.Names()[i]+" "+string(x.Verdict().Status)); len(order) == 1 {
			close(server.let)
		}
	})
	if err != nil || order[0] != "signed good" || !slices.Contains(order, "plain unsigned") || sv.TrustProblem() != nil {
		t.Errorf("got %q, %v, %v", order, err, sv.TrustProblem())
	}
}

// between puts a handler before the registry; it reports whether it answered.
func (p *place) between(f func(http.ResponseWriter, *http.Request) bool) {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: p.reg.Host()})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	p.t.Cleanup(s.Close)
	p.host = s.Listener.Addr().String()
}

// many puts one manifest under n tags and returns them.
func (p *place) many(n int) []string {
	p.t.Helper()
	img := p.push("t0", false)
	repo := p.world.Registry.In(p.repository())
	m, err := repo.Manifest(p.t.Context(), "t0")
	if err != nil {
		p.t.Fatal(err)
	}
	names := []string{"t0"}
	for i := 1; i < n; i++ {
		// Each its own digest: a space more at the end is another manifest to everybody.
		raw := append(slices.Clone(m.Raw), strings.Repeat(" ", i%64)...)
		raw = append(raw, strings.Repeat("\n", i/64)...)
		names = append(names, fmt.Sprintf("t%d", i))
		if err := repo.PutManifest(p.t.Context(), names[i], img.MediaType, raw); err != nil {
			p.t.Fatal(err)
		}
	}
	return names
}

// A thousand tags: few requests at a time, about one for each, and an end when asked for.
func TestThousandTags(t *testing.T) {
	p := newPlace(t, loopback.StartWithoutReferrers)
	n := len(p.many(1000))
	var now, most, all atomic.Int32
	var mu sync.Mutex
	backend := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: p.host})
	backend.ErrorLog = log.New(io.Discard, "", 0) // of requests that were cancelled
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.Add(1)
		c := now.Add(1)
		mu.Lock()
		most.Store(max(most.Load(), c))
		mu.Unlock()
		backend.ServeHTTP(w, r)
		now.Add(-1)
	}))
	defer counting.Close()
	p.host = counting.Listener.Addr().String()
	_, got := p.survey(Options{})
	if len(got) != n {
		t.Fatalf("%d tags", len(got))
	}
	if most.Load() > 16 {
		t.Errorf("%d requests at the same time", most.Load())
	}
	if all.Load() > int32(n+20) {
		t.Errorf("%d requests for %d tags", all.Load(), n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Open(ctx, p.verifier(), p.repository(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = s.Judge(ctx, func(int, Tag) {
		if seen++; seen == 50 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || seen > 50+workers {
		t.Errorf("%d tags after the cancel, %v", seen, err)
	}
}

// A registry that dies in the middle: what was not asked is not called unsigned, and it is not
// asked a thousand times.
func TestRegistryDies(t *testing.T) {
	p := newPlace(t, loopback.Start)
	p.many(100)
	var n atomic.Int32
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") || n.Add(1) <= 20 {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	_, got := p.survey(Options{})
	unread := 0
	for _, x := range got {
		if x.Err != nil {
			unread++
			if v := x.Verdict(); v.Status != keys.StatusNotChecked {
				t.Errorf("%s: %+v", x.Reference, v)
			}
		}
	}
	if unread < 70 || n.Load() > 120 {
		t.Errorf("%d tags not read, %d requests", unread, n.Load())
	}
}

func BenchmarkThousandTags(b *testing.B) {
	p := newPlace(b, loopback.StartWithoutReferrers)
	p.many(1000)
	s := p.signer()
	for i := range 100 {
		p.sign(p.image(fmt.Sprintf("%s/demo/app:t%d", p.host, i)), s)
	}
	for b.Loop() {
		if _, got := p.survey(Options{}); len(got) != 1000 {
			b.Fatal(len(got))
		}
	}
}
