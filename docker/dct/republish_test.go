package dct

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
)

// lossy is a repository with a signer, whose trust server will lose everything.
type lossy struct {
	*world
	front *attacker // before the server, whichever that is
	owner *Repository
	dir   string // of the owner
	trust Trust
	img   docker.Image
}

func newLossy(t *testing.T) *lossy {
	w := newWorld(t)
	l := &lossy{world: w, front: between(t, w.server)}
	var c *Client
	l.dir, c = w.person(l.front.url)
	l.owner = c.Repository(w.gun("team/app"))
	s, err := l.owner.Initialize(t.Context(), rootKey(t, c), Trust{}, answer)
	if err != nil {
		t.Fatal(err)
	}
	l.trust = pinOf(s)
	_, pub, err := c.Keys().Generate(t.Context(), "alice", answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.owner.AddSigner(t.Context(), "alice", []PublicKey{pub}, l.trust, answer); err != nil {
		t.Fatal(err)
	}
	l.img = w.push("team/app:1")
	mustSign(t, l.owner, l.img, l.trust)
	return l
}

// lose puts an empty server in place of the one there is, with keys of its own.
func (l *lossy) lose() {
	l.t.Helper()
	l.front.now(l.t, trusttest.Start(l.t, l.server.CA))
	l.owner.forget()
}

// folder is a folder of Docker's for somebody who speaks to the server through the front.
func (l *lossy) folder() string {
	l.t.Helper()
	return trusttest.DockerDir(l.t, l.server.CA, "{}", l.front.url[len("https://"):])
}

func (l *lossy) asServer() *trusttest.Server {
	return &trusttest.Server{URL: l.front.url, CA: l.server.CA}
}

// notary is the notary command with a root pinned, and no other believed; it lists what is released.
func (l *lossy) notary(pin string) (list func() (string, error)) {
	l.t.Helper()
	dir := l.folder()
	text := `{"trust_pinning":{"disable_tofu":true,"certs":{"` + l.owner.gun.String() + `":["` + pin + `"]}}}`
	config := filepath.Join(dir, "notary.json")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	peer := trusttest.Notary(l.t, l.asServer(), dir)
	return func() (string, error) {
		return peer.Run("-c", config, "list", l.owner.gun.String(), "--roles", roleReleases)
	}
}

// A server lost its data, and the same root is published again: everybody who pinned it, or has seen the
// lost data, goes on as before, by every client; a client that pins another root still refuses. What is
// signed from then on counts.
func TestRepublish(t *testing.T) {
	l := newLossy(t)
	for range 3 { // so that the versions are far from where a server begins
		if _, err := l.owner.RotateTargets(t.Context(), l.trust, answer); err != nil {
			t.Fatal(err)
		}
	}
	d := trusttest.Docker(t, l.asServer(), l.folder())
	warm := l.notary(l.trust.Certificates[0])
	d.Must("trust", "inspect", l.img.Reference.String())
	if out, err := warm(); err != nil {
		t.Fatal(out, err)
	}
	_, friend := l.person(l.front.url)
	mustRead(t, friend.Repository(l.owner.gun), l.trust)
	before := mustRead(t, l.owner, l.trust)
	if _, err := l.owner.CanRepublish(t.Context(), l.trust); !notAgain(err) {
		t.Errorf("nothing is lost: %v", err)
	}

	l.lose()
	var none *NotInitializedError
	if _, err := l.owner.Read(t.Context(), l.trust); !errors.As(err, &none) {
		t.Fatalf("nothing is lost: %v", err)
	}
	p, err := l.owner.CanRepublish(t.Context(), l.trust)
	if err != nil || !p.State.Offline || p.State.Checked.IsZero() || p.Done != 0 || p.Steps < 6 || len(p.RootKeys) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	wantSigners(t, p.State, "1", "alice")
	told := 0
	ctx := WithTrace(t.Context(), Trace{Stepped: func(done, steps int) { told = done }})
	after, err := l.owner.Republish(ctx, l.trust, answer)
	if err != nil {
		t.Fatal(err)
	}
	if told != p.Steps || after.Root.Version != before.Root.Version+1 || !slices.Equal(certificateIDs(after), certificateIDs(before)) || after.Rotated {
		t.Errorf("%d steps told of %d; %+v", told, p.Steps, after.Root)
	}
	wantSigners(t, after, "1", "alice")
	if _, err := l.owner.CanRepublish(t.Context(), l.trust); !notAgain(err) {
		t.Errorf("published again already: %v", err)
	}

	two := l.push("team/app:2")
	mustSign(t, l.owner, two, l.trust)
	for name, c := range map[string]*Client{"who has seen it": friend, "a stranger": second(l.person(l.front.url))} {
		s, err := c.Repository(l.owner.gun).Read(t.Context(), l.trust)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantSigners(t, s, "1", "alice")
		wantSigners(t, s, "2", "alice")
	}
	for name, peer := range map[string]*trusttest.Peer{"who has seen it": d, "a stranger": trusttest.Docker(t, l.asServer(), l.folder())} {
		got, err := peer.Inspect(l.owner.gun.String())
		if err != nil || len(got.SignedTags) != 2 {
			t.Errorf("docker trust, %s: %+v, %v", name, got, err)
		}
	}
	for name, list := range map[string]func() (string, error){"who has seen it": warm, "a stranger": l.notary(l.trust.Certificates[0])} {
		out, err := list()
		if err != nil || !strings.Contains(out, l.img.Digest[len("sha256:"):]) || !strings.Contains(out, two.Digest[len("sha256:"):]) {
			t.Errorf("notary, %s: %s%v", name, out, err)
		}
	}
	if out, err := l.notary(strings.Repeat("0", 64))(); err == nil {
		t.Errorf("notary takes it under another pin: %s", out)
	}
}

// A republication that was broken off leaves something that who has seen the lost data refuses; the next
// one goes on, from a machine without the root key too once the root is there.
func TestRepublishGoesOn(t *testing.T) {
	l := newLossy(t)
	for range 3 {
		mustSign(t, l.owner, l.push("team/app:1"), l.trust)
	}
	_, friend := l.person(l.front.url)
	mustRead(t, friend.Repository(l.owner.gun), l.trust)
	l.lose()
	ctx, cancel := context.WithCancel(t.Context())
	var unfinished *UnfinishedError
	_, err := l.owner.Republish(WithTrace(ctx, Trace{Stepped: func(done, _ int) {
		if done == 2 {
			cancel()
		}
	}}), l.trust, answer)
	if !errors.As(err, &unfinished) || unfinished.Done != 2 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%T: %v", err, err)
	}
	_, err = friend.Repository(l.owner.gun).Read(t.Context(), l.trust)
	wantProblem(t, err, ProblemRollback)
	p, err := l.owner.CanRepublish(t.Context(), l.trust)
	if err != nil || p.Done != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	s, err := friend.Repository(l.owner.gun).Republish(t.Context(), l.trust, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantSigners(t, s, "1", "alice")
	wantSigners(t, mustRead(t, l.owner, l.trust), "1", "alice")
}

// What cannot be published again is refused before anything is sent: without the root key, without having
// seen it, from under another root, and where the server has something else, or went back to older data.
func TestRepublishRefused(t *testing.T) {
	l := newLossy(t)
	old := l.owner.files(t)
	_, friend := l.person(l.front.url)
	theirs := friend.Repository(l.owner.gun)
	mustRead(t, theirs, l.trust)
	mustRead(t, l.owner, l.trust)
	mustSign(t, l.owner, l.push("team/app:1"), l.trust)
	posted := func() bool {
		return slices.ContainsFunc(l.front.requests(), func(s string) bool { return strings.HasPrefix(s, http.MethodPost) })
	}
	l.front.set(answering(old))
	if _, err := l.owner.Republish(t.Context(), l.trust, answer); !notAgain(err) || posted() {
		t.Errorf("a server that went back: %v", err)
	}
	l.lose()
	l.front.set(nil)
	var missing *MissingKeyError
	if _, err := theirs.Republish(t.Context(), l.trust, answer); !errors.As(err, &missing) || missing.Role != roleRoot {
		t.Errorf("without the root key: %v", err)
	}
	_, stranger := l.person(l.front.url)
	for name, r := range map[string]*Repository{"never seen": stranger.Repository(l.owner.gun), "another root": l.owner} {
		known := l.trust
		if name == "another root" {
			known = Trust{Certificates: []string{strings.Repeat("0", 64)}}
		}
		if _, err := r.Republish(t.Context(), known, answer); !notAgain(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if posted() {
		t.Error("something was published all the same")
	}
	l.front.set(nil)
	_, thief := l.person(l.front.url)
	if _, err := thief.Repository(l.owner.gun).Initialize(t.Context(), rootKey(t, thief), Trust{}, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := l.owner.Republish(t.Context(), l.trust, answer); !notAgain(err) {
		t.Errorf("another root was published meanwhile: %v", err)
	}
}

func notAgain(err error) bool {
	var e *RepublishError
	return errors.As(err, &e)
}

func second[A, B any](_ A, b B) B { return b }

// What was seen counts under a new pin as soon as the root was replaced: the server may lose it at once.
func TestRememberedUnderTheNewRoot(t *testing.T) {
	l := newLossy(t)
	s, err := l.owner.RotateRoot(t.Context(), rootKey(t, l.owner.client), l.trust, answer)
	if err != nil {
		t.Fatal(err)
	}
	l.lose()
	if _, err := l.owner.Republish(t.Context(), pinOf(s), answer); err != nil {
		t.Error(err)
	}
}
