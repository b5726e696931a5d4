package publish

import (
	"crypto/x509"
	"errors"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"bulla/keys/keystest"
	"bulla/keys/publish/web"
)

// The real key server behind TLS with an authority that only the person knows.
func TestKeyServerOverTLS(t *testing.T) {
	u, err := url.Parse("http://" + strings.TrimPrefix(keystest.SKS(t), "hkp://"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(u))
	s.Config.ErrorLog = log.New(writer{t}, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	target := "hkps://" + strings.TrimPrefix(s.URL, "https://")
	home, f := ada(t, "Ada <ada@example.test>")
	first := plan(t, ringOf(t, home), f, Choice{}, target)
	var e *web.Error
	if r := publishOne(t, New(Options{}), first); !errors.As(r.Err, &e) || e.Kind != web.KindTLS || r.Stage != StageNone {
		t.Errorf("an unknown authority: %+v", r)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	p := New(Options{Client: web.New(web.Options{Roots: roots})})
	if r := publishOne(t, p, first); !r.Done() || r.Stage != StageAddress {
		t.Errorf("a known one: %s, %+v", r.State(), r)
	}
	src, err := ParseSource(target, "")
	if err != nil {
		t.Fatal(err)
	}
	q, _ := ParseQuery("ada@example.test")
	if found, misses, err := p.Fetch(t.Context(), q, []Target{src}, nil); err != nil || len(found) != 1 {
		t.Errorf("%+v, %+v, %v", found, misses, err)
	}
}
