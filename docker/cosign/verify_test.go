package cosign

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/internal/registrytest"
	"bulla/keys"
)

// attach stores what a test wants beside img: one layer under a manifest of this artifact type.
func attach(t testing.TB, c *docker.Client, img docker.Image, artifactType, layerType string, content []byte, annotations map[string]string) string {
	t.Helper()
	repo := c.Repo(img.Reference)
	config, err := repo.Upload(t.Context(), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := repo.Upload(t.Context(), content)
	if err != nil {
		t.Fatal(err)
	}
	return attachManifest(t, c, img, manifest{
		SchemaVersion: 2, MediaType: ociImageManifestType, ArtifactType: artifactType, Annotations: annotations,
		Config:  docker.Descriptor{MediaType: emptyConfigType, Digest: config, Size: 2},
		Layers:  []docker.Descriptor{{MediaType: layerType, Digest: layer, Size: int64(len(content))}},
		Subject: &docker.Descriptor{MediaType: img.MediaType, Digest: img.Digest, Size: img.Size},
	})
}

func attachManifest(t testing.TB, c *docker.Client, img docker.Image, mf manifest) string {
	t.Helper()
	raw, err := json.Marshal(mf)
	if err != nil {
		t.Fatal(err)
	}
	return attachRaw(t, c, img, mf.ArtifactType, mf.Annotations, raw)
}

func attachRaw(t testing.TB, c *docker.Client, img docker.Image, artifactType string, annotations map[string]string, raw []byte) string {
	t.Helper()
	repo := c.Repo(img.Reference)
	m := docker.Manifest{Digest: "sha256:" + strings.ToLower(string(keys.FingerprintOf(sum256(raw)))), Raw: raw}
	if err := repo.PutManifest(t.Context(), m.Digest, ociImageManifestType, raw); err != nil {
		t.Fatal(err)
	}
	if err := repo.Attach(t.Context(), img.Digest, manifest{ArtifactType: artifactType, Annotations: annotations}.descriptor(m)); err != nil {
		t.Fatal(err)
	}
	return m.Digest
}

func sum256(b []byte) []byte { return sum(crypto.SHA256, b) }

// bundleOf makes a bundle by s for digest and lets change it before it becomes JSON.
func bundleOf(t testing.TB, s *Signer, digest string, change func(*bundle)) []byte {
	t.Helper()
	raw, _, err := s.bundle(digest, "")
	if err != nil {
		t.Fatal(err)
	}
	var b bundle
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	change(&b)
	if raw, err = json.Marshal(b); err != nil {
		t.Fatal(err)
	}
	return raw
}

// signedStatement makes a bundle by s over any statement.
func signedStatement(t testing.TB, s *Signer, st statement) []byte {
	t.Helper()
	payload, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	k, p, err := s.unlocked()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := signMessage(k, p, pae(payloadType, payload))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := newBundle(payload, sig, p)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Each bundle lies alone beside an image, then beside a good signature that must stay good.
func TestBundles(t *testing.T) {
	s, stranger := newSigner(t, nil), newSigner(t, nil)
	subjectOf := func(d string) []subject {
		return []subject{{Digest: map[string]string{"sha256": strings.TrimPrefix(d, "sha256:")}}}
	}
	same := func(*bundle) {}
	for name, c := range map[string]struct {
		make func(digest string) []byte
		want keys.Status
	}{
		"good":                    {func(d string) []byte { return bundleOf(t, s, d, same) }, keys.StatusGood},
		"of a stranger":           {func(d string) []byte { return bundleOf(t, stranger, d, same) }, keys.StatusUnknownKey},
		"for another image":       {func(string) []byte { return bundleOf(t, s, someDigest, same) }, keys.StatusBad},
		"stranger, another image": {func(string) []byte { return bundleOf(t, stranger, someDigest, same) }, keys.StatusUnknownKey},
		"altered signature": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Signatures[0].Sig[20] ^= 1 })
		}, keys.StatusBad},
		"altered statement": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Payload = append(b.DSSE.Payload, ' ') })
		}, keys.StatusBad},
		"statement for this image put into a bundle for another": {func(d string) []byte {
			return bundleOf(t, s, someDigest, func(b *bundle) {
				b.DSSE.Payload = []byte(strings.ReplaceAll(string(b.DSSE.Payload), someDigest[7:], d[7:]))
			})
		}, keys.StatusBad},
		"our hint on a stranger's": {func(d string) []byte {
			return bundleOf(t, stranger, d, func(b *bundle) {
				b.Material.PublicKey.Hint = base64.StdEncoding.EncodeToString(sum256(s.Public().spki))
			})
		}, keys.StatusBad},
		"no hint": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.Material.PublicKey.Hint = "" })
		}, keys.StatusGood},
		"a stranger's hint on ours": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.Material.PublicKey.Hint = "release key" })
		}, keys.StatusGood},
		"two signatures": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Signatures = append(b.DSSE.Signatures, b.DSSE.Signatures[0]) })
		}, keys.StatusMalformed},
		"no signature": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Signatures = nil })
		}, keys.StatusMalformed},
		"keyless": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) {
				b.Material = material{Certificate: json.RawMessage(`{"rawBytes":"AA=="}`)}
			})
		}, keys.StatusUnsupported},
		"another version": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.MediaType = "application/vnd.dev.sigstore.bundle.v9+json" })
		}, keys.StatusUnsupported},
		"no envelope": {func(d string) []byte { return bundleOf(t, s, d, func(b *bundle) { b.DSSE = nil }) }, keys.StatusUnsupported},
		"another payload type": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.DSSE.PayloadType = "text/plain" })
		}, keys.StatusUnsupported},
		"statement is no JSON": {func(d string) []byte {
			return bundleOf(t, s, d, func(b *bundle) { b.DSSE.Payload = []byte("x") })
		}, keys.StatusMalformed},
		"no JSON": {func(string) []byte { return []byte("<html>") }, keys.StatusMalformed},
		"an attestation by the same key": {func(d string) []byte {
			return signedStatement(t, s, statement{Type: statementType, Subject: subjectOf(d), PredicateType: "https://slsa.dev/provenance/v1", Predicate: json.RawMessage("{}")})
		}, keys.StatusUnsigned},
		"another type of statement": {func(d string) []byte {
			return signedStatement(t, s, statement{Type: "https://in-toto.io/Statement/v0.1", Subject: subjectOf(d), PredicateType: signPredicateType, Predicate: json.RawMessage("{}")})
		}, keys.StatusMalformed},
		"no subject": {func(string) []byte {
			return signedStatement(t, s, statement{Type: statementType, PredicateType: signPredicateType, Predicate: json.RawMessage("{}")})
		}, keys.StatusBad},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.Faults(t, false)
			cl := testClient()
			img := pushed(t, cl, reg.Host+"/demo/app:1")
			attach(t, cl, img, bundleType, bundleType, c.make(img.Digest), nil)
			wantStatuses(t, statuses(t, cl, img, s.Public()), c.want)

			mine := newSigner(t, nil)
			if _, err := Sign(t.Context(), cl, img, mine, someTime); err != nil {
				t.Fatal(err)
			}
			if got := statuses(t, cl, img, mine.Public()); got[0] != keys.StatusGood {
				t.Errorf("another party's bundle hides ours: %v", got)
			}
		})
	}
}

