package loopback

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// withReferrers is a registry whose list of referrers follows the specification.
// go-containerregistry (0.22.1) can list them, but gives each the media type of its config as
// artifact type, never its own artifactType, in an order that changes with every request.
func withReferrers(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		dir, digest, ok := cutLast(req.URL.Path, "/referrers/")
		if !ok || req.Method != http.MethodGet {
			inner.ServeHTTP(w, req)
			return
		}
		out := record(inner, req, req.URL.Path)
		var idx v1.IndexManifest
		if out.status == http.StatusOK && json.Unmarshal(out.body.Bytes(), &idx) == nil && digest != "" {
			for i := range idx.Manifests {
				m := record(inner, req, dir+"/manifests/"+idx.Manifests[i].Digest.String())
				if t := artifactType(m.body.Bytes()); t != "" {
					idx.Manifests[i].ArtifactType = t
				}
			}
			slices.SortFunc(idx.Manifests, func(a, b v1.Descriptor) int { return cmp.Compare(a.Digest.Hex, b.Digest.Hex) })
			if b, err := json.Marshal(idx); err == nil {
				out.body.Reset()
				out.body.Write(b)
			}
		}
		out.header.Del("Content-Length")
		for k, v := range out.header {
			w.Header()[k] = v
		}
		w.WriteHeader(out.status)
		_, _ = w.Write(out.body.Bytes())
	})
}

// artifactType is what a manifest calls itself (image specification 1.1, "Guidelines for
// Artifact Usage").
func artifactType(raw []byte) string {
	var m struct {
		ArtifactType string `json:"artifactType"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return ""
	}
	return m.ArtifactType
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(status int)      { r.status = status }

// record asks inner for path on behalf of req.
func record(inner http.Handler, req *http.Request, path string) *recorder {
	ask := req.Clone(req.Context())
	ask.URL.Path = path
	out := &recorder{status: http.StatusOK, header: http.Header{}}
	inner.ServeHTTP(out, ask)
	return out
}
