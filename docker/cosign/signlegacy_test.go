package cosign

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"bulla/docker"
	"bulla/docker/internal/registrytest"
	"bulla/keys"
)

func signLegacy(t testing.TB, c *docker.Client, img docker.Image, s *Signer) Signature {
	t.Helper()
	sig, err := SignLegacy(t.Context(), c, img, s, someTime)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func TestSignLegacy(t *testing.T) {
	bothKinds(t, func(t *testing.T, host string) {
		c := testClient()
		a, b := newSigner(t, nil), newSigner(t, nil)
		img := pushed(t, c, host+"/demo/app:v1")
		if sig := signLegacy(t, c, img, a); sig.Existing || sig.Digest != img.Digest {
			t.Errorf("got %+v", sig)
		}
		signLegacy(t, c, img, b)
		if sig := signLegacy(t, c, img, a); !sig.Existing {
			t.Errorf("signed again: %+v", sig)
		}
		r, err := Inspect(t.Context(), c.Repo(img.Reference), img.Digest, []PublicKey{a.Public(), b.Public()})
		if err != nil || len(r.Signatures) != 2 || r.Signatures[0].Status != keys.StatusGood || r.Signatures[1].Status != keys.StatusGood || r.Signatures[0].Form != FormLegacy || r.Signatures[1].Tag != "v1" {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// What others wrote under the .sig tag stays as it is, also what nobody here knows; something
// else under that tag is left alone.
func TestSignLegacyKeepsWhatIsThere(t *testing.T) {
	c := testClient()
	host := registrytest.Distribution(t)
	img := pushed(t, c, host+"/demo/app:v1")
	repo := c.Repo(img.Reference)
	signLegacy(t, c, img, newSigner(t, nil))
	tag := docker.FallbackTag(img.Digest) + legacyTagSuffix
	m, err := repo.Manifest(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	foreign := strings.Replace(string(m.Raw), `"layers":[{`, `"annotations":{"future":"x"},"layers":[{"later":true,`, 1)
	if err := repo.PutManifest(t.Context(), tag, ociImageManifestType, []byte(foreign)); err != nil {
		t.Fatal(err)
	}
	signLegacy(t, c, img, newSigner(t, nil))
	if m, err = repo.Manifest(t.Context(), tag); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Annotations map[string]string
		Layers      []map[string]any
	}
	if err := json.Unmarshal(m.Raw, &got); err != nil || got.Annotations["future"] != "x" || len(got.Layers) != 2 || got.Layers[0]["later"] != true {
		t.Errorf("got %s, %v", m.Raw, err)
	}

	other := pushed(t, c, host+"/demo/app:v2")
	tag = docker.FallbackTag(other.Digest) + legacyTagSuffix
	index, err := repo.Manifest(t.Context(), other.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.PutManifest(t.Context(), tag, other.MediaType, index.Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := SignLegacy(t.Context(), c, other, newSigner(t, nil), someTime); err == nil {
		t.Error("an index under the .sig tag was overwritten")
	}
	if m, err = repo.Manifest(t.Context(), tag); err != nil || m.Digest != other.Digest {
		t.Errorf("got %v, %v", m.Digest, err)
	}
}

// Once the .sig is stored, or may be, the error tells so, whatever fails afterwards; before, it does not.
func TestSignLegacyTellsWhatIsPublic(t *testing.T) {
	for name, c := range map[string]struct {
		fault  func(stored bool, r *http.Request) int
		public bool
	}{
		"refused": {func(_ bool, r *http.Request) int { return ifSig(r, http.MethodPut, 403) }, false},
		"not read back": {func(stored bool, r *http.Request) int {
			return ifSig(r, http.MethodGet, map[bool]int{true: 403}[stored])
		}, true},
		"payload gone": {func(stored bool, r *http.Request) int {
			if stored && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				return 500
			}
			return 0
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.Faults(t, false)
			client, s := testClient(), newSigner(t, nil)
			img := pushed(t, client, reg.Host+"/demo/app:1")
			stored := false
			reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
				if status := c.fault(stored, r); status != 0 {
					w.WriteHeader(status)
					return true
				}
				stored = stored || ifSig(r, http.MethodPut, 1) == 1
				return false
			})
			sig, err := SignLegacy(t.Context(), client, img, s, someTime)
			var told *PublishedError
			if err == nil || errors.As(err, &told) != c.public || stored != c.public || sig != (Signature{}) {
				t.Fatalf("got %+v, %v; stored %v", sig, err, stored)
			}
			reg.Set(nil)
			if c.public {
				m, err := client.Repo(img.Reference).Manifest(t.Context(), docker.FallbackTag(img.Digest)+legacyTagSuffix)
				if err != nil || told.Complete || told.Signature.Manifest != m.Digest || told.Signature.Key != s.Public().Fingerprint() {
					t.Errorf("told %+v, stored %s, %v", told.Signature, m.Digest, err)
				}
			}
			if sig := signLegacy(t, client, img, s); sig.Existing != c.public {
				t.Errorf("signed again: %+v", sig)
			}
		})
	}
}

// ifSig is the status for requests of a method about the .sig tag.
func ifSig(r *http.Request, method string, status int) int {
	if r.Method == method && strings.HasSuffix(r.URL.Path, legacyTagSuffix) {
		return status
	}
	return 0
}

// A signature that is there and cannot be listed is public all the same.
func TestExistingNotListedIsPublic(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	sig, err := Sign(t.Context(), c, img, s, someTime)
	if err != nil {
		t.Fatal(err)
	}
	repo := c.Repo(img.Reference)
	tag := docker.FallbackTag(img.Digest)
	index, err := repo.Manifest(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	untyped := strings.Replace(string(index.Raw), `"artifactType":"`+bundleType+`",`, "", 1)
	if err := repo.PutManifest(t.Context(), tag, "application/vnd.oci.image.index.v1+json", []byte(untyped)); err != nil {
		t.Fatal(err)
	}
	reg.Status(http.MethodPut, "/manifests/"+tag, 403)
	_, err = Sign(t.Context(), c, img, s, someTime)
	var told *PublishedError
	if !errors.As(err, &told) || told.Signature.Manifest != sig.Manifest || told.Complete {
		t.Errorf("got %v", err)
	}
}

// cosign accepts our .sig beside its own, whoever came first, and keeps ours when it adds one.
func TestLegacyWithCosign(t *testing.T) {
	p := newPeer(t)
	theirs, theirsPub := p.keyPair()
	ours, _ := newKey(t, canary)
	oursPub := strings.TrimSuffix(ours, ".key") + ".pub"
	signer := unlockedSigner(t, ours, canary)
	withPeers(t, func(t *testing.T, host string) {
		for name, first := range map[string]bool{"ours-first": true, "theirs-first": false} {
			c := testClient()
			img := pushed(t, c, host+"/demo/"+name+":v1")
			if first {
				signLegacy(t, c, img, signer)
			}
			p.sign(theirs, digestRef(img), true)
			if !first {
				signLegacy(t, c, img, signer)
			}
			for _, pub := range []string{oursPub, theirsPub} {
				if err := p.verify(pub, digestRef(img)); err != nil {
					t.Errorf("%s, %s: %v", name, pub, err)
				}
			}
			if err := p.run("verify", "--key", oursPub, "--insecure-ignore-tlog=true", "-a", "tag=v1", digestRef(img)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A release candidate that becomes the release: cosign finds both names, in either form.
func TestEveryTagWithCosign(t *testing.T) {
	p := newPeer(t)
	ours, _ := newKey(t, canary)
	oursPub := strings.TrimSuffix(ours, ".key") + ".pub"
	signer := unlockedSigner(t, ours, canary)
	withPeers(t, func(t *testing.T, host string) {
		c := testClient()
		for _, legacy := range []bool{false, true} {
			rc := pushed(t, c, fmt.Sprintf("%s/demo/legacy-%v:1.4.0-rc1", host, legacy))
			for _, img := range []docker.Image{rc, retagged(t, c, rc, "1.4.0")} {
				if legacy {
					signLegacy(t, c, img, signer)
				} else if _, err := Sign(t.Context(), c, img, signer, someTime); err != nil {
					t.Fatal(err)
				}
			}
			for tag, good := range map[string]bool{"1.4.0-rc1": true, "1.4.0": true, "1.4.1": false} {
				err := p.run("verify", "--key", oursPub, "--insecure-ignore-tlog=true", "-a", "tag="+tag, digestRef(rc))
				if (err == nil) != good {
					t.Errorf("legacy %v, %s: %v", legacy, tag, err)
				}
			}
		}
	})
}

// Many signers at the same moment, each with a client of its own as on machines of their own: in
// both forms nothing is lost.
func TestSignersAtOnce(t *testing.T) {
	host := registrytest.Distribution(t)
	c := testClient()
	img := pushed(t, c, host+"/demo/app:v1")
	const n = 6
	var pubs []PublicKey
	var signers []*Signer
	for range n {
		s := newSigner(t, nil)
		signers, pubs = append(signers, s), append(pubs, s.Public())
	}
	var wg sync.WaitGroup
	errs := make([]error, n)
	start := make(chan struct{})
	for i, s := range signers {
		wg.Go(func() {
			own := testClient()
			<-start
			if _, errs[i] = Sign(t.Context(), own, img, s, someTime); errs[i] == nil {
				_, errs[i] = SignLegacy(t.Context(), own, img, s, someTime)
			}
		})
	}
	close(start)
	wg.Wait()
	if fmt.Sprint(errs) != fmt.Sprint(make([]error, n)) {
		t.Errorf("got %v", errs)
	}
	r, err := Inspect(t.Context(), c.Repo(img.Reference), img.Digest, pubs)
	if err != nil {
		t.Fatal(err)
	}
	for form, kept := range map[Form]map[keys.Fingerprint]bool{FormBundle: {}, FormLegacy: {}} {
		for _, s := range r.Signatures {
			if s.Form == form && s.Status == keys.StatusGood {
				kept[s.Signer.Fingerprint] = true
			}
		}
		if len(kept) != n {
			t.Errorf("%s: %d of %d signatures are there", form, len(kept), n)
		}
	}
}
