package web

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulla/keys"
)

// server answers with f and ends with the test.
func server(t testing.TB, tls bool, f http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = nil
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// impatient does not wait, and notes what it was to wait.
func impatient(waits *[]time.Duration) *Client {
	return New(Options{Wait: func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil }})
}

func kindOf(t testing.TB, err error) Kind {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
	if e.Host == "" || e.Op == "" || !strings.Contains(err.Error(), e.Host) {
		t.Errorf("the error does not say which host: %v", err)
	}
	return e.Kind
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		status     int
		after      string
		kind       Kind
		get, post  int // how often it is asked
		retryAfter time.Duration
	}{
		{401, "", KindToken, 1, 1, 0},
		{403, "", KindForbidden, 1, 1, 0},
		{404, "", KindNotFound, 1, 1, 0},
		{418, "", KindRefused, 1, 1, 0},
		{429, "2", KindRateLimited, 3, 1, 2 * time.Second},
		{429, "61", KindRateLimited, 1, 1, 61 * time.Second},
		{500, "", KindServer, 1, 1, 0},
		{503, "", KindServer, 3, 1, 0},
	} {
		var n atomic.Int32
		s := server(t, false, func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			http.Error(w, "as the \x1b[31mtest\n asked", c.status)
		})
		var waits []time.Duration
		_, err := impatient(&waits).Get(t.Context(), "ask", s.URL)
		var e *Error
		if kindOf(t, err) != c.kind || int(n.Swap(0)) != c.get || !errors.As(err, &e) || e.RetryAfter != c.retryAfter || strings.Contains(e.Detail, "\n") {
			t.Errorf("GET %d: %v, %+v", c.status, err, e)
		}
		_, err = impatient(&waits).Do(t.Context(), Request{Op: "send", Method: "POST", URL: s.URL, Body: []byte("x")})
		if kindOf(t, err) != c.kind || int(n.Load()) != c.post {
			t.Errorf("POST %d: %v, asked %d times", c.status, err, n.Load())
		}
	}
}

func TestRetrySucceeds(t *testing.T) {
	var n atomic.Int32
	s := server(t, false, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	var waits []time.Duration
	if _, err := impatient(&waits).Get(t.Context(), "ask", s.URL); err != nil || len(waits) != 2 {
		t.Errorf("%v after %v", err, waits)
	}
	n.Store(0)
	if _, err := impatient(&waits).Do(t.Context(), Request{Op: "send", Method: "POST", URL: s.URL, Repeatable: true}); err != nil || n.Load() != 3 {
		t.Errorf("a call that may be repeated: %v", err)
	}
}

func TestTooBigAndTooSlow(t *testing.T) {
	s := server(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		_, _ = w.Write(make([]byte, 1001))
	})
	c := New(Options{Timeout: 50 * time.Millisecond})
	if _, err := c.Get(t.Context(), "ask", s.URL+"/slow"); kindOf(t, err) != KindTimeout {
		t.Error(err)
	}
	c = New(Options{})
	if _, err := c.Do(t.Context(), Request{Op: "ask", URL: s.URL, Limit: 1000}); kindOf(t, err) != KindTooBig {
		t.Error(err)
	}
	if a, err := c.Do(t.Context(), Request{Op: "ask", URL: s.URL, Limit: 1001}); err != nil || len(a.Body) != 1001 {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the person went away")
	time.AfterFunc(20*time.Millisecond, func() { cancel(gone) })
	if _, err := c.Get(ctx, "ask", s.URL+"/slow"); !errors.Is(err, gone) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if _, err := New(Options{}).Get(t.Context(), "ask", "http://"+addr); kindOf(t, err) != KindUnreachable {
		t.Error(err)
	}
	broken := server(t, false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	var waits []time.Duration
	if _, err := impatient(&waits).Get(t.Context(), "ask", broken.URL); kindOf(t, err) != KindUnreachable || len(waits) != 2 {
		t.Errorf("%v, %v", err, waits)
	}
	for _, bad := range []string{"", "ftp://127.0.0.1/", "https:///x", "https://user:secret@127.0.0.1/", "http://[::1"} {
		if _, err := New(Options{}).Get(t.Context(), "ask", bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A private certificate authority is accepted when it is named, and only then.
func TestPrivateCA(t *testing.T) {
	s := server(t, true, func(http.ResponseWriter, *http.Request) {})
	if _, err := New(Options{}).Get(t.Context(), "ask", s.URL); kindOf(t, err) != KindTLS {
		t.Error(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	if _, err := New(Options{Roots: roots}).Get(t.Context(), "ask", s.URL); err != nil {
		t.Error(err)
	}
}

func TestRedirects(t *testing.T) {
	plain := server(t, false, func(http.ResponseWriter, *http.Request) {})
	var to string
	s := server(t, true, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := New(Options{Roots: roots})
	for _, r := range []struct {
		to, method string
		token      bool
		kind       Kind // "" for none
	}{
		{"/end", "GET", false, ""},
		{plain.URL, "GET", false, KindRedirect}, // https → http
		{"/loop", "GET", false, KindRedirect},
		{"/end", "POST", false, KindRedirect},
		{"/end", "GET", true, KindRedirect},
	} {
		to = r.to
		q := Request{Op: "ask", Method: r.method, URL: s.URL}
		if r.token {
			q.Token = &Token{"PRIVATE-TOKEN", "", keys.NewSecret([]byte("canary"))}
		}
		_, err := c.Do(t.Context(), q)
		if (r.kind == "") != (err == nil) || err != nil && kindOf(t, err) != r.kind {
			t.Errorf("%s to %s: %v", r.method, r.to, err)
		}
	}
	if err := checkRedirect(Request{Method: "GET"}, request(t, "https://192.168.1.1/"), []*http.Request{request(t, "https://keys.example.org/")}); err == nil {
		t.Error("led into a private network")
	}
}

func request(t testing.TB, u string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0}, {"2", "", 2 * time.Second}, {"-1", "", 0}, {"99999999999999999999", "", 0}, {"999999", "", 24 * time.Hour}, {"soon", "", 0},
		{"Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 30 * time.Second},
		{"Wed, 21 Oct 2015 07:28:30 GMT", "", 0}, {"Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:30 GMT", 0},
	} {
		if got := retryAfter(c.value, c.date); got != c.want {
			t.Errorf("Retry-After %q at %q: %v, want %v", c.value, c.date, got, c.want)
		}
	}
}
