package dct

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/docker/internal/registrytest"
)

// listener is a server that wants to know who asks, and notes what it was shown.
type listener struct {
	url string

	mu    sync.Mutex
	shown []string
}

// listen starts one that asks with this challenge, in which URL stands for its own address. Where the
// challenge has that, it gives out tokens to anybody and takes none of them.
func listen(t *testing.T, ca *trusttest.CA, challenge string) *listener {
	t.Helper()
	l := &listener{}
	l.url = serveTLS(t, ca, func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		_ = r.ParseForm()
		if h := r.Header.Get("Authorization"); h != "" && h != "Bearer nobody" {
			l.shown = append(l.shown, h)
		}
		if p := r.Form.Get("password") + r.Form.Get("refresh_token"); p != "" {
			l.shown = append(l.shown, p)
		}
		if r.URL.Path == "/token" {
			fmt.Fprint(w, `{"token":"nobody"}`)
			return
		}
		w.Header().Set("WWW-Authenticate", strings.ReplaceAll(challenge, "URL", l.url))
		w.WriteHeader(http.StatusUnauthorized)
	})
	return l
}

// The registry's credentials go to no server that the user did not name, nor to whoever it says gives
// out tokens. The two servers that may see them do.
func TestCredentialsWithheld(t *testing.T) {
	ca := trusttest.NewCA(t)
	for name, challenge := range map[string]string{"basic": `Basic realm="x"`, "bearer": `Bearer realm="URL/token",service="x"`} {
		foreign := listen(t, ca, challenge)
		other := listen(t, ca, challenge)
		host := strings.TrimPrefix(foreign.url, "https://")
		auth := `{"username":"alice","password":"s3cret"}`
		registrytest.DockerConfig(t, fmt.Sprintf(`{"auths":{"registry.example":%s,%q:%s}}`, auth, host, auth))
		dir := trusttest.DockerDir(t, ca, "{}", host)
		read := func(gun string, named ...string) error {
			t.Helper()
			g, err := ParseGUN(gun)
			if err != nil {
				t.Fatal(err)
			}
			c := NewClient(Options{Registry: docker.NewClient(docker.Options{}), Server: foreign.url, Named: named, StateDir: t.TempDir(), DockerDir: dir})
			_, err = c.Repository(g).Read(t.Context(), Trust{FirstUse: true})
			return err
		}
		t.Setenv("SSL_CERT_FILE", ca.File)
		var withheld *CredentialsWithheldError
		for _, named := range [][]string{nil, {""}, {other.url}, {"http://" + host}, {"https://localhost"}} {
			if err := read("registry.example/app", named...); !errors.As(err, &withheld) || withheld.Server != foreign.url || !strings.Contains(err.Error(), "--trust-server") {
				t.Errorf("%s, %q: %T: %v", name, named, err, err)
			}
		}
		if len(foreign.shown) > 0 {
			t.Fatalf("%s: it was shown %q", name, foreign.shown)
		}
		for what, err := range map[string]error{
			"named":             read("registry.example/app", other.url, foreign.url+"/"),
			"named in capitals": read("registry.example/app", strings.Replace(foreign.url, "localhost", "LOCALHOST", 1)),
			"the registry's":    read(host + "/app"),
		} {
			var e *ServerError
			if !errors.As(err, &e) || errors.As(err, &withheld) || e.Kind != docker.KindUnauthorized {
				t.Errorf("%s, %s: %T: %v", name, what, err, err)
			}
		}
		if len(foreign.shown) < 3 {
			t.Errorf("%s: it was shown %q", name, foreign.shown)
		}
		if hub, err := ParseGUN("alpine"); err != nil || NewClient(Options{Server: foreign.url}).Repository(hub).mayShowCredentials() || !NewClient(Options{}).Repository(hub).mayShowCredentials() {
			t.Error("Docker Hub's credentials are for its own server", err)
		}
		if len(other.shown) > 0 {
			t.Errorf("%s: the other was shown %q", name, other.shown)
		}
	}
}
