// Package registrytest gives tests registries that misbehave, and the real one of
// github.com/distribution/distribution.
package registrytest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"bulla/keys/keystest"
)

// The only account of a registry started by DistributionWithPassword.
const (
	User     = "alice"
	Password = "correct horse"
)

// Distribution starts Debian's docker-registry on a free port of 127.0.0.1 and returns
// "127.0.0.1:PORT". The test skips without it; the registry ends with the test.
func Distribution(t testing.TB) string {
	t.Helper()
	return distribution(t, "")
}

// DistributionWithPassword is Distribution for a registry that knows one user only.
func DistributionWithPassword(t testing.TB) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(Password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%s:%s\n", User, h), 0o600); err != nil {
		t.Fatal(err)
	}
	return distribution(t, fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", file))
}

// DistributionWithToken is Distribution for a registry that believes the tokens of the server at
// realm, by that service and issuer, under the authorities in bundle.
func DistributionWithToken(t testing.TB, realm, service, issuer, bundle string) string {
	t.Helper()
	return distribution(t, fmt.Sprintf("auth: {token: {realm: %q, service: %q, issuer: %q, rootcertbundle: %q}}\n", realm, service, issuer, bundle))
}

// DistributionOverTLS is DistributionWithToken with a certificate and key of its own, both PEM files.
func DistributionOverTLS(t testing.TB, cert, key, realm, service, issuer, bundle string) string {
	t.Helper()
	host := start(t, fmt.Sprintf("{addr: \"127.0.0.1:0\", tls: {certificate: %q, key: %q}}", cert, key),
		fmt.Sprintf("auth: {token: {realm: %q, service: %q, issuer: %q, rootcertbundle: %q}}\n", realm, service, issuer, bundle))
	return strings.Replace(host, "127.0.0.1", "localhost", 1)
}

// DistributionForClients is Distribution with a certificate and key of its own that lets in only who
// shows a certificate by one of the authorities in clients; all are PEM files.
func DistributionForClients(t testing.TB, cert, key, clients string) string {
	t.Helper()
	host := start(t, fmt.Sprintf("{addr: \"127.0.0.1:0\", tls: {certificate: %q, key: %q, clientcas: [%q]}}", cert, key, clients), "")
	return strings.Replace(host, "127.0.0.1", "localhost", 1)
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

func distribution(t testing.TB, extra string) string {
	t.Helper()
	return start(t, `{addr: "127.0.0.1:0"}`, extra)
}

// start starts docker-registry with a table http and more of its configuration.
func start(t testing.TB, http, extra string) string {
	t.Helper()
	program := keystest.Peer(t, "docker-registry")
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf(`version: 0.1
log: {level: info}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: %s
%s`, filepath.Join(dir, "data"), http, extra)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// Every REGISTRY_… variable would change the configuration.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "REGISTRY_") })
	return run(t, env, program, "serve", config)
}

// Referrers starts a registry that lists referrers itself (distribution specification 1.1), that of
// cuelabs.dev/go/oci, on a free port of 127.0.0.1 and returns "127.0.0.1:PORT". The test skips
// without it; the registry ends with the test.
func Referrers(t testing.TB) string {
	t.Helper()
	return run(t, os.Environ(), keystest.Peer(t, "ociregistry"))
}

// run starts a registry that says where it listens, until the test ends.
func run(t testing.TB, env []string, program string, args ...string) string {
	t.Helper()
	name := filepath.Base(program)
	cmd := exec.Command(program, args...)
	cmd.Env = env
	if _, err := cmd.StdinPipe(); err != nil { // ociregistry ends with it
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = out.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = out.Close()
	})
	found := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(out)
		for s.Scan() { // to the end, or the registry would block on a full pipe
			if m := listening.FindStringSubmatch(s.Text()); m != nil {
				select {
				case found <- m[1]:
				default:
				}
			}
		}
		close(found)
	}()
	select {
	case host, ok := <-found:
		if !ok {
			t.Fatalf("%s ended before it listened", name)
		}
		return host
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not begin to listen within 30 s", name)
	}
	return ""
}

// DockerConfig points Docker's configuration to an empty folder for this test, with content
// as its config.json, and HOME to another: nothing of the user's is read.
func DockerConfig(t testing.TB, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", "")
	return dir
}
