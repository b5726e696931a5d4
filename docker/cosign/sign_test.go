package cosign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"bulla/docker"
	"bulla/docker/internal/registrytest"
	"bulla/docker/loopback"
	"bulla/keys"
)

var someTime = time.Date(2026, 3, 4, 5, 6, 7, 890, time.FixedZone("", 3600))

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func someImage() docker.Image {
	r, err := docker.ParseReference("127.0.0.1:1/demo/app:1")
	if err != nil {
		panic(err)
	}
	return docker.Image{Reference: r, Digest: someDigest, MediaType: "application/vnd.oci.image.index.v1+json", Size: 1}
}

type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

func testClient() *docker.Client { return docker.NewClient(docker.Options{Keychain: anonymous{}}) }

// pushed pushes a new image and resolves it.
func pushed(t testing.TB, c *docker.Client, ref string) docker.Image {
	t.Helper()
	if _, err := loopback.PushRandomImage(t.Context(), ref, 50, true); err != nil {
		t.Fatal(err)
	}
	return resolved(t, c, ref)
}

func resolved(t testing.TB, c *docker.Client, ref string) docker.Image {
	t.Helper()
	r, err := docker.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	img, err := c.Resolve(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// newSigner is an unlocked signer whose key was never in a file, which spares the scrypt.
func newSigner(t testing.TB, k crypto.Signer) *Signer {
	t.Helper()
	if k == nil {
		var err error
		if k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	s, err := NewSigner(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func statuses(t testing.TB, c *docker.Client, img docker.Image, pubs ...PublicKey) []keys.Status {
	t.Helper()
	vs, err := Verify(t.Context(), c, img, pubs)
	if err != nil {
		t.Fatal(err)
	}
	var out []keys.Status
	for _, v := range vs {
		if v.Target != img.Reference.String() || v.Kind != keys.KindImage || v.Reason == "" || (v.Signer != nil) != (v.Status == keys.StatusGood || v.Status == keys.StatusWeak) {
			t.Errorf("a verdict that does not fit together: %+v", v)
		}
		out = append(out, v.Status)
	}
	return out
}

func wantStatuses(t testing.TB, got []keys.Status, want ...keys.Status) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Registries of both kinds: with a list of referrers, and with the fallback tag.
func bothKinds(t *testing.T, f func(t *testing.T, host string)) {
	t.Helper()
	for name, start := range map[string]func(context.Context) (*loopback.Registry, error){"referrers": loopback.Start, "fallback": loopback.StartWithoutReferrers} {
		t.Run(name, func(t *testing.T) {
			r, err := start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			f(t, r.Host())
		})
	}
	t.Run("ociregistry", func(t *testing.T) { f(t, registrytest.Referrers(t)) })
	t.Run("distribution", func(t *testing.T) { f(t, registrytest.Distribution(t)) })
}

func TestSignAndVerify(t *testing.T) {
	bothKinds(t, func(t *testing.T, host string) {
		c, s := testClient(), newSigner(t, nil)
		img := pushed(t, c, host+"/demo/app:1")
		wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusUnsigned)

		sig, err := Sign(t.Context(), c, img, s, someTime)
		if err != nil {
			t.Fatal(err)
		}
		if sig.Digest != img.Digest || sig.Key != s.Public().Fingerprint() || !sig.SignedAt.Equal(someTime.Truncate(time.Second)) || sig.Existing || !isDigest(sig.Manifest) {
			t.Errorf("got %+v", sig)
		}
		vs, err := Verify(t.Context(), c, img, []PublicKey{newSigner(t, nil).Public(), s.Public()})
		if err != nil || len(vs) != 1 || vs[0].Status != keys.StatusGood {
			t.Fatalf("got %+v, %v", vs, err)
		}
		v := vs[0]
		if v.Signer.Fingerprint != sig.Key || v.Signer.Primary != sig.Key || v.Signer.Algorithm != "ecdsa-p256" || v.Signer.Hash != "sha256" || !v.Signer.SignedAt.IsZero() {
			t.Errorf("the signer: %+v", v.Signer)
		}
		if v.Claim.Fingerprint != sig.Key || !v.Claim.SignedAt.Equal(sig.SignedAt) || v.Claim.KeyID != string(sig.Key[:16]) {
			t.Errorf("the claim: %+v", v.Claim)
		}
		wantStatuses(t, statuses(t, c, img, newSigner(t, nil).Public()), keys.StatusUnknownKey)
		wantStatuses(t, statuses(t, c, img), keys.StatusUnknownKey)

		again, err := Sign(t.Context(), c, img, s, someTime.Add(time.Hour))
		if err != nil || !again.Existing || again.Manifest != sig.Manifest || !again.SignedAt.Equal(sig.SignedAt) {
			t.Errorf("signed again: %+v, %v", again, err)
		}

		other := newSigner(t, nil) // a second party hides nobody
		if _, err := Sign(t.Context(), c, img, other, someTime); err != nil {
			t.Fatal(err)
		}
		wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusGood, keys.StatusUnknownKey)
		wantStatuses(t, statuses(t, c, img, other.Public()), keys.StatusGood, keys.StatusUnknownKey)
		wantStatuses(t, statuses(t, c, img, s.Public(), other.Public()), keys.StatusGood, keys.StatusGood)
	})
}

// The index is signed, not its platforms: one of them alone is not covered.
func TestPlatformIsNotCovered(t *testing.T) {
	r, err := loopback.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, r.Host()+"/demo/app:1")
	if _, err := Sign(t.Context(), c, img, s, someTime); err != nil {
		t.Fatal(err)
	}
	m, err := c.Repo(img.Reference).Manifest(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var idx struct{ Manifests []docker.Descriptor }
	if err := json.Unmarshal(m.Raw, &idx); err != nil || len(idx.Manifests) != 2 {
		t.Fatal(err, len(idx.Manifests))
	}
	child := resolved(t, c, img.Reference.Repository().String()+"@"+idx.Manifests[0].Digest)
	wantStatuses(t, statuses(t, c, child, s.Public()), keys.StatusUnsigned)
}

func TestEveryKindOfKey(t *testing.T) {
	r, err := loopback.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := testClient()
	for name, k := range kindsOfKeys(t) {
		s := newSigner(t, k)
		img := pushed(t, c, r.Host()+"/demo/"+name+":1")
		if _, err := Sign(t.Context(), c, img, s, someTime); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusGood)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner(weak); err == nil {
		t.Error("a key of 1024 bits was taken for signing")
	}
	// Somebody else's may be that short: it is judged, and called weak.
	p, err := publicKeyOf(weak.Public())
	if err != nil {
		t.Fatal(err)
	}
	f := found{message: []byte("m"), names: true}
	if f.sig, err = weak.Sign(rand.Reader, sum(crypto.SHA256, f.message), crypto.SHA256); err != nil {
		t.Fatal(err)
	}
	if v := f.judge([]PublicKey{p}); v.Status != keys.StatusWeak || len(v.Weak) != 1 || v.Weak[0] != "rsa1024 key" || v.Signer == nil {
		t.Errorf("got %+v", v)
	}
}

func kindsOfKeys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	out := map[string]crypto.Signer{}
	var err error
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		if out[name], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if _, out["ed25519"], err = ed25519Key(); err != nil {
		t.Fatal(err)
	}
	if out["rsa2048"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	return out
}

func ed25519Key() (ed25519.PublicKey, crypto.Signer, error) {
	p, k, err := ed25519.GenerateKey(rand.Reader)
	return p, k, err
}

func TestMovedTag(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	ref := reg.Host + "/demo/app:1"
	img := pushed(t, c, ref)
	moved := false
	reg.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && !moved { // somebody pushes while we sign
			moved = true
			reg.Set(nil)
			if _, err := loopback.PushRandomImage(context.Background(), ref, 60, true); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	sig, err := Sign(t.Context(), c, img, s, someTime)
	var me *docker.MovedError
	var told *PublishedError
	if !errors.As(err, &told) || !told.Complete || told.Signature != sig {
		t.Errorf("the finished signature is not told: %v", err)
	}
	if !errors.As(err, &me) || me.Was != img.Digest || me.Is == img.Digest || !moved {
		t.Fatalf("got %v", err)
	}
	if sig.Digest != img.Digest || sig.Manifest == "" {
		t.Errorf("the signature was made, but is not reported: %+v", sig)
	}
	wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusGood) // the digest we signed
	now := resolved(t, c, ref)
	if now.Digest != me.Is {
		t.Errorf("the error says %s, the tag %s", me.Is, now.Digest)
	}
	wantStatuses(t, statuses(t, c, now, s.Public()), keys.StatusUnsigned)
}

// Whatever goes wrong on the way, the error says what, and the image does not count as signed.
func TestSignFaults(t *testing.T) {
	for _, f := range []struct {
		method, path string
		status       int
		kind         docker.Kind
	}{
		{http.MethodPost, "/blobs/uploads/", 401, docker.KindUnauthorized},
		{http.MethodPost, "/blobs/uploads/", 403, docker.KindForbidden},
		{http.MethodPut, "/blobs/uploads/", 413, docker.KindRefused},
		{http.MethodPut, "/manifests/sha256:", 403, docker.KindForbidden},
		{http.MethodPut, "/manifests/sha256:", 405, docker.KindRefused},
		{http.MethodPut, "/manifests/sha256-", 403, docker.KindForbidden},
		{http.MethodPut, "/manifests/", 500, docker.KindServer},
		{http.MethodGet, "/referrers/", 500, docker.KindServer},
	} {
		t.Run(fmt.Sprint(f.method, f.path, f.status), func(t *testing.T) {
			reg := registrytest.Faults(t, false)
			c, s := testClient(), newSigner(t, nil)
			img := pushed(t, c, reg.Host+"/demo/app:1")
			reg.Status(f.method, f.path, f.status)
			sig, err := Sign(t.Context(), c, img, s, someTime)
			var re *docker.RegistryError
			if !errors.As(err, &re) || re.Kind != f.kind || re.Status != f.status {
				t.Fatalf("got %v, want %s", err, f.kind)
			}
			if sig != (Signature{}) {
				t.Errorf("a signature that is not there: %+v", sig)
			}
			reg.Set(nil)
			wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusUnsigned)
			// The same call again finishes the work.
			if sig, err = Sign(t.Context(), c, img, s, someTime); err != nil || sig.Manifest == "" {
				t.Errorf("not to be repeated: %+v, %v", sig, err)
			}
			wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusGood)
		})
	}
}

// Stopped at any request of the signing, the error tells a signature that may be public, and claims
// none that cannot be.
func TestSignCancelledAnywhere(t *testing.T) {
	published := 0
	for n := 0; ; n++ {
		reg := registrytest.Faults(t, false)
		c, s := testClient(), newSigner(t, nil)
		img := pushed(t, c, reg.Host+"/demo/app:1")
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		seen, stored := 0, false
		reg.Set(func(_ http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if seen == n {
				cancel()
			}
			seen++
			stored = stored || r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256:")
			return false
		})
		_, err := Sign(ctx, c, img, s, someTime)
		cancel()
		mu.Lock()
		reached := stored
		mu.Unlock()
		if err == nil {
			if published < 3 {
				t.Errorf("a signature that is public was told %d times in %d", published, n)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("request %d: %v", n, err)
		}
		var told *PublishedError
		if errors.As(err, &told) {
			published++
		}
		if (told != nil) != reached {
			t.Errorf("request %d: stored %v, error %v", n, reached, err)
		}
	}
}

// A registry that keeps something else than it was given is found out by reading back.
func TestReadBack(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			_, _ = w.Write([]byte("{}"))
			return true
		}
		return false
	})
	if sig, err := Sign(t.Context(), c, img, s, someTime); err == nil || sig.Manifest != "" {
		t.Errorf("got %+v, %v", sig, err)
	}
}

