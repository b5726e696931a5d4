package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"bulla/keys/wire"
)

// Kind is why a call failed.
type Kind string

// The kinds of failure.
const (
	KindAddress     Kind = "address"      // what was asked for is no address that may be called
	KindUnreachable Kind = "unreachable"  // no connection
	KindTimeout     Kind = "timeout"      // no answer in time
	KindTLS         Kind = "tls"          // the server's certificate is not accepted
	KindRedirect    Kind = "redirect"     // it leads where bulla does not follow
	KindNotFound    Kind = "not-found"    // 404, 410
	KindToken       Kind = "token"        // 401, or a token that cannot be one
	KindForbidden   Kind = "forbidden"    // 403
	KindRateLimited Kind = "rate-limited" // 429
	KindServer      Kind = "server"       // 5xx
	KindRefused     Kind = "refused"      // another status
	KindTooBig      Kind = "too-big"      // the answer exceeds its limit
	KindNonsense    Kind = "nonsense"     // an answer that cannot be understood
)

// Error says that a call to a server failed.
type Error struct {
	Host string // with its port, if one was named
	Op   string // "send the key"
	Kind Kind
	// Status is the HTTP status, 0 where none came.
	Status int
	// RetryAfter is how long the server asks to wait, 0 where it does not say.
	RetryAfter time.Duration
	// Detail is a fragment; it may quote the server and must be cleaned before a terminal sees it.
	Detail string
	Err    error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: cannot %s", e.Host, e.Op)
	if e.Status != 0 {
		s += fmt.Sprintf(" (%d)", e.Status)
	}
	switch {
	case e.Detail != "":
		s += ": " + e.Detail
	case e.Err != nil:
		s += ": " + e.Err.Error()
	}
	if e.RetryAfter > 0 {
		s += fmt.Sprintf("; it asks to wait %s", e.RetryAfter)
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same call may succeed later.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case KindUnreachable, KindTimeout, KindRateLimited, KindServer:
		return true
	}
	return false
}

// passing reports whether the same call may succeed in a moment. A host that is not there will
// not be, and one that did not answer would cost the same time again.
func (e *Error) passing() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Status == 0 && wire.Broken(e.Err)
}

// IsNotFound reports whether a server answered that it does not have what it was asked for.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindNotFound
}

// failed words an error of the library.
func failed(host, op string, err error) *Error {
	e := &Error{Host: host, Op: op, Kind: KindUnreachable, Err: err}
	var redirect redirectError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &redirect):
		e.Kind, e.Detail = KindRedirect, redirect.Error()
		return e
	case wire.NoTLS(err):
		e.Kind = KindTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Kind = KindTimeout
	}
	e.Detail = wire.Why(err)
	return e
}

// refused makes the error for an answer that is no success.
func refused(host string, r Request, resp *http.Response, body []byte) *Error {
	e := &Error{Host: host, Op: r.Op, Kind: KindRefused, Status: resp.StatusCode, Detail: detail(body, r.Token)}
	switch s := resp.StatusCode; {
	case s == http.StatusNotFound || s == http.StatusGone:
		e.Kind = KindNotFound
	case s == http.StatusUnauthorized:
		e.Kind = KindToken
	case s == http.StatusForbidden:
		e.Kind = KindForbidden
	case s == http.StatusTooManyRequests:
		e.Kind = KindRateLimited
	case s >= 500:
		e.Kind = KindServer
	}
	if e.Kind == KindRateLimited || e.Kind == KindServer {
		e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), resp.Header.Get("Date"))
	}
	return e
}

// retryAfter reads the header (RFC 9110, section 10.2.3): seconds, or a date that is compared with
// the server's own.
func retryAfter(value, date string) time.Duration {
	const most = 24 * time.Hour
	if s, err := strconv.Atoi(value); err == nil {
		return min(max(0, time.Duration(min(s, 1e6))*time.Second), most)
	}
	at, err := http.ParseTime(value)
	now, err2 := http.ParseTime(date)
	if err != nil || err2 != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), most)
}
