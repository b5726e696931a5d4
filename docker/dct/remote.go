package dct

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	canonical "github.com/docker/go/canonical/json"
	"github.com/theupdateframework/notary"
	"github.com/theupdateframework/notary/storage"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/utils"

	"bulla/docker"
)

// Limits of what is read from a trust server, in bytes. An entry for a tag is about 200 bytes, so
// that 16 MiB hold 80,000 tags.
const (
	maxMetadata  = 16 << 20
	maxPublicKey = 64 << 10
	maxAnswer    = 64 << 10
)

// remote is the trust data of one repository on a server, for one operation: the library's
// RemoteStore. Its errors are ServerErrors, which the library does not know and therefore never
// takes for a reason to use what it saw before.
type remote struct {
	repo *Repository
	ctx  context.Context
	push bool // the credentials must allow to push
	// absentOK lets a root that is not there be told as such (storage.ErrMetaNotFound). It is
	// off while something is published to a repository that is known to exist: the library would
	// make a new root.
	absentOK bool

	failed error // the first request without an answer: nothing more is asked
	fresh  bool  // the server gave a timestamp
	// known are files that need not be asked for, by the names that the library asks for.
	known map[string][]byte

	took     map[string][]byte // what was sent to be published, by role
	sent     atomic.Bool       // a change went out to the server, at least in part
	declined bool              // the server answered that it does not take the change
}

// unsure reports whether the server may have taken a change without saying so, or may still take it.
func (s *remote) unsure() bool { return s.sent.Load() && !s.declined }

var _ storage.RemoteStore = (*remote)(nil)

func (s *remote) url(file string) string {
	return s.repo.server + "/v2/" + s.repo.gun.String() + "/_trust/tuf/" + file
}

// fail remembers and explains why a request could not be carried out.
func (s *remote) fail(op string, err error) error {
	e := &ServerError{Server: s.repo.server, GUN: s.repo.gun.String(), Op: op, Err: err}
	if e.Kind, e.Status, e.Detail = docker.Classify(err); errors.Is(err, errPlainHTTP) {
		e.Kind = docker.KindRefused
	}
	if s.ctx.Err() != nil && errors.Is(s.ctx.Err(), context.Canceled) {
		s.failed = context.Canceled
		return s.failed
	}
	s.failed = e
	if (e.Kind == docker.KindUnauthorized || e.Kind == docker.KindForbidden) && !s.repo.mayShowCredentials() {
		s.failed = &CredentialsWithheldError{Server: s.repo.server, GUN: s.repo.gun.String(), Err: e}
	}
	return s.failed
}

// do makes one request and reads at most limit bytes of the answer; more is an error.
func (s *remote) do(op, method, file string, header http.Header, body []byte, limit int64) ([]byte, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	ctx, cancel := context.WithTimeoutCause(s.ctx, s.repo.client.timeout, errTimeout)
	defer cancel()
	rt, err := s.repo.session(ctx, s.push)
	if err != nil {
		return nil, s.fail(op, withCause(ctx, err))
	}
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url(file), r)
	if err != nil {
		return nil, s.fail(op, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if publish := method == http.MethodPost && file == ""; publish {
		req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { s.sent.Store(true) }}))
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, s.fail(op, withCause(ctx, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, s.refused(op, resp)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, s.fail(op, withCause(ctx, err))
	}
	if int64(len(b)) > limit {
		return nil, storage.ErrMaliciousServer{}
	}
	return b, nil
}

// refused explains an answer that is no success. Only what says that the server is in trouble, or
// does not know the user, ends the operation.
func (s *remote) refused(op string, resp *http.Response) error {
	err := docker.StatusError(resp)
	if resp.StatusCode == http.StatusUnauthorized {
		s.repo.forget()
	}
	before := s.failed
	e := s.fail(op, err)
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusBadRequest {
		s.failed = before
	}
	return e
}

// GetSized reads one file of metadata. A size below zero is not known.
func (s *remote) GetSized(name string, size int64) ([]byte, error) {
	limit := size
	if limit < 0 || limit > maxMetadata {
		limit = maxMetadata
	}
	role, _, _ := strings.Cut(name, ".")
	if b, ok := s.known[name]; ok && int64(len(b)) <= limit {
		return b, nil
	}
	b, err := s.do("read the "+role, http.MethodGet, name+".json", nil, nil, limit)
	var e *ServerError
	if errors.As(err, &e) && e.Status == http.StatusNotFound && s.absentOK && strings.Contains(name, data.CanonicalRootRole.String()) {
		return nil, storage.ErrMetaNotFound{Resource: name}
	}
	if err == nil && name == data.CanonicalTimestampRole.String() {
		s.fresh = true
	}
	return b, err
}

// byContent names files as the library asks for them where it knows their content by a snapshot.
func byContent(files map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for role, b := range files {
		sum := sha256.Sum256(b)
		out[utils.ConsistentName(role, sum[:])] = b
	}
	return out
}

// SetMulti publishes new metadata, all or nothing. A refusal is a *ConflictError.
func (s *remote) SetMulti(metas map[string][]byte) error {
	req, err := storage.NewMultiPartMetaRequest(s.url(""), metas)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	s.took = metas
	_, err = s.do("publish the trust data", http.MethodPost, "", http.Header{"Content-Type": req.Header["Content-Type"]}, body, maxAnswer)
	var e *ServerError
	if errors.As(err, &e) {
		s.declined = refusal(e.Status)
	}
	if e != nil && e.Status == http.StatusBadRequest {
		return &ConflictError{GUN: s.repo.gun.String(), Tries: 1, Detail: e.Detail, Err: e}
	}
	return err
}

// refusal reports whether an HTTP status says that a change was not made and will not be. Whoever
// stands before the server and gave up waiting for it (408, 502, 504) does not know that, and a server
// in trouble may have been so after it wrote.
func refusal(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusRequestTimeout
}

// GetKey asks for the public half of a key that the server keeps.
func (s *remote) GetKey(role data.RoleName) ([]byte, error) {
	return s.do("get the "+role.String()+" key", http.MethodGet, role.String()+".key", nil, nil, maxPublicKey)
}

// RotateKey asks the server to make a new key for a role.
func (s *remote) RotateKey(role data.RoleName) ([]byte, error) {
	return s.do("rotate the "+role.String()+" key", http.MethodPost, role.String()+".key", nil, nil, maxPublicKey)
}

// Location names the server.
func (s *remote) Location() string { return s.repo.server }

var errNotRemote = errors.New("nothing is removed from a trust server")

// Set, Remove and RemoveAll are never called by the library.
func (s *remote) Set(string, []byte) error { return errNotRemote }

// Remove refuses.
func (s *remote) Remove(string) error { return errNotRemote }

// RemoveAll refuses.
func (s *remote) RemoveAll() error { return errNotRemote }

// errTimeout ends requests that take too long.
var errTimeout = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)

// withCause lets the reason why ctx ended be found in err.
func withCause(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// isSyntax reports whether err is of reading JSON, by the standard library or by the fork of it
// that the notary library uses.
func isSyntax(err error) bool {
	var a *json.SyntaxError
	var b *json.UnmarshalTypeError
	var c *canonical.SyntaxError
	var d *canonical.UnmarshalTypeError
	return errors.As(err, &a) || errors.As(err, &b) || errors.As(err, &c) || errors.As(err, &d) || errors.Is(err, io.ErrUnexpectedEOF)
}

// nearExpiry is how long before its end the library renews a root when something is published.
const nearExpiry = 6 * notary.Year / 12

func expiresSoon(t, now time.Time) bool { return t.Before(now.Add(nearExpiry)) }
