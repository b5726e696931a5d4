package docker

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"bulla/docker/internal/registrytest"
)

// A manifest is stored again where the registry stumbled over somebody else's upload, as
// docker-registry does; not for ever, and not where it means what it says.
func TestPutManifestAgain(t *testing.T) {
	const index = "application/vnd.oci.image.index.v1+json"
	const empty = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	const stumble = `{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"},{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`
	for name, c := range map[string]struct {
		answer string
		times  int32 // how often it answers so
		tries  int32
		ok     bool
	}{
		"once":           {stumble, 1, 2, true},
		"always":         {stumble, 100, readTries, false},
		"something else": {`{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}`, 100, 1, false},
	} {
		reg := registrytest.Faults(t, true)
		var puts atomic.Int32
		reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") || puts.Add(1) > c.times {
				return false
			}
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, c.answer)
			return true
		})
		r := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1"))
		err := r.PutManifest(t.Context(), digestOf([]byte(empty)), index, []byte(empty))
		var re *RegistryError
		if (err == nil) != c.ok || puts.Load() != c.tries || err != nil && !errors.As(err, &re) {
			t.Errorf("%s: %d tries, %v", name, puts.Load(), err)
		}
		// Under a tag it is not: others may have changed it.
		puts.Store(0)
		if err := r.PutManifest(t.Context(), "1", index, []byte(empty)); err == nil || puts.Load() != 1 {
			t.Errorf("%s, under a tag: %d tries, %v", name, puts.Load(), err)
		}
		puts.Store(0)
		reads := 0
		_, err = r.Update(t.Context(), "1", index, func(m *Manifest) ([]byte, error) {
			if reads++; m != nil {
				return nil, nil
			}
			return []byte(empty), nil
		})
		if (err == nil) != c.ok || c.ok && reads < 3 {
			t.Errorf("%s, an update: read %d times, %v", name, reads, err)
		}
	}
}
