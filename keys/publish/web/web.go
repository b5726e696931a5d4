// Package web is how bulla speaks to the servers that keys are published on and fetched from. Every
// call has a deadline and a limit of size, can be cancelled, and is repeated only where repeating
// does no harm. An answer that leads from TLS to plain text is refused.
package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/wire"
)

// The bounds of one call.
const (
	// DefaultTimeout bounds each try of a call.
	DefaultTimeout = 20 * time.Second
	// MaxAnswer is the most that is read of an answer where the caller names no other limit.
	MaxAnswer = 2 << 20
	// maxDetail is the most of a server's own words that an error carries, in bytes.
	maxDetail = 200
)

// Options are the parts of a Client. The zero value speaks to the real network.
type Options struct {
	// Roots are the certificate authorities to trust; nil takes the system's.
	Roots *x509.CertPool
	// Dial replaces the way connections are made.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// UserAgent is the User-Agent header, "bulla" if empty.
	UserAgent string
	// Timeout bounds each try of a call, DefaultTimeout if zero.
	Timeout time.Duration
	// Wait replaces the pause between two tries.
	Wait func(context.Context, time.Duration) error
}

// Client makes calls. It is safe for concurrent use and keeps no cookies.
type Client struct {
	transport http.RoundTripper
	agent     string
	timeout   time.Duration
	wait      func(context.Context, time.Duration) error
}

// New makes a Client. It talks to nobody yet.
func New(o Options) *Client {
	c := &Client{agent: o.UserAgent, timeout: o.Timeout, wait: o.Wait}
	if c.agent == "" {
		c.agent = "bulla"
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.wait == nil {
		c.wait = wire.Wait
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         o.Dial,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		// A compressed answer could be far bigger than it looks.
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
	}
	if o.Dial == nil {
		t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	c.transport = t
	return c
}

// Token authorises a call. Its value goes into one header of the call and nowhere else.
type Token struct {
	Header string // "Authorization"
	Prefix string // "Bearer "
	Value  keys.Secret
}

// Request is one call.
type Request struct {
	// Op says what the call is for, as a fragment: "send the key".
	Op     string
	Method string // GET if empty
	URL    string
	// Type is the Content-Type of Body.
	Type   string
	Accept string
	Body   []byte
	Token  *Token
	// Repeatable says that a call with a body does no harm when it is made twice.
	Repeatable bool
	// Limit is the most that is read of the answer, MaxAnswer if zero.
	Limit int64
}

// Answer is what a server said to a call that it accepted (status 2xx). What it says may be wrong.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get reads what is at a URL.
func (c *Client) Get(ctx context.Context, op, rawURL string) (Answer, error) {
	return c.Do(ctx, Request{Op: op, URL: rawURL})
}

// Do makes a call. Reading calls, and those that say so, are tried up to three times. The error
// is an *Error, or what ended ctx.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return Answer{}, &Error{Host: hostOf(u), Op: r.Op, Kind: KindAddress, Detail: "this is no address of a server"}
	}
	if r.Token != nil && u.Scheme != "https" && !wire.Loopback(u.Hostname()) {
		return Answer{}, &Error{Host: u.Host, Op: r.Op, Kind: KindAddress, Detail: "a token is sent over TLS only"}
	}
	repeatable := r.Method == http.MethodGet || r.Repeatable
	for try := 1; ; try++ {
		a, err := c.once(ctx, r, u)
		var e *Error
		if err == nil || ctx.Err() != nil || !repeatable || try == tries || !errors.As(err, &e) || !e.passing() {
			if ctx.Err() != nil {
				return a, context.Cause(ctx)
			}
			return a, err
		}
		d := firstPause << (2 * (try - 1))
		if e.RetryAfter > 0 {
			d = e.RetryAfter
		}
		if d > longestPause {
			return a, err // the error says when
		}
		if err := c.wait(ctx, d); err != nil {
			return a, err
		}
	}
}

const (
	tries        = 3
	firstPause   = 250 * time.Millisecond
	longestPause = 10 * time.Second
	maxRedirects = 5
)

// once makes the call a single time.
func (c *Client) once(ctx context.Context, r Request, u *url.URL) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, &Error{Host: u.Host, Op: r.Op, Kind: KindAddress, Detail: "this is no address of a server"}
	}
	req.Header.Set("User-Agent", c.agent)
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	if r.Accept != "" {
		req.Header.Set("Accept", r.Accept)
	}
	if err := r.Token.authorise(req); err != nil {
		return Answer{}, err
	}
	client := &http.Client{Transport: c.transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		return checkRedirect(r, next, via)
	}}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, failed(u.Host, r.Op, err)
	}
	defer resp.Body.Close()
	limit := r.Limit
	if limit == 0 {
		limit = MaxAnswer
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return Answer{}, failed(u.Host, r.Op, err)
	}
	if resp.StatusCode/100 != 2 {
		return Answer{}, refused(u.Host, r, resp, body)
	}
	if int64(len(body)) > limit {
		return Answer{}, &Error{Host: u.Host, Op: r.Op, Kind: KindTooBig, Status: resp.StatusCode, Detail: fmt.Sprintf("the answer has more than %d KiB", limit>>10)}
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// authorise puts the token into its header. The library wants a string there, which cannot be
// wiped: a token stays in memory until its place is used again.
func (t *Token) authorise(req *http.Request) error {
	if t == nil {
		return nil
	}
	return t.Value.Use(func(b []byte) error {
		if bytes.ContainsFunc(b, func(r rune) bool { return r <= ' ' || r > '~' }) || len(b) == 0 {
			return &Error{Host: req.URL.Host, Op: "use the token", Kind: KindToken, Detail: "the token is empty or holds characters that no token has"}
		}
		req.Header.Set(t.Header, t.Prefix+string(b))
		return nil
	})
}

// checkRedirect lets a reading call be sent elsewhere, but never with a token, never from TLS to
// plain text, and never from a public name into the user's own network.
func checkRedirect(r Request, next *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	switch {
	case r.Token != nil || r.Method != http.MethodGet:
		return redirectError("the server sends the call elsewhere, which only reading calls follow")
	case len(via) >= maxRedirects:
		return redirectError("more than five redirects")
	case from.Scheme == "https" && next.URL.Scheme != "https":
		return redirectError("the server leads from TLS to plain text")
	case wire.Internal(next.URL.Hostname()) && !wire.Internal(via[0].URL.Hostname()):
		return redirectError("the server leads into a private network")
	}
	return nil
}

type redirectError string

func (e redirectError) Error() string { return string(e) }

func hostOf(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Host
}

// detail is the beginning of what a server said, on one line.
func detail(body []byte, token *Token) string {
	if bytes.ContainsRune(body, 0) {
		return ""
	}
	if token != nil {
		// A server may repeat what it was sent.
		_ = token.Value.Use(func(b []byte) error {
			body = bytes.ReplaceAll(body, b, []byte("[secret]"))
			return nil
		})
	}
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*maxDetail)]), "?")), " ")
	if strings.HasPrefix(s, "<") {
		return "" // a page for a browser
	}
	return s[:min(len(s), maxDetail)]
}