// Attachments that are no signatures, or only look like one.
func TestForeignReferrers(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	attach(t, c, img, "application/spdx+json", "application/spdx+json", []byte("{}"), nil)
	attach(t, c, img, "", "text/plain", []byte("hello"), nil)
	attach(t, c, img, bundleType, bundleType, []byte("{}"), map[string]string{predicateAnnotation: "https://slsa.dev/provenance/v1"})
	attachRaw(t, c, img, "", nil, []byte("[]"))
	vs, err := Verify(t.Context(), c, img, []PublicKey{s.Public()})
	if err != nil || len(vs) != 1 || vs[0].Status != keys.StatusUnsigned || !strings.Contains(vs[0].Reason, "other kinds") {
		t.Errorf("got %+v, %v", vs, err)
	}

	attachRaw(t, c, img, bundleType, nil, []byte("[1]"))
	attach(t, c, img, bundleType, "text/plain", []byte("x"), nil)
	missing := attachManifest(t, c, img, manifest{
		SchemaVersion: 2, MediaType: ociImageManifestType, ArtifactType: bundleType,
		Layers: []docker.Descriptor{{MediaType: bundleType, Digest: someDigest, Size: 1}},
	})
	big := attach(t, c, img, bundleType, bundleType, make([]byte, docker.MaxBlob+1), nil)
	t.Log(missing, big)
	got := statuses(t, c, img, s.Public())
	if n := count(got, keys.StatusMalformed); n != 2 {
		t.Errorf("%d malformed in %v", n, got)
	}
	if n := count(got, keys.StatusNotChecked); n != 2 {
		t.Errorf("%d not checked in %v", n, got)
	}
	if _, err := Sign(t.Context(), c, img, s, someTime); err != nil {
		t.Fatal(err)
	}
	if got := statuses(t, c, img, s.Public()); len(got) != 5 || got[0] != keys.StatusGood {
		t.Errorf("got %v", got)
	}
}

