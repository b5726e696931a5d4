package dct

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/client/changelist"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/docker/internal/registrytest"
	"bulla/keys"
)

// Two signers at once, and six: whoever loses tries again from fresh data, and nothing is lost.
// Some share a client, some have one of their own, as another machine would.
func TestSignersAtOnce(t *testing.T) {
	w := newWorld(t)
	r, trust := w.initialized("team/app")
	var repos []*Repository
	for range 3 {
		dir, c := w.person(w.server.URL)
		copyKeysInto(t, w.dockerDir, dir)
		other := c.Repository(r.GUN())
		repos = append(repos, r, other)
	}
	imgs := make([]docker.Image, len(repos))
	for i := range repos {
		imgs[i] = w.push(fmt.Sprintf("team/app:%d", i))
	}
	var wg sync.WaitGroup
	for i, repo := range repos {
		wg.Go(func() {
			if got, err := repo.Sign(t.Context(), imgs[i], trust, answer); err != nil || !got.Released {
				t.Errorf("signer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	s := mustRead(t, r, trust)
	for _, img := range imgs {
		if vs := s.Judge(img); vs[0].Status != keys.StatusGood {
			t.Errorf("%s: %+v", img.Reference, vs)
		}
	}
}

// The server takes another's change between the last look and the publishing, every time: the
// loser sees a conflict each time, tries again from fresh data, and wins in the end.
func TestLoserTriesAgain(t *testing.T) {
	a := newAttacked(t)
	dir, c := a.person(a.attacker.url)
	copyKeysInto(t, a.dockerDir, dir)
	const races = 3
	var others []docker.Image
	for i := range races {
		others = append(others, a.push(fmt.Sprintf("team/app:other%d", i)))
	}
	img := a.push("team/app:mine")
	lost := 0
	a.attacker.set(a.beforePost(func() {
		if lost < races {
			mustSign(t, a.owner, others[lost], a.trust)
			lost++
		}
	}))
	var told []int
	ctx := WithTrace(t.Context(), Trace{Retried: func(gun, server string, try int) {
		if told = append(told, try); gun != a.owner.GUN().String() || server != a.attacker.url {
			t.Errorf("told of %s on %s", gun, server)
		}
	}})
	got, err := c.Repository(a.owner.GUN()).Sign(ctx, img, a.trust, answer)
	if err != nil || !got.Released {
		t.Fatalf("%+v, %v", got, err)
	}
	if !slices.Equal(told, []int{2, 3, 4}) {
		t.Errorf("told of the tries %v", told)
	}
	a.attacker.set(nil)
	s := mustRead(t, a.owner, a.trust)
	if len(s.Tags) != races+2 || lost != races {
		t.Errorf("%d races lost, %d tags: %+v", lost, len(s.Tags), s.Tags)
	}
	// Without end it is told.
	n := 0
	a.attacker.set(a.beforePost(func() { n++; mustSign(t, a.owner, a.push(fmt.Sprintf("team/app:more%d", n)), a.trust) }))
	var conflict *ConflictError
	if _, err := c.Repository(a.owner.GUN()).Sign(t.Context(), a.push("team/app:never"), a.trust, answer); !errors.As(err, &conflict) || conflict.Tries != maxTries {
		t.Errorf("%T: %v", err, err)
	}
}

// beforePost is an attack that lets something happen before each publishing.
func (a *attacked) beforePost(f func()) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			f()
		}
		return false
	}
}

// Two processes that share their folders, and one that does not.
func TestSignersInTwoProcesses(t *testing.T) {
	w := newWorld(t)
	r, trust := w.initialized("team/app")
	other, c := w.person(w.server.URL)
	copyKeysInto(t, w.dockerDir, other)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var imgs []docker.Image
	for i, dirs := range [][2]string{{w.dockerDir, w.client.stateDir}, {w.dockerDir, w.client.stateDir}, {other, c.stateDir}} {
		img := w.push(fmt.Sprintf("team/app:%d", i))
		imgs = append(imgs, img)
		cmd := exec.Command(program, "-test.run=^TestSignerProcess$", "-test.v")
		cmd.Env = append(os.Environ(), "DCT_SIGN="+strings.Join([]string{img.Reference.String(), w.server.URL, dirs[0], dirs[1], trust.Certificates[0]}, " "))
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
				t.Errorf("process %d: %v\n%s", i, err, out)
			}
		})
	}
	wg.Wait()
	s := mustRead(t, r, trust)
	for _, img := range imgs {
		if vs := s.Judge(img); vs[0].Status != keys.StatusGood {
			t.Errorf("%s: %+v", img.Reference, vs)
		}
	}
}

