package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"bulla/docker/internal/registrytest"
	"bulla/docker/loopback"
)

// anonymous is a keychain that reads no configuration.
type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// account is a keychain with one user for everything.
type account struct{ user, password string }

func (a account) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: a.user, Password: a.password}), nil
}

// testClient is a Client without pauses between its tries.
func testClient(o Options) *Client {
	if o.Keychain == nil {
		o.Keychain = anonymous{}
	}
	c := NewClient(o)
	c.pause = func(context.Context, time.Duration) error { return nil }
	c.transport = &retrying{inner: newTransport(), wait: c.pause}
	return c
}

func mustParse(t testing.TB, s string) Reference {
	t.Helper()
	r, err := ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pushImage(t testing.TB, ref string, multiArch bool) string {
	t.Helper()
	d, err := loopback.PushRandomImage(t.Context(), ref, 100, multiArch)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantKind(t *testing.T, err error, kind Kind) *RegistryError {
	t.Helper()
	var e *RegistryError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a RegistryError of kind %s", err, kind)
	}
	if e.Kind != kind {
		t.Fatalf("got kind %s (%v), want %s", e.Kind, err, kind)
	}
	if e.Host == "" || e.Repo == "" || e.Op == "" {
		t.Errorf("the error does not say who, where and what: %+v", e)
	}
	return e
}

func TestResolve(t *testing.T) {
	reg := registrytest.Faults(t, false)
	c := testClient(Options{})
	single := pushImage(t, reg.Host+"/demo/app:single", false)
	multi := pushImage(t, reg.Host+"/demo/app:multi", true)
	reg.Requests()

	img, err := c.Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:multi"))
	if err != nil {
		t.Fatal(err)
	}
	if img.Digest != multi || !img.Index || !slices.Equal(img.Platforms, []string{"linux/amd64", "linux/arm64"}) || img.Size <= 0 {
		t.Errorf("got %+v, want the index %s", img, multi)
	}
	var manifests []string
	for _, r := range reg.Requests() {
		if strings.Contains(r, "/manifests/") {
			manifests = append(manifests, r)
		}
	}
	if !slices.Equal(manifests, []string{"GET /v2/demo/app/manifests/multi"}) {
		t.Errorf("resolved with %v, want one GET", manifests)
	}

	img, err = c.Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app@"+single))
	if err != nil || img.Digest != single || img.Index || len(img.Platforms) != 0 {
		t.Errorf("by digest: %+v, %v", img, err)
	}

	_, err = c.Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:single@"+multi))
	var moved *MovedError
	if !errors.As(err, &moved) || moved.Was != multi || moved.Is != single {
		t.Errorf("a tag that is not at its digest: %v", err)
	}
	if _, err = c.Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:multi@"+multi)); err != nil {
		t.Errorf("a tag that is at its digest: %v", err)
	}
}

func TestResolveFaults(t *testing.T) {
	for _, f := range []struct {
		status    int
		kind      Kind
		requests  int // of the manifest
		temporary bool
	}{
		{401, KindUnauthorized, 1, false},
		{403, KindForbidden, 1, false},
		{404, KindNotFound, 1, false},
		{418, KindRefused, 1, false},
		{429, KindRateLimited, readTries, true},
		{500, KindServer, readTries, true},
		{503, KindServer, readTries, true},
	} {
		t.Run(fmt.Sprint(f.status), func(t *testing.T) {
			reg := registrytest.Faults(t, false)
			pushImage(t, reg.Host+"/demo/app:1", false)
			reg.Status(http.MethodGet, "/manifests/", f.status)
			reg.Requests()
			_, err := testClient(Options{}).Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:1"))
			e := wantKind(t, err, f.kind)
			if e.Status != f.status || e.Detail != "TEST: as the test asked" || e.Temporary() != f.temporary || e.Timeout() {
				t.Errorf("got %+v", e)
			}
			n := 0
			for _, r := range reg.Requests() {
				if r == "GET /v2/demo/app/manifests/1" {
					n++
				}
			}
			if n != f.requests {
				t.Errorf("asked %d times, want %d", n, f.requests)
			}
		})
	}
}