func count(list []keys.Status, s keys.Status) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// More attachments than are read: what is not read is said, and never called unsigned.
func TestTooManyReferrers(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	var list []docker.Descriptor
	for i := range maxJudged + 50 {
		list = append(list, docker.Descriptor{MediaType: ociImageManifestType, Digest: fmt.Sprintf("sha256:%064x", i+1), Size: 1})
	}
	idx, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": list})
	if err != nil {
		t.Fatal(err)
	}
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/manifests/"+docker.FallbackTag(img.Digest)) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			_, _ = w.Write(idx)
			return true
		}
		return false
	})
	reg.Requests()
	got := statuses(t, c, img, s.Public())
	if count(got, keys.StatusNotChecked) != maxJudged+1 || len(got) != maxJudged+1 {
		t.Errorf("got %d verdicts: %v", len(got), got[:3])
	}
	if n := len(reg.Requests()); n > maxJudged+10 {
		t.Errorf("%d requests were made", n)
	}
}

func TestFallbackTagHoldsSomethingElse(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	pushed(t, c, reg.Host+"/demo/app:"+docker.FallbackTag(img.Digest)+"x")
	if err := c.Repo(img.Reference).PutManifest(t.Context(), docker.FallbackTag(img.Digest), ociImageManifestType, []byte(`{"schemaVersion":2,"mediaType":"`+ociImageManifestType+`"}`)); err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusNotChecked)
}

// writeLegacy stores payloads in the older form, as cosign 1 and 2 did.
func writeLegacy(t testing.TB, c *docker.Client, img docker.Image, layers []legacyLayer) {
	t.Helper()
	repo := c.Repo(img.Reference)
	config, err := repo.Upload(t.Context(), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	mf := manifest{SchemaVersion: 2, MediaType: ociImageManifestType, Config: docker.Descriptor{MediaType: "application/vnd.oci.image.config.v1+json", Digest: config, Size: 2}}
	for _, l := range layers {
		d, err := repo.Upload(t.Context(), l.payload)
		if err != nil {
			t.Fatal(err)
		}
		mf.Layers = append(mf.Layers, docker.Descriptor{MediaType: simpleSigningType, Digest: d, Size: int64(len(l.payload)), Annotations: l.annotations})
	}
	raw, err := json.Marshal(mf)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.PutManifest(t.Context(), docker.FallbackTag(img.Digest)+legacyTagSuffix, ociImageManifestType, raw); err != nil {
		t.Fatal(err)
	}
}

type legacyLayer struct {
	payload     []byte
	annotations map[string]string
}

func legacyOf(t testing.TB, s *Signer, digest string) legacyLayer {
	t.Helper()
	payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":%q},"type":%q},"optional":null}`, digest, simpleSigningKind)
	k, p, err := s.unlocked()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := signMessage(k, p, payload)
	if err != nil {
		t.Fatal(err)
	}
	return legacyLayer{payload, map[string]string{legacySignature: base64.StdEncoding.EncodeToString(sig)}}
}

func TestLegacy(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s, stranger := testClient(), newSigner(t, nil), newSigner(t, nil)
	n := 0
	judge := func(make func(digest string) []legacyLayer) []keys.Status {
		t.Helper()
		n++
		img := pushed(t, c, fmt.Sprintf("%s/demo/app:%d", reg.Host, n))
		writeLegacy(t, c, img, make(img.Digest))
		return statuses(t, c, img, s.Public())
	}
	one := func(l legacyLayer) []legacyLayer { return []legacyLayer{l} }

	wantStatuses(t, judge(func(d string) []legacyLayer { return one(legacyOf(t, s, d)) }), keys.StatusGood)
	wantStatuses(t, judge(func(d string) []legacyLayer { return one(legacyOf(t, stranger, d)) }), keys.StatusUnknownKey)
	wantStatuses(t, judge(func(d string) []legacyLayer { return []legacyLayer{legacyOf(t, stranger, d), legacyOf(t, s, d)} }), keys.StatusGood, keys.StatusUnknownKey)
	wantStatuses(t, judge(func(string) []legacyLayer { return one(legacyOf(t, s, someDigest)) }), keys.StatusBad)
	wantStatuses(t, judge(func(d string) []legacyLayer {
		l := legacyOf(t, s, someDigest) // another image's signature, its payload altered to fit
		l.payload = []byte(strings.Replace(string(l.payload), someDigest, d, 1))
		return one(l)
	}), keys.StatusUnknownKey)
	wantStatuses(t, judge(func(d string) []legacyLayer {
		l := legacyOf(t, s, d)
		l.annotations[legacySignature] = "!"
		return one(l)
	}), keys.StatusMalformed)
	wantStatuses(t, judge(func(d string) []legacyLayer {
		l := legacyOf(t, s, d)
		l.annotations[legacyCertificate] = "-----BEGIN CERTIFICATE-----"
		return one(l)
	}), keys.StatusUnsupported)
	wantStatuses(t, judge(func(string) []legacyLayer {
		return one(legacyLayer{[]byte("x"), legacyOf(t, s, someDigest).annotations})
	}), keys.StatusMalformed)

	// cosign 3 ignores the older form as soon as a bundle exists; here both count.
	img := pushed(t, c, reg.Host+"/demo/app:both")
	writeLegacy(t, c, img, one(legacyOf(t, s, img.Digest)))
	if _, err := Sign(t.Context(), c, img, stranger, someTime); err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusGood, keys.StatusUnknownKey)
}

