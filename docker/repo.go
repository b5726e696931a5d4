package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Limits of what is read from a registry, in bytes. The distribution specification asks
// registries to take manifests of up to 4 MiB; a signature is a few KiB.
const (
	MaxManifest = 4 << 20
	MaxBlob     = 1 << 20
)

// Repo is one repository of a registry.
type Repo struct {
	client *Client
	name   name.Repository
	known  *knowledge // nil where nothing is known beforehand
}

// Manifest is a manifest or index as the registry gave it. Digest was computed over Raw here;
// no header was believed.
type Manifest struct {
	Digest    string
	MediaType string
	Raw       []byte
}

// accepted are the media types that can be signed, indexes first: where a tag names an index,
// it is the index that is wanted, never one platform of it.
var accepted = strings.Join([]string{
	string(types.OCIImageIndex), string(types.DockerManifestList),
	string(types.OCIManifestSchema1), string(types.DockerManifestSchema2),
}, ", ")

// Manifest reads the manifest of a tag or digest with one GET. For a digest, other content than
// it names is an error of KindContent.
func (r *Repo) Manifest(ctx context.Context, tagOrDigest string) (Manifest, error) {
	const op = "read the manifest"
	if r.known != nil && tagGrammar.MatchString(tagOrDigest) && !r.known.tags.Has(tagOrDigest) {
		return Manifest{}, r.explain(op, &statusError{status: http.StatusNotFound})
	}
	header := http.Header{"Accept": {accepted}}
	resp, body, err := r.do(ctx, request{method: http.MethodGet, path: "manifests/" + tagOrDigest, header: header, limit: MaxManifest})
	if err != nil {
		return Manifest{}, r.explain(op, err)
	}
	if resp.StatusCode != http.StatusOK {
		return Manifest{}, r.explain(op, fmt.Errorf("%w: HTTP status %d", errContent, resp.StatusCode))
	}
	m := Manifest{Digest: digestOf(body), Raw: body}
	m.MediaType, _, _ = strings.Cut(resp.Header.Get("Content-Type"), ";")
	m.MediaType = strings.TrimSpace(m.MediaType)
	if strings.Contains(tagOrDigest, ":") && m.Digest != tagOrDigest {
		return Manifest{}, r.explain(op, fmt.Errorf("%w: its digest is %s", errContent, m.Digest))
	}
	return m, nil
}

// Blob reads a blob of at most MaxBlob bytes. Other content than its digest names is an error
// of KindContent.
func (r *Repo) Blob(ctx context.Context, digest string) ([]byte, error) {
	const op = "read a blob"
	if !digestGrammar.MatchString(digest) {
		return nil, r.explain(op, fmt.Errorf("%w: not a sha256 digest", errContent))
	}
	_, body, err := r.do(ctx, request{method: http.MethodGet, path: "blobs/" + digest, limit: MaxBlob})
	if err != nil {
		return nil, r.explain(op, err)
	}
	if is := digestOf(body); is != digest {
		return nil, r.explain(op, fmt.Errorf("%w: its digest is %s", errContent, is))
	}
	return body, nil
}

func digestOf(b []byte) string {
	h := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(h[:])
}

// request is one call of the distribution protocol.
type request struct {
	method string
	path   string   // within the repository
	url    *url.URL // instead of path: a Location that the registry gave
	header http.Header
	body   []byte // nil for none
	push   bool   // needs the right to push
	limit  int64  // bytes of the answer
}

// do makes one request within the client's timeout and reads the whole answer. An answer that
// is no success is a *statusError.
func (r *Repo) do(ctx context.Context, q request) (*http.Response, []byte, error) {
	select {
	case r.client.slots <- struct{}{}:
		defer func() { <-r.client.slots }()
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	ctx, cancel := r.client.bound(ctx)
	defer cancel()
	s, err := r.client.session(ctx, r.name, q.push)
	if err != nil {
		return nil, nil, withCause(ctx, err)
	}
	u := q.url
	if u == nil {
		u = r.url(q.path)
	}
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), body)
	if err != nil {
		return nil, nil, err
	}
	for k, v := range q.header {
		req.Header[k] = v
	}
	resp, err := s.Do(req)
	if err != nil {
		return nil, nil, withCause(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		if resp.StatusCode == http.StatusUnauthorized {
			r.client.sessions.Forget(r.name.Name())
		}
		return nil, nil, newStatusError(resp)
	}
	if resp.ContentLength > q.limit && q.method != http.MethodHead {
		return nil, nil, fmt.Errorf("%w of %d bytes", errTooLarge, q.limit)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, q.limit+1))
	if err != nil {
		return nil, nil, withCause(ctx, err)
	}
	if int64(len(b)) > q.limit {
		return nil, nil, fmt.Errorf("%w of %d bytes", errTooLarge, q.limit)
	}
	return resp, b, nil
}

// withCause lets the reason why ctx ended be found in err: net/http and the handshake mostly
// report only that something was cancelled.
func withCause(ctx context.Context, err error) error {
	var ce *credentialError
	if ctx.Err() == nil || errors.As(err, &ce) {
		return err
	}
	return context.Cause(ctx)
}

// url is the address of a resource of the repository. The session puts the scheme right that
// the handshake found.
func (r *Repo) url(path string) *url.URL {
	return &url.URL{Scheme: r.name.Scheme(), Host: r.name.RegistryStr(), Path: "/v2/" + r.name.RepositoryStr() + "/" + path}
}