func TestRetrySucceedsInTheEnd(t *testing.T) {
	reg := registrytest.Faults(t, false)
	digest := pushImage(t, reg.Host+"/demo/app:1", false)
	var n atomic.Int32
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") || n.Add(1) == readTries {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	img, err := testClient(Options{}).Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:1"))
	if err != nil || img.Digest != digest {
		t.Errorf("got %v, %v", img, err)
	}
}

func TestWritesAreNotRepeated(t *testing.T) {
	reg := registrytest.Faults(t, false)
	pushImage(t, reg.Host+"/demo/app:1", false)
	reg.Status(http.MethodPost, "/blobs/uploads/", 503)
	reg.Requests()
	_, err := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1")).Upload(t.Context(), []byte("x"))
	wantKind(t, err, KindServer)
	n := 0
	for _, r := range reg.Requests() {
		if strings.HasPrefix(r, "POST ") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the upload was begun %d times", n)
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"": time.Second, "2": 2 * time.Second, "900": longestPause, "-1": time.Second, "Wed, 21 Oct 2015 07:28:00 GMT": time.Second} {
		got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {header}}}, time.Second)
		if got != want {
			t.Errorf("Retry-After %q: %v, want %v", header, got, want)
		}
	}
}

func TestRegistryDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	_ = l.Close()
	_, err = testClient(Options{}).Resolve(t.Context(), mustParse(t, host+"/demo/app:1"))
	if e := wantKind(t, err, KindUnreachable); e.Timeout() || !e.Temporary() {
		t.Errorf("got %+v", e)
	}
}

