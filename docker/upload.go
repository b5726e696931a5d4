package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds the answers to writes, which carry their news in headers.
const maxAnswer = 64 << 10

// Upload stores a blob, unless it is there already, and returns its digest.
func (r *Repo) Upload(ctx context.Context, data []byte) (string, error) {
	const op = opStoreBlob
	digest := digestOf(data)
	_, _, err := r.do(ctx, request{method: http.MethodHead, path: "blobs/" + digest, push: true, limit: MaxBlob})
	if err == nil {
		return digest, nil
	}
	var se *statusError
	if !errors.As(err, &se) || se.status != http.StatusNotFound {
		return "", r.explain(op, err)
	}
	at, err := r.beginUpload(ctx)
	if err != nil {
		return "", r.explain(op, err)
	}
	q := at.Query()
	q.Set("digest", digest)
	at.RawQuery = q.Encode()
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	_, _, err = r.do(ctx, request{method: http.MethodPut, url: at, header: header, body: data, push: true, limit: maxAnswer})
	return digest, r.explain(op, err)
}

// beginUpload starts an upload and returns where it goes on.
func (r *Repo) beginUpload(ctx context.Context) (*url.URL, error) {
	resp, _, err := r.do(ctx, request{method: http.MethodPost, path: "blobs/uploads/", body: []byte{}, push: true, limit: maxAnswer})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusAccepted {
		return nil, fmt.Errorf("%w: HTTP status %d to the start of an upload", errContent, resp.StatusCode)
	}
	at, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || at.Host == "" || resp.Header.Get("Location") == "" {
		return nil, fmt.Errorf("%w: no location for an upload", errContent)
	}
	from := resp.Request.URL
	if at.Host == from.Host {
		at.Scheme = from.Scheme // registries behind a proxy often name the scheme they see
	}
	return at, checkHop(from.Scheme, from.Hostname(), at.Scheme, at.Hostname())
}

// PutManifest stores a manifest under a tag or its digest. Where docker-registry stumbles over what
// others store at the same moment, it tries again under a digest: what goes under a tag may be out of
// date by then, and is for Update to make anew.
func (r *Repo) PutManifest(ctx context.Context, tagOrDigest, mediaType string, raw []byte) error {
	q := request{method: http.MethodPut, path: "manifests/" + tagOrDigest, header: http.Header{"Content-Type": {mediaType}}, body: raw, push: true, limit: maxAnswer}
	pause := firstPause
	for try := 1; ; try++ {
		_, _, err := r.do(ctx, q)
		if try == readTries || !stumbled(err) || !strings.Contains(tagOrDigest, ":") {
			return r.explain(opStoreManifest, err)
		}
		if err := r.client.pause(ctx, pause); err != nil {
			return err
		}
		pause *= 3
	}
}

// stumbled reports whether a registry refused a manifest because it read the note that it has one of
// its blobs while that note was written anew for somebody who stores the same blob: docker-registry
// (2.8.2) finds it empty then, and says that a digest is invalid. The manifest was not stored, so the
// same request may be made again; all signers store the same empty configuration, so two at once are
// enough.
func stumbled(err error) bool {
	var se *statusError
	return errors.As(err, &se) && se.status == http.StatusBadRequest && strings.HasPrefix(se.detail, "DIGEST_INVALID")
}

// CanPush checks before anything is signed that a signature could be stored beside ref: that an
// upload may begin (it is cancelled at once), and that the registry either lists referrers or
// answers sensibly for the fallback tag. It leaves nothing behind. It cannot see rules that
// only a real push meets, such as immutable tags or quotas. Errors are *RegistryError.
func (c *Client) CanPush(ctx context.Context, ref Reference) error {
	r := c.Repo(ref)
	const op = opPush
	at, err := r.beginUpload(ctx)
	if err != nil {
		return r.explain(op, err)
	}
	// Some registries can't cancel (404, 405); there the empty upload expires by itself.
	_, _, err = r.do(ctx, request{method: http.MethodDelete, url: at, push: true, limit: maxAnswer})
	var se *statusError
	if err != nil && !errors.As(err, &se) {
		return r.explain(op, err)
	}
	return r.canAttach(ctx, ref)
}

// canAttach asks for the referrers of ref's digest, or of one that nothing has.
func (r *Repo) canAttach(ctx context.Context, ref Reference) error {
	subject := ref.digest
	if subject == "" {
		subject = "sha256:" + strings.Repeat("0", 64)
	}
	refs, err := r.Referrers(ctx, subject)
	if err != nil || refs.API {
		return err
	}
	return refs.Problem
}
