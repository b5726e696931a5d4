package trusttest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bulla/keys/keystest"
)

// Server is a running notary-server.
type Server struct {
	URL, Host string // "https://localhost:PORT" and "localhost:PORT"
	CA        *CA
	cmd       *exec.Cmd
	done      chan struct{}
}

// Start runs Debian's notary-server, which keeps everything in memory. The test skips without it.
func Start(t testing.TB, ca *CA) *Server { return start(t, ca, nil) }

// StartWithToken is Start for a server that lets in only who comes with a token.
func StartWithToken(t testing.TB, ca *CA, tokens *TokenServer) *Server {
	return start(t, ca, map[string]any{"type": "token", "options": map[string]any{
		"realm": tokens.URL + "/token", "service": tokenService, "issuer": tokenIssuer, "rootcertbundle": ca.Cert,
	}})
}

// tries is how often another port is tried, if a free one was taken by somebody else just then.
const tries = 5

func start(t testing.TB, ca *CA, auth map[string]any) *Server {
	t.Helper()
	program := keystest.Peer(t, "notary-server")
	var log string
	for range tries {
		s := &Server{CA: ca, done: make(chan struct{})}
		if log = s.run(t, program, auth); log == "" {
			return s
		}
	}
	t.Fatalf("notary-server did not start:\n%s", log)
	return nil
}

// run starts the server once; it returns what it said if it did not begin to answer.
func (s *Server) run(t testing.TB, program string, auth map[string]any) string {
	t.Helper()
	port := freePort(t)
	s.Host = "localhost:" + port
	s.URL = "https://" + s.Host
	config := map[string]any{
		"server":        map[string]any{"http_addr": "127.0.0.1:" + port, "tls_cert_file": s.CA.Cert, "tls_key_file": s.CA.Key},
		"trust_service": map[string]any{"type": "local", "hostname": "", "port": "", "key_algorithm": "ecdsa"},
		"storage":       map[string]any{"backend": "memory"},
		"logging":       map[string]any{"level": "error"},
	}
	if auth != nil {
		config["auth"] = auth
	}
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "notary-server.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var log syncBuffer
	s.cmd = exec.Command(program, "-config", file)
	s.cmd.Stdout, s.cmd.Stderr = &log, &log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(s.done); _ = s.cmd.Wait() }()
	t.Cleanup(s.Stop)
	c := s.CA.Client(t)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.done:
			return "it ended: " + log.String()
		default:
		}
		resp, err := c.Get(s.URL + "/_notary_server/health")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return ""
			}
		}
	}
	return "no answer: " + log.String()
}

// Stop ends the server. It may be called more than once.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Client is an HTTP client that trusts the authority.
func (c *CA) Client(t testing.TB) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	b, err := os.ReadFile(c.File)
	if err != nil || !pool.AppendCertsFromPEM(b) {
		t.Fatalf("%s: %v", c.File, err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.b.String())
}

// DockerDir makes a folder like ~/.docker with the authority for these hosts of trust servers,
// and content as its config.json.
func DockerDir(t testing.TB, ca *CA, content string, hosts ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		d := filepath.Join(dir, "tls", h)
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "ca.crt"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