// A server that takes connections and never answers ends with the client's timeout, and the
// user's cancelling is told from it.
func TestRegistryNeverAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ref := mustParse(t, l.Addr().String()+"/demo/app:1")

	_, err = testClient(Options{Timeout: 50 * time.Millisecond}).Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindUnreachable); !e.Timeout() {
		t.Errorf("not told as a timeout: %v", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = testClient(Options{}).Resolve(ctx, ref)
	if e := wantKind(t, err, KindUnreachable); !e.Timeout() {
		t.Errorf("not told as a timeout: %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = testClient(Options{}).Resolve(ctx, ref)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A body that never ends its first byte is bounded too.
func TestBodyStalls(t *testing.T) {
	reg := registrytest.Faults(t, false)
	pushImage(t, reg.Host+"/demo/app:1", false)
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	_, err := testClient(Options{Timeout: 200 * time.Millisecond}).Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:1"))
	if e := wantKind(t, err, KindUnreachable); !e.Timeout() {
		t.Errorf("got %v", err)
	}
}

func TestWrongContent(t *testing.T) {
	reg := registrytest.Faults(t, false)
	digest := pushImage(t, reg.Host+"/demo/app:1", false)
	answer := func(body string, size string) {
		reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			if size != "" {
				w.Header().Set("Content-Length", size)
			}
			_, _ = io.WriteString(w, body)
			return true
		})
	}
	c := testClient(Options{})
	pinned, tagged := mustParse(t, reg.Host+"/demo/app@"+digest), mustParse(t, reg.Host+"/demo/app:1")

	answer(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`, "")
	_, err := c.Resolve(t.Context(), pinned)
	wantKind(t, err, KindContent)

	for _, body := range []string{"", "<html>", "[]", `{"schemaVersion":1}`, `{"schemaVersion":2,"mediaType":"text/plain"}`} {
		answer(body, "")
		_, err = c.Resolve(t.Context(), tagged)
		wantKind(t, err, KindContent)
	}

	answer(strings.Repeat(" ", MaxManifest+1), "")
	_, err = c.Resolve(t.Context(), tagged)
	wantKind(t, err, KindTooLarge)
	answer("", fmt.Sprint(int64(1)<<40)) // announced only: nothing of it may be waited for
	_, err = c.Resolve(t.Context(), tagged)
	wantKind(t, err, KindTooLarge)
}

func TestBlobs(t *testing.T) {
	reg := registrytest.Faults(t, false)
	repo := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1"))
	data := []byte("some content")
	digest, err := repo.Upload(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := repo.Blob(t.Context(), digest)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("got %q, %v", got, err)
	}
	reg.Requests()
	if _, err := repo.Upload(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	for _, r := range reg.Requests() {
		if strings.HasPrefix(r, "POST") {
			t.Error("a blob that was there was stored again")
		}
	}
	_, err = repo.Blob(t.Context(), someDigest)
	wantKind(t, err, KindNotFound)
	_, err = repo.Blob(t.Context(), "sha256:../../x")
	wantKind(t, err, KindContent)

	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.WriteString(w, "other content")
		return strings.Contains(r.URL.Path, "/blobs/")
	})
	_, err = repo.Blob(t.Context(), digest)
	wantKind(t, err, KindContent)
}

func TestBlobTooLarge(t *testing.T) {
	reg := registrytest.Faults(t, false)
	repo := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1"))
	digest, err := repo.Upload(t.Context(), make([]byte, MaxBlob+1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = repo.Blob(t.Context(), digest)
	wantKind(t, err, KindTooLarge)
}

// Registries send readers of blobs to their storage, which is another host.
func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		fromScheme, from, toScheme, to string
		ok                             bool
	}{
		{"https", "r.example", "https", "storage.example", true},
		{"https", "r.example", "http", "r.example", false},
		{"https", "r.example", "https", "169.254.169.254", false},
		{"https", "r.example", "https", "10.0.0.7", false},
		{"https", "r.example", "https", "localhost", false},
		{"https", "r.example", "https", "::ffff:127.0.0.1", false},
		{"https", "10.0.0.1", "https", "10.0.0.7", true},
		{"http", "127.0.0.1", "http", "localhost", true},
	} {
		if err := checkHop(c.fromScheme, c.from, c.toScheme, c.to); (err == nil) != c.ok {
			t.Errorf("%s://%s to %s://%s: %v", c.fromScheme, c.from, c.toScheme, c.to, err)
		}
	}
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the storage was given the registry's credentials")
		}
		_, _ = io.WriteString(w, "blob")
	}))
	defer storage.Close()
	reg := registrytest.Faults(t, false)
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
			return true
		}
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, storage.URL, http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	c := testClient(Options{Keychain: account{"alice", "secret"}})
	b, err := c.Repo(mustParse(t, reg.Host+"/demo/app:1")).Blob(t.Context(), digestOf([]byte("blob")))
	if err != nil || string(b) != "blob" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestCanPush(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		reg := registrytest.Faults(t, referrers)
		ref := mustParse(t, reg.Host+"/demo/app:1")
		pushImage(t, ref.String(), false)
		reg.Requests()
		if err := testClient(Options{}).CanPush(t.Context(), ref); err != nil {
			t.Errorf("referrers %v: %v", referrers, err)
		}
		for _, r := range reg.Requests() {
			if strings.HasPrefix(r, "PUT") || strings.HasPrefix(r, "PATCH") {
				t.Errorf("referrers %v: CanPush wrote: %s", referrers, r)
			}
		}
		for status, kind := range map[int]Kind{401: KindUnauthorized, 403: KindForbidden, 405: KindRefused} {
			reg.Status(http.MethodPost, "/blobs/uploads/", status)
			wantKind(t, testClient(Options{}).CanPush(t.Context(), ref), kind)
		}
		reg.Status(http.MethodGet, "/referrers/", 403)
		wantKind(t, testClient(Options{}).CanPush(t.Context(), ref), KindForbidden)
	}
}

func TestUploadLocation(t *testing.T) {
	reg := registrytest.Faults(t, false)
	repo := testClient(Options{}).Repo(mustParse(t, reg.Host+"/demo/app:1"))
	for _, location := range []string{"", "http://[::1", "https:///x"} {
		reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusAccepted)
			return true
		})
		_, err := repo.Upload(t.Context(), []byte("x"))
		wantKind(t, err, KindContent)
	}
}

// The token protocol: the realm is asked for the scope that the request needs, with the user's
// credentials, and its token opens the registry.
func TestTokenAuth(t *testing.T) {
	reg := registrytest.Faults(t, false)
	pushImage(t, reg.Host+"/demo/app:1", false)
	var scopes atomic.Value
	scopes.Store([]string{})
	reg.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			if u, p, _ := r.BasicAuth(); u != "alice" || p != "secret" {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			scopes.Store(append(scopes.Load().([]string), r.URL.Query().Get("scope")))
			_, _ = io.WriteString(w, `{"token":"opens"}`)
			return true
		}
		if r.Header.Get("Authorization") == "Bearer opens" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	ref := mustParse(t, reg.Host+"/demo/app:1")
	c := testClient(Options{Keychain: account{"alice", "secret"}})
	if _, err := c.Resolve(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := c.CanPush(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if got := scopes.Load().([]string); !slices.Equal(got, []string{"repository:demo/app:pull", "repository:demo/app:push,pull"}) {
		t.Errorf("asked for the scopes %q", got)
	}
	_, err := testClient(Options{Keychain: account{"alice", "canary-password"}}).Resolve(t.Context(), ref)
	wantKind(t, err, KindUnauthorized)
	if strings.Contains(fmt.Sprintf("%v %+v", err, err), "canary") {
		t.Errorf("the password is in the error: %v", err)
	}
}

func TestDistributionRegistry(t *testing.T) {
	host := registrytest.Distribution(t)
	ref := mustParse(t, host+"/demo/app:1")
	digest := pushImage(t, ref.String(), true)
	c := testClient(Options{})
	img, err := c.Resolve(t.Context(), ref)
	if err != nil || img.Digest != digest {
		t.Fatalf("got %v, %v", img, err)
	}
	if err := c.CanPush(t.Context(), ref); err != nil {
		t.Error(err)
	}
	repo := c.Repo(ref)
	blob, err := repo.Upload(t.Context(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := repo.Blob(t.Context(), blob); err != nil || string(b) != "content" {
		t.Errorf("got %q, %v", b, err)
	}
	refs, err := repo.Referrers(t.Context(), digest)
	if err != nil || refs.API || len(refs.List) != 0 {
		t.Errorf("got %+v, %v", refs, err)
	}
	_, err = c.Resolve(t.Context(), mustParse(t, host+"/demo/app:none"))
	wantKind(t, err, KindNotFound)
	_, err = c.Resolve(t.Context(), mustParse(t, host+"/demo/none:1"))
	wantKind(t, err, KindNotFound)
}

func TestDistributionWithPassword(t *testing.T) {
	host := registrytest.DistributionWithPassword(t)
	ref := mustParse(t, host+"/demo/app:1")
	login := func(password string) string {
		return fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, host, registrytest.User, password)
	}
	client := func() *Client { return NewClient(Options{}) } // Docker's configuration

	registrytest.DockerConfig(t, `{}`)
	_, err := client().Resolve(t.Context(), ref)
	wantKind(t, err, KindUnauthorized)
	wantKind(t, client().CanPush(t.Context(), ref), KindUnauthorized)

	registrytest.DockerConfig(t, login("canary-wrong"))
	_, err = client().Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindUnauthorized); strings.Contains(fmt.Sprintf("%v %#v", e, e), "canary") {
		t.Errorf("the password is in the error: %v", err)
	}

	registrytest.DockerConfig(t, login(registrytest.Password))
	if err := client().CanPush(t.Context(), ref); err != nil {
		t.Error(err)
	}
	_, err = client().Resolve(t.Context(), ref)
	wantKind(t, err, KindNotFound)
}

func TestCredentialHelper(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the helper of this test is a shell script")
	}
	host := registrytest.DistributionWithPassword(t)
	ref := mustParse(t, host+"/demo/app:1")

	registrytest.DockerConfig(t, `{"credsStore":"not-there"}`)
	_, err := NewClient(Options{}).Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindCredentials); !strings.Contains(e.Error(), "docker-credential-not-there, which is not installed") {
		t.Errorf("not explained: %v", e)
	}

	registrytest.DockerConfig(t, `{"credsStore":`)
	_, err = NewClient(Options{}).Resolve(t.Context(), ref)
	wantKind(t, err, KindCredentials)

	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	helper := func(body string) {
		if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	registrytest.DockerConfig(t, `{"credsStore":"test"}`)
	helper(fmt.Sprintf(`echo '{"ServerURL":"","Username":"%s","Secret":"%s"}'`, registrytest.User, registrytest.Password))
	if err := NewClient(Options{}).CanPush(t.Context(), ref); err != nil {
		t.Error(err)
	}
	helper(`echo canary-output; exit 1`)
	_, err = NewClient(Options{}).Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindCredentials); strings.Contains(e.Error(), "canary") {
		t.Errorf("the helper's output is in the error: %v", e)
	}
	helper(`exec sleep 2`)
	_, err = NewClient(Options{Timeout: 100 * time.Millisecond}).Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindCredentials); !e.Timeout() {
		t.Errorf("a helper that hangs: %v", e)
	}
}