func TestVerifyFaults(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c, s := testClient(), newSigner(t, nil)
	img := pushed(t, c, reg.Host+"/demo/app:1")
	if _, err := Sign(t.Context(), c, img, s, someTime); err != nil {
		t.Fatal(err)
	}
	for status, kind := range map[int]docker.Kind{401: docker.KindUnauthorized, 403: docker.KindForbidden, 500: docker.KindServer} {
		for _, path := range []string{"/referrers/", docker.FallbackTag(img.Digest), legacyTagSuffix} {
			reg.Status(http.MethodGet, path, status)
			vs, err := Verify(t.Context(), c, img, []PublicKey{s.Public()})
			var re *docker.RegistryError
			if !errors.As(err, &re) || re.Kind != kind || vs != nil {
				t.Errorf("%d for %s: %v, %v", status, path, vs, err)
			}
		}
	}
	reg.Status(http.MethodGet, "/blobs/", 403)
	wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusNotChecked)
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		_, _ = io.WriteString(w, "other")
		return true
	})
	wantStatuses(t, statuses(t, c, img, s.Public()), keys.StatusNotChecked)
	reg.Set(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, c, img, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseBundle(f *testing.F) {
	s := newSigner(f, nil)
	f.Add(bundleOf(f, s, someDigest, func(*bundle) {}))
	f.Add(bundleOf(f, s, someDigest, func(b *bundle) { b.DSSE.Signatures[0].Sig[20] ^= 1 }))
	f.Add(bundleOf(f, s, someDigest, func(b *bundle) { b.Material.PublicKey = nil }))
	f.Add([]byte(`{"mediaType":"` + bundleType + `","dsseEnvelope":{"payloadType":"` + payloadType + `","payload":"e30="}}`))
	pub := newSigner(f, nil).Public() // signed nothing: nothing may ever be good
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseBundle(raw, someDigest)
		if err != nil {
			return
		}
		v := got.judge([]PublicKey{pub})
		if v.Status.Sound() || v.Status == "" || v.Reason == "" || v.Signer != nil {
			t.Fatalf("%q: %+v", raw, v)
		}
	})
}

func FuzzParseLegacy(f *testing.F) {
	l := legacyOf(f, newSigner(f, nil), someDigest)
	f.Add(l.payload, l.annotations[legacySignature])
	f.Add([]byte("{}"), "")
	pub := newSigner(f, nil).Public()
	f.Fuzz(func(t *testing.T, payload []byte, sig string) {
		v := parseLegacy(payload, map[string]string{legacySignature: sig}, someDigest).judge([]PublicKey{pub})
		if v.Status.Sound() || v.Status == "" || v.Reason == "" || v.Signer != nil {
			t.Fatalf("%q: %+v", payload, v)
		}
	})
}
