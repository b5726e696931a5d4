package dct

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/theupdateframework/notary/cryptoservice"
	"github.com/theupdateframework/notary/trustmanager"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/signed"
	"github.com/theupdateframework/notary/tuf/utils"

	"bulla/docker/dct/trusttest"
)

// attacker stands between the client and a notary-server, with a certificate that the client
// trusts: it can answer whatever it likes, but has none of the keys.
type attacker struct {
	url string

	mu     sync.Mutex
	attack func(w http.ResponseWriter, r *http.Request) bool // reports whether it answered
	seen   []string
	to     *url.URL
}

// now puts another server behind it.
func (a *attacker) now(t testing.TB, s *trusttest.Server) {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.to = to
}

func (a *attacker) behind() *url.URL {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to
}

// between starts an attacker in front of a server.
func between(t testing.TB, s *trusttest.Server) *attacker {
	t.Helper()
	a := &attacker{}
	a.now(t, s)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(a.behind()) },
		Transport: s.CA.Client(t).Transport, ErrorLog: log.New(io.Discard, "", 0),
	}
	a.url = serveTLS(t, s.CA, func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.seen = append(a.seen, r.Method+" "+r.URL.Path)
		attack := a.attack
		a.mu.Unlock()
		if attack == nil || !attack(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})
	return a
}

func serveTLS(t testing.TB, ca *trusttest.CA, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = ca.TLS()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return "https://localhost" + s.URL[strings.LastIndex(s.URL, ":"):]
}

// set installs an attack; nil ends it.
func (a *attacker) set(f func(w http.ResponseWriter, r *http.Request) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attack, a.seen = f, nil
}

// requests are those since the last set.
func (a *attacker) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen
}

// get reads a file of trust data as the server has it.
func get(t testing.TB, s *trusttest.Server, gun GUN, file string) []byte {
	t.Helper()
	resp, err := s.CA.Client(t).Get(s.URL + "/v2/" + gun.String() + "/_trust/tuf/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", file, resp.StatusCode, err)
	}
	return b
}

// answering answers files whose name begins with one of the keys.
func answering(files map[string][]byte) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		_, name, ok := strings.Cut(r.URL.Path, "/_trust/tuf/")
		for prefix, b := range files {
			if ok && strings.HasPrefix(name, prefix) && r.Method == http.MethodGet {
				_, _ = w.Write(b)
				return true
			}
		}
		return false
	}
}

// traitor is a trust server that has gone bad: it keeps the snapshot and timestamp keys, as every
// server does, and signs with them what it should not.
type traitor struct {
	t    testing.TB
	url  string
	keys map[data.RoleName]data.PrivateKey
	cs   *cryptoservice.CryptoService

	mu      sync.Mutex
	files   map[string][]byte
	current map[data.RoleName][]byte // what the client published
	version int
	expires map[data.RoleName]time.Time // of what it signs; a year if not set
}

func newTraitor(t testing.TB, ca *trusttest.CA) *traitor {
	t.Helper()
	store := trustmanager.NewKeyMemoryStore(func(string, string, bool, int) (string, bool, error) { return "p", false, nil })
	s := &traitor{
		t: t, cs: cryptoservice.NewCryptoService(store), keys: map[data.RoleName]data.PrivateKey{},
		files: map[string][]byte{}, current: map[data.RoleName][]byte{}, expires: map[data.RoleName]time.Time{},
	}
	for _, role := range []data.RoleName{data.CanonicalSnapshotRole, data.CanonicalTimestampRole} {
		k, err := utils.GenerateED25519Key(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.cs.AddKey(role, "", k); err != nil {
			t.Fatal(err)
		}
		s.keys[role] = k
	}
	s.url = serveTLS(t, ca, s.serve)
	return s
}

func (s *traitor) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, file, ok := strings.Cut(r.URL.Path, "/_trust/tuf/")
	switch {
	case !ok:
	case r.Method == http.MethodPost:
		s.publish(r)
	case strings.HasSuffix(file, ".key"):
		k := s.keys[data.RoleName(strings.TrimSuffix(file, ".key"))]
		_ = json.NewEncoder(w).Encode(data.PublicKeyFromPrivate(k))
	default:
		b, ok := s.files[strings.TrimSuffix(file, ".json")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(b)
	}
}

func (s *traitor) publish(r *http.Request) {
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		s.t.Error(err)
		return
	}
	for _, h := range r.MultipartForm.File["files"] {
		f, err := h.Open()
		if err != nil {
			s.t.Error(err)
			return
		}
		b, err := io.ReadAll(f)
		if err != nil {
			s.t.Error(err)
		}
		_ = f.Close()
		// The file name of a part loses its folder on the way in; the header has all of it.
		_, rest, _ := strings.Cut(h.Header.Get("Content-Disposition"), `filename="`)
		role, _, _ := strings.Cut(rest, `"`)
		s.current[data.RoleName(role)] = b
	}
	s.sign(s.current)
}

// sign makes a new snapshot and timestamp over these files.
func (s *traitor) sign(files map[data.RoleName][]byte) {
	s.version++
	meta := data.Files{}
	for role, b := range files {
		s.put(role, b)
		m, err := data.NewFileMeta(bytes.NewReader(b), "sha256", "sha512")
		if err != nil {
			s.t.Error(err)
		}
		meta[role.String()] = m
		if role == data.CanonicalRootRole {
			s.files[fmt.Sprintf("%d.root", versionOf(b))] = b
		}
	}
	snapshot := s.signed(data.CanonicalSnapshotRole, meta)
	s.put(data.CanonicalSnapshotRole, snapshot)
	m, err := data.NewFileMeta(bytes.NewReader(snapshot), "sha256", "sha512")
	if err != nil {
		s.t.Error(err)
	}
	s.put(data.CanonicalTimestampRole, s.signed(data.CanonicalTimestampRole, data.Files{"snapshot": m}))
}

func (s *traitor) put(role data.RoleName, b []byte) {
	h := sha256.Sum256(b)
	s.files[role.String()] = b
	s.files[role.String()+"."+hex.EncodeToString(h[:])] = b
}

func (s *traitor) signed(role data.RoleName, meta data.Files) []byte {
	expires, ok := s.expires[role]
	if !ok {
		expires = time.Now().AddDate(1, 0, 0)
	}
	common := data.SignedCommon{Type: data.TUFTypes[role], Version: s.version, Expires: expires}
	var raw *data.Signed
	var err error
	if role == data.CanonicalSnapshotRole {
		raw, err = (&data.SignedSnapshot{Signed: data.Snapshot{SignedCommon: common, Meta: meta}}).ToSigned()
	} else {
		raw, err = (&data.SignedTimestamp{Signed: data.Timestamp{SignedCommon: common, Meta: meta}}).ToSigned()
	}
	if err == nil {
		err = signed.Sign(s.cs, raw, []data.PublicKey{data.PublicKeyFromPrivate(s.keys[role])}, 1, nil)
	}
	if err != nil {
		s.t.Error(err)
	}
	b, err := json.Marshal(raw)
	if err != nil {
		s.t.Error(err)
	}
	return b
}

// do changes what the traitor has, under its lock.
func (s *traitor) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}
