package dct

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/docker/loopback"
	"bulla/keys"
)

// world is a registry, a trust server, and one person's folders.
type world struct {
	t         testing.TB
	server    *trusttest.Server
	registry  *docker.Client
	host      string // of the registry
	dockerDir string
	client    *Client
}

// newWorld starts the servers.
func newWorld(t testing.TB) *world {
	t.Helper()
	reg, err := loopback.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	w := &world{t: t, server: trusttest.Start(t, trusttest.NewCA(t)), registry: docker.NewClient(docker.Options{}), host: reg.Host()}
	w.dockerDir, w.client = w.person(w.server.URL)
	return w
}

// person is another user, with empty folders, who talks to the trust server at url.
func (w *world) person(url string) (dockerDir string, c *Client) {
	w.t.Helper()
	host := url[len("https://"):]
	dockerDir = trusttest.DockerDir(w.t, w.server.CA, "{}", host)
	return dockerDir, w.clientIn(dockerDir, w.t.TempDir(), url)
}

// clientIn is a client with these folders.
func (w *world) clientIn(dockerDir, stateDir, url string) *Client {
	c := NewClient(Options{Registry: w.registry, Server: url, Named: []string{url}, DockerDir: dockerDir, StateDir: stateDir, Timeout: 20 * time.Second})
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) gun(name string) GUN {
	w.t.Helper()
	g, err := ParseGUN(w.host + "/" + name)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// push pushes a new image for two platforms and resolves it.
func (w *world) push(name string) docker.Image {
	w.t.Helper()
	ref := w.host + "/" + name
	if _, err := loopback.PushRandomImage(w.t.Context(), ref, 50, true); err != nil {
		w.t.Fatal(err)
	}
	return w.resolve(name)
}

func (w *world) resolve(name string) docker.Image {
	w.t.Helper()
	r, err := docker.ParseReference(w.host + "/" + name)
	if err != nil {
		w.t.Fatal(err)
	}
	img, err := w.registry.Resolve(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return img
}

// answer gives the passphrases that the peers use too.
func answer(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	if req.Attempt > 1 {
		return keys.Secret{}, keys.ErrWrongPassphrase
	}
	if req.Purpose == keys.PurposeTrustRoot {
		return keys.NewSecret([]byte(trusttest.RootPassphrase)), nil
	}
	return keys.NewSecret([]byte(trusttest.Passphrase)), nil
}

// rootKey makes a root key with a backup that was tried.
func rootKey(t testing.TB, c *Client) string {
	t.Helper()
	k, _, err := c.Keys().Generate(t.Context(), "root", answer)
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "root.key")
	if err := c.Keys().Backup(k.ID, backup); err != nil {
		t.Fatal(err)
	}
	if id, err := c.Keys().Rehearse(t.Context(), backup, answer); err != nil || id != k.ID {
		t.Fatal(id, err)
	}
	return k.ID
}

// initialized makes a repository and returns it with the pin of its root.
func (w *world) initialized(name string) (*Repository, Trust) {
	w.t.Helper()
	r := w.client.Repository(w.gun(name))
	s, err := r.Initialize(w.t.Context(), rootKey(w.t, w.client), Trust{}, answer)
	if err != nil {
		w.t.Fatal(err)
	}
	return r, pinOf(s)
}

func pinOf(s *State) Trust { return Trust{Certificates: []string{s.Root.Certificates[0].ID}} }

func mustSign(t testing.TB, r *Repository, img docker.Image, trust Trust) Signed {
	t.Helper()
	s, err := r.Sign(t.Context(), img, trust, answer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustRead(t testing.TB, r *Repository, trust Trust) *State {
	t.Helper()
	s, err := r.Read(t.Context(), trust)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signersOf are the names under a released tag; nil if it is not released.
func signersOf(s *State, tag string) (names []string) {
	t, ok := s.Tag(tag)
	if !ok {
		return nil
	}
	for _, g := range t.Signatures {
		names = append(names, g.Who())
	}
	return names
}

func wantSigners(t testing.TB, s *State, tag string, want ...string) {
	t.Helper()
	if got := signersOf(s, tag); !slices.Equal(got, want) {
		t.Errorf("%s is signed by %q, want %q", tag, got, want)
	}
}

// wantProblem holds that the trust data was refused, and why.
func wantProblem(t testing.TB, err error, want ...Problem) {
	t.Helper()
	var e *MetadataError
	if !errors.As(err, &e) || !slices.Contains(want, e.Problem) {
		t.Errorf("want %v, got %T: %v", want, err, err)
	}
}