// TestSignerProcess is the other process of TestSignersInTwoProcesses.
func TestSignerProcess(t *testing.T) {
	args := strings.Fields(os.Getenv("DCT_SIGN"))
	if len(args) == 0 {
		return
	}
	w := &world{t: t, registry: docker.NewClient(docker.Options{})}
	ref, err := docker.ParseReference(args[0])
	if err != nil {
		t.Fatal(err)
	}
	img, err := w.registry.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	mustSign(t, w.clientIn(args[2], args[3], args[1]).Repository(GUNOf(ref)), img, Trust{Certificates: args[4:]})
}

// A wrong passphrase is told as one, and a key that is not there as missing. Neither publishes
// anything.
func TestWrongPassphraseAndMissingKey(t *testing.T) {
	w := newWorld(t)
	r, trust := w.initialized("team/app")
	img := w.push("team/app:1")
	asked := 0
	wrong := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		asked++
		return keys.NewSecret([]byte("wrong")), nil
	}
	// A new client: the old one has the keys open.
	again := w.clientIn(w.dockerDir, w.client.stateDir, w.server.URL).Repository(r.GUN())
	var unlock *keys.UnlockError
	if _, err := again.Sign(t.Context(), img, trust, wrong); !errors.As(err, &unlock) || asked != keys.PassphraseTries || unlock.Request.Purpose != keys.PurposeTrust {
		t.Errorf("asked %d times, %T: %v", asked, err, err)
	}
	if _, err := again.Sign(t.Context(), img, trust, nil); !errors.Is(err, keys.ErrNoPassphrase) {
		t.Errorf("nobody to ask: %v", err)
	}
	if _, err := again.RotateTargets(t.Context(), trust, wrong); !errors.As(err, &unlock) || unlock.Request.Purpose != keys.PurposeTrustRoot {
		t.Errorf("%T: %v", err, err)
	}
	_, stranger := w.person(w.server.URL)
	var missing *MissingKeyError
	if _, err := stranger.Repository(r.GUN()).Sign(t.Context(), img, trust, answer); !errors.As(err, &missing) || missing.Role != "targets" || len(missing.IDs) != 1 {
		t.Errorf("%T: %v", err, err)
	}
	_, pub, err := w.client.Keys().Generate(t.Context(), "alice", answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.AddSigner(t.Context(), "alice", []PublicKey{pub}, trust, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Repository(r.GUN()).Sign(t.Context(), img, trust, answer); !errors.As(err, &missing) || missing.Role != "targets/alice, targets/releases" || missing.IDs[0] != pub.ID {
		t.Errorf("%T: %v", err, err)
	}
	if s := mustRead(t, r, trust); len(s.Tags)+len(s.Pending) != 0 {
		t.Errorf("something was published: %+v", s)
	}
	// Each passphrase is asked for once in a session.
	asked = 0
	count := func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		asked++
		return answer(ctx, req)
	}
	for i := range 3 {
		if _, err := again.Sign(t.Context(), w.push(fmt.Sprintf("team/app:%d", i)), trust, count); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 { // alice's key is for both roles
		t.Errorf("asked %d times", asked)
	}
}

// A registry with a password and a trust server with tokens: the registry's credentials open
// both, for no more than is needed; a server that asks for nothing is shown none.
func TestCredentials(t *testing.T) {
	ca := trusttest.NewCA(t)
	const user, password = "alice", "correct horse"
	tokens := trusttest.Tokens(t, ca, user, password)
	server := trusttest.StartWithToken(t, ca, tokens)
	host := registrytest.DistributionWithPassword(t)
	config := registrytest.DockerConfig(t, fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, host, user, password))
	t.Setenv("SSL_CERT_FILE", ca.File) // the token server has no folder of its own under tls
	w := &world{t: t, registry: docker.NewClient(docker.Options{}), host: host, server: server}
	w.dockerDir = trusttest.DockerDir(t, ca, "{}", server.Host)
	w.client = w.clientIn(w.dockerDir, t.TempDir(), server.URL)
	img := pushThrough(t, w.registry, host+"/team/app:1")
	r, trust := w.initialized("team/app")
	mustSign(t, r, img, trust)
	if got := tokens.Asked(); len(got) == 0 || !slices.Contains(got, "repository:"+r.GUN().String()+":push,pull") {
		t.Errorf("asked for %q", got)
	}
	_, reader := w.person(server.URL)
	n := len(tokens.Asked())
	if vs, _, err := reader.Repository(r.GUN()).Verify(t.Context(), img, trust); err != nil || vs[0].Status != keys.StatusGood {
		t.Errorf("%+v, %v", vs, err)
	}
	for _, scope := range tokens.Asked()[n:] {
		if strings.Contains(scope, "push") {
			t.Errorf("a reader asks to push: %s", scope)
		}
	}
	d := trusttest.Docker(t, server, config)
	copyTLS(t, w.dockerDir, config)
	if got, err := d.Inspect(img.Reference.String()); err != nil || len(got.SignedTags) != 1 {
		t.Errorf("docker trust: %+v, %v", got, err)
	}
	// Without credentials, and with wrong ones.
	for name, auths := range map[string]string{"none": "{}", "wrong": fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":"wrong"}}}`, host, user)} {
		registrytest.DockerConfig(t, auths)
		w.registry = docker.NewClient(docker.Options{})
		_, c := w.person(server.URL)
		var e *ServerError
		if _, _, err := c.Repository(r.GUN()).Verify(t.Context(), img, trust); !errors.As(err, &e) || e.Kind != docker.KindUnauthorized {
			t.Errorf("%s: %T: %v", name, err, err)
		}
	}
}

