package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

func TestHosts(t *testing.T) {
	for host, want := range map[string][2]bool{ // loopback, internal
		"localhost": {true, true}, "registry.localhost": {true, true}, "127.0.0.1": {true, true}, "127.9.9.9": {true, true}, "::1": {true, true}, "::ffff:127.0.0.1": {true, true},
		"10.1.2.3": {false, true}, "172.16.0.1": {false, true}, "192.168.1.1": {false, true}, "::ffff:10.0.0.1": {false, true}, "fd00::1": {false, true},
		"169.254.169.254": {false, true}, "fe80::1": {false, true}, "0.0.0.0": {false, true}, "::": {false, true},
		"8.8.8.8": {}, "2606:4700::1111": {}, "example.org": {}, "localhost.example.org": {}, "notlocalhost": {}, "": {},
	} {
		if got := [2]bool{Loopback(host), Internal(host)}; got != want {
			t.Errorf("%q: loopback and internal %v, want %v", host, got, want)
		}
	}
}

// The errors are those that the library makes of real servers.
func TestErrors(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the handshake
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = c.Close()
		}
	}))
	defer cut.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	strange, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer strange.Close()
	go func() {
		for {
			c, err := strange.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "SSH-2.0-something else\r\n")
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for name, c := range map[string]struct {
		url                   string
		certificate, no, lost bool
		why                   string
	}{
		"unknown authority": {secure.URL, true, true, false, "its certificate is by an authority that is not known here"},
		"no TLS":            {"https" + plain.URL[len("http"):], false, true, false, "it does not speak TLS there"},
		"something else":    {"https://" + strange.Addr().String(), false, true, false, "it does not speak TLS there"},
		"cut off":           {cut.URL, false, false, true, "the connection broke"},
		"nobody listens":    {closed, false, false, false, "nobody listens there"},
	} {
		resp, err := client.Get(c.url)
		if err == nil {
			_ = resp.Body.Close()
			t.Fatalf("%s: no error", name)
		}
		if BadCertificate(err) != c.certificate || NoTLS(err) != c.no || Broken(err) != c.lost {
			t.Errorf("%s: certificate %v, no TLS %v, lost %v: %v", name, BadCertificate(err), NoTLS(err), Broken(err), err)
		}
		if why := Why(fmt.Errorf("%s: %w", c.url, err)); why != c.why {
			t.Errorf("%s: %q", name, why)
		}
	}
	for err, want := range map[error]string{
		context.DeadlineExceeded:                                                       "no answer in time",
		&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}:                             "there is no way to it from here",
		&net.DNSError{Err: "no such host", IsNotFound: true}:                           "there is no such host",
		&net.DNSError{Err: "server misbehaving"}:                                       "its name cannot be looked up",
		errors.Join(errors.New("first"), errors.New("second")):                         "first",
		fmt.Errorf("get: %w", errors.New("what is not known")):                         "what is not known",
		&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}: "it wants a certificate of its clients, and was shown none that it takes",
	} {
		if got := Why(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if Why(nil) != "" {
		t.Error("no error has a reason")
	}
	other := &tls.CertificateVerificationError{Err: errors.New("x")}
	if !BadCertificate(fmt.Errorf("get: %w", other)) || Broken(other) || !Broken(fmt.Errorf("get: %w", io.ErrUnexpectedEOF)) {
		t.Error("wrapped errors")
	}
}

func TestWait(t *testing.T) {
	if err := Wait(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := Wait(ctx, time.Hour); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
