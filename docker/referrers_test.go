package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"bulla/docker/internal/registrytest"
)

const testType = "application/vnd.example.thing+json"

// storeReferrer pushes an artifact about subject, without listing it anywhere.
func storeReferrer(t *testing.T, repo *Repo, subject, note string) Descriptor {
	t.Helper()
	config, err := repo.Upload(t.Context(), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"artifactType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[],"subject":{"mediaType":%q,"digest":%q,"size":1},"annotations":{"note":%q}}`,
		types.OCIManifestSchema1, testType, config, types.OCIManifestSchema1, subject, note)
	d := Descriptor{MediaType: string(types.OCIManifestSchema1), Digest: digestOf(raw), Size: int64(len(raw)), ArtifactType: testType}
	if err := repo.PutManifest(t.Context(), d.Digest, d.MediaType, raw); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAttachToFallbackIndex(t *testing.T) {
	reg := registrytest.Faults(t, false)
	ref := mustParse(t, reg.Host+"/demo/app:1")
	subject := pushImage(t, ref.String(), false)
	repo := testClient(Options{}).Repo(ref)
	a, b := storeReferrer(t, repo, subject, "a"), storeReferrer(t, repo, subject, "b")

	// Somebody else's index: with fields that are not known here, and with a listed without
	// its type.
	foreign := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"future":{"x":1},"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"later":true},{"mediaType":%q,"digest":%q,"size":%d}]}`,
		types.OCIImageIndex, types.OCIManifestSchema1, b.Digest, b.Size, types.OCIManifestSchema1, a.Digest, a.Size)
	if err := repo.PutManifest(t.Context(), FallbackTag(subject), string(types.OCIImageIndex), []byte(foreign)); err != nil {
		t.Fatal(err)
	}
	if err := repo.Attach(t.Context(), subject, a); err != nil {
		t.Fatal(err)
	}
	m, err := repo.Manifest(t.Context(), FallbackTag(subject))
	if err != nil {
		t.Fatal(err)
	}
	var idx struct {
		Future    json.RawMessage
		Manifests []map[string]any
	}
	if err := json.Unmarshal(m.Raw, &idx); err != nil {
		t.Fatal(err)
	}
	if string(idx.Future) != `{"x":1}` || len(idx.Manifests) != 2 || idx.Manifests[0]["later"] != true {
		t.Errorf("what others wrote was not kept: %s", m.Raw)
	}
	if idx.Manifests[1]["digest"] != a.Digest || idx.Manifests[1]["artifactType"] != testType {
		t.Errorf("the empty artifact type was not put right: %s", m.Raw)
	}
	reg.Requests()
	if err := repo.Attach(t.Context(), subject, a); err != nil {
		t.Fatal(err)
	}
	for _, r := range reg.Requests() {
		if strings.HasPrefix(r, "PUT") {
			t.Error("an index that was right was written again")
		}
	}
}

// A registry that answers every write and keeps none of them to the list.
func TestAttachNotListed(t *testing.T) {
	reg := registrytest.Faults(t, false)
	ref := mustParse(t, reg.Host+"/demo/app:1")
	subject := pushImage(t, ref.String(), false)
	repo := testClient(Options{}).Repo(ref)
	d := storeReferrer(t, repo, subject, "a")
	n := 0
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		n++
		w.WriteHeader(http.StatusCreated)
		return true
	})
	err := repo.Attach(t.Context(), subject, d)
	var nl *NotListedError
	if !errors.As(err, &nl) || nl.Manifest != d.Digest || nl.Subject != subject || nl.ArtifactType != "" {
		t.Errorf("got %v", err)
	}
	if n != updateTries {
		t.Errorf("tried %d times", n)
	}
}

// Two signers at the same moment: the one whose entry was overwritten writes it again.
func TestAttachSurvivesARace(t *testing.T) {
	reg := registrytest.Faults(t, false)
	ref := mustParse(t, reg.Host+"/demo/app:1")
	subject := pushImage(t, ref.String(), false)
	repo := testClient(Options{}).Repo(ref)
	a, b := storeReferrer(t, repo, subject, "a"), storeReferrer(t, repo, subject, "b")
	raced := false
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, FallbackTag(subject)) && !raced {
			raced = true
			other, err := referrersIndex{}.with(b) // the other signer, who never saw a
			if err != nil {
				t.Error(err)
			}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(other))), int64(len(other))
		}
		return false
	})
	if err := repo.Attach(t.Context(), subject, a); err != nil {
		t.Fatal(err)
	}
	refs, err := repo.Referrers(t.Context(), subject)
	if err != nil || len(refs.List) != 2 || !raced {
		t.Errorf("got %+v, %v", refs, err)
	}
}

// go-containerregistry's own registry lists referrers with a wrong type: the signature would be
// overlooked, and that is said.
func TestAttachListedWithWrongType(t *testing.T) {
	reg := registrytest.Faults(t, true)
	ref := mustParse(t, reg.Host+"/demo/app:1")
	subject := pushImage(t, ref.String(), false)
	repo := testClient(Options{}).Repo(ref)
	d := storeReferrer(t, repo, subject, "a")
	var nl *NotListedError
	if err := repo.Attach(t.Context(), subject, d); !errors.As(err, &nl) || nl.ArtifactType != "application/vnd.oci.empty.v1+json" {
		t.Errorf("got %v", err)
	}
}

