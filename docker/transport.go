package docker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"bulla/keys/wire"
)

// A request that only reads is tried up to readTries times. Writes are never repeated here: the
// caller can see from the registry what became of them.
const (
	readTries     = 3
	firstPause    = 250 * time.Millisecond
	longestPause  = 5 * time.Second // of what a registry asks for by Retry-After
	maxRedirects  = 5
	drainedAtMost = 64 << 10 // bytes of a dropped answer read so that its connection is kept
)

// retrying repeats GET and HEAD requests that a broken connection, a rate limit or a passing
// trouble of the server ended.
type retrying struct {
	inner http.RoundTripper
	wait  func(context.Context, time.Duration) error
}

func (t *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := rewound(req)
	if err != nil {
		return nil, err
	}
	reads := (req.Method == http.MethodGet || req.Method == http.MethodHead) && req.Body == nil
	pause := firstPause
	for try := 1; ; try++ {
		resp, err := t.inner.RoundTrip(req)
		if !reads || try == readTries || req.Context().Err() != nil || !passing(resp, err) {
			return resp, err
		}
		d := pause
		if resp != nil {
			d = retryAfter(resp, pause)
			_, _ = io.CopyN(io.Discard, resp.Body, drainedAtMost)
			_ = resp.Body.Close()
		}
		if err := t.wait(req.Context(), d); err != nil {
			return nil, err
		}
		pause *= 3
	}
}

// rewound is a request with its body at the beginning. go-containerregistry sends a request again, with
// a new token, when the registry takes the old one no more, and the body is at its end by then.
func rewound(req *http.Request) (*http.Request, error) {
	if req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	if req.Body != nil {
		_ = req.Body.Close() // whoever is handed a body closes it
	}
	again := req.WithContext(req.Context()) // a copy: the request is not ours to change
	again.Body = body
	return again, nil
}

// passing reports whether the same request may succeed in a moment. A refused connection or an
// unknown host will not.
func passing(resp *http.Response, err error) bool {
	if err != nil {
		return wire.Broken(err)
	}
	switch resp.StatusCode {
	// 500 too: docker-registry (2.8.2) says so to who reads a tag while another writes it.
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads the header in its form of seconds, within bounds.
func retryAfter(resp *http.Response, otherwise time.Duration) time.Duration {
	s, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || s < 0 {
		return otherwise
	}
	return min(time.Duration(min(s, 3600))*time.Second, longestPause)
}

// checkRedirect lets a registry send a reader to its blob storage, but never from TLS to plain
// text, and never from a public name to an address inside the user's own network, where a
// request of bulla's could reach what the registry cannot.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("%w: more than %d redirects", errContent, maxRedirects)
	}
	return checkHop(via[0].URL.Scheme, via[0].URL.Hostname(), req.URL.Scheme, req.URL.Hostname())
}

func checkHop(fromScheme, fromHost, toScheme, toHost string) error {
	if fromScheme == "https" && toScheme != "https" {
		return fmt.Errorf("%w: the registry redirects from TLS to plain text", errContent)
	}
	if toHost != fromHost && wire.Internal(toHost) && !wire.Internal(fromHost) {
		return fmt.Errorf("%w: the registry redirects into a private network", errContent)
	}
	return nil
}
