package cosign

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/docker/internal/registrytest"
	"bulla/keys"
)

// guarded is docker-registry with a token server, over TLS by a private authority.
type guarded struct {
	t      *testing.T
	tokens *trusttest.TokenServer
	ca     *trusttest.CA
	host   string
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	ca := trusttest.NewCA(t)
	g := &guarded{t: t, ca: ca, tokens: trusttest.Tokens(t, ca, "rhea", "correct horse")}
	g.host = registrytest.DistributionOverTLS(t, ca.Cert, ca.Key, g.tokens.URL+"/token", "test-service", "test-issuer", ca.File)
	return g
}

type somebody authn.AuthConfig

func (s somebody) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig(s)), nil
}

// client knows the password, and the authority if it shall.
func (g *guarded) client(known bool) *docker.Client {
	g.t.Helper()
	return g.as("correct horse", known)
}

func (g *guarded) as(password string, known bool) *docker.Client {
	o := docker.Options{Keychain: somebody{Username: "rhea", Password: password}}
	if known {
		o.CertDirs = []string{filepath.Dir(g.ca.Folder(g.t, g.host))}
	}
	return docker.NewClient(o)
}

func (g *guarded) do(req *http.Request) (*http.Response, error) {
	return g.ca.Client(g.t).Transport.RoundTrip(req)
}

