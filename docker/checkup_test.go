package docker

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"

	"bulla/docker/dct/trusttest"
	"bulla/docker/internal/registrytest"
	"bulla/docker/loopback"
	"bulla/keys/wire"
)

func repositoryOf(t testing.TB, s string) Repository {
	t.Helper()
	r, err := ParseRepository(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The registry of Debian, open to all, and with a password: who may do what.
func TestExamineDistribution(t *testing.T) {
	open := registrytest.Distribution(t)
	pushImage(t, open+"/demo/app:1", false)
	u, err := testClient(Options{}).Examine(t.Context(), repositoryOf(t, open+"/demo/app"))
	if err != nil || u.Scheme != "http" || u.Auth != AuthNone || !u.Pull.Allowed || !u.Push.Allowed || !u.Referrers.Known || u.Referrers.Allowed || u.Tags != 1 || u.Missing || u.Account != "" {
		t.Errorf("got %+v, %v", u, err)
	}
	u, err = testClient(Options{}).Examine(t.Context(), repositoryOf(t, open+"/demo/new"))
	if err != nil || !u.Missing || !u.Push.Allowed {
		t.Errorf("got %+v, %v", u, err)
	}

	closed := registrytest.DistributionWithPassword(t)
	for name, c := range map[string]struct {
		o       Options
		account string
		allowed bool
	}{
		"nobody":         {Options{}, "", false},
		"wrong password": {Options{Keychain: account{registrytest.User, "x"}}, registrytest.User, false},
		"alice":          {Options{Keychain: account{registrytest.User, registrytest.Password}}, registrytest.User, true},
	} {
		u, err := testClient(c.o).Examine(t.Context(), repositoryOf(t, closed+"/demo/app"))
		if err != nil || u.Auth != AuthBasic || u.Account != c.account || !u.Pull.Known || !u.Push.Known || u.Pull.Allowed != c.allowed || u.Push.Allowed != c.allowed {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

// A registry that lists referrers itself says so once there is an image, and nothing has to be put
// under a tag there.
func TestExamineReferrersRegistry(t *testing.T) {
	host := registrytest.Referrers(t)
	u, err := testClient(Options{}).Examine(t.Context(), repositoryOf(t, host+"/demo/app"))
	if err != nil || !u.Missing || !u.Push.Allowed {
		t.Errorf("before the first push: %+v, %v", u, err)
	}
	ref := mustParse(t, host+"/demo/app:1")
	subject := pushImage(t, ref.String(), false)
	u, err = testClient(Options{}).Examine(t.Context(), repositoryOf(t, host+"/demo/app"))
	if err != nil || u.Scheme != "http" || u.Auth != AuthNone || !u.Pull.Allowed || !u.Push.Allowed || !u.Referrers.Known || !u.Referrers.Allowed || u.Tags != 1 || u.Missing {
		t.Errorf("got %+v, %v", u, err)
	}
	repo := testClient(Options{}).Repo(ref)
	d := storeReferrer(t, repo, subject, "a")
	if err := repo.Attach(t.Context(), subject, d); err != nil {
		t.Fatal(err)
	}
	list, err := repo.Referrers(t.Context(), subject)
	if err != nil || !list.API || len(list.List) != 1 || list.List[0].Digest != d.Digest || list.List[0].ArtifactType != testType {
		t.Errorf("got %+v, %v", list, err)
	}
	if _, err := repo.Manifest(t.Context(), FallbackTag(subject)); !IsNotFound(err) {
		t.Errorf("a fallback tag was written where none is needed: %v", err)
	}
}

// Nothing is left behind: not an upload, not a blob, not a tag.
func TestExamineWritesNothing(t *testing.T) {
	reg := registrytest.Faults(t, false)
	pushImage(t, reg.Host+"/demo/app:1", false)
	reg.Requests()
	if _, err := testClient(Options{}).Examine(t.Context(), repositoryOf(t, reg.Host+"/demo/app")); err != nil {
		t.Fatal(err)
	}
	for _, r := range reg.Requests() {
		if !strings.HasPrefix(r, "GET ") && r != "PATCH /v2/demo/app/blobs/uploads/00000000-0000-0000-0000-000000000000" {
			t.Errorf("asked by %s", r)
		}
	}
}

func TestExamineReadOnly(t *testing.T) {
	reg := registrytest.Faults(t, true)
	pushImage(t, reg.Host+"/demo/app:1", false)
	reg.Status(http.MethodPatch, "/blobs/", http.StatusForbidden)
	u, err := testClient(Options{}).Examine(t.Context(), repositoryOf(t, reg.Host+"/demo/app"))
	if err != nil || !u.Pull.Allowed || !u.Push.Known || u.Push.Allowed || !u.Referrers.Allowed {
		t.Errorf("got %+v, %v", u, err)
	}
	wantKind(t, u.Push.Err, KindForbidden)
	reg.Status(http.MethodPatch, "/blobs/", http.StatusInternalServerError)
	if u, err = testClient(Options{}).Examine(t.Context(), repositoryOf(t, reg.Host+"/demo/app")); err != nil || u.Push.Known {
		t.Errorf("got %+v, %v", u, err)
	}
}

func TestExamineTLS(t *testing.T) {
	s := httptest.NewTLSServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "https://")
	repo := repositoryOf(t, host+"/demo/app")
	c := testClient(Options{})
	c.transport = s.Client().Transport
	u, err := c.Examine(t.Context(), repo)
	if err != nil || u.Scheme != "https" || u.TLS == "" || u.Issuer == "" || u.Expires.IsZero() {
		t.Errorf("got %+v, %v", u, err)
	}
	// A certificate that nobody vouches for.
	_, err = testClient(Options{}).Examine(t.Context(), repo)
	if e := wantKind(t, err, KindUnreachable); !wire.NoTLS(e) {
		t.Errorf("got %v", err)
	}
}

func TestExamineNobody(t *testing.T) {
	_, err := testClient(Options{}).Examine(t.Context(), repositoryOf(t, "127.0.0.1:1/demo/app"))
	wantKind(t, err, KindUnreachable)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	_, err = testClient(Options{}).Examine(t.Context(), repositoryOf(t, strings.TrimPrefix(web.URL, "http://")+"/demo/app"))
	if err == nil {
		t.Error("a web server is no registry")
	}
	reg, err := loopback.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	u, err := testClient(Options{}).Examine(t.Context(), repositoryOf(t, reg.Host()+"/demo/app"))
	if err != nil || u.Referrers.Known {
		t.Errorf("got %+v, %v", u, err)
	}
}

// Token authentication: what the token server grants is what one may do, and a registry that is
// asked for more than that says so.
func TestExamineWithTokens(t *testing.T) {
	ca := trusttest.NewCA(t)
	tokens := trusttest.Tokens(t, ca, "rhea", "correct horse")
	plain, err := url.Parse(tokens.Plain)
	if err != nil {
		t.Fatal(err)
	}
	readOnly := false
	pullOnly := strings.NewReplacer("push,pull", "pull", "pull,push", "pull", "push%2Cpull", "pull", "pull%2Cpush", "pull")
	backend := httputil.NewSingleHostReverseProxy(plain)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if readOnly {
			q := r.URL.Query()
			for i, s := range q["scope"] {
				q["scope"][i] = pullOnly.Replace(s)
			}
			r.URL.RawQuery = q.Encode()
			if r.Method == http.MethodPost {
				_ = r.ParseForm()
				body := pullOnly.Replace(r.PostForm.Encode())
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				r.Header.Set("Content-Length", strconv.Itoa(len(body)))
			}
		}
		backend.ServeHTTP(w, r)
	}))
	defer front.Close()
	realm := strings.Replace(front.URL, "127.0.0.1", "localhost", 1) + "/token" // go-containerregistry takes no address
	host := registrytest.DistributionWithToken(t, realm, "test-service", "test-issuer", ca.File)
	for name, c := range map[string]struct {
		keychain   authn.Keychain
		readOnly   bool
		pull, push bool
	}{
		"nobody":         {anonymous{}, false, false, false},
		"wrong password": {account{"rhea", "x"}, false, false, false},
		"may push":       {account{"rhea", "correct horse"}, false, true, true},
		"may pull":       {account{"rhea", "correct horse"}, true, true, false},
	} {
		readOnly = c.readOnly
		u, err := testClient(Options{Keychain: c.keychain}).Examine(t.Context(), repositoryOf(t, host+"/demo/app"))
		if err != nil || u.Auth != AuthToken || u.Realm != realm || !u.Pull.Known || !u.Push.Known || u.Pull.Allowed != c.pull || u.Push.Allowed != c.push {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}
