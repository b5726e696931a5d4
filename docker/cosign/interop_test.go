package cosign

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/internal/registrytest"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/keys/keystest"
)

// peer is the real cosign (version 3), away from the user's configuration and from the network:
// no transparency log, no signing configuration. Only exit codes are trusted: it prints that it
// verified the log even where it was told not to look.
type peer struct {
	t       testing.TB
	program string
	env     []string
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, program: keystest.Peer(t, "cosign")}
	registrytest.DockerConfig(t, "{}")
	p.env = []string{"COSIGN_PASSWORD=" + canary, "TUF_ROOT=" + t.TempDir()}
	return p
}

func (p *peer) run(args ...string) error {
	p.t.Helper()
	_, stderr, err := keystest.Run(p.t, nil, p.env, p.program, args...)
	if err != nil {
		return fmt.Errorf("cosign %s: %w\n%s", args[0], err, stderr)
	}
	return nil
}

// keyPair lets cosign make a key.
func (p *peer) keyPair() (private, public string) {
	p.t.Helper()
	prefix := filepath.Join(p.t.TempDir(), "peer")
	if err := p.run("generate-key-pair", "--output-key-prefix", prefix); err != nil {
		p.t.Fatal(err)
	}
	return prefix + ".key", prefix + ".pub"
}

func (p *peer) sign(key, ref string, legacy bool) {
	p.t.Helper()
	if err := p.run("sign", "--yes", "--key", key, "--tlog-upload=false", "--use-signing-config=false", fmt.Sprintf("--new-bundle-format=%v", !legacy), ref); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) verify(key, ref string) error {
	p.t.Helper()
	return p.run("verify", "--key", key, "--insecure-ignore-tlog=true", ref)
}

func (p *peer) publicKey(path string) PublicKey {
	p.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	k, err := ParsePublicKey(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return k
}

// withPeers runs f against a registry in the process and two real ones: one that lists referrers and one
// that does not.
func withPeers(t *testing.T, f func(t *testing.T, host string)) {
	t.Helper()
	t.Run("referrers", func(t *testing.T) {
		r, err := loopback.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		f(t, r.Host())
	})
	t.Run("ociregistry", func(t *testing.T) { f(t, registrytest.Referrers(t)) })
	t.Run("distribution", func(t *testing.T) { f(t, registrytest.Distribution(t)) })
}

func digestRef(img docker.Image) string {
	return img.Reference.Repository().String() + "@" + img.Digest
}

// cosign verifies what we sign, with a key of ours and with one of its own; and not with another
// key, not after the tag moved, not another image.
func TestCosignAcceptsOurs(t *testing.T) {
	p := newPeer(t)
	theirs, theirsPub := p.keyPair()
	ours, _ := newKey(t, canary)
	oursPub := strings.TrimSuffix(ours, ".key") + ".pub"
	type pair struct {
		name          string
		signer        *Signer
		public, other string
	}
	pairs := []pair{{"ours", unlockedSigner(t, ours, canary), oursPub, theirsPub}, {"theirs", unlockedSigner(t, theirs, canary), theirsPub, oursPub}}
	withPeers(t, func(t *testing.T, host string) {
		for _, k := range pairs {
			c := testClient()
			ref := host + "/demo/" + k.name + ":1"
			img := pushed(t, c, ref)
			if p.verify(k.public, ref) == nil {
				t.Fatalf("%s: cosign accepts an unsigned image", k.name)
			}
			if _, err := Sign(t.Context(), c, img, k.signer, someTime); err != nil {
				t.Fatal(err)
			}
			if err := p.verify(k.public, ref); err != nil {
				t.Errorf("%s: %v", k.name, err)
			}
			if p.verify(k.other, ref) == nil {
				t.Errorf("%s: cosign accepts another key", k.name)
			}
			pushed(t, c, ref)
			if p.verify(k.public, ref) == nil {
				t.Errorf("%s: cosign accepts the image that the tag moved to", k.name)
			}
		}
	})
}

// cosign signs with a key that we made, and we verify; it signs with its own, in both forms.
func TestWeAcceptCosigns(t *testing.T) {
	p := newPeer(t)
	theirs, theirsPub := p.keyPair()
	ours, oursKey := newKey(t, canary)
	theirsKey := p.publicKey(theirsPub)
	oursSigner := unlockedSigner(t, ours, canary)
	withPeers(t, func(t *testing.T, host string) {
		c := testClient()
		for _, legacy := range []bool{false, true} {
			for _, k := range []struct {
				name, private string
				public, other PublicKey
			}{{"ours", ours, oursKey, theirsKey}, {"theirs", theirs, theirsKey, oursKey}} {
				img := pushed(t, c, fmt.Sprintf("%s/demo/%s:%v", host, k.name, legacy))
				p.sign(k.private, digestRef(img), legacy)
				vs, err := Verify(t.Context(), c, img, []PublicKey{k.public})
				if err != nil || len(vs) != 1 || vs[0].Status != keys.StatusGood || vs[0].Signer.Fingerprint != k.public.Fingerprint() {
					t.Errorf("%s, legacy %v: %+v, %v", k.name, legacy, vs, err)
				}
				wantStatuses(t, statuses(t, c, img, k.other), keys.StatusUnknownKey)
				if legacy {
					continue
				}
				// Where no tag is named, a signature by this key is enough, though cosign made it.
				if k.name == "ours" {
					byDigest := img
					if byDigest.Reference, err = docker.ParseReference(digestRef(img)); err != nil {
						t.Fatal(err)
					}
					if sig, err := Sign(t.Context(), c, byDigest, oursSigner, someTime); err != nil || !sig.Existing {
						t.Errorf("by digest: %+v, %v", sig, err)
					}
				}
				// It says nothing of the tag: that is signed too, once.
				for _, again := range []bool{false, true} {
					sig, err := Sign(t.Context(), c, img, oursSigner, someTime)
					if err != nil || sig.Existing != again {
						t.Errorf("%s, again %v: %+v, %v", k.name, again, sig, err)
					}
				}
			}
		}
	})
}

// Both refuse the same tampered bundles.
func TestTamperedForBoth(t *testing.T) {
	p := newPeer(t)
	path, pub := newKey(t, canary)
	s := unlockedSigner(t, path, canary)
	public := strings.TrimSuffix(path, ".key") + ".pub"
	c := testClient()
	withPeers(t, func(t *testing.T, host string) {
		for name, make := range map[string]func(digest string) []byte{
			"untouched":         func(d string) []byte { return bundleOf(t, s, d, func(*bundle) {}) },
			"signature altered": func(d string) []byte { return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Signatures[0].Sig[20] ^= 1 }) },
			"statement altered": func(d string) []byte {
				return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Payload = append(b.DSSE.Payload, ' ') })
			},
			"another image": func(string) []byte { return bundleOf(t, s, someDigest, func(*bundle) {}) },
			"two signatures": func(d string) []byte {
				return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Signatures = append(b.DSSE.Signatures, b.DSSE.Signatures[0]) })
			},
		} {
			ref := host + "/demo/" + strings.ReplaceAll(name, " ", "-") + ":1"
			img := pushed(t, c, ref)
			attach(t, c, img, bundleType, bundleType, make(img.Digest), nil)
			good := statuses(t, c, img, pub)[0] == keys.StatusGood
			if good != (name == "untouched") {
				t.Errorf("%s: we say good: %v", name, good)
			}
			if err := p.verify(public, ref); (err == nil) != good {
				t.Errorf("%s: we say good: %v, cosign: %v", name, good, err)
			}
		}
	})
}

