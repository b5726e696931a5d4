package workflow

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/docker/dct/trusttest"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

// A server that only a bulla.toml names is shown no credentials; one that the user names, by flag or
// in the environment, is.
func TestTrustClientCredentials(t *testing.T) {
	const password = "s3cret-of-the-registry"
	ca := trusttest.NewCA(t)
	var shown atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
		if strings.Contains(string(b), password) {
			shown.Add(1)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	server.TLS = ca.TLS()
	server.StartTLS()
	t.Cleanup(server.Close)
	url := "https://localhost" + server.URL[strings.LastIndex(server.URL, ":"):]
	dir := trusttest.DockerDir(t, ca, fmt.Sprintf(`{"auths":{"registry.example":{"username":"ada","password":%q}}}`, password), strings.TrimPrefix(url, "https://"))
	t.Setenv("DOCKER_CONFIG", dir) // where Docker's own keychain looks
	gun, err := dct.ParseGUN("registry.example/team/app")
	if err != nil {
		t.Fatal(err)
	}
	read := func(flags []string, variable string) error {
		env := map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTENT_TRUST_SERVER": variable}
		w := &world.World{Registry: docker.NewClient(docker.Options{}), TrustServers: flags,
			Places: keydesk.Places{Home: t.TempDir(), Env: func(n string) string { return env[n] }, Now: time.Now}}
		c := w.TrustClient(url)
		defer c.Close()
		_, err := c.Repository(gun).Read(t.Context(), dct.Trust{FirstUse: true})
		return err
	}
	var withheld *dct.CredentialsWithheldError
	for _, variable := range []string{"", "https://localhost:1"} {
		if err := read(nil, variable); !errors.As(err, &withheld) || shown.Load() != 0 {
			t.Errorf("%q: %T: %v; shown %d times", variable, err, err, shown.Load())
		}
	}
	if err := read([]string{url}, ""); errors.As(err, &withheld) || shown.Swap(0) == 0 {
		t.Errorf("by flag: %T: %v", err, err)
	}
	if err := read(nil, url); errors.As(err, &withheld) || shown.Load() == 0 {
		t.Errorf("by the environment: %T: %v", err, err)
	}
}
