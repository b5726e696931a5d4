package dct

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/docker/internal/registrytest"
)

// asked are the requests that came by, in short.
func (a *attacker) asked() (out []string) {
	for _, r := range a.requests() {
		method, p, _ := strings.Cut(r, " ")
		name, _, _ := strings.Cut(path.Base(p), ".")
		if strings.HasSuffix(p, "/") {
			name = "/" + path.Base(p)
		}
		out = append(out, method+" "+name)
	}
	return out
}

// Nothing is asked for twice: a signature takes one look, one change, and one look at what came of it; a
// second look takes the timestamp.
func TestNothingIsAskedTwice(t *testing.T) {
	l := newLossy(t)
	again := func() *Repository { // as another process finds it
		return l.clientIn(l.dir, l.owner.client.stateDir, l.front.url).Repository(l.owner.gun)
	}
	img := l.push("team/app:1")
	l.front.set(nil)
	r := again()
	mustSign(t, r, img, l.trust)
	if got, want := l.front.asked(), []string{"GET /v2", "GET timestamp", "POST /tuf", "GET timestamp", "GET snapshot"}; !slices.Equal(got, want) {
		t.Errorf("a signature asks %q", got)
	}
	l.front.set(nil)
	mustRead(t, r, l.trust)
	if got, want := l.front.asked(), []string{"GET timestamp"}; !slices.Equal(got, want) {
		t.Errorf("a look asks %q", got)
	}
	wantSigners(t, mustRead(t, again(), l.trust), "1", "alice")
}

// A server that wants to know who asks is asked once what it wants to see.
func TestOneQuestionOfCredentials(t *testing.T) {
	ca := trusttest.NewCA(t)
	const user, password = "alice", "correct horse"
	server := trusttest.StartWithToken(t, ca, trusttest.Tokens(t, ca, user, password))
	front := between(t, server)
	host := registrytest.DistributionWithPassword(t)
	registrytest.DockerConfig(t, fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, host, user, password))
	w := &world{t: t, registry: docker.NewClient(docker.Options{}), host: host, server: server}
	w.dockerDir, w.client = w.person(front.url)
	r, trust := w.initialized("team/app")
	questions := func() (n int) {
		for _, s := range front.requests() {
			if s == http.MethodGet+" /v2/" {
				n++
			}
		}
		return n
	}
	if n := questions(); n != 1 {
		t.Errorf("%d questions for the right to push", n)
	}
	_, reader := w.person(front.url)
	front.set(nil)
	mustRead(t, reader.Repository(r.gun), trust)
	if n := questions(); n != 1 {
		t.Errorf("%d questions for the right to read", n)
	}
}