// push pushes an image with a client's own requests: nothing else here knows the authority.
func (g *guarded) push(c *docker.Client, tag string) docker.Image {
	g.t.Helper()
	ref, err := docker.ParseReference(g.host + "/demo/app:" + tag)
	if err != nil {
		g.t.Fatal(err)
	}
	repo := c.Repo(ref)
	what := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"tag":"` + tag + `"}`
	config, err := repo.Upload(g.t.Context(), []byte(what))
	if err != nil {
		g.t.Fatal(err)
	}
	const kind = "application/vnd.oci.image.manifest.v1+json"
	raw := `{"schemaVersion":2,"mediaType":"` + kind + `","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + config + `","size":` +
		strconv.Itoa(len(what)) + `},"layers":[]}`
	if err := repo.PutManifest(g.t.Context(), tag, kind, []byte(raw)); err != nil {
		g.t.Fatal(err)
	}
	img, err := c.Resolve(g.t.Context(), ref)
	if err != nil {
		g.t.Fatal(err)
	}
	return img
}

// everything signs an image both ways, judges it and lists what is there.
func (g *guarded) everything(c *docker.Client, tag string, s *Signer) {
	g.t.Helper()
	img := g.push(c, tag)
	if err := c.CanPush(g.t.Context(), img.Reference); err != nil {
		g.t.Errorf("%s: may one push: %v", tag, err)
	}
	if _, err := Sign(g.t.Context(), c, img, s, someTime); err != nil {
		g.t.Errorf("%s: sign: %v", tag, err)
	}
	if _, err := SignLegacy(g.t.Context(), c, img, s, someTime); err != nil {
		g.t.Errorf("%s: sign in the older form: %v", tag, err)
	}
	if vs, err := Verify(g.t.Context(), c, img, []PublicKey{s.Public()}); err != nil || len(vs) != 2 || vs[0].Status != keys.StatusGood || vs[1].Status != keys.StatusGood {
		g.t.Errorf("%s: verify: %+v, %v", tag, vs, err)
	}
	tags, err := c.Repo(img.Reference).Tags(g.t.Context())
	if err != nil || !tags.Has(tag) || len(tags.Signed) == 0 {
		g.t.Errorf("%s: list: %+v, %v", tag, tags, err)
	}
}

// A registry that asks for tokens, over TLS by a private authority: everything works, also with a
// client whose token has expired meanwhile; and not without the authority.
func TestTokensAndPrivateAuthority(t *testing.T) {
	g := newGuarded(t)
	// Two seconds: a minute is what docker-registry takes them for beyond their end.
	g.tokens.Lifetime = 2*time.Second - time.Minute
	s := newSigner(t, nil)
	c := g.client(true)
	g.everything(c, "1", s)
	// The same client once the registry takes its token no more. What the client holds is not seen
	// from outside; one that was given out later expires later.
	g.waitUntilExpired()
	before := len(g.tokens.Asked())
	g.everything(c, "2", s)
	if len(g.tokens.Asked()) == before {
		t.Error("no new token was asked for")
	}
	var re *docker.RegistryError
	ref, err := docker.ParseReference(g.host + "/demo/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.client(false).Resolve(t.Context(), ref); !errors.As(err, &re) || re.Kind != docker.KindUnreachable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: %v", err)
	}
	if _, err := g.as("wrong", true).Resolve(t.Context(), ref); !errors.As(err, &re) || re.Kind != docker.KindUnauthorized {
		t.Errorf("with a wrong password: %v", err)
	}
}

// A registry of a private authority that wants a certificate of its clients: we take both from Docker's
// folder, cosign is told of them by flags; each accepts what the other signed.
func TestClientCertificateWithCosign(t *testing.T) {
	p := newPeer(t)
	server, people := trusttest.NewCA(t), trusttest.NewCA(t)
	host := registrytest.DistributionForClients(t, server.Cert, server.Key, people.File)
	dir := server.Folder(t, host)
	people.ClientCertificate(t, dir)
	c := docker.NewClient(docker.Options{Keychain: anonymous{}, CertDirs: []string{filepath.Dir(dir)}})
	path, pub := newKey(t, canary)
	theirs, theirsPub := p.keyPair()
	ref, err := docker.ParseReference(host + "/demo/app:1")
	if err != nil {
		t.Fatal(err)
	}
	img := pushThroughClient(t, c, ref)
	if _, err := Sign(t.Context(), c, img, unlockedSigner(t, path, canary), someTime); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	flags := []string{"--registry-cacert", file("ca.crt"), "--registry-client-cert", file("client.cert"), "--registry-client-key", file("client.key")}
	verify := append([]string{"verify", "--key", strings.TrimSuffix(path, ".key") + ".pub", "--insecure-ignore-tlog=true", ref.String()}, flags...)
	if err := p.run(verify...); err != nil {
		t.Error(err)
	}
	if err := p.run(verify[:len(verify)-4]...); err == nil {
		t.Error("cosign got in without a certificate: the registry asks for none")
	}
	sign := []string{"sign", "--yes", "--key", theirs, "--tlog-upload=false", "--use-signing-config=false", digestRef(img)}
	if err := p.run(append(sign, flags...)...); err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, statuses(t, c, img, pub, p.publicKey(theirsPub)), keys.StatusGood, keys.StatusGood)
}

// waitUntilExpired waits until the registry refuses a token that is given out now.
func (g *guarded) waitUntilExpired() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	token := g.token(ctx)
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+g.host+"/v2/", nil)
		if err != nil {
			g.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := g.do(req)
		if err != nil {
			g.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// token asks for a token, as a client would.
func (g *guarded) token(ctx context.Context) string {
	g.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.tokens.URL+"/token?service=test-service&scope=repository:demo/app:pull", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.SetBasicAuth("rhea", "correct horse")
	resp, err := g.do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		g.t.Fatal(answer, err)
	}
	return answer.Token
}

// The token expires right before a write: the registry refuses it once for each kind of write, and
// what was to be written goes out again in full with the new token.
func TestTokenExpiresBeforeAWrite(t *testing.T) {
	ca := trusttest.NewCA(t)
	tokens := trusttest.Tokens(t, ca, "rhea", "correct horse")
	host := registrytest.DistributionWithToken(t, tokens.Plain+"/token", "test-service", "test-issuer", ca.File)
	backend := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
	var refused atomic.Int32
	var expire atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writes := r.Method == http.MethodPut || r.Method == http.MethodPost || r.Method == http.MethodPatch
		if writes && expire.CompareAndSwap(true, false) {
			refused.Add(1)
			r.Header.Set("Authorization", "Bearer expired") // docker-registry says so itself
			backend.ServeHTTP(w, r)
			return
		}
		if backend.ServeHTTP(w, r); writes {
			expire.Store(true) // the next one
		}
	}))
	defer front.Close()
	g := &guarded{t: t, ca: ca, tokens: tokens, host: strings.TrimPrefix(front.URL, "http://")}
	c := docker.NewClient(docker.Options{Keychain: somebody{Username: "rhea", Password: "correct horse"}})
	expire.Store(true)
	g.everything(c, "1", newSigner(t, nil))
	if refused.Load() < 5 {
		t.Errorf("%d writes were refused", refused.Load())
	}
}