// go-containerregistry's registry lists every referrer with a wrong type: the signature is
// there, but admission controllers that filter by type would not see it.
func TestNotListedAsSignature(t *testing.T) {
	reg := registrytest.Faults(t, true)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	_, err := Sign(t.Context(), c, img, s, someTime)
	var nl *docker.NotListedError
	if !errors.As(err, &nl) || nl.ArtifactType == bundleType {
		t.Errorf("got %v", err)
	}
	wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusGood) // a reader who looks closer finds it
}

// An entry in the fallback index without its type is put right by the next signing.
func TestRepairsEmptyArtifactType(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	sig, err := Sign(t.Context(), c, img, s, someTime)
	if err != nil {
		t.Fatal(err)
	}
	repo := c.Repo(img.Reference)
	index := func() string {
		m, err := repo.Manifest(t.Context(), docker.FallbackTag(img.Digest))
		if err != nil {
			t.Fatal(err)
		}
		return string(m.Raw)
	}
	right := index()
	if !strings.Contains(right, `"artifactType":"`+bundleType+`"`) {
		t.Fatalf("no artifact type in %s", right)
	}
	broken := strings.Replace(right, `"artifactType":"`+bundleType+`",`, "", 1)
	if broken == right {
		t.Fatal("nothing was broken")
	}
	if err := repo.PutManifest(t.Context(), docker.FallbackTag(img.Digest), "application/vnd.oci.image.index.v1+json", []byte(broken)); err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusGood)
	again, err := Sign(t.Context(), c, img, s, someTime)
	if err != nil || !again.Existing || again.Manifest != sig.Manifest || index() != right {
		t.Errorf("%+v, %v: %s", again, err, index())
	}
}