func TestReferrersMergesBothLists(t *testing.T) {
	reg := registrytest.Faults(t, true)
	ref := mustParse(t, reg.Host+"/demo/app:1")
	subject := pushImage(t, ref.String(), false)
	repo := testClient(Options{}).Repo(ref)
	a := storeReferrer(t, repo, subject, "a")
	other := storeReferrer(t, repo, someDigest, "of before the registry could list")
	raw, err := referrersIndex{}.with(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.PutManifest(t.Context(), FallbackTag(subject), string(types.OCIImageIndex), raw); err != nil {
		t.Fatal(err)
	}
	refs, err := repo.Referrers(t.Context(), subject)
	if err != nil || !refs.API || len(refs.List) != 2 || refs.List[0].Digest != a.Digest || refs.List[1].Digest != other.Digest {
		t.Errorf("got %+v, %v", refs, err)
	}
}

func TestReferrersProblems(t *testing.T) {
	reg := registrytest.Faults(t, false)
	ref := mustParse(t, reg.Host+"/demo/app:1")
	subject := pushImage(t, ref.String(), false)
	pushImage(t, reg.Host+"/demo/app:"+FallbackTag(subject), false) // an image where the index should be
	repo := testClient(Options{}).Repo(ref)
	refs, err := repo.Referrers(t.Context(), subject)
	if err != nil || refs.Problem == nil {
		t.Errorf("got %+v, %v", refs, err)
	}
	if err := repo.Attach(t.Context(), subject, Descriptor{Digest: subject}); err == nil {
		t.Error("an image was overwritten with an index")
	}
	for status, kind := range map[int]Kind{401: KindUnauthorized, 403: KindForbidden, 500: KindServer, 429: KindRateLimited} {
		reg.Status(http.MethodGet, "/referrers/", status)
		_, err := repo.Referrers(t.Context(), subject)
		wantKind(t, err, kind)
	}
}

func TestReferrersPages(t *testing.T) {
	reg := registrytest.Faults(t, false)
	repo := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1"))
	page := func(n int) string {
		return fmt.Sprintf(`{"manifests":[{"digest":"sha256:%064x","artifactType":"t"},{"digest":"not one"},17]}`, n)
	}
	endless := false
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		w.Header().Set("Content-Type", string(types.OCIImageIndex))
		n := len(r.URL.Query().Get("last"))
		if n < 2 || endless {
			w.Header().Set("Link", fmt.Sprintf(`<%s?last=%s>; rel="next"`, r.URL.Path, strings.Repeat("x", n+1)))
		}
		_, _ = io.WriteString(w, page(n))
		return true
	})
	refs, err := repo.Referrers(t.Context(), someDigest)
	if err != nil || !refs.API || len(refs.List) != 3 || refs.Truncated {
		t.Errorf("got %+v, %v", refs, err)
	}
	endless = true
	refs, err = repo.Referrers(t.Context(), someDigest)
	if err != nil || len(refs.List) != maxReferrerPages || !refs.Truncated {
		t.Errorf("an endless list: %d entries, %v", len(refs.List), err)
	}
}

func FuzzReferrersIndex(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":"sha256:00","size":1}]}`))
	f.Add([]byte(`{"manifests":[1,null,{"digest":1}]}`))
	f.Add([]byte(`{"manifests":{}}`))
	add := Descriptor{MediaType: "m", Digest: someDigest, Size: 1, ArtifactType: "t"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var x referrersIndex
		if json.Unmarshal(raw, &x) != nil || json.Unmarshal(raw, &x.Rest) != nil {
			return
		}
		out, err := x.with(add)
		if err != nil {
			t.Fatal(err)
		}
		var again referrersIndex
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s became %s: %v", raw, out, err)
		}
		list := again.descriptors()
		if len(list) == 0 || list[len(list)-1].Digest != someDigest {
			t.Fatalf("%s became %s", raw, out)
		}
	})
}

// A registry that gave a first page has a list. What it says to the next page it named cannot undo
// that: the first page counts, the rest is missing, and nothing goes under the fallback tag.
func TestReferrersBreakOff(t *testing.T) {
	for name, second := range map[string]struct {
		status int
		mime   string
	}{
		"400":      {http.StatusBadRequest, "application/json"},
		"404":      {http.StatusNotFound, "application/json"},
		"web page": {http.StatusOK, "text/html"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.Faults(t, false)
			ref := mustParse(t, reg.Host+"/demo/app:1")
			subject := pushImage(t, ref.String(), false)
			repo := testClient(Options{}).Repo(ref)
			a, b := storeReferrer(t, repo, subject, "a"), storeReferrer(t, repo, subject, "b")
			first, err := emptyIndex().with(a)
			if err != nil {
				t.Fatal(err)
			}
			reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case !strings.Contains(r.URL.Path, "/referrers/"):
					return false
				case r.URL.Query().Get("last") != "":
					w.Header().Set("Content-Type", second.mime)
					w.WriteHeader(second.status)
				default:
					w.Header().Set("Content-Type", string(types.OCIImageIndex))
					w.Header().Set("Link", "<"+r.URL.Path+`?last=a>; rel="next"`)
					_, _ = w.Write(first)
				}
				return true
			})
			for range 2 { // the second time nothing may be remembered of the first
				refs, err := repo.Referrers(t.Context(), subject)
				if err != nil || !refs.API || !refs.Truncated || len(refs.List) != 1 || refs.List[0].Digest != a.Digest {
					t.Errorf("got %+v, %v", refs, err)
				}
			}
			if err := repo.Attach(t.Context(), subject, a); err != nil {
				t.Error(err)
			}
			var nl *NotListedError
			if err := repo.Attach(t.Context(), subject, b); !errors.As(err, &nl) {
				t.Errorf("not listed, and: %v", err)
			}
			for _, r := range reg.Requests() {
				if strings.HasPrefix(r, http.MethodPut) && strings.HasSuffix(r, FallbackTag(subject)) {
					t.Error("a fallback tag was written beside the registry's own list")
				}
			}
		})
	}
}
