package workflow

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/docker/dct/trusttest"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/verify"
)

// trustBench is a bench with a registry, a real trust server behind a door that can be shut, and
// the notary command as a judge.
type trustBench struct {
	*bench
	reg    *loopback.Registry
	notary *trusttest.Peer
	shut   atomic.Bool // the trust server answers 503
	url    string
	image  string // reference with {version}
}

func newTrustBench(t *testing.T) *trustBench {
	t.Helper()
	b := &trustBench{bench: newBench(t)}
	ca := trusttest.NewCA(t)
	server := trusttest.Start(t, ca)
	inside, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(inside)
	proxy.Transport = ca.Client(t).Transport
	door := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.shut.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	door.TLS = ca.TLS()
	door.StartTLS()
	t.Cleanup(door.Close)
	b.url = door.URL
	dir := trusttest.DockerDir(t, ca, "{}", strings.TrimPrefix(b.url, "https://"), server.Host)
	b.notary = trusttest.Notary(t, server, dir)
	env := map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTENT_TRUST_SERVER": b.url}
	b.world.Env = func(name string) string { return env[name] }
	if b.reg, err = loopback.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.reg.Close)
	b.image = b.reg.Host() + "/acme/widget:{version}"
	b.push("1.0.0")
	if _, err := images.KeysOf(b.world).Generate(t.Context(), "release", keys.NewSecret([]byte(testPassphrase))); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *trustBench) push(tag string) string {
	b.t.Helper()
	digest, err := b.reg.PushRandom(b.t.Context(), "acme/widget", tag, 50, true)
	if err != nil {
		b.t.Fatal(err)
	}
	return digest
}

func (b *trustBench) gun() string { return b.reg.Host() + "/acme/widget" }