func TestSignRefusesAnUnresolvedImage(t *testing.T) {
	s := newSigner(t, nil)
	for _, change := range []func(*docker.Image){
		func(i *docker.Image) { i.Digest = "" },
		func(i *docker.Image) { i.Digest = "sha512:00" },
		func(i *docker.Image) { i.MediaType = "" },
		func(i *docker.Image) { i.Size = 0 },
	} {
		img := someImage()
		change(&img)
		if _, err := Sign(t.Context(), testClient(), img, s, someTime); err == nil {
			t.Errorf("signed %+v", img)
		}
	}
}

// retagged gives the image of img one more tag.
func retagged(t testing.TB, c *docker.Client, img docker.Image, tag string) docker.Image {
	t.Helper()
	ref, err := img.Reference.Repository().WithTag(tag)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Repo(img.Reference).Manifest(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Repo(ref).PutManifest(t.Context(), tag, m.MediaType, m.Raw); err != nil {
		t.Fatal(err)
	}
	return resolved(t, c, ref.String())
}

// A release candidate that becomes the release: the same digest under a second tag. The key signed the
// digest before, but not this name; each name is signed once, in both forms, and what has no name
// is signed by either.
func TestSignEveryTag(t *testing.T) {
	bothKinds(t, func(t *testing.T, host string) {
		for form, sign := range map[Form]func(context.Context, *docker.Client, docker.Image, *Signer, time.Time) (Signature, error){FormBundle: Sign, FormLegacy: SignLegacy} {
			c, s := testClient(), newSigner(t, nil)
			rc := pushed(t, c, host+"/demo/"+string(form)+":1.4.0-rc1")
			release := retagged(t, c, rc, "1.4.0")
			bare := resolved(t, c, rc.Reference.Repository().String()+"@"+rc.Digest)
			for i, step := range []struct {
				img      docker.Image
				existing bool
			}{{rc, false}, {release, false}, {rc, true}, {release, true}, {bare, true}} {
				sig, err := sign(t.Context(), c, step.img, s, someTime)
				if err != nil || sig.Existing != step.existing {
					t.Errorf("%s, step %d: existing %v, %v", form, i, sig.Existing, err)
				}
			}
			r, err := Inspect(t.Context(), c.Repo(rc.Reference), rc.Digest, []PublicKey{s.Public()})
			if err != nil {
				t.Fatal(err)
			}
			tags := map[string]int{}
			for _, x := range r.Signatures {
				if x.Status == keys.StatusGood && x.Form == form {
					tags[x.Tag]++
				}
			}
			if want := map[string]int{"1.4.0-rc1": 1, "1.4.0": 1}; !maps.Equal(tags, want) {
				t.Errorf("%s: signed as %v, want %v", form, tags, want)
			}
		}
	})
}

// A token that signs with another key than it shows is caught before anything is published.
type liar struct{ crypto.Signer }

func (l liar) Public() crypto.PublicKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k.Public()
}

func TestSignerThatLies(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c := testClient()
	img := pushed(t, c, reg.Host+"/demo/app:1")
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	reg.Requests()
	if _, err := Sign(t.Context(), c, img, newSigner(t, liar{k}), someTime); err == nil {
		t.Error("published a signature that does not verify")
	}
	for _, r := range reg.Requests() {
		if strings.HasPrefix(r, "PUT") || strings.HasPrefix(r, "POST") {
			t.Errorf("wrote: %s", r)
		}
	}
}
