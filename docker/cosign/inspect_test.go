package cosign

import (
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/loopback"
	"bulla/keys"
)

// attestation is a bundle of s that states something else than a signature.
func attestation(t testing.TB, s *Signer, digest string) []byte {
	t.Helper()
	k, pub, err := s.unlocked()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := newStatement(digest, "")
	if err != nil {
		t.Fatal(err)
	}
	payload = []byte(strings.Replace(string(payload), signPredicateType, "https://slsa.dev/provenance/v1", 1))
	sig, err := signMessage(k, pub, pae(payloadType, payload))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := newBundle(payload, sig, pub)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Foreign and malformed attachments are named, and hide nothing.
func TestInspectNamesWhatIsForeign(t *testing.T) {
	bothKinds(t, func(t *testing.T, host string) {
		c := testClient()
		s := newSigner(t, nil)
		img := pushed(t, c, host+"/demo/app:v1")
		if _, err := Sign(t.Context(), c, img, s, someTime); err != nil {
			t.Fatal(err)
		}
		attach(t, c, img, "application/spdx+json", "application/spdx+json", []byte(`{"a":1}`), nil)
		attach(t, c, img, bundleType, bundleType, attestation(t, newSigner(t, nil), img.Digest), nil)
		broken := attach(t, c, img, bundleType, bundleType, []byte(`{"nonsense":1}`), nil)
		r, err := Inspect(t.Context(), c.Repo(img.Reference), img.Digest, []PublicKey{s.Public()})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Sound() || len(r.Signatures) != 2 || r.Signatures[0].Status != keys.StatusGood || r.Signatures[0].Form != FormBundle || r.Signatures[0].Tag != "v1" {
			t.Fatalf("got %+v", r.Signatures)
		}
		if x := r.Signatures[1]; x.Manifest != broken || x.Status != keys.StatusUnsupported && x.Status != keys.StatusMalformed || x.Tag != "" {
			t.Errorf("the broken one: %+v", x)
		}
		types := map[string]string{}
		for _, o := range r.Others {
			types[o.ArtifactType] = o.Predicate
		}
		if _, ok := types["application/spdx+json"]; !ok || types[bundleType] != "https://slsa.dev/provenance/v1" || len(r.Others) != 2 {
			t.Errorf("others: %+v", r.Others)
		}
	})
}

// The tag of a signature that nobody proved is not shown as one.
func TestTagOfUnknownKey(t *testing.T) {
	c := testClient()
	reg, err := loopback.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	img := pushed(t, c, reg.Host()+"/demo/app:v1")
	if _, err := Sign(t.Context(), c, img, newSigner(t, nil), someTime); err != nil {
		t.Fatal(err)
	}
	r, err := Inspect(t.Context(), c.Repo(img.Reference), img.Digest, nil)
	if err != nil || len(r.Signatures) != 1 || r.Signatures[0].Tag != "" {
		t.Errorf("got %+v, %v", r, err)
	}
}

// cosign checks the tag that we sign, and we read the one that cosign signs, in both forms.
func TestSignedTagWithCosign(t *testing.T) {
	p := newPeer(t)
	theirs, theirsPub := p.keyPair()
	ours, _ := newKey(t, canary)
	public := strings.TrimSuffix(ours, ".key") + ".pub"
	withPeers(t, func(t *testing.T, host string) {
		c := testClient()
		img := pushed(t, c, host+"/demo/tag:v1")
		if _, err := Sign(t.Context(), c, img, unlockedSigner(t, ours, canary), someTime); err != nil {
			t.Fatal(err)
		}
		check := func(tag string) error {
			return p.run("verify", "--key", public, "--insecure-ignore-tlog=true", "-a", "tag="+tag, digestRef(img))
		}
		if err := check("v1"); err != nil {
			t.Error(err)
		}
		if check("v2") == nil {
			t.Error("cosign accepts another tag than was signed")
		}
		for name, legacy := range map[string]string{"bundle": "--new-bundle-format=true", "sig": "--new-bundle-format=false"} {
			img := pushed(t, c, host+"/demo/"+name+":v7")
			if err := p.run("sign", "--yes", "--key", theirs, "--tlog-upload=false", "--use-signing-config=false", legacy, "-a", "tag=v7", digestRef(img)); err != nil {
				t.Fatal(err)
			}
			r, err := Inspect(t.Context(), c.Repo(img.Reference), img.Digest, []PublicKey{p.publicKey(theirsPub)})
			if err != nil || len(r.Signatures) != 1 || r.Signatures[0].Tag != "v7" || string(r.Signatures[0].Form) != name {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		}
	})
}

// What hides a .sig from cosign: cosign itself is asked, and we say the same.
func TestHiddenFromCosign(t *testing.T) {
	p := newPeer(t)
	mine, minePub := p.keyPair()
	other := newSigner(t, nil)
	pub := p.publicKey(minePub)
	signer := unlockedSigner(t, mine, canary)
	withPeers(t, func(t *testing.T, host string) {
		c := testClient()
		for name, then := range map[string]func(docker.Image){
			"nothing": func(docker.Image) {},
			"foreign": func(img docker.Image) {
				attach(t, c, img, "application/spdx+json", "application/spdx+json", []byte(`{}`), nil)
			},
			"malformed-bundle": func(img docker.Image) { attach(t, c, img, bundleType, bundleType, []byte(`{"nonsense":1}`), nil) },
			"others-signature": func(img docker.Image) { sign(t, c, img, other) },
			"others-attestation": func(img docker.Image) {
				attach(t, c, img, bundleType, bundleType, attestation(t, other, img.Digest), nil)
			},
			"own-bundle-too": func(img docker.Image) { sign(t, c, img, other); sign(t, c, img, signer) },
		} {
			img := pushed(t, c, host+"/demo/"+name+":v1")
			p.sign(mine, digestRef(img), true)
			then(img)
			r, err := Inspect(t.Context(), c.Repo(img.Reference), img.Digest, []PublicKey{pub})
			if err != nil || !r.Sound() {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
			if err := p.verify(minePub, digestRef(img)); (err != nil) != (len(r.Hidden()) > 0) {
				t.Errorf("%s: we say hidden: %v; cosign: %v", name, len(r.Hidden()) > 0, err)
			}
		}
	})
}

func sign(t testing.TB, c *docker.Client, img docker.Image, s *Signer) {
	t.Helper()
	if _, err := Sign(t.Context(), c, img, s, someTime); err != nil {
		t.Fatal(err)
	}
}