// initialize gives the repository a root, as somebody would by hand, and pins it.
func (b *trustBench) initialize() {
	b.t.Helper()
	client := b.world.TrustClient("")
	defer client.Close()
	k, _, err := client.Keys().Generate(b.t.Context(), "root", answer)
	if err != nil {
		b.t.Fatal(err)
	}
	backup := filepath.Join(b.t.TempDir(), "root.key")
	if err := client.Keys().Backup(k.ID, backup); err != nil {
		b.t.Fatal(err)
	}
	if _, err := client.Keys().Rehearse(b.t.Context(), backup, answer); err != nil {
		b.t.Fatal(err)
	}
	gun, err := dct.ParseGUN(b.gun())
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := client.Repository(gun).Initialize(b.t.Context(), k.ID, dct.Trust{}, answer)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := client.Pin(gun, []string{s.Root.Certificates[0].ID}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *trustBench) with(w images.With) Choices {
	c := b.choices()
	c.Images, c.ImageWith = []string{b.image}, w
	return c
}

// finding is the refusal by a rule.
func (b *trustBench) finding(w images.With) Finding {
	b.t.Helper()
	for _, f := range b.refused(b.with(w), images.RuleContentTrust).Errors() {
		if f.Rule == images.RuleContentTrust {
			return f
		}
	}
	return Finding{}
}

// verify judges a release by its record as somebody would who has the OpenPGP key alone.
func (b *trustBench) verify(res *Result) []keys.Verdict {
	b.t.Helper()
	public := filepath.Join(b.t.TempDir(), "KEYS")
	if err := os.WriteFile(public, res.Plan.Key.Public, 0o600); err != nil {
		b.t.Fatal(err)
	}
	stranger, err := openWorld(b.t.TempDir())
	if err != nil {
		b.t.Fatal(err)
	}
	defer stranger.Close()
	stranger.Env = b.world.Env // for the authority of the trust server
	v, err := NewVerifier(b.t.Context(), stranger, verify.Options{Dir: b.repo, Keys: []string{public}, OnlyKeys: true})
	if err != nil {
		b.t.Fatal(err)
	}
	vs, err := v.Verify(b.t.Context(), []string{res.Record})
	if err != nil {
		b.t.Fatal(err)
	}
	return vs
}

func imagesOf(vs []keys.Verdict) (out []keys.Verdict) {
	for _, v := range vs {
		if v.Kind == keys.KindImage {
			out = append(out, v)
		}
	}
	return out
}

// Before the first signature the walk names the next command on the way, one after the other; no
// step can be left out.
func TestContentTrustLeadsTheWay(t *testing.T) {
	b := newTrustBench(t)
	client := b.world.TrustClient("")
	defer client.Close()
	want := func(hint string) {
		t.Helper()
		if f := b.finding(images.WithContentTrust); !strings.Contains(f.Hint, hint) || f.Unreachable || f.Step != StepImage {
			t.Errorf("want %q, got %+v", hint, f)
		}
	}
	want("bulla image trust key generate --root")
	k, _, err := client.Keys().Generate(t.Context(), "root", answer)
	if err != nil {
		t.Fatal(err)
	}
	want("bulla image trust key backup " + k.ID[:12])
	backup := filepath.Join(t.TempDir(), "root.key")
	if err := client.Keys().Backup(k.ID, backup); err != nil {
		t.Fatal(err)
	}
	want("bulla image trust key rehearse " + backup)
	if _, err := client.Keys().Rehearse(t.Context(), backup, answer); err != nil {
		t.Fatal(err)
	}
	want("bulla image trust init " + b.gun())
	gun, err := dct.ParseGUN(b.gun())
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Repository(gun).Initialize(t.Context(), k.ID, dct.Trust{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	want("bulla image trust pin " + b.gun())
	if err := client.Pin(gun, []string{s.Root.Certificates[0].ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.session().Plan(t.Context(), b.with(images.WithContentTrust)); err != nil {
		t.Fatal(err)
	}
	// The same person on a computer that knows of no rehearsal: still no first signature.
	if err := os.Remove(filepath.Join(b.world.Home, "trust", "custody.json")); err != nil {
		t.Fatal(err)
	}
	want("bulla image trust key backup " + k.ID[:12])
	b.shut.Store(true)
	if f := b.finding(images.WithBoth); !f.Unreachable {
		t.Errorf("a dead trust server: %+v", f)
	}
	// Whoever signs with cosign alone is not kept from it.
	if _, err := b.session().Plan(t.Context(), b.with("")); err != nil {
		t.Errorf("cosign alone: %v", err)
	}
}

// What the walk could offer for an image: how, or why not.
func TestOfferImage(t *testing.T) {
	b := newTrustBench(t)
	s := b.session()
	img, err := s.ResolveImage(t.Context(), strings.ReplaceAll(b.image, "{version}", "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.OfferImage(t.Context(), Choices{}, img)
	if err != nil || o.MayNotPush() != nil || o.ContentTrust != nil || o.Problem.Rule != images.RuleContentTrust {
		t.Fatalf("got %+v, %v", o, err)
	}
	rules := map[finding.Rule]bool{}
	for _, f := range o.Registry {
		rules[f.Rule] = true
	}
	for _, r := range []finding.Rule{images.RuleConnection, images.RuleAccount, images.RulePull, images.RulePush, images.RuleReferrers, images.RuleCosign, images.RuleTrustServer} {
		if !rules[r] {
			t.Errorf("the doctor says nothing of %s: %+v", r, o.Registry)
		}
	}
	b.initialize()
	if o, err = s.OfferImage(t.Context(), Choices{}, img); err != nil || o.ContentTrust == nil || o.ContentTrust.Server != b.url || len(o.ContentTrust.Roles) != 1 {
		t.Errorf("got %+v, %v", o, err)
	}
	b.shut.Store(true)
	if o, err = s.OfferImage(t.Context(), Choices{}, img); err != nil || o.ContentTrust != nil || !o.Problem.Unreachable {
		t.Errorf("a dead trust server: %+v, %v", o, err)
	}
}

// One step signs both ways; notary accepts it, the record names the root, and a stranger with the
// OpenPGP key alone judges both signatures from it.
func TestReleaseSignsBothWays(t *testing.T) {
	b := newTrustBench(t)
	b.initialize()
	for _, c := range []struct {
		with     images.With
		verdicts int
	}{{images.WithBoth, 2}, {images.WithContentTrust, 1}, {images.WithCosign, 1}} {
		b.clean()
		if b.git("-C", b.repo, "tag", "-l") != "" {
			b.git("-C", b.repo, "tag", "-d", "v1.0.0")
		}
		res := b.release(b.with(c.with))
		if !res.Good() || len(imagesOf(res.Verdicts)) != c.verdicts {
			t.Fatalf("%s: %+v", c.with, res.Verdicts)
		}
		made := res.Images[0]
		if (made.Manifest != "") != c.with.Cosign() || (made.TrustServer != "") != c.with.ContentTrust() {
			t.Errorf("%s: %+v", c.with, made)
		}
		if c.with.ContentTrust() {
			if out := b.notary.Must("lookup", b.gun(), "1.0.0"); !strings.Contains(out, strings.TrimPrefix(made.Digest, "sha256:")) {
				t.Errorf("%s: notary says %s", c.with, out)
			}
		}
		vs := imagesOf(b.verify(res))
		if len(vs) != c.verdicts {
			t.Errorf("%s: a stranger finds %+v", c.with, vs)
		}
		for _, v := range vs {
			if !v.OK(false) {
				t.Errorf("%s: a stranger finds %+v", c.with, v)
			}
		}
	}
}

// A stranger is not told that a tag is good whose trust data is gone, or about another image.
func TestRecordOfContentTrustIsNotBelievedBlindly(t *testing.T) {
	b := newTrustBench(t)
	b.initialize()
	res := b.release(b.with(images.WithContentTrust))
	one := func() keys.Verdict {
		t.Helper()
		vs := imagesOf(b.verify(res))
		if len(vs) != 1 {
			t.Fatalf("got %+v", vs)
		}
		return vs[0]
	}
	b.shut.Store(true)
	if v := one(); v.Status != keys.StatusNotChecked {
		t.Errorf("a dead trust server: %+v", v)
	}
	b.shut.Store(false)
	data, err := os.ReadFile(res.Record)
	if err != nil {
		t.Fatal(err)
	}
	digest := b.push("1.0.0") // moved
	if v := one(); v.Status != keys.StatusBad {
		t.Errorf("the tag moved: %+v", v)
	}
	// The trust server's own people sign the new image: the record still names the old digest.
	ref, err := docker.ParseReference(b.gun() + ":1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	img, err := b.world.Registry.Resolve(t.Context(), ref)
	if err != nil || img.Digest != digest {
		t.Fatal(img, err)
	}
	client := b.world.TrustClient("")
	defer client.Close()
	pins, err := client.Pins()
	if err != nil {
		t.Fatal(err)
	}
	gun := dct.GUNOf(img.Reference)
	if _, err := client.Repository(gun).Sign(t.Context(), img, pins.For(gun), answer); err != nil {
		t.Fatal(err)
	}
	if v := one(); v.Status != keys.StatusBad {
		t.Errorf("another image is signed under the tag: %+v", v)
	}
	// A record in which somebody named another root is not sealed any more.
	forged := bytes.Replace(data, []byte(pins.For(gun).Certificates[0]), []byte(strings.Repeat("0", 64)), 1)
	if bytes.Equal(forged, data) {
		t.Fatal("the record does not name the root")
	}
	if err := os.WriteFile(res.Record, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := one(); v.OK(false) {
		t.Errorf("a forged record: %+v", v)
	}
}

// shutAt releases both ways with a trust server that dies when a step begins.
func (b *trustBench) shutAt(step StepID) error {
	b.t.Helper()
	s := b.session()
	plan, err := s.Plan(b.t.Context(), b.with(images.WithBoth))
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = s.Run(b.t.Context(), plan, Face{Ask: answer, Emit: func(e Event) {
		if st, ok := e.(StepStarted); ok && st.Step == step {
			b.shut.Store(true)
		}
	}})
	return err
}

// The trust server dies after the last question: the release stops at the image with everything
// before it done, and going on signs what is missing, once.
func TestContentTrustResumes(t *testing.T) {
	b := newTrustBench(t)
	b.initialize()
	err := b.shutAt(StepImage)
	var inc *IncompleteError
	if !errors.As(err, &inc) || inc.Step != StepImage {
		t.Fatalf("got %v", err)
	}
	var server *dct.ServerError
	if !errors.As(err, &server) {
		t.Errorf("it does not say that the trust server is to blame: %v", err)
	}
	if _, err := b.session().Resume(t.Context(), Face{Ask: answer}); !errors.As(err, &server) {
		t.Errorf("resumed with the server still dead: %v", err)
	}
	b.shut.Store(false)
	res, err := b.session().Resume(t.Context(), Face{Ask: answer})
	if err != nil || !res.Good() || len(imagesOf(res.Verdicts)) != 2 {
		t.Fatalf("resumed: %v", err)
	}
	journal, _ := filepath.Glob(filepath.Join(b.repo, ".git", "bulla", "done", "*"))
	for _, path := range journal {
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(testPassphrase)) {
			t.Errorf("%s holds a passphrase", path)
		}
	}
	if len(journal) == 0 {
		t.Error("no journal was looked at")
	}
}

// A tag that moved in the run, before the signature, is not signed in Content Trust.
func TestContentTrustSignsWhatWasSeen(t *testing.T) {
	b := newTrustBench(t)
	b.initialize()
	s := b.session()
	plan, err := s.Plan(t.Context(), b.with(images.WithContentTrust))
	if err != nil {
		t.Fatal(err)
	}
	var moved *docker.MovedError
	_, err = s.Run(t.Context(), plan, Face{Ask: answer, Emit: func(e Event) {
		if eventName(e) == "StepStarted image" {
			b.push("1.0.0")
		}
	}})
	if !errors.As(err, &moved) {
		t.Errorf("got %v", err)
	}
	if out, err := b.notary.Run("lookup", b.gun(), "1.0.0"); err == nil {
		t.Errorf("it was signed: %s", out)
	}
	a, err := b.session().Abandon(t.Context())
	if err != nil || !strings.Contains(strings.Join(a.Kept, "\n"), "bulla image trust revoke") {
		t.Errorf("taken back: %+v, %v", a, err)
	}
}

// A release that signed both ways is not called good while the trust server does not show its half.
func TestBothMeansBoth(t *testing.T) {
	b := newTrustBench(t)
	b.initialize()
	err := b.shutAt(StepCheck)
	var check *CheckError
	if !errors.As(err, &check) || len(check.Failed) != 1 || check.Failed[0].Status != keys.StatusNotChecked {
		t.Fatalf("got %v", err)
	}
	b.shut.Store(false)
	if res, err := b.session().Resume(t.Context(), Face{Ask: answer}); err != nil || !res.Good() {
		t.Errorf("resumed: %v", err)
	}
}
