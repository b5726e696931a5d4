package registrytest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Faulty is a registry in the process through which every request passes a Fault first.
type Faulty struct {
	Host string

	mu       sync.Mutex
	fault    func(w http.ResponseWriter, r *http.Request) bool
	requests []string
}

// Faults starts one. referrers says whether it lists them itself.
func Faults(t testing.TB, referrers bool) *Faulty {
	t.Helper()
	f := &Faulty{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(referrers))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		fault := f.fault
		f.mu.Unlock()
		if fault == nil || !fault(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of TLS tried on a plain port
	s.Start()
	t.Cleanup(s.Close)
	f.Host = s.Listener.Addr().String()
	return f
}

// Set installs a fault, which reports whether it answered; nil removes it.
func (f *Faulty) Set(fault func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Status makes every request that matches (method, and a part of the path) end in status with
// an error body as the distribution specification has it.
func (f *Faulty) Status(method, path string, status int) {
	f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.Path, path) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"errors":[{"code":"TEST","message":"as the test asked"}]}`)
		return true
	})
}

// Requests returns what was asked since the last call, as "METHOD /path".
func (f *Faulty) Requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.requests
	f.requests = nil
	return r
}