// A second party's bundle hides neither ours from cosign nor cosign's from us. Without the referrers
// API both write the same index.
func TestTwoPartiesWithCosign(t *testing.T) {
	p := newPeer(t)
	theirs, theirsPub := p.keyPair()
	ours, oursKey := newKey(t, canary)
	withPeers(t, func(t *testing.T, host string) {
		c := testClient()
		ref := host + "/demo/app:1"
		img := pushed(t, c, ref)
		p.sign(theirs, digestRef(img), false)
		if _, err := Sign(t.Context(), c, img, unlockedSigner(t, ours, canary), someTime); err != nil {
			t.Fatal(err)
		}
		for _, pub := range []string{theirsPub, strings.TrimSuffix(ours, ".key") + ".pub"} {
			if err := p.verify(pub, ref); err != nil {
				t.Error(err)
			}
		}
		wantStatuses(t, statuses(t, c, img, oursKey), keys.StatusGood, keys.StatusUnknownKey)
		wantStatuses(t, statuses(t, c, img, oursKey, p.publicKey(theirsPub)), keys.StatusGood, keys.StatusGood)
	})
}

// Keys of every kind that cosign can import: it opens our envelope, we open its own; each
// verifies the other's signatures.
func TestKindsOfKeysWithCosign(t *testing.T) {
	p := newPeer(t)
	host := registrytest.Referrers(t)
	c := testClient()
	for name, k := range kindsOfKeys(t) {
		prefix := importKey(t, p, k)
		pub := p.publicKey(prefix + ".pub")
		byUs := pushed(t, c, host+"/demo/"+name+":us")
		if _, err := Sign(t.Context(), c, byUs, unlockedSigner(t, prefix+".key", canary), someTime); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := p.verify(prefix+".pub", digestRef(byUs)); err != nil {
			t.Errorf("%s: cosign refuses ours: %v", name, err)
		}
		byThem := pushed(t, c, host+"/demo/"+name+":them")
		p.sign(prefix+".key", digestRef(byThem), false)
		wantStatuses(t, statuses(t, c, byThem, pub), keys.StatusGood)
	}
}

func importKey(t *testing.T, p *peer, k crypto.Signer) (prefix string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.pem")
	if err := os.WriteFile(plain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	prefix = filepath.Join(dir, "imported")
	if err := p.run("import-key-pair", "--key", plain, "--output-key-prefix", prefix); err != nil {
		t.Fatal(err)
	}
	return prefix
}

// A registry with a password: both take it from Docker's configuration.
func TestRegistryWithPassword(t *testing.T) {
	p := newPeer(t)
	host := registrytest.DistributionWithPassword(t)
	registrytest.DockerConfig(t, fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, host, registrytest.User, registrytest.Password))
	c := docker.NewClient(docker.Options{})
	ref, err := docker.ParseReference(host + "/demo/app:1")
	if err != nil {
		t.Fatal(err)
	}
	img := pushThroughClient(t, c, ref)
	path, pub := newKey(t, canary)
	if _, err := Sign(t.Context(), c, img, unlockedSigner(t, path, canary), someTime); err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, statuses(t, c, img, pub), keys.StatusGood)
	if err := p.verify(strings.TrimSuffix(path, ".key")+".pub", ref.String()); err != nil {
		t.Error(err)
	}
}

// pushThroughClient pushes the smallest image there is, with the client's own credentials.
func pushThroughClient(t *testing.T, c *docker.Client, ref docker.Reference) docker.Image {
	t.Helper()
	repo := c.Repo(ref)
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	d, err := repo.Upload(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`, ociImageManifestType, d, len(config))
	if err := repo.PutManifest(t.Context(), ref.Tag(), ociImageManifestType, raw); err != nil {
		t.Fatal(err)
	}
	img, err := c.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