// copyTLS gives a Docker folder the authorities of another.
func copyTLS(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(to, "tls"), os.DirFS(filepath.Join(from, "tls"))); err != nil {
		t.Fatal(err)
	}
}

// pushThrough pushes the smallest image there is, with the client's own credentials.
func pushThrough(t *testing.T, c *docker.Client, name string) docker.Image {
	t.Helper()
	ref, err := docker.ParseReference(name)
	if err != nil {
		t.Fatal(err)
	}
	repo := c.Repo(ref)
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	d, err := repo.Upload(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	const mediaType = "application/vnd.oci.image.manifest.v1+json"
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`, mediaType, d, len(config))
	if err := repo.PutManifest(t.Context(), ref.Tag(), mediaType, raw); err != nil {
		t.Fatal(err)
	}
	img, err := c.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// A server that asks for no credentials is shown none.
func TestNoCredentialsUnasked(t *testing.T) {
	ca := trusttest.NewCA(t)
	var mu sync.Mutex
	var shown []string
	url := serveTLS(t, ca, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if h := r.Header.Get("Authorization"); h != "" {
			shown = append(shown, h)
		}
		if strings.Contains(r.URL.Path, "_trust") {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	registrytest.DockerConfig(t, `{"auths":{"registry.example":{"username":"alice","password":"secret"}}}`)
	gun, err := ParseGUN("registry.example/app")
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(Options{Registry: docker.NewClient(docker.Options{}), Server: url, StateDir: t.TempDir(),
		DockerDir: trusttest.DockerDir(t, ca, "{}", strings.TrimPrefix(url, "https://"))})
	var none *NotInitializedError
	if _, err := c.Repository(gun).Read(t.Context(), Trust{FirstUse: true}); !errors.As(err, &none) {
		t.Errorf("%T: %v", err, err)
	}
	if len(shown) > 0 {
		t.Errorf("credentials were shown: %q", shown)
	}
}

// Only https: a trust server named without it, and one whose certificate nobody vouches for.
func TestOnlyTLS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	w := newWorld(t)
	unknown := NewClient(Options{Server: w.server.URL, StateDir: t.TempDir(), DockerDir: t.TempDir()})
	port := plain.URL[strings.LastIndex(plain.URL, ":"):]
	for name, c := range map[string]*Client{
		"http":                          NewClient(Options{Server: plain.URL, StateDir: t.TempDir(), DockerDir: t.TempDir()}),
		"https to a server without TLS": NewClient(Options{Server: "https://localhost" + port, StateDir: t.TempDir(), DockerDir: t.TempDir()}),
		"an unknown authority":          unknown,
	} {
		var e *ServerError
		if _, err := c.Repository(w.gun("team/app")).Read(t.Context(), Trust{FirstUse: true}); !errors.As(err, &e) {
			t.Errorf("%s: %T: %v", name, err, err)
		} else {
			t.Log(name+":", e.Kind, e)
		}
	}
}

// A tag that nobody signed in their own name is named by the key that released it, not by another
// that may.
func TestReleaserNamed(t *testing.T) {
	w := newWorld(t)
	img := w.push("team/app:1")
	r, trust := w.initialized("team/app")
	var list []data.PublicKey
	people := map[string]*Client{}
	for _, name := range []string{"alice", "bob"} {
		_, c := w.person(w.server.URL)
		_, pub, err := c.Keys().Generate(t.Context(), name, answer)
		if err != nil {
			t.Fatal(err)
		}
		list, people[pub.ID] = append(list, pub.key), c
	}
	must(t, r, trust, func(repo client.Repository, _ changelist.Changelist) error {
		return repo.AddDelegation(roleReleases, list, []string{""})
	})
	first := mustRead(t, r, trust).role(roleReleases).KeyIDs[0]
	for id, c := range people {
		if id == first {
			continue
		}
		mustSign(t, c.Repository(r.GUN()), img, trust)
		vs, _, err := r.Verify(t.Context(), img, trust)
		if err != nil || len(vs) != 1 || vs[0].Status != keys.StatusGood || string(vs[0].Signer.Fingerprint) != strings.ToUpper(id) {
			t.Errorf("%+v, %v; %s has signed", vs, err, id)
		}
	}
}
